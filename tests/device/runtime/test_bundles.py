"""Slices on a card: the engines carry out each one, in the SRAM, and give the bits of the whole operation."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np
import pytest

from device.dtypes import DataType
from device.graph import PIPELINE, Graph, GraphBuilder, compile_graph
from device.graph.bundles import BundlePlan, find_bundles, sliced
from device.recipe import MmeGemm, Place, Recipe, from_bytes, to_bytes
from device.runtime import Card
from device.spec import AsicSpec, load_spec

BF16, F32 = DataType.BF16, DataType.F32
GAUDI2 = load_spec("gaudi2")


def dense(transpose_a: bool = False) -> Graph:
    g = GraphBuilder("dense")
    a = g.input("a", (90, 64) if transpose_a else (64, 90), BF16)
    b, r = g.input("b", (72, 64), BF16), g.input("r", (72, 90), BF16)
    g.output(g.add(g.gelu(g.gemm(a, b, None, transpose_a, dtype=BF16)), r), "y")
    return g.build()


def cut_recipe(graph: Graph, spec: AsicSpec, axis: int, extent: int) -> Recipe:
    """With slices where the cost model would not make any."""
    for entry in PIPELINE:
        if entry.name == "slice_bundles":
            break
        graph = entry.run(graph, spec)
    seed = next(node for node in graph.nodes if node.guid == "gemm")
    bundle = next(found for found in find_bundles(graph, seed) if found.dims[seed.outputs[0]] == axis)
    resident = tuple(name for name in bundle.shared if name in ("a", "b"))
    graph = sliced(graph, BundlePlan(bundle, extent, True, resident, 1, 0.0, 0.0), spec)
    return from_bytes(to_bytes(compile_graph(graph, spec, skip=["slice_bundles"])))


def run(card: Card, recipe: Recipe) -> bytes:
    buffers = {tensor.name: card.malloc(tensor.size_bytes) for tensor in recipe.tensors}
    for tensor in recipe.tensors:
        if tensor.role == "input":
            random = np.random.default_rng([ord(letter) for letter in tensor.name])
            card.copy_to_device(buffers[tensor.name], random.integers(0x3E00, 0x4000, tensor.dims).astype(np.uint16))
    card.create_stream().launch(recipe, buffers).result()
    y = np.empty(recipe.tensor("y").size_bytes, np.uint8)
    card.copy_from_device(buffers["y"], y)
    for buffer in buffers.values():
        card.free(buffer)
    return y.tobytes()


@pytest.mark.parametrize("transpose_a", [False, True])
@pytest.mark.parametrize(("axis", "extent"), [(1, 32), (1, 90), (0, 17)])
def test_slices_give_the_bits_of_the_whole(card: Card, axis: int, extent: int, transpose_a: bool) -> None:
    whole = compile_graph(dense(transpose_a), GAUDI2)
    recipe = cut_recipe(dense(transpose_a), GAUDI2, axis, extent)
    gemms = [step for step in recipe.in_order if isinstance(step, MmeGemm)]
    assert len(gemms) == -(-(90 if axis else 72) // extent)
    assert {gemm.c.place for gemm in gemms} == {Place.SRAM}
    assert run(card, recipe) == run(card, whole)


def test_launches_of_two_threads_do_not_disturb_each_other_in_the_sram(card: Card) -> None:
    recipe = cut_recipe(dense(), GAUDI2, 1, 16)
    wanted = run(card, recipe)
    found: list[Any] = []
    threads = [threading.Thread(target=lambda: found.extend(run(card, recipe) for _ in range(8))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [wanted] * 24
