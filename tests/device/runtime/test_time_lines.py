"""Device time: submission order, contention, overlap."""

from __future__ import annotations

import pytest

from device.cost.operation import Bound
from device.engine_class import EngineClass, EngineShares
from device.recipe import LaunchCost, Span
from device.runtime.time_lines import Ticket, TimeLines


def cost(engine: EngineClass, seconds: float, hbm: float = 0.0) -> LaunchCost:
    """A launch that keeps one engine busy all the time."""
    span = Span(0, engine, 0.0, seconds, Bound.ENGINE)
    return LaunchCost(seconds, 1.0, EngineShares(hbm=hbm), 0, 0, 0, (span,))


def submit(lines: TimeLines, each: LaunchCost, after: tuple[Ticket, ...] = ()) -> Ticket:
    return lines.submit(lambda ratio: each, after, lines.front_s)


def test_launches_of_a_stream_follow_each_other() -> None:
    lines = TimeLines()
    first = submit(lines, cost(EngineClass.MME, 2.0))
    second = submit(lines, cost(EngineClass.MME, 3.0), (first,))
    lines.book(second, 1.0)
    assert (first.device_s, second.device_s) == (2.0, 3.0)
    assert second.end_s == 5.0


def test_two_streams_on_one_engine_lengthen_device_time_in_submission_order() -> None:
    lines = TimeLines()
    first = submit(lines, cost(EngineClass.MME, 2.0))
    second = submit(lines, cost(EngineClass.MME, 2.0))
    lines.book(second, 1.0)  # the host started it first
    assert (first.device_s, second.device_s) == (2.0, 4.0)


def test_different_engines_overlap() -> None:
    lines = TimeLines()
    gemm = submit(lines, cost(EngineClass.MME, 2.0))
    copy = submit(lines, cost(EngineClass.DMA, 2.0))
    lines.book(copy, 1.0)
    assert (gemm.end_s, copy.end_s) == (2.0, 2.0)


def test_the_hbm_is_shared_by_time() -> None:
    lines = TimeLines()
    submit(lines, cost(EngineClass.MME, 2.0, hbm=0.5))
    copy = submit(lines, cost(EngineClass.DMA, 2.0, hbm=1.0))
    lines.book(copy, 1.0)
    assert copy.end_s == 3.0


def test_the_clock_of_the_booking_decides() -> None:
    lines = TimeLines()
    ticket = lines.submit(lambda ratio: cost(EngineClass.MME, 1.0 / ratio), (), 0.0)
    lines.book(ticket, 0.5)
    assert ticket.device_s == 2.0


def test_idle_time_is_not_counted() -> None:
    """A stream that begins late does not wait for what has ended."""
    lines = TimeLines()
    first = submit(lines, cost(EngineClass.MME, 7.0))
    lines.book(first, 1.0)
    lines.complete(first)
    late = submit(lines, cost(EngineClass.MME, 1.0))
    lines.book(late, 1.0)
    assert late.device_s == pytest.approx(1.0)


def test_a_cancelled_launch_takes_no_time_and_holds_nobody_back() -> None:
    lines = TimeLines()
    first = submit(lines, cost(EngineClass.MME, 5.0))
    second = submit(lines, cost(EngineClass.MME, 1.0), (first,))
    lines.cancel(first)
    lines.cancel(first)
    lines.book(second, 1.0)
    assert second.end_s == 1.0
