"""Model mode: nothing is computed, box time is device time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from device.card import Box
from device.errors import DeviceResetError
from device.recipe import Recipe
from device.runtime import Card, ExecutionMode

Make = Callable[..., Any]


@pytest.fixture
def paced(box: Any) -> Any:
    with Box.open(box.path) as opened, Card.acquire(0, opened, mode=ExecutionMode.MODEL) as card:
        yield opened, card


def test_launches_take_their_device_time_and_compute_nothing(paced: Any, gemm_recipe: Make, tensors: Make) -> None:
    opened, card = paced
    recipe: Recipe = gemm_recipe(4096)
    buffers = tensors(card, recipe)
    card.copy_to_device(buffers["C"], np.full(16, 7, np.uint8))
    stream = card.create_stream()
    begin_ns = opened.now_ns()
    launches = [stream.launch(recipe, buffers) for _ in range(20)]
    stream.synchronize()
    elapsed_s = (opened.now_ns() - begin_ns) * 1e-9
    results = [launch.result() for launch in launches]
    assert all(result.dilation == 1.0 for result in results)
    assert all(result.box_time_s == result.device_time_s for result in results)
    assert elapsed_s >= sum(result.device_time_s for result in results)
    head = np.empty(16, np.uint8)
    card.copy_from_device(buffers["C"], head)
    assert (head == 7).all()


def test_a_frozen_box_holds_a_launch_until_it_goes_on(paced: Any, gemm_recipe: Make, tensors: Make) -> None:
    opened, card = paced
    recipe = gemm_recipe(4096)
    buffers = tensors(card, recipe)
    stream = card.create_stream()
    opened.set_clock(rate=0.0)
    launch = stream.launch(recipe, buffers)
    assert not launch.wait(0.02)
    opened.set_clock(step_ns=1_000_000_000)
    assert launch.result().dilation == 1.0


def test_a_reset_ends_a_paced_launch(paced: Any, gemm_recipe: Make, tensors: Make) -> None:
    opened, card = paced
    recipe = gemm_recipe(4096)
    buffers = tensors(card, recipe)
    opened.set_clock(rate=0.0)
    launch = card.create_stream().launch(recipe, buffers)
    opened.card(0).reset(0)
    with pytest.raises(DeviceResetError):
        launch.result()
