"""A trace has a slice for each descriptor, an arrow for each wait, and times that are those of the launch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from device.cli import main
from device.errors import RecipeError
from device.recipe import Recipe, launch_cost, to_bytes
from device.recipe.trace import render_summary, trace_json
from device.spec import load_spec

GAUDI2 = load_spec("gaudi2")


@pytest.fixture
def document(recipe: Recipe) -> Any:
    return json.loads(trace_json(recipe, launch_cost(recipe, GAUDI2, 0.5)))


def of_phase(document: Any, phase: str) -> list[Any]:
    return [event for event in document["traceEvents"] if event["ph"] == phase]


def test_every_descriptor_is_a_slice_of_its_engine_with_the_times_of_the_launch(recipe: Recipe, document: Any) -> None:
    spans = launch_cost(recipe, GAUDI2, 0.5).spans
    slices = of_phase(document, "X")
    assert [event["name"] for event in slices] == [step.node for step in recipe.in_order]
    for event, span in zip(slices, spans, strict=True):
        assert event["tid"] == int(span.engine)
        assert event["ts"] == pytest.approx(span.start_s * 1e6)
        assert event["ts"] + event["dur"] == pytest.approx(span.end_s * 1e6)
    assert document["otherData"]["clock"] == "device"
    assert document["otherData"]["emulated"] is True


def test_slices_of_one_queue_do_not_overlap(document: Any) -> None:
    ends: dict[int, float] = {}
    for event in of_phase(document, "X"):
        assert event["ts"] >= ends.get(event["tid"], 0.0) - 1e-9
        ends[event["tid"]] = event["ts"] + event["dur"]


def test_every_wait_is_an_arrow_out_of_the_slice_that_signals(recipe: Recipe, document: Any) -> None:
    starts, ends = of_phase(document, "s"), of_phase(document, "f")
    waits = [wait for step in recipe.in_order for wait in step.waits]
    assert len(starts) == len(ends) == len(waits) > 0
    slices = {event["args"]["signal"]: event for event in of_phase(document, "X")}
    for start, end in zip(starts, ends, strict=True):
        source = slices[start["name"]]
        assert (start["id"], start["name"]) == (end["id"], end["name"])
        assert start["tid"] == source["tid"] != end["tid"]
        assert source["ts"] <= start["ts"] <= source["ts"] + source["dur"]
        assert end["ts"] >= start["ts"]


def test_queues_have_names(recipe: Recipe, document: Any) -> None:
    named = {event["tid"]: event["args"]["name"] for event in of_phase(document, "M") if event["name"] == "thread_name"}
    assert named == {int(queue.engine): queue.engine.name for queue in recipe.queues}


def test_summary_shows_shares_and_the_longest_step_first(recipe: Recipe) -> None:
    cost = launch_cost(recipe, GAUDI2)
    lines = render_summary(recipe, cost).splitlines()
    assert lines[0].startswith(f"recipe sample for gaudi2: {len(recipe.in_order)} steps, ")
    assert any(line.startswith("  DMA ") for line in lines)
    longest = max(cost.spans, key=lambda span: span.end_s - span.start_s)
    assert recipe.in_order[longest.order].node in lines[lines.index("longest steps:") + 1]


def test_command_traces_a_recipe_and_a_gemm(recipe: Recipe, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, output = tmp_path / "sample.recipe", tmp_path / "trace.json"
    file.write_bytes(to_bytes(recipe))
    assert main(["trace", str(file), "-o", str(output)]) == 0
    assert output.read_text() == trace_json(recipe, launch_cost(recipe, GAUDI2))
    assert main(["trace", "--gemm", "8x64x64x32", "--chip", "gaudi3", "-o", str(output)]) == 0
    (event,) = of_phase(json.loads(output.read_text()), "X")
    assert event["args"]["operation"].startswith("gemm 8 x 64x64x32")
    assert "gemm_8x64x64x32 for gaudi3: 1 steps" in capsys.readouterr().out


def test_command_refuses_what_it_cannot_trace(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    output = str(tmp_path / "trace.json")
    (tmp_path / "foreign").write_bytes(b"no recipe")
    assert main(["trace", "-o", output]) == 2
    assert "name a recipe, or a shape with --gemm" in capsys.readouterr().err
    assert main(["trace", str(tmp_path / "foreign"), "-o", output]) == RecipeError.exit_status
    assert main(["trace", "--gemm", "8x8x8", "-o", str(tmp_path / "missing" / "trace.json")]) == 1
    assert not Path(output).exists()
