"""A card between processes: recipes from one to the other, a busy card, a holder that dies or stops."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device.card import Box, CardState
from device.engines.mme import available_variants, gemm_reference
from device.errors import CardBusyError
from device.recipe import to_bytes
from device.runtime import Card

SCRIPT = Path(__file__).with_name("compute_forever.py")
LEASE_NS = 500_000_000
# What a loaded machine may add between the end of the lease and our looking.
SLACK_NS = 250_000_000


@pytest.fixture
def recipe_path(tmp_path: Path, gemm_recipe: Callable[..., Any]) -> Path:
    path = tmp_path / "recipe.bin"
    path.write_bytes(to_bytes(gemm_recipe(256)))
    return path


def _command(box: Any, recipe_path: Path, *more: str) -> list[str]:
    return [sys.executable, "-P", str(SCRIPT), str(box.path), "1", str(recipe_path), *more]


@pytest.fixture
def holder(box: Any, recipe_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of its launches on card 1."""
    process = subprocess.Popen(
        _command(box, recipe_path), stdout=subprocess.PIPE, text=True, env={**os.environ, **box.env}
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "running\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def test_a_recipe_runs_in_another_process_bit_for_bit(box: Any, recipe_path: Path, tmp_path: Path) -> None:
    out = tmp_path / "c.npy"
    subprocess.run(_command(box, recipe_path, str(out)), check=True, env={**os.environ, **box.env})
    a, b = (np.random.default_rng(seed).integers(0x3E00, 0x4000, (256, 256), np.uint16) for seed in range(2))
    expected = gemm_reference(a, b, variant=available_variants()[-1], relu=True)
    assert np.load(out).tobytes() == expected.tobytes()


def test_a_busy_card_names_its_holder(box: Any, holder: subprocess.Popen[str]) -> None:
    with pytest.raises(CardBusyError) as caught:
        Card.acquire(1, box.path)
    assert caught.value.pid == holder.pid
    assert caught.value.comm.startswith("python")
    assert f"process {holder.pid} (python" in str(caught.value)


def _active_until_ns(card: CardState) -> int:
    """Box time at which the activity was first seen to have ended."""
    deadline_s = time.monotonic() + 5
    while (reading := card.read()).activity.mme > 0:
        assert time.monotonic() < deadline_s
        time.sleep(0.002)
    return reading.box_ns


def test_a_killed_holder_frees_the_card_at_once_and_its_activity_within_the_lease(
    box: Any, holder: subprocess.Popen[str]
) -> None:
    with Box.open(box.path) as opened:
        state = opened.card(1)
        assert state.read().activity.mme > 0.5
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        killed_ns = opened.now_ns()
        with Box.open(box.path) as other:
            other.card(1).acquire()
        assert _active_until_ns(state) <= killed_ns + LEASE_NS + SLACK_NS
        assert state.read().memory_used_bytes == state.identity.memory_reserved_bytes


def test_a_stopped_holder_keeps_the_card_but_not_its_activity(box: Any, holder: subprocess.Popen[str]) -> None:
    with Box.open(box.path) as opened:
        state = opened.card(1)
        holder.send_signal(signal.SIGSTOP)
        stopped_ns = opened.now_ns()
        assert _active_until_ns(state) <= stopped_ns + LEASE_NS + SLACK_NS
        with pytest.raises(CardBusyError):
            state.acquire()
        holder.send_signal(signal.SIGCONT)
        deadline_s = time.monotonic() + 5
        while state.read().activity.mme == 0:
            assert time.monotonic() < deadline_s
            time.sleep(0.002)


def test_a_device_reset_reaches_a_waiter_in_another_process(box: Any, holder: subprocess.Popen[str]) -> None:
    with Box.open(box.path) as opened:
        opened.card(1).reset(0)
    assert holder.wait(timeout=10) == 1
