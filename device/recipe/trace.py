"""The time line of one launch for chrome://tracing and ui.perfetto.dev, in device time. Pure; the CLI writes it.

A process for the launch, a thread for each queue, a slice for each descriptor, an arrow for each sync value that
somebody waits for. Format: "Trace Event Format" of the Chromium project, times in microseconds.
"""

from __future__ import annotations

import json

from device.engine_class import EngineClass
from device.recipe.descriptors import Descriptor, SyncPoint
from device.recipe.dump import operation_text
from device.recipe.launch import LaunchCost, Span
from device.recipe.recipe import Recipe

__all__ = ["render_summary", "trace_json"]

Event = dict[str, object]

_PROCESS = 1

# An arrow begins within the slice that it comes from, this share of it before the end.
_BEFORE_END = 1e-3

_LONGEST_SHOWN = 5


def trace_json(recipe: Recipe, cost: LaunchCost) -> str:
    """One JSON document; the same recipe and cost give the same text."""
    document = {
        "displayTimeUnit": "ns",
        "otherData": {
            "asic": recipe.asic,
            "basis": "cost model, not a measurement",
            "clock": "device",
            "clock_ratio": cost.clock_ratio,
            "emulated": True,
            "recipe": recipe.name,
        },
        "traceEvents": [*_names(recipe), *_slices(recipe, cost), *_arrows(recipe, cost)],
    }
    return json.dumps(document, sort_keys=True, indent=1) + "\n"


def render_summary(recipe: Recipe, cost: LaunchCost) -> str:
    """What the trace shows, as text: the shares of the engines and the longest steps."""
    tflops = cost.flops / cost.seconds / 1e12 if cost.seconds > 0.0 else 0.0
    head = f"recipe {recipe.name} for {recipe.asic}: {len(recipe.in_order)} steps"
    time = f"{cost.seconds * 1e6:.2f} us of device time at {cost.clock_ratio:.4g} of the full clock"
    lines = [f"{head}, {time}, {tflops:.1f} TFLOPS"]
    for engine, share in zip(EngineClass, cost.busy.as_tuple(), strict=True):
        steps = sum(span.engine is engine for span in cost.spans)
        if share > 0.0:
            detail = "" if engine is EngineClass.HBM else f"  {steps} steps"
            lines.append(f"  {engine.name:<4} {share:>6.1%} busy{detail}")
    lines.append("longest steps:")
    longest = sorted(cost.spans, key=lambda span: (span.start_s - span.end_s, span.order))[:_LONGEST_SHOWN]
    lines.extend(_step_line(recipe.in_order[span.order], span) for span in longest)
    return "\n".join(lines) + "\n"


def _step_line(step: Descriptor, span: Span) -> str:
    times = f"{(span.end_s - span.start_s) * 1e6:>10.2f} us from {span.start_s * 1e6:.2f}"
    return f"  {times}  {span.engine.name:<3}  bound by {span.bound:<6}  {step.node}: {operation_text(step)}"


def _names(recipe: Recipe) -> list[Event]:
    events: list[Event] = [_meta("process_name", 0, f"{recipe.asic} {recipe.name}")]
    events.extend(_meta("thread_name", int(queue.engine), queue.engine.name) for queue in recipe.queues)
    return events


def _meta(kind: str, thread: int, name: str) -> Event:
    return {"ph": "M", "name": kind, "pid": _PROCESS, "tid": thread, "args": {"name": name}}


def _slices(recipe: Recipe, cost: LaunchCost) -> list[Event]:
    return [_slice(step, span) for step, span in zip(recipe.in_order, cost.spans, strict=True)]


def _slice(step: Descriptor, span: Span) -> Event:
    return {
        "ph": "X",
        "name": step.node,
        "cat": span.engine.name,
        "pid": _PROCESS,
        "tid": int(span.engine),
        "ts": span.start_s * 1e6,
        "dur": (span.end_s - span.start_s) * 1e6,
        "args": {
            "operation": operation_text(step),
            "bound": span.bound,
            "cycles": step.work.cycles,
            "flops": step.work.flops,
            "hbm_read_bytes": step.work.hbm_read_bytes,
            "hbm_write_bytes": step.work.hbm_write_bytes,
            "waits": [_point(wait) for wait in step.waits],
            "signal": _point(step.signal),
        },
    }


def _arrows(recipe: Recipe, cost: LaunchCost) -> list[Event]:
    signalled = {step.signal: span for step, span in zip(recipe.in_order, cost.spans, strict=True)}
    events: list[Event] = []
    for step, span in zip(recipe.in_order, cost.spans, strict=True):
        for wait in step.waits:
            number = len(events) // 2 + 1
            source = signalled[wait]
            begin_s = source.end_s - (source.end_s - source.start_s) * _BEFORE_END
            events.append(_arrow("s", number, wait, source, begin_s))
            events.append({**_arrow("f", number, wait, span, span.start_s), "bp": "e"})
    return events


def _arrow(phase: str, number: int, wait: SyncPoint, span: Span, at_s: float) -> Event:
    place: Event = {"pid": _PROCESS, "tid": int(span.engine), "ts": at_s * 1e6}
    return {"ph": phase, "id": number, "name": _point(wait), "cat": "sync", **place}


def _point(point: SyncPoint) -> str:
    return f"sob{point.sob}>={point.value}"
