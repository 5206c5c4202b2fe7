"""What goes wrong, with the statuses of the verbs; and which state allows what."""

from __future__ import annotations

from typing import Any

import pytest

from device.errors import FabricError
from device.fabric import Access, PortAddress, QpAddress, QpState, WcStatus


def statuses(side: Any, count: int) -> list[WcStatus]:
    return [completion.status for completion in side.cq.completions(count)]


def test_a_pair_goes_from_reset_to_rts_and_back(side: Any) -> None:
    pair = side.pair(0)
    states = [pair.state]
    pair.to_init()
    states.append(pair.state)
    pair.to_rtr(pair.address)
    states.append(pair.state)
    pair.to_rts()
    states.append(pair.state)
    pair.to_state(QpState.SQD)
    states.append(pair.state)
    pair.to_state(QpState.RTS)
    pair.to_state(QpState.ERR)
    states.append(pair.state)
    pair.to_state(QpState.RESET)
    assert states == [QpState.RESET, QpState.INIT, QpState.RTR, QpState.RTS, QpState.SQD, QpState.ERR]
    assert pair.state is QpState.RESET


def test_transitions_that_the_verbs_do_not_have_are_refused(side: Any) -> None:
    pair = side.pair(0)
    with pytest.raises(FabricError, match="in RESET, from where it cannot go to RTR"):
        pair.to_rtr(pair.address)
    with pytest.raises(FabricError, match="cannot go to RTS"):
        pair.to_rts()
    with pytest.raises(FabricError, match="cannot go to SQE"):
        pair.to_state(QpState.SQE)
    pair.to_init()
    with pytest.raises(FabricError, match="in INIT, from where it cannot go to INIT"):
        pair.to_init()


def test_sending_needs_rts_and_receiving_init(side: Any, make_pattern: Any) -> None:
    _, region = side.buffer(make_pattern(10))
    pair = side.pair(0)
    with pytest.raises(FabricError, match="it receives from INIT on"):
        pair.receive(region)
    pair.to_init()
    pair.receive(region)
    with pytest.raises(FabricError, match="it sends in RTS"):
        pair.send(region)


@pytest.mark.parametrize("mtu", [0, 128, 1000, 16384])
def test_a_path_mtu_is_a_power_of_two(side: Any, mtu: int) -> None:
    pair = side.pair(0)
    pair.to_init()
    with pytest.raises(FabricError, match="path MTU"):
        pair.to_rtr(pair.address, mtu)


def test_a_port_that_the_card_does_not_have_is_refused(side: Any) -> None:
    with pytest.raises(FabricError, match="there is no port 24"):
        side.pair(24)


@pytest.mark.parametrize("what", ["key", "beyond", "rights"])
def test_a_remote_region_is_protected(side: Any, loop: Any, make_pattern: Any, what: str) -> None:
    _, source = side.buffer(make_pattern(10_000))
    target = side.card.malloc(10_000)
    region = side.network.register(target, Access.LOCAL_WRITE if what == "rights" else Access(3))
    before = side.contents(target)
    key = region.key ^ 1 << 20 if what == "key" else region.key
    loop[0].write(source, key, region.address + (1 if what == "beyond" else 0))
    loop[0].write(source, region.key, region.address)
    assert statuses(side, 2) == [WcStatus.REM_ACCESS_ERR, WcStatus.WR_FLUSH_ERR]
    assert loop[0].state is loop[1].state is QpState.ERR
    assert (side.contents(target) == before).all()


def test_a_read_needs_the_right_to_read(side: Any, loop: Any, make_pattern: Any) -> None:
    target = side.card.malloc(100)
    region = side.network.register(target, Access.LOCAL_WRITE | Access.REMOTE_WRITE)
    _, own = side.buffer(make_pattern(100))
    loop[0].read(own, region.key, region.address)
    assert statuses(side, 1) == [WcStatus.REM_ACCESS_ERR]


def test_the_rights_of_the_pair_count_too(side: Any, make_pattern: Any) -> None:
    first, second = side.pair(0), side.pair(0)
    first.connect(second.address)
    second.to_init(Access.NONE)
    second.to_rtr(first.address)
    _, region = side.buffer(make_pattern(100))
    first.write(region, region.key, region.address)
    assert statuses(side, 1) == [WcStatus.REM_ACCESS_ERR]


def test_a_local_buffer_outside_its_region_is_a_protection_error(side: Any, loop: Any, make_pattern: Any) -> None:
    _, region = side.buffer(make_pattern(100))
    loop[0].write(region, region.key, region.address, length=101)
    assert statuses(side, 1) == [WcStatus.LOC_PROT_ERR]
    assert loop[0].state is QpState.ERR


