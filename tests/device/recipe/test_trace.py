"""A trace has a slice for each descriptor, an arrow for each wait, and times that are those of the launch."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from device.cli import main
from device.errors import RecipeError
from device.graph import DataType, GraphBuilder, compile_graph
from device.recipe import Place, Recipe, launch_cost, to_bytes
from device.recipe.sram_map import peak_bytes, sram_buffers
from device.recipe.trace import render_summary, trace_json
from device.spec import load_spec

GAUDI2 = load_spec("gaudi2")


@pytest.fixture
def document(recipe: Recipe) -> Any:
    return json.loads(trace_json(recipe, launch_cost(recipe, GAUDI2, 0.5)))


def of_phase(document: Any, phase: str) -> list[Any]:
    return [event for event in document["traceEvents"] if event["ph"] == phase]


def slices(document: Any) -> list[Any]:
    """Of descriptors."""
    return [event for event in of_phase(document, "X") if event["cat"] in ("MME", "TPC", "DMA")]


def test_every_descriptor_is_a_slice_of_its_engine_with_the_times_of_the_launch(recipe: Recipe, document: Any) -> None:
    spans = launch_cost(recipe, GAUDI2, 0.5).spans
    found = slices(document)
    assert [event["name"] for event in found] == [step.node for step in recipe.in_order]
    for event, span in zip(found, spans, strict=True):
        assert event["tid"] == int(span.engine)
        assert event["ts"] == pytest.approx(span.start_s * 1e6)
        assert event["ts"] + event["dur"] == pytest.approx(span.end_s * 1e6)
    assert document["otherData"]["clock"] == "device"
    assert document["otherData"]["emulated"] is True


def test_slices_of_one_track_do_not_overlap(document: Any) -> None:
    ends: dict[tuple[int, int], float] = {}
    for event in of_phase(document, "X"):
        track = event["pid"], event["tid"]
        assert event["ts"] >= ends.get(track, 0.0) - 1e-9
        ends[track] = event["ts"] + event["dur"]


def test_every_wait_is_an_arrow_out_of_the_slice_that_signals(recipe: Recipe, document: Any) -> None:
    starts, ends = of_phase(document, "s"), of_phase(document, "f")
    waits = [wait for step in recipe.in_order for wait in step.waits]
    assert len(starts) == len(ends) == len(waits) > 0
    sources = {event["args"]["signal"]: event for event in slices(document)}
    for start, end in zip(starts, ends, strict=True):
        source = sources[start["name"]]
        assert (start["id"], start["name"]) == (end["id"], end["name"])
        assert start["tid"] == source["tid"] != end["tid"]
        assert source["ts"] <= start["ts"] <= source["ts"] + source["dur"]
        assert end["ts"] >= start["ts"]


def test_queues_have_names(recipe: Recipe, document: Any) -> None:
    meta = [event for event in of_phase(document, "M") if event["name"] == "thread_name" and event["tid"] < 100]
    assert {event["tid"]: event["args"]["name"] for event in meta} == {
        int(queue.engine): queue.engine.name for queue in recipe.queues
    }


REQUIRED = {
    "X": {"name", "cat", "ts", "dur", "pid", "tid"},
    "M": {"name", "pid", "tid", "args"},
    "C": {"name", "ts", "pid", "args"},
    "s": {"name", "cat", "id", "ts", "pid", "tid"},
    "f": {"name", "cat", "id", "ts", "pid", "tid", "bp"},
}
"""What the Trace Event Format wants of each phase that we use."""


def check_format(document: Any) -> None:
    """Fields and types as the format describes them; every flow has one start and one end; every track a name."""
    assert document["displayTimeUnit"] in ("ms", "ns")
    flows: dict[object, list[str]] = {}
    named = {(event["pid"], event["tid"]) for event in of_phase(document, "M") if event["name"] == "thread_name"}
    for event in document["traceEvents"]:
        assert set(event) >= REQUIRED[event["ph"]]
        assert isinstance(event["pid"], int)
        if "ts" in event:
            assert event["ts"] >= 0
        if event["ph"] == "X":
            assert event["dur"] >= 0
            assert (event["pid"], event["tid"]) in named
        if event["ph"] == "C":
            assert all(isinstance(value, int | float) for value in event["args"].values())
        if event["ph"] in "sf":
            flows.setdefault((event["cat"], event["name"], event["id"]), []).append(event["ph"])
    assert all(phases == ["s", "f"] for phases in flows.values())


@pytest.fixture(scope="module")
def sliced() -> Recipe:
    g = GraphBuilder("sliced")
    a, b = (g.input(name, (4096, 4096), DataType.BF16) for name in "ab")
    g.output(g.gelu(g.gemm(a, b, dtype=DataType.BF16)), "y")
    return compile_graph(g.build(), GAUDI2)


def test_documents_have_the_format_that_viewers_read(recipe: Recipe, sliced: Recipe) -> None:
    for each in (recipe, sliced):
        check_format(json.loads(trace_json(each, launch_cost(each, GAUDI2))))


def test_a_queue_shows_what_it_waits_for_until_the_next_descriptor_starts(recipe: Recipe, document: Any) -> None:
    waits = [event for event in of_phase(document, "X") if event["cat"] == "wait"]
    starts = {event["name"]: event["ts"] for event in slices(document)}
    assert waits
    for event in waits:
        assert event["ts"] + event["dur"] == pytest.approx(starts[event["args"]["for"]])
        assert event["name"] in event["args"]["waits"]


def test_counters_of_sync_objects_end_at_their_last_value(recipe: Recipe, document: Any) -> None:
    values = {event["name"]: event["args"]["value"] for event in of_phase(document, "C")}
    last = {f"sob{step.signal.sob}": step.signal.value for step in recipe.in_order}
    assert values == last


def test_the_sram_shows_each_buffer_and_never_more_bytes_than_the_plan(sliced: Recipe) -> None:
    cost = launch_cost(sliced, GAUDI2)
    document = json.loads(trace_json(sliced, cost))
    buffers = [event for event in of_phase(document, "X") if event["cat"] == "SRAM"]
    writes = [operand for step in sliced.in_order for operand in step.writes if operand.place is Place.SRAM]
    assert len(buffers) == len(writes) > 8
    used = [event["args"]["value"] for event in of_phase(document, "C") if event["name"] == "bytes in use"]
    assert used[-1] == 0
    assert 0 < max(used) == peak_bytes(sram_buffers(sliced, cost.spans)) <= sliced.sram_bytes


def test_buffers_that_share_bytes_of_the_sram_are_never_in_use_at_a_time(sliced: Recipe) -> None:
    buffers = sram_buffers(sliced, launch_cost(sliced, GAUDI2).spans)
    for one in buffers:
        for other in buffers:
            apart = (
                one.offset_bytes + one.size_bytes <= other.offset_bytes
                or other.offset_bytes + other.size_bytes <= one.offset_bytes
            )
            assert one is other or apart or one.end_s <= other.start_s + 1e-12 or other.end_s <= one.start_s + 1e-12


def test_summary_of_slices_shows_the_plan_of_the_sram(sliced: Recipe) -> None:
    text = render_summary(sliced, launch_cost(sliced, GAUDI2))
    assert f"SRAM plan, {sliced.sram_bytes / 2**20:.2f} MiB" in text
    assert "idle for" in text


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
    (event,) = slices(json.loads(output.read_text()))
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
