"""docs/model.md shows what the model says now, and the model meets the published points as far as it claims to."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

DOCS = Path(__file__).parents[3] / "docs"


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("gen_model_points", DOCS / "gen_model_points.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


GENERATOR = _generator()
POINTS: list[dict[str, Any]] = GENERATOR.points()


def test_the_table_is_what_the_model_says() -> None:
    page = (DOCS / "model.md").read_text(encoding="utf-8")
    assert page.split(GENERATOR.BEGIN)[1].split(GENERATOR.END)[0].strip() == GENERATOR.render()


@pytest.mark.parametrize("point", POINTS, ids=lambda point: point["name"])
def test_the_model_is_as_close_as_the_point_says(point: dict[str, Any]) -> None:
    assert point["basis"] in ("fitted", "given", "predicted", "not modelled")
    assert point["source"]
    if point["value"] is None:
        assert point["basis"] == "not modelled"
    elif point.get("is_level"):
        assert point["value"] >= point["published"]
    else:
        assert point["value"] == pytest.approx(point["published"], rel=point["within"])


def test_all_points_of_the_reference_are_there() -> None:
    names = {point["name"].split()[0] for point in POINTS}
    assert {f"P{number}" for number in range(1, 12)} <= names