def test_a_region_that_is_gone_protects_what_was_there(side: Any, loop: Any, make_pattern: Any) -> None:
    _, source = side.buffer(make_pattern(100))
    _, region = side.buffer(make_pattern(100))
    side.network.deregister(region)
    loop[0].write(source, region.key, region.address)
    assert statuses(side, 1) == [WcStatus.REM_ACCESS_ERR]
    with pytest.raises(FabricError, match="no memory region with key"):
        side.network.deregister(region)


def test_a_message_longer_than_the_receive_buffer_fails_on_both_sides(side: Any, loop: Any, make_pattern: Any) -> None:
    _, source = side.buffer(make_pattern(20_000))
    _, small = side.buffer(make_pattern(9_000))
    loop[1].receive(small)
    loop[0].send(source)
    assert sorted(statuses(side, 2)) == [WcStatus.LOC_LEN_ERR, WcStatus.REM_INV_REQ_ERR]


def test_without_a_receive_request_the_rnr_retries_are_exhausted(side: Any, make_pattern: Any) -> None:
    first, second = side.pair(0), side.pair(0)
    second.connect(first.address)
    first.to_init()
    first.to_rtr(second.address, rnr_timer_us=100)
    first.to_rts(rnr_retries=2)
    _, source = side.buffer(make_pattern(10))
    first.send(source)
    assert statuses(side, 1) == [WcStatus.RNR_RETRY_EXC_ERR]


def test_a_receive_request_that_comes_late_is_waited_for(side: Any, loop: Any, make_pattern: Any) -> None:
    _, source = side.buffer(make_pattern(10))
    target, region = side.buffer(make_pattern(10, seed=2))
    loop[0].send(source)
    assert side.cq.wait(0.01) == []
    loop[1].receive(region)
    assert statuses(side, 2) == [WcStatus.SUCCESS, WcStatus.SUCCESS]
    assert (side.contents(target) == make_pattern(10)).all()


@pytest.mark.parametrize("way", ["no such pair", "no cable leads there", "nobody holds the peer"])
def test_whoever_does_not_answer_gives_the_retry_error(side: Any, make_pattern: Any, way: str) -> None:
    pair = side.pair(0)
    address = {
        "no such pair": QpAddress(pair.address.port, pair.number ^ 0x400, 0),
        "no cable leads there": QpAddress(PortAddress(7, 0), 77, 0),
        "nobody holds the peer": QpAddress(PortAddress(*side.card._state.cable(0)), 77, 0),
    }[way]
    pair.to_init()
    pair.to_rtr(address)
    pair.to_rts(timeout=8, retries=2)
    _, source = side.buffer(make_pattern(10))
    pair.send(source)
    assert statuses(side, 1) == [WcStatus.RETRY_EXC_ERR]
    counters = side.card._state.port_counters(0)
    assert counters["timeout_retransmission_cnt"] == 3
    assert counters["retransmissions"] == 2


def test_err_flushes_what_is_posted_and_what_comes_later(side: Any, loop: Any, make_pattern: Any) -> None:
    _, region = side.buffer(make_pattern(10))
    loop[0].receive(region)
    loop[0].to_state(QpState.ERR)
    loop[0].receive(region)
    loop[0].send(region)
    assert statuses(side, 3) == [WcStatus.WR_FLUSH_ERR] * 3


def test_sqd_holds_new_requests_back_until_rts(side: Any, loop: Any, make_pattern: Any) -> None:
    _, region = side.buffer(make_pattern(10))
    loop[0].to_state(QpState.SQD)
    assert loop[0].is_drained
    loop[0].write(region, region.key, region.address)
    assert side.cq.wait(0.02) == []
    loop[0].to_state(QpState.RTS)
    assert statuses(side, 1) == [WcStatus.SUCCESS]


def test_a_completion_queue_that_is_too_short_says_so(side: Any, make_pattern: Any) -> None:
    queue = side.nic.create_cq(1)
    pair = side.nic.create_qp(0, queue)
    pair.connect(pair.address)
    _, region = side.buffer(make_pattern(10))
    pair.to_state(QpState.ERR)
    for _ in range(3):
        pair.receive(region)
    assert len(queue.poll()) == 1
    with pytest.raises(FabricError, match="larger depth"):
        queue.poll()


def test_a_full_send_queue_is_refused_in_one_line(side: Any, make_pattern: Any) -> None:
    pair = side.pair(0, max_send_wr=2)
    pair.connect(pair.address)
    pair.to_state(QpState.SQD)
    _, region = side.buffer(make_pattern(10))
    for _ in range(2):
        pair.send(region)
    with pytest.raises(FabricError, match="send queue of 2 requests is full"):
        pair.send(region)


def test_a_reset_of_the_card_flushes_everything(side: Any, loop: Any, make_pattern: Any) -> None:
    _, region = side.buffer(make_pattern(10))
    loop[0].receive(region)
    side.card._state.reset(1)
    assert statuses(side, 1) == [WcStatus.WR_FLUSH_ERR]
