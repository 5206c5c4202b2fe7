"""The explanation shows passes, bundles, SRAM, time line and shares."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from device.cli import gaudi_box, main
from device.errors import GraphError, RecipeError
from device.graph import PIPELINE, DataType, Graph, GraphBuilder, compile_graph, graph_from_json, graph_to_json
from device.graph.explain import explain, explain_recipe
from device.recipe import to_bytes
from device.spec import load_spec

GAUDI2 = load_spec("gaudi2")


def layer() -> Graph:
    g = GraphBuilder("layer")
    product = g.gemm(g.input("a", (4096, 128), DataType.BF16), g.input("b", (4096, 4096), DataType.BF16))
    g.output(g.cast(g.relu(product), DataType.BF16), "y")
    return g.build()


def sliced() -> Graph:
    g = GraphBuilder("sliced")
    a, b = (g.input(name, (4096, 4096), DataType.BF16) for name in "ab")
    g.output(g.gelu(g.gemm(a, b, dtype=DataType.BF16)), "y")
    return g.build()


def test_explanation_of_a_fused_layer() -> None:
    nodes = {entry.name: 1 for entry in PIPELINE}
    for early in (
        "verify_and_infer",
        "simplify_casts_and_layout",
        "fold_transposes",
        "fold_constants",
        "merge_common_nodes",
    ):
        nodes[early] = 3
    nodes["eliminate_dead_nodes"] = 3
    found = explain(layer(), GAUDI2, 0.5).splitlines()
    listed = {line.split()[0]: int(line.split()[1]) for line in found[3:] if line.endswith(" nodes")}
    assert {name: listed[name] for name in nodes if name in listed} == {n: c for n, c in nodes.items() if n in listed}
    assert set(nodes) <= set(listed)
    assert found[:3] == [
        "graph layer on gaudi2 at 0.5 of the full clock",
        "passes:",
        "  (input)                       3 nodes",
    ]
    assert found[-2:] == [
        "        0.00      24.82  MME  bound by engine  gemm_0  128x4096x4096 4xw, 4 x 1 steps, 80.0% of the MACs",
        "total 24.82 us, 173.0 TFLOPS; busy: MME 100.0%, HBM 68.7%; HBM 35.7 MB; workspace 0 B",
    ]


def test_bundles_and_the_sram_are_explained() -> None:
    text = explain(sliced(), GAUDI2)
    (bundle,) = [line for line in text.splitlines() if "one after the other" in line]
    assert bundle.startswith("  gemm_0 gelu_fwd_bf16_1: ")
    assert "slices of" in bundle and "stays on the chip" in bundle
    assert "\nSRAM plan, " in text
    assert "one after the other" not in explain(sliced(), GAUDI2, skip=["slice_bundles"])


@pytest.mark.parametrize("name", [entry.name for entry in PIPELINE])
def test_the_graph_can_be_dumped_after_any_pass(name: str) -> None:
    text = explain(sliced(), GAUDI2, dump=name)
    assert text.startswith(f"after {name}: graph sliced\n  persistent")
    assert "\nafter " not in text


def test_all_dumps_come_in_the_order_of_the_passes() -> None:
    heads = [line for line in explain(layer(), GAUDI2, dump="all").splitlines() if line.startswith("after ")]
    assert [head.split()[1].rstrip(":") for head in heads] == [entry.name for entry in PIPELINE]


def test_unknown_pass_and_required_pass_are_refused_by_name() -> None:
    with pytest.raises(GraphError, match="there is no pass 'fuse'; the passes are verify_and_infer, "):
        explain(layer(), GAUDI2, dump="fuse")
    with pytest.raises(GraphError, match="pass schedule cannot be skipped"):
        explain(layer(), GAUDI2, skip=["schedule"])


def test_a_graph_goes_through_a_file_and_damaged_files_are_refused_with_a_reason() -> None:
    text = graph_to_json(sliced())
    assert graph_from_json(text) == sliced()
    for damaged, reason in [
        ("", "not a graph: Expecting value"),
        ("[]", 'it has no "gaudi_graph"'),
        (text.replace('"gaudi_graph": 1', '"gaudi_graph": 2'), "graph format 2; this release reads 1"),
        (text.replace('"gemm"', '"gemmm"'), "there is no guid 'gemmm'"),
        (text.replace('"dims"', '"dimms"', 1), r"dim\w+ is (unknown|missing)"),
        (text.replace("4096", "-4", 1), "outside 0"),
    ]:
        with pytest.raises(GraphError, match=reason):
            graph_from_json(damaged)


def test_commands_explain_a_graph_and_a_recipe_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    graph, recipe = tmp_path / "graph.json", tmp_path / "layer.recipe"
    graph.write_text(graph_to_json(sliced()))
    recipe.write_bytes(to_bytes(compile_graph(sliced(), GAUDI2)))
    result = CliRunner().invoke(gaudi_box, ["explain", "graph", str(graph), "--dump", "plan_sram", "--clock", "0.5"])
    assert result.exit_code == 0
    assert result.output == explain(sliced(), GAUDI2, 0.5, dump="plan_sram")
    result = CliRunner().invoke(gaudi_box, ["explain", "recipe", str(recipe)])
    assert result.output == explain_recipe(compile_graph(sliced(), GAUDI2), GAUDI2)
    assert main(["explain", "recipe", str(graph)]) == RecipeError.exit_status
    assert main(["explain", "graph", str(recipe)]) == GraphError.exit_status
    assert main(["explain", "graph", str(tmp_path / "missing")]) == GraphError.exit_status
    assert main(["explain", "gemm", "2x2x2", "--dump", "all"]) == GraphError.exit_status
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 4
    assert all(line.startswith("gaudi-box: ") for line in errors)
