"""Tracks of a trace beside the engines: what queues wait for, sync objects, the SRAM. Private to trace."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from device.engine_class import EngineClass
from device.recipe.descriptors import SyncPoint
from device.recipe.launch import LaunchCost, Span
from device.recipe.recipe import Recipe
from device.recipe.sram_map import SramBuffer, sram_buffers

__all__ = ["SRAM_PROCESS", "SYNC_PROCESS", "Event", "meta", "point_name", "sram_events", "sync_events", "wait_events"]

Event = dict[str, object]

SYNC_PROCESS, SRAM_PROCESS = 2, 3

# A queue's waits are a thread of their own, so many behind the one of its descriptors.
_WAIT_THREADS = 100


def meta(kind: str, process: int, thread: int, name: str) -> Event:
    return {"ph": "M", "name": kind, "pid": process, "tid": thread, "args": {"name": name}}


def point_name(point: SyncPoint) -> str:
    return f"sob{point.sob}>={point.value}"


def wait_events(recipe: Recipe, cost: LaunchCost, process: int) -> list[Event]:
    """From the end of a queue's last descriptor to the start of the next one: what it waited for last."""
    events: list[Event] = []
    free_at: dict[EngineClass, float] = {}
    reached_at = {step.signal: span.end_s for step, span in zip(recipe.in_order, cost.spans, strict=True)}
    for step, span in zip(recipe.in_order, cost.spans, strict=True):
        begin_s = free_at.get(span.engine, 0.0)
        free_at[span.engine] = span.end_s
        if span.start_s <= begin_s or not step.waits:
            continue
        last = max(step.waits, key=lambda wait: reached_at[wait])
        place: Event = {"pid": process, "tid": int(span.engine) + _WAIT_THREADS}
        times: Event = {"ts": begin_s * 1e6, "dur": (span.start_s - begin_s) * 1e6}
        args = {"for": step.node, "waits": [point_name(wait) for wait in step.waits]}
        events.append({"ph": "X", "name": point_name(last), "cat": "wait", **place, **times, "args": args})
    names = [
        meta("thread_name", process, int(queue.engine) + _WAIT_THREADS, f"{queue.engine.name} queue waits")
        for queue in recipe.queues
    ]
    return [*names, *events] if events else []


def sync_events(recipe: Recipe, cost: LaunchCost) -> list[Event]:
    """A counter for each sync object."""
    if not recipe.in_order:
        return []
    events: list[Event] = [meta("process_name", SYNC_PROCESS, 0, "sync objects")]
    events.extend(_counter(SYNC_PROCESS, f"sob{sob}", 0.0, 0) for sob in range(recipe.sync_objects))
    for step, span in zip(recipe.in_order, cost.spans, strict=True):
        events.append(_counter(SYNC_PROCESS, f"sob{step.signal.sob}", span.end_s, step.signal.value))
    return events


def sram_events(recipe: Recipe, spans: Sequence[Span]) -> list[Event]:
    """A counter of the bytes in use, and a thread for each place with its buffers."""
    buffers = sram_buffers(recipe, spans)
    if not buffers:
        return []
    places = sorted({buffer.offset_bytes for buffer in buffers})
    threads = {offset: number for number, offset in enumerate(places, start=1)}
    events: list[Event] = [meta("process_name", SRAM_PROCESS, 0, f"SRAM, {recipe.sram_bytes} B")]
    events.extend(meta("thread_name", SRAM_PROCESS, threads[offset], f"+{offset:#x}") for offset in places)
    events.extend(_buffer(buffer, threads[buffer.offset_bytes]) for buffer in buffers)
    return [*events, *_usage(buffers)]


def _buffer(buffer: SramBuffer, thread: int) -> Event:
    times: Event = {"ts": buffer.start_s * 1e6, "dur": (buffer.end_s - buffer.start_s) * 1e6}
    args = {"offset_bytes": buffer.offset_bytes, "size_bytes": buffer.size_bytes}
    return {"ph": "X", "name": buffer.node, "cat": "SRAM", "pid": SRAM_PROCESS, "tid": thread, **times, "args": args}


def _usage(buffers: Iterable[SramBuffer]) -> list[Event]:
    changes: dict[float, int] = {}
    for buffer in buffers:
        changes[buffer.start_s] = changes.get(buffer.start_s, 0) + buffer.size_bytes
        changes[buffer.end_s] = changes.get(buffer.end_s, 0) - buffer.size_bytes
    used, events = 0, []
    for at_s in sorted(changes):
        used += changes[at_s]
        events.append(_counter(SRAM_PROCESS, "bytes in use", at_s, used))
    return events


def _counter(process: int, name: str, at_s: float, value: int) -> Event:
    return {"ph": "C", "name": name, "pid": process, "tid": 0, "ts": at_s * 1e6, "args": {"value": value}}
