"""Device time: submission order, contention, overlap."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

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


def test_two_launches_with_slices_in_the_sram_never_overlap() -> None:
    lines = TimeLines()
    gemm = submit(lines, replace(cost(EngineClass.MME, 2.0), scratchpad_bytes=1))
    copy = submit(lines, replace(cost(EngineClass.DMA, 2.0), scratchpad_bytes=1))
    other = submit(lines, cost(EngineClass.TPC, 2.0))
    lines.book(other, 1.0)
    assert (gemm.end_s, copy.end_s, other.end_s) == (2.0, 4.0, 2.0)


def test_a_gap_lies_between_launches_on_one_engine_only() -> None:
    lines = TimeLines(gap_s=0.5)
    first, second = submit(lines, cost(EngineClass.MME, 2.0)), submit(lines, cost(EngineClass.MME, 2.0))
    copy = submit(lines, cost(EngineClass.DMA, 2.0))
    lines.book(copy, 1.0)
    assert (first.end_s, second.end_s, copy.end_s) == (2.0, 4.5, 2.0)


LAUNCHES = st.lists(
    st.tuples(st.sampled_from(EngineClass), st.floats(0.01, 5.0), st.floats(0.0, 1.0), st.integers(0, 2)), max_size=30
)


@given(LAUNCHES, st.randoms())
def test_whatever_order_the_host_books_in_no_engine_is_ever_busy_twice(launches, rng) -> None:
    """Shares of device time never sum above one."""
    lines = TimeLines()
    streams: dict[int, Ticket] = {}
    tickets = []
    for engine, seconds, hbm, stream in launches:
        after = (streams[stream],) if stream in streams else ()
        ticket = streams[stream] = submit(lines, cost(engine, seconds, hbm), after)
        tickets.append((ticket, engine, seconds, hbm))
    for ticket, *_ in rng.sample(tickets, len(tickets)):
        lines.book(ticket, 1.0)
        lines.complete(ticket)
    for each in EngineClass:
        busy = sum(seconds for _, engine, seconds, _ in tickets if engine is each)
        busy = sum(seconds * hbm for *_, seconds, hbm in tickets) if each is EngineClass.HBM and not busy else busy
        assert busy <= lines.front_s * (1 + 1e-9)
    spans = [(ticket.end_s - seconds, ticket.end_s, engine) for ticket, engine, seconds, _ in tickets]
    for start, end, engine in spans:
        others = [other for other in spans if other[2] is engine and other != (start, end, engine)]
        assert all(end <= other_start + 1e-9 or other_end <= start + 1e-9 for other_start, other_end, _ in others)
