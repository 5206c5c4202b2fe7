"""What faults of a link do to packets: bits that go wrong, links that go away and come back."""

from __future__ import annotations

from typing import Any

import pytest

from device.card import Box
from device.errors import EccError
from device.fabric import WcStatus
from device.faults import find_fault, heal, inject

SIZE = 8 << 20
PORT = 0


def fault(box: Any, name: str, degree: float, **where: Any) -> None:
    with Box.open(box.path) as opened:
        inject(opened, 0, find_fault(name), degree, **where)


def write(side: Any, loop: Any, source: Any, region: Any) -> WcStatus:
    loop[0].write(source, region.key, region.address)
    return next(side.cq.completions(1)).status


def counters(side: Any) -> dict[str, int]:
    return dict(side.network.counters(PORT))


def test_few_wrong_bits_are_repaired_and_counted_by_symbol(box: Any, side: Any, loop: Any, make_pattern: Any) -> None:
    """At 1e-5 one symbol of 10 bits in 1e4 is wrong, never sixteen in a code word; no packet is lost."""
    rate = 1e-5
    fault(box, "link-ber", rate, seed=3, address=PORT)
    _, source = side.buffer(make_pattern(SIZE))
    target, region = side.buffer(make_pattern(SIZE, seed=2))
    assert write(side, loop, source, region) is WcStatus.SUCCESS
    seen = counters(side)
    symbols = seen["symbol_err_corrected_lane_0"] + seen["symbol_err_corrected_lane_1"]
    all_bits = seen["etherStatsOctets"] * 8 * 544 / 514
    assert symbols == pytest.approx(all_bits * rate, rel=0.2)
    assert (seen["pre_FEC_SER_int"], seen["pre_FEC_SER_exp (negative)"]) in ((9, 5), (1, 4))
    assert seen["cw_corrected_accum"] > 0
    assert seen["cw_uncorrect_accum"] == seen["aFrameCheckSequenceErrors"] == seen["retransmissions"] == 0
    assert (side.contents(target) == make_pattern(SIZE)).all()


def test_many_get_through_and_the_crc_finds_every_one(box: Any, side: Any, loop: Any, make_pattern: Any) -> None:
    fault(box, "link-ber", 1.2e-3, seed=3, address=PORT)
    _, source = side.buffer(make_pattern(SIZE))
    target, region = side.buffer(make_pattern(SIZE, seed=2))
    assert write(side, loop, source, region) is WcStatus.SUCCESS
    assert (side.contents(target) == make_pattern(SIZE)).all()
    seen = counters(side)
    lost = seen["aFrameCheckSequenceErrors"]
    assert lost == seen["ifInErrors"] > 0
    assert seen["etherStatsPkts"] == seen["aFramesReceivedOK"] + lost
    assert seen["retransmissions"] > 0
    assert seen["post_FEC_SER_int"] > 0


def test_a_link_that_is_too_bad_ends_in_the_retry_error_and_heals(
    box: Any, side: Any, loop: Any, make_pattern: Any
) -> None:
    fault(box, "link-ber", 0.05, seed=3, address=PORT)
    _, source = side.buffer(make_pattern(100_000))
    _, region = side.buffer(make_pattern(100_000))
    assert write(side, loop, source, region) is WcStatus.RETRY_EXC_ERR
    assert counters(side)["timeout_retransmission_cnt"] > 0
    with Box.open(box.path) as opened:
        heal(opened, 0)
    side.cq.wait(0.01)
    again = side.pair(PORT)
    again.connect(again.address)
    assert write(side, (again,), source, region) is WcStatus.SUCCESS


def test_other_ports_know_nothing_of_it(box: Any, side: Any, make_pattern: Any) -> None:
    fault(box, "link-ber", 0.05, address=PORT)
    pair = side.pair(PORT + 1)
    pair.connect(pair.address)
    _, region = side.buffer(make_pattern(SIZE))
    assert write(side, (pair,), region, region) is WcStatus.SUCCESS
    assert side.network.counters(PORT + 1)["cw_corrected_accum"] == 0


def test_a_link_that_is_down_loses_everything(box: Any, side: Any, make_pattern: Any) -> None:
    pair = side.pair(PORT)
    pair.to_init()
    pair.to_rtr(pair.address)
    pair.to_rts(timeout=8, retries=1)
    fault(box, "link-down", PORT)
    _, region = side.buffer(make_pattern(100))
    assert write(side, (pair,), region, region) is WcStatus.RETRY_EXC_ERR
    seen = counters(side)
    assert seen["OctetsReceivedOK"] == seen["OctetsTransmittedOK"] == 0
    assert seen["ifOutErrors"] == 2


def test_a_message_survives_a_link_that_flaps(box: Any, side: Any, loop: Any, make_pattern: Any) -> None:
    """The clock of the box stands while the link is down, then goes on: the transport has waited for it."""
    with Box.open(box.path) as opened:
        opened.set_clock(rate=0.0)
        opened.set_clock(step_ns=2_000_000_000 - opened.now_ns() % 2_000_000_000 + 1_000_000)
    fault(box, "link-flap", PORT)
    _, source = side.buffer(make_pattern(100_000))
    target, region = side.buffer(make_pattern(100_000, seed=2))
    loop[0].write(source, region.key, region.address)
    assert side.cq.wait(0.15) == []
    with Box.open(box.path) as opened:
        opened.set_clock(step_ns=500_000_000)
    assert next(side.cq.completions(1)).status is WcStatus.SUCCESS
    assert (side.contents(target) == make_pattern(100_000)).all()
    assert counters(side)["timeout_retransmission_cnt"] > 0


def test_a_silent_memory_fault_sends_wrong_bytes_and_an_uncorrectable_one_ends_the_request(
    box: Any, side: Any, loop: Any, make_pattern: Any
) -> None:
    buffer, source = side.buffer(make_pattern(4096))
    target, region = side.buffer(make_pattern(4096, seed=2))
    fault(box, "hbm-silent", 1.0, seed=1, address=buffer.address + 1024)
    assert write(side, loop, source, region) is WcStatus.SUCCESS
    assert 0 < int((side.contents(target) != make_pattern(4096)).sum()) < 64
    with Box.open(box.path) as opened:
        heal(opened, 0)
    fault(box, "hbm-dbe", 1.0, seed=1, address=buffer.address + 1024)
    with pytest.raises(EccError):
        loop[0].write(source, region.key, region.address)
