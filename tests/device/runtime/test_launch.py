"""Launches on one card: results, validation, errors, measurements."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from device.card import Box
from device.dtypes import DataType
from device.engines.mme import available_variants, gemm_reference
from device.errors import CardLostError, DeviceResetError, LaunchError, OutOfDeviceMemoryError, RecipeError
from device.faults import find_fault, inject
from device.graph import GraphBuilder, compile_graph
from device.recipe import Recipe
from device.runtime import Card
from device.spec import load_spec

Make = Callable[..., Any]


def _result(card: Card, buffer: Any, size: int) -> Any:
    result = np.empty((size, size), np.float32)
    card.copy_from_device(buffer, result)
    return result


def _expected(operand: Make, size: int) -> Any:
    a, b = operand("A", (size, size)), operand("B", (size, size))
    return gemm_reference(a, b, variant=available_variants()[-1], relu=True)


def test_a_launch_computes_what_another_kernel_computes(
    card: Card, gemm_recipe: Make, tensors: Make, operand: Make
) -> None:
    recipe = gemm_recipe(96)
    buffers = tensors(card, recipe)
    card.create_stream().launch(recipe, buffers).result()
    assert _result(card, buffers["C"], 96).tobytes() == _expected(operand, 96).tobytes()


def test_addresses_serve_as_well_as_buffers(card: Card, gemm_recipe: Make, tensors: Make, operand: Make) -> None:
    recipe = gemm_recipe(64)
    buffers = tensors(card, recipe)
    stream = card.create_stream()
    stream.launch(recipe, {name: buffer.address for name, buffer in buffers.items()})
    stream.synchronize()
    assert _result(card, buffers["C"], 64).tobytes() == _expected(operand, 64).tobytes()


def test_a_recipe_with_a_workspace_runs_in_its_order(card: Card) -> None:
    graph = GraphBuilder("mlp")
    x = graph.input("x", (32, 16), DataType.BF16)
    w = graph.input("w", (32, 32), DataType.BF16)
    hidden = graph.gemm(x, w, dtype=DataType.BF16)
    graph.output(graph.add(graph.gemm(hidden, w), graph.gemm(x, w)), "y")
    recipe = compile_graph(graph.build(), load_spec("gaudi2"))
    x_bits = np.full((16, 32), 0x3F80, np.uint16)
    w_bits = np.full((32, 32), 0x3F80, np.uint16)
    buffers = {tensor.name: card.malloc(tensor.size_bytes) for tensor in recipe.tensors}
    card.copy_to_device(buffers["x"], x_bits)
    card.copy_to_device(buffers["w"], w_bits)
    card.create_stream().launch(recipe, buffers).result()
    result = np.empty((16, 32), np.float32)
    card.copy_from_device(buffers["y"], result)
    assert (result == 32 * 32 + 32).all()


def test_a_result_has_device_time_by_the_model_and_box_time_by_the_clock(
    card: Card, gemm_recipe: Make, tensors: Make
) -> None:
    recipe = gemm_recipe(64)
    result = card.create_stream().launch(recipe, tensors(card, recipe)).result()
    assert result.flops == 2 * 64**3
    assert 0 < result.device_time_s < 1e-5
    assert result.box_time_s > result.device_time_s
    assert result.dilation == pytest.approx(result.box_time_s / result.device_time_s)
    assert 0.5 < result.clock_mhz / card.spec.asic.soc_clock_mhz <= 1.0


def test_device_time_follows_the_clock_of_the_card(box: Any, gemm_recipe: Make, tensors: Make) -> None:
    with Box.open(box.path) as opened, Card.acquire(0, opened) as card:
        recipe = gemm_recipe(2048)
        with_model = card.create_stream()
        buffers = tensors(card, recipe)
        fast = with_model.launch(recipe, buffers).result()
        inject(opened, 0, find_fault("slow-card"), 0.25)
        opened.set_clock(step_ns=20_000_000_000)
        slow = with_model.launch(recipe, buffers).result()
    assert slow.clock_mhz == pytest.approx(card.spec.asic.soc_clock_mhz / 4, rel=0.02)
    assert slow.device_time_s > 2 * fast.device_time_s


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.pop("B"), "launch of recipe dense: input B is missing; it has 8192 bytes"),
        (lambda t: t.update(D=t["A"]), "no tensor D; its tensors are A, B, C"),
        (lambda t: t.update(C=replace(t["C"], size_bytes=100)), "output C needs 16384 bytes, its buffer has 100"),
        (lambda t: t.update(C=0x1000), "output C: 0x1000 is no allocated device memory"),
        (lambda t: t.update(C=t["A"].address), "output C: 16384 bytes at .* exceed the allocation, which has 8192"),
    ],
)
def test_tensors_that_do_not_fit_are_refused_by_name(
    card: Card, gemm_recipe: Make, tensors: Make, change: Make, message: str
) -> None:
    recipe = gemm_recipe(64)
    given = tensors(card, recipe)
    change(given)
    with pytest.raises(LaunchError, match=message):
        card.create_stream().launch(recipe, given)


def test_a_freed_buffer_is_refused_even_if_it_was_launched_before(card: Card, gemm_recipe: Make, tensors: Make) -> None:
    recipe = gemm_recipe(64)
    buffers = tensors(card, recipe)
    stream = card.create_stream()
    stream.launch(recipe, buffers).result()
    card.free(buffers["A"])
    with pytest.raises(LaunchError, match=r"input A: .* no allocated device memory"):
        stream.launch(recipe, buffers)


def test_a_recipe_of_another_asic_is_refused(card: Card, gemm_recipe: Make) -> None:
    with pytest.raises(RecipeError, match="for gaudi3, card 0 is a gaudi2"):
        card.create_stream().launch(gemm_recipe(64, "gaudi3"), {})


def test_an_engine_error_names_recipe_and_node_and_stops_the_stream(
    card: Card, gemm_recipe: Make, tensors: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = gemm_recipe(64)
    buffers = tensors(card, recipe)
    stream = card.create_stream()
    stream.launch(recipe, buffers).result()

    class _Broken:
        def __call__(self, *arguments: object) -> int:
            return -12

    class _Library:
        mme_multiply = _Broken()

    monkeypatch.setattr("device.engines.mme.lib", _Library)
    failed = stream.launch(recipe, buffers)
    after = stream.launch(recipe, buffers)
    node = recipe.in_order[0].node
    with pytest.raises(LaunchError, match=f"launch of recipe dense: node {node}: .*no working memory"):
        stream.synchronize()
    for launch in (failed, after):
        with pytest.raises(LaunchError, match="no working memory"):
            launch.result()
    monkeypatch.undo()
    stream.launch(recipe, buffers).result()


def test_a_bit_flip_reaches_exactly_one_element(box: Any, gemm_recipe: Make, tensors: Make, operand: Make) -> None:
    with Box.open(box.path) as opened, Card.acquire(2, opened) as card:
        recipe = gemm_recipe(64)
        buffers = tensors(card, recipe)
        inject(opened, 2, find_fault("mme-bitflip"), seed=11, is_once=True)
        stream = card.create_stream()
        stream.launch(recipe, buffers).result()
        wrong = _result(card, buffers["C"], 64)
        stream.launch(recipe, buffers).result()
        right = _result(card, buffers["C"], 64)
    assert right.tobytes() == _expected(operand, 64).tobytes()
    assert (wrong.view(np.uint32) != right.view(np.uint32)).sum() == 1


def test_memory_shows_on_the_card_and_is_gone_after_close(box: Any) -> None:
    with Box.open(box.path) as opened:
        state = opened.card(0)
        idle = state.read().memory_used_bytes
        with Card.acquire(0, opened) as card:
            card.malloc(10 << 20)
            assert state.read().memory_used_bytes == idle + (10 << 20)
        assert state.read().memory_used_bytes == idle


def test_out_of_memory_names_what_the_card_has_and_what_the_host_allows(box: Any) -> None:
    with Card.acquire(0, box.path, memory_budget_bytes=8 << 20) as card:
        with pytest.raises(
            OutOfDeviceMemoryError, match=r"109521666048 bytes of device memory needed, 102273908736 av"
        ):
            card.malloc(102 << 30)
        with pytest.raises(OutOfDeviceMemoryError, match=r"16777216 bytes of host memory needed.*8388608 available"):
            card.malloc(16 << 20)


def test_a_reset_ends_everything_until_the_card_is_acquired_again(box: Any, gemm_recipe: Make, tensors: Make) -> None:
    recipe = gemm_recipe(64)
    with Box.open(box.path) as opened:
        with Card.acquire(0, opened) as card:
            buffers = tensors(card, recipe)
            stream = card.create_stream()
            opened.card(0).reset(1_000_000_000)
            with pytest.raises(DeviceResetError, match="was reset, its memory is lost"):
                stream.launch(recipe, buffers).result()
            with pytest.raises(DeviceResetError):
                stream.synchronize()
            with pytest.raises(DeviceResetError):
                card.malloc(1)
        with pytest.raises(DeviceResetError, match="in reset"):
            Card.acquire(0, opened)
        opened.set_clock(step_ns=2_000_000_000)
        with Card.acquire(0, opened) as card:
            card.create_stream().launch(recipe, tensors(card, recipe)).result()


def test_a_lost_card_answers_nobody(box: Any, gemm_recipe: Make, tensors: Make) -> None:
    with Box.open(box.path) as opened, Card.acquire(0, opened) as card:
        recipe = gemm_recipe(64)
        launch_tensors = tensors(card, recipe)
        inject(opened, 0, find_fault("lost"))
        stream = card.create_stream()
        with pytest.raises(CardLostError, match="does not answer"):
            stream.launch(recipe, launch_tensors).result()
        with pytest.raises(CardLostError):
            card.copy_to_device(launch_tensors["A"], np.zeros(4, np.uint8))


def test_a_closed_card_says_so(box: Any, gemm_recipe: Make) -> None:
    card = Card.acquire(0, box.path)
    stream = card.create_stream()
    buffer = card.malloc(128)
    card.close()
    card.close()
    with pytest.raises(LaunchError, match="was closed"):
        stream.launch(gemm_recipe(64), {})
    with pytest.raises(LaunchError, match="was closed"):
        card.malloc(1)
    with pytest.raises(LaunchError):
        card.free(buffer)


def test_copies_check_their_sizes_and_count_their_bytes(card: Card) -> None:
    buffer = card.malloc(1000)
    with pytest.raises(LaunchError, match="copy of 1001 bytes and a buffer of 1000"):
        card.copy_to_device(buffer, np.zeros(1001, np.uint8))
    with pytest.raises(LaunchError, match="not contiguous"):
        card.copy_from_device(buffer, np.zeros((10, 10), np.uint8)[:, ::2])
    data = np.arange(250, dtype=np.int32)
    card.copy_to_device(buffer, data)
    back = np.empty_like(data)
    card.copy_from_device(buffer, back)
    assert (back == data).all()


def test_copies_on_a_stream_keep_their_turn(card: Card, gemm_recipe: Make, tensors: Make, operand: Make) -> None:
    recipe: Recipe = gemm_recipe(64)
    buffers = tensors(card, recipe)
    stream = card.create_stream()
    zeros, result = np.zeros((64, 64), np.uint16), np.empty((64, 64), np.float32)
    a_bits = operand("A", (64, 64))
    card.copy_to_device(buffers["A"], zeros, stream)
    stream.launch(recipe, buffers)
    card.copy_to_device(buffers["A"], a_bits, stream)
    stream.launch(recipe, buffers)
    card.copy_from_device(buffers["C"], result, stream)
    stream.synchronize()
    assert result.tobytes() == _expected(operand, 64).tobytes()


def test_an_event_orders_two_streams_and_measures(card: Card, gemm_recipe: Make, tensors: Make) -> None:
    recipe = gemm_recipe(64)
    buffers = tensors(card, recipe)
    first, second = card.create_stream(), card.create_stream()
    begin = first.record()
    launch = first.launch(recipe, buffers)
    done = first.record()
    second.wait_for(done)
    later = second.launch(recipe, buffers)
    later.result()
    assert launch.is_done
    assert done.seconds_since(begin) == pytest.approx(launch.result().device_time_s)
    assert second.record().ticket is not None


def test_streams_side_by_side_do_not_disturb_each_other(
    card: Card, gemm_recipe: Make, tensors: Make, operand: Make
) -> None:
    recipe = gemm_recipe(64)
    streams = [card.create_stream() for _ in range(4)]
    buffers = [tensors(card, recipe) for _ in streams]
    launches = [stream.launch(recipe, own) for _ in range(25) for stream, own in zip(streams, buffers, strict=True)]
    for stream in streams:
        stream.synchronize()
    expected = _expected(operand, 64).tobytes()
    assert all(_result(card, own["C"], 64).tobytes() == expected for own in buffers)
    alone_s = min(launch.result().device_time_s for launch in launches)
    ends_s = sorted(launch.ticket.end_s for launch in launches)
    assert all(later - earlier >= alone_s * 0.999 for earlier, later in itertools.pairwise(ends_s))


def test_an_overheated_card_stands_still_and_says_why(box: Any, gemm_recipe: Make, tensors: Make) -> None:
    with Box.open(box.path) as opened, Card.acquire(0, opened) as card:
        recipe = gemm_recipe(64)
        given = tensors(card, recipe)
        inject(opened, 0, find_fault("airflow"), 0.05)
        inject(opened, 0, find_fault("ambient"), 80.0)
        opened.set_clock(step_ns=3_600_000_000_000)
        stream = card.create_stream()
        with pytest.raises(LaunchError, match=r"shut down for heat, its die is at .* cool and reset"):
            stream.launch(recipe, given).result()
