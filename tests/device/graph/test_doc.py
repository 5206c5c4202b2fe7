"""docs/graph.md names every pass and every operation, and its first example compiles."""

import re
from pathlib import Path

from device.graph import PIPELINE, compile_graph
from device.recipe import ElementwiseOp, RowOp
from device.spec import load_spec

DOC = (Path(__file__).parents[3] / "docs" / "graph.md").read_text(encoding="utf-8")


def test_passes_are_listed_in_their_order() -> None:
    assert re.findall(r"^\| `(\w+)` \|", DOC, re.MULTILINE) == [entry.name for entry in PIPELINE]


def test_operations_are_listed() -> None:
    words = set(re.findall(r"\w+", DOC))
    for op in (*ElementwiseOp, *RowOp):
        assert op.value.removesuffix("_fwd") in words, op


def test_first_example_builds_a_graph_that_compiles() -> None:
    code = DOC.split("```python\n")[1].split("with Card")[0]
    names: dict[str, object] = {}
    exec(code, names)
    graph = names["g"].build()  # type: ignore[attr-defined]
    assert len(compile_graph(graph, load_spec("gaudi2")).in_order) == 1
