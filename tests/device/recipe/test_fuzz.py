"""Recipes with one value changed: refused with a reason, or whole. Whoever reads one never meets another exception."""

import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device.errors import RecipeError
from device.graph import DataType, GraphBuilder, compile_graph
from device.graph.explain import explain_recipe
from device.recipe import FORMAT_VERSION, Recipe, check_sync, dump, from_bytes, launch_cost, to_bytes
from device.recipe.trace import render_summary, trace_json
from device.spec import load_spec

GAUDI2 = load_spec("gaudi2")


def recipe_with_everything() -> Recipe:
    """Slices in the SRAM, windows that are read and written, a softmax, three queues."""
    g = GraphBuilder("everything")
    a, b = g.input("a", (1024, 128), DataType.BF16), g.input("b", (16384, 1024), DataType.BF16)
    hidden = g.cast(g.gelu(g.gemm(a, b)), DataType.BF16)
    g.output(g.maximum(g.softmax(hidden), g.zeros((16384, 128), DataType.BF16)), "y")
    g.output(g.transpose(a, (1, 0)), "z")
    return compile_graph(g.build(), GAUDI2)


PAYLOAD = json.loads(to_bytes(recipe_with_everything())[24:])


def paths_of(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path] if path else []
    if isinstance(value, dict):
        for key, inner in value.items():
            found += paths_of(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found += paths_of(inner, (*path, index))
    return found


PATHS = paths_of(PAYLOAD)
HOSTILE = st.one_of(
    st.sampled_from(
        [None, True, False, "", "gaudi2", "SRAM", "HBM", "BF16", "MME", "../x", [], {}, [[]], {"kind": "Copy"}]
    ),
    st.integers(-2, 5),
    st.sampled_from([127, 128, 4096, 2**31, 2**32, 2**62, 2**63 - 1, 2**63, 2**200, -(2**63)]),
    st.floats(allow_nan=True),
    st.text(max_size=5),
)


def packed(payload: object) -> bytes:
    data = json.dumps(payload).encode()
    return struct.pack("<8sIIQ", b"GAUDIRCP", FORMAT_VERSION, zlib.crc32(data), len(data)) + data


def test_the_recipe_has_everything() -> None:
    recipe = from_bytes(packed(PAYLOAD))
    assert recipe.sram_bytes > 0
    kinds = {type(step).__name__ for step in recipe.in_order}
    assert kinds >= {"MmeGemm", "TpcElementwise", "TpcRows", "Copy"}
    assert len(recipe.queues) == 3


@given(st.sampled_from(PATHS), HOSTILE, st.booleans())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_a_changed_value_is_refused_or_makes_another_whole_recipe(path, value, is_deleted) -> None:
    payload = json.loads(json.dumps(PAYLOAD))
    place = payload
    for key in path[:-1]:
        place = place[key]
    if is_deleted:
        del place[path[-1]]
    else:
        place[path[-1]] = value
    try:
        recipe = from_bytes(packed(payload))
    except RecipeError as error:
        assert str(error) and "\n" not in str(error)
        return
    assert from_bytes(to_bytes(recipe)) == recipe
    dump(recipe)
    if recipe.asic == GAUDI2.name:
        cost = launch_cost(recipe, GAUDI2)
        assert cost.seconds >= 0.0
        json.loads(trace_json(recipe, cost))
        render_summary(recipe, cost)
        explain_recipe(recipe, GAUDI2)
    try:
        check_sync(recipe)
    except RecipeError as error:
        assert "no sync value orders them" in str(error)


@pytest.mark.parametrize("asic", ["gaudi9", "../boxes/hls2", "", "gaudi2\x00"])
def test_a_recipe_for_an_asic_that_nobody_knows_is_one_line(asic: str, tmp_path: Path, capsys) -> None:
    from device.cli import main

    file = tmp_path / "foreign.recipe"
    file.write_bytes(packed({**PAYLOAD, "asic": asic}))
    assert main(["explain", "recipe", str(file)]) not in (0, 1, 130)
    assert main(["trace", str(file), "-o", str(tmp_path / "x.json")]) not in (0, 1, 130)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 2 and all(line.startswith("gaudi-box: ") for line in lines)
