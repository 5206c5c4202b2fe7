"""Each pass: what it does to its example, what it leaves alone, and that a second run changes nothing."""

import numpy as np
import pytest

from device.dtypes import DataType
from device.errors import GraphError
from device.graph import PIPELINE, Graph, GraphBuilder, Tensor, run_pipeline
from device.graph.interpret import interpret
from device.graph.passes import (
    eliminate_dead_nodes,
    fuse_gemm_epilogue,
    plan_memory,
    schedule,
    select_mme_geometry,
    verify_and_infer,
)
from device.graph.passes.plan_memory import workspace_bytes
from device.graph.reference import bf16_from_f32
from device.spec import load_spec

BF16, F32 = DataType.BF16, DataType.F32
GAUDI2 = load_spec("gaudi2")


def start() -> tuple[GraphBuilder, Tensor, Tensor]:
    """A builder and a product of 32 x 16."""
    g = GraphBuilder("g")
    product = g.gemm(g.input("a", (8, 32), BF16), g.input("b", (16, 8), BF16))
    return g, product, g.input("bias", (16,), F32)


def guids(graph: Graph) -> list[str]:
    return [node.guid for node in graph.nodes]


def test_dead_nodes_and_their_tensors_go() -> None:
    g, product, bias = start()
    g.relu(g.add(product, bias))
    g.output(g.relu(product), "out")
    graph = g.build()
    smaller = eliminate_dead_nodes(graph)
    assert guids(smaller) == ["gemm", "relu_fwd_f32"]
    assert {tensor.name for tensor in smaller.tensors} == {"a", "b", "bias", "gemm_0_out", "out"}
    assert len(graph.nodes) == 4
    assert eliminate_dead_nodes(smaller) == smaller


def test_bias_relu_and_cast_move_into_the_gemm() -> None:
    g, product, bias = start()
    g.output(g.cast(g.relu(g.add(product, bias)), BF16), "out")
    fused = fuse_gemm_epilogue(g.build())
    (node,) = fused.nodes
    assert (node.name, node.inputs, node.outputs) == ("gemm_0", ("a", "b", "bias"), ("out",))
    assert node.params is not None
    assert node.params.has_relu
    assert [tensor.name for tensor in fused.tensors] == ["a", "b", "bias", "out"]
    assert fuse_gemm_epilogue(fused) is fused


def test_relu_after_the_cast_is_fused_too() -> None:
    g, product, _ = start()
    g.output(g.relu(g.cast(product, BF16)), "out")
    assert guids(fuse_gemm_epilogue(g.build())) == ["gemm"]


def test_bias_that_is_computed_comes_before_the_fused_gemm() -> None:
    g, product, bias = start()
    g.output(g.add(product, g.relu(bias)), "out")
    fused = fuse_gemm_epilogue(g.build())
    assert guids(fused) == ["relu_fwd_f32", "gemm"]
    assert fused.in_dependency_order() == fused.nodes


def test_what_the_epilogue_cannot_do_stays() -> None:
    for build in (
        lambda g, product, bias: g.add(g.relu(product), bias),
        lambda g, product, bias: g.add(g.add(product, bias), bias),
        lambda g, product, bias: g.add(product, product),
        lambda g, product, bias: g.mul(product, bias),
        lambda g, product, bias: g.add(g.input("c", (16, 32), F32), product),
    ):
        g, product, bias = start()
        g.output(build(g, product, bias), "out")
        assert guids(fuse_gemm_epilogue(g.build()))[-1] in ("add_fwd_f32", "mult_fwd_f32")


def test_result_that_somebody_else_reads_stays() -> None:
    g, product, bias = start()
    g.output(g.add(product, bias), "sum")
    g.output(g.relu(product), "relu")
    assert len(fuse_gemm_epilogue(g.build()).nodes) == 3
    g, product, bias = start()
    g.output(g.add(product, bias), "sum")
    g.output(product, "product")
    assert len(fuse_gemm_epilogue(g.build()).nodes) == 2


def test_denormal_bias_is_the_documented_exception() -> None:
    g, product, bias = start()
    g.output(g.add(product, bias), "out")
    values = {
        "a": np.zeros((32, 8), np.uint16),
        "b": bf16_from_f32(np.ones((8, 16), np.float32)),
        "bias": np.full(16, 1e-40, np.float32),
    }
    plain = interpret(g.build(), values)["out"]
    fused = interpret(fuse_gemm_epilogue(g.build()), values)["out"]
    assert (plain == np.float32(1e-40)).all()
    assert (fused == 0).all()


def test_geometry_is_the_fastest_one() -> None:
    g = GraphBuilder("g")
    g.output(g.gemm(g.input("a", (4096, 16), BF16), g.input("b", (4096, 4096), BF16)), "out")
    graph = select_mme_geometry(g.build(), GAUDI2)
    params = graph.nodes[0].params
    assert params is not None
    assert params.geometry == "4xw"
    assert select_mme_geometry(graph, GAUDI2) == graph


def test_schedule_starts_the_longest_path_first() -> None:
    g = GraphBuilder("g")
    x = g.input("x", (2048, 2048), F32)
    short = g.relu(x)
    product = g.gemm(g.input("a", (2048, 2048), BF16), g.input("b", (2048, 2048), BF16))
    g.output(g.add(product, short), "out")
    graph = g.build()
    backwards = graph.with_nodes(reversed(graph.nodes))
    ordered = schedule(backwards, GAUDI2)
    assert guids(ordered) == ["gemm", "relu_fwd_f32", "add_fwd_f32"]
    assert schedule(ordered, GAUDI2) is ordered


def chain(length: int) -> Graph:
    g = GraphBuilder("g")
    x = g.input("x", (33,), F32)
    for _ in range(length):
        x = g.relu(x)
    g.output(x, "out")
    return g.build()


def test_memory_of_a_chain_is_reused() -> None:
    planned = plan_memory(chain(6))
    offsets = [tensor.workspace_offset for tensor in planned.tensors if not tensor.is_persistent]
    assert offsets == [0, 256, 0, 256, 0]
    assert workspace_bytes(planned) == 512
    assert plan_memory(planned) == planned


def test_graph_without_intermediate_tensors_needs_no_workspace() -> None:
    assert workspace_bytes(plan_memory(chain(1))) == 0


def test_required_pass_cannot_be_skipped() -> None:
    with pytest.raises(GraphError, match="pass schedule cannot be skipped; optional are "):
        run_pipeline(chain(2), GAUDI2, skip=["schedule"])


def test_observer_sees_every_pass_by_name() -> None:
    seen: list[str] = []
    run_pipeline(chain(2), GAUDI2, observer=lambda name, graph: seen.append(f"{name}: {graph.dump().splitlines()[0]}"))
    assert seen == [f"{entry.name}: graph g" for entry in PIPELINE]
    assert all(entry.reason for entry in PIPELINE)


def test_dump_shows_places_and_params() -> None:
    g, product, bias = start()
    g.output(g.relu(g.relu(g.mul(product, bias))), "out")
    text = run_pipeline(verify_and_infer(g.build()), GAUDI2).dump()
    assert "gemm_0 = gemm(a, b) -> gemm_0_out [2xh]" in text
    assert "workspace +0 gemm_0_out:f32[16x32]" in text
