"""Legal graphs get dimensions; illegal ones an error that names node and tensor."""

from dataclasses import replace

import pytest

from device.dtypes import DataType
from device.errors import GraphError
from device.graph import PIPELINE, GemmParams, Graph, GraphBuilder, Node, Tensor, run_pipeline
from device.graph.passes import verify_and_infer
from device.graph.pipeline import PassEntry
from device.graph.verifier import verify
from device.spec import load_spec

BF16, F32 = DataType.BF16, DataType.F32


def gemm_graph(**changes: object) -> Graph:
    """a[k=64, m=32] x b[n=16, k=64] -> c; `changes` replace tensors by name, or the node."""
    parts: dict[str, object] = {
        "a": Tensor("a", BF16, (64, 32), True),
        "b": Tensor("b", BF16, (16, 64), True),
        "c": Tensor("c", F32, (16, 32), True),
        "node": Node("fc", "gemm", ("a", "b"), ("c",), GemmParams()),
    }
    parts.update(changes)
    node = parts.pop("node")
    assert isinstance(node, Node)
    return Graph("g", tuple(parts.values()), (node,))  # type: ignore[arg-type]


def test_dimensions_of_intermediate_tensors_are_inferred() -> None:
    graph = Graph(
        "g",
        (
            Tensor("a", BF16, (64, 32), True),
            Tensor("b", BF16, (64, 16), True),
            Tensor("h", F32, None, False),
            Tensor("c", BF16, (16, 32), True),
        ),
        (
            Node("narrow", "cast_f32_to_bf16", ("h",), ("c",)),
            Node("fc", "gemm", ("a", "b"), ("h",), GemmParams(transpose_b=True)),
        ),
    )
    inferred = verify_and_infer(graph)
    assert inferred.tensor("h").dims == (16, 32)
    assert graph.tensor("h").dims is None
    assert verify_and_infer(inferred) is inferred


