"""The time line of one launch for chrome://tracing and ui.perfetto.dev, in device time. Pure; the CLI writes it.

A process for the launch: a thread for each queue with a slice for each descriptor, a thread for what the queue waits
for, an arrow for each sync value that somebody waits for. A process with a counter for each sync object. A process for
the SRAM: a thread for each place with its buffers, a counter of the bytes in use. Format: "Trace Event Format" of the
Chromium project, times in microseconds.
"""

from __future__ import annotations

import json

from device.engine_class import EngineClass
from device.recipe.descriptors import Descriptor, SyncPoint
from device.recipe.dump import operation_text
from device.recipe.launch import LaunchCost, Span
from device.recipe.recipe import Recipe
from device.recipe.sram_map import render_sram
from device.recipe.trace_tracks import Event, meta, point_name, sram_events, sync_events, wait_events

__all__ = ["render_summary", "trace_json"]

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
        "traceEvents": [
            *_names(recipe),
            *_slices(recipe, cost),
            *_arrows(recipe, cost),
            *wait_events(recipe, cost, _PROCESS),
            *sync_events(recipe, cost),
            *sram_events(recipe, cost.spans),
        ],
    }
    return json.dumps(document, sort_keys=True, indent=1) + "\n"


def render_summary(recipe: Recipe, cost: LaunchCost) -> str:
    """What the trace shows, as text: the shares of the engines, the plan of the SRAM, the longest steps."""
    tflops = cost.flops / cost.seconds / 1e12 if cost.seconds > 0.0 else 0.0
    head = f"recipe {recipe.name} for {recipe.asic}: {len(recipe.in_order)} steps"
    time = f"{cost.seconds * 1e6:.2f} us of device time at {cost.clock_ratio:.4g} of the full clock"
    lines = [f"{head}, {time}, {tflops:.1f} TFLOPS"]
    for engine, share in zip(EngineClass, cost.busy.as_tuple(), strict=True):
        steps = sum(span.engine is engine for span in cost.spans)
        if share > 0.0:
            detail = "" if engine is EngineClass.HBM else f"  {steps} steps"
            idle_s = _longest_idle_s(cost, engine)
            if idle_s > 0.0 and engine is not EngineClass.HBM:
                detail += f", idle for {idle_s * 1e6:.2f} us at most"
            lines.append(f"  {engine.name:<4} {share:>6.1%} busy{detail}")
    lines += render_sram(recipe, cost.spans)
    lines.append("longest steps:")
    longest = sorted(cost.spans, key=lambda span: (span.start_s - span.end_s, span.order))[:_LONGEST_SHOWN]
    lines.extend(_step_line(recipe.in_order[span.order], span) for span in longest)
    return "\n".join(lines) + "\n"


def _longest_idle_s(cost: LaunchCost, engine: EngineClass) -> float:
    """Between two steps, before the first one, or after the last one."""
    own = [span for span in cost.spans if span.engine is engine]
    starts = [span.start_s for span in own] + [cost.seconds]
    ends = [0.0] + [span.end_s for span in own]
    return max(start - end for start, end in zip(starts, ends, strict=True))


def _step_line(step: Descriptor, span: Span) -> str:
    times = f"{(span.end_s - span.start_s) * 1e6:>10.2f} us from {span.start_s * 1e6:.2f}"
    return f"  {times}  {span.engine.name:<3}  bound by {span.bound:<6}  {step.node}: {operation_text(step)}"


def _names(recipe: Recipe) -> list[Event]:
    events: list[Event] = [meta("process_name", _PROCESS, 0, f"{recipe.asic} {recipe.name}")]
    events.extend(meta("thread_name", _PROCESS, int(queue.engine), queue.engine.name) for queue in recipe.queues)
    return events


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
            "waits": [point_name(wait) for wait in step.waits],
            "signal": point_name(step.signal),
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
    return {"ph": phase, "id": number, "name": point_name(wait), "cat": "sync", **place}