WRONG = [
    (
        {"b": Tensor("b", BF16, (16, 65), True)},
        r"node fc \(gemm\): the common dimension is 64 in A, .* but 65 in B, tensor b",
    ),
    ({"a": Tensor("a", DataType.I32, (64, 32), True)}, r"node fc \(gemm\): input 0, tensor a:i32\[64x32\], has to be"),
    (
        {"c": Tensor("c", F32, (32, 16), True)},
        r"node fc \(gemm\): output, tensor c.* has to have the dimensions \(16, 32\)",
    ),
    ({"a": Tensor("a", BF16, (64, 32, 1), True)}, r"tensor a.* has 3 dimensions, a gemm needs 2"),
    ({"a": Tensor("a", BF16, (64, 0), True)}, r"tensor a.* needs 1 to 5 dimensions, each 1 or more"),
    ({"c": Tensor("c", F32, None, True)}, r"tensor c.* is persistent and needs dimensions"),
    ({"b": Tensor("b", BF16, (16, 64), False)}, r"node fc reads tensor b.*, which nobody writes"),
    ({"c": Tensor("c", F32, None, False)}, r"graph g has no output"),
    ({"d": Tensor("a", BF16, (1,), True)}, r"tensor a is there 2 times"),
    (
        {"node": Node("fc", "gemn", ("a", "b"), ("c",), GemmParams())},
        r"node fc: there is no guid 'gemn'; near it are: gemm",
    ),
    ({"node": Node("fc", "gemm", ("a",), ("c",), GemmParams())}, r"has 1 inputs, needs 2 to 3"),
    ({"node": Node("fc", "gemm", ("a", "b"), ("c",))}, r"needs GemmParams"),
    ({"node": Node("fc", "gemm", ("a", "x"), ("c",), GemmParams())}, r"uses tensor x, which the graph does not have"),
    ({"node": Node("fc", "gemm", ("a", "b"), ("c", "a"), GemmParams())}, r"has 2 outputs, needs 1"),
    ({"node": Node("fc", "gemm", ("a", "c"), ("c",), GemmParams())}, r"node fc \(gemm\) depends on itself"),
    ({"node": Node("r", "relu_fwd_bf16", ("a",), ("c",), GemmParams())}, r"takes no params"),
    ({"node": Node("r", "relu_fwd_bf16", ("a",), ("c",))}, r"output, tensor c.*, has to be bf16"),
    ({"node": Node("r", "add_fwd_bf16", ("a", "b"), ("c",))}, r"has to be bf16|does not repeat"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG)
def test_illegal_graph_is_refused_with_node_and_tensor(changes: dict[str, object], message: str) -> None:
    with pytest.raises(GraphError, match=message):
        verify_and_infer(gemm_graph(**changes))


def test_cycle_of_two_nodes_is_found() -> None:
    tensors = (Tensor("x", F32, None, False), Tensor("y", F32, None, False), Tensor("z", F32, (1,), True))
    nodes = (
        Node("p", "relu_fwd_f32", ("y",), ("x",)),
        Node("q", "relu_fwd_f32", ("x",), ("y",)),
        Node("r", "relu_fwd_f32", ("x",), ("z",)),
    )
    with pytest.raises(GraphError, match="depends on itself"):
        verify_and_infer(Graph("g", tensors, nodes))


def test_builder_reports_the_error_at_the_call() -> None:
    g = GraphBuilder("g")
    a = g.input("a", (4, 2), BF16)
    with pytest.raises(GraphError, match=r"node gemm_0 \(gemm\): the common dimension is 4 in A"):
        g.gemm(a, a)
    with pytest.raises(GraphError, match="two tensors a"):
        g.input("a", (1,), F32)
    with pytest.raises(GraphError, match=r"is an input or an output already; copy\(\) it first"):
        g.output(a)
    with pytest.raises(GraphError, match="is not of graph other"):
        GraphBuilder("other").relu(a)


def test_builder_names_outputs() -> None:
    g = GraphBuilder("g")
    hidden = g.relu(g.input("a", (4, 2), BF16))
    last = g.relu(hidden)
    g.output(hidden, "h")
    g.output(last)
    graph = verify_and_infer(g.build())
    assert [tensor.name for tensor in graph.outputs] == ["h", "relu_fwd_bf16_1_out"]
    assert graph.consumers("h")[0].name == "relu_fwd_bf16_1"


def planned() -> Graph:
    g = GraphBuilder("planned")
    x = g.input("x", (64, 4), DataType.F32)
    first, second = g.softmax(x), g.softmax(g.neg(x))
    g.output(g.add(g.softmax(first), g.softmax(second)), "y")
    return run_pipeline(g.build(), load_spec("gaudi2"), skip=["merge_common_nodes", "fuse_elementwise"])


def test_verifier_passes_a_planned_graph() -> None:
    verify(planned())


def broken(graph: Graph, name: str, **change: object) -> Graph:
    return graph.with_tensors({name: replace(graph.tensor(name), **change)})


def test_verifier_finds_tensors_that_share_bytes_while_both_live() -> None:
    graph = planned()
    last = graph.nodes[-1]
    one, other = (graph.tensor(name) for name in last.inputs)
    assert one.workspace_offset != other.workspace_offset
    moved = broken(graph, one.name, workspace_offset=(other.workspace_offset or 0) + 4)
    with pytest.raises(GraphError, match="live at a time and share bytes"):
        verify(moved)
    verify(broken(moved, one.name, workspace_offset=4096))


def test_verifier_finds_a_view_beyond_its_tensor_and_one_with_a_place() -> None:
    g = GraphBuilder("views")
    g.output(g.neg(g.slice(g.exp(g.input("x", (8, 4), DataType.F32)), (0, 2), (8, 4))), "y")
    graph = run_pipeline(g.build(), load_spec("gaudi2"), skip=["fuse_elementwise"])
    (view,) = [tensor for tensor in graph.tensors if tensor.view_of is not None]
    verify(graph)
    with pytest.raises(GraphError, match=r"reaches byte 132 of .*, which has 128"):
        verify(broken(graph, view.name, view_offset=view.view_offset + 4))
    with pytest.raises(GraphError, match="has a place of its own"):
        verify(broken(graph, view.name, workspace_offset=0))


def test_verifier_finds_slices_out_of_order() -> None:
    g = GraphBuilder("order")
    a, b = (g.input(name, (4096, 4096), DataType.BF16) for name in "ab")
    g.output(g.gelu(g.gemm(a, b, dtype=DataType.BF16)), "y")
    graph = run_pipeline(g.build(), load_spec("gaudi2"))
    assert any(node.bundle for node in graph.nodes)
    verify(graph)
    with pytest.raises(GraphError, match=r"comes before tensor .* is made"):
        verify(graph.with_nodes(reversed(graph.nodes)))


def test_the_pass_that_breaks_a_graph_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    def lose(graph: Graph, spec: object) -> Graph:
        return graph.with_nodes(graph.nodes[1:])

    entries = (*PIPELINE[:3], PassEntry("lose_a_node", lose, False, "a test"), *PIPELINE[3:])
    monkeypatch.setattr("device.graph.pipeline.PIPELINE", entries)
    g = GraphBuilder("g")
    g.output(g.neg(g.exp(g.input("x", (8,), DataType.F32))), "y")
    with pytest.raises(
        GraphError, match=r"after pass lose_a_node: node neg\w+ reads tensor exp\S+, which nobody writes"
    ):
        run_pipeline(g.build(), load_spec("gaudi2"), verify_each=True)
