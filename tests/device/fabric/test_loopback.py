"""One port, both ends: messages of all kinds and sizes, and what is counted."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device.fabric import WcOpcode, WcStatus

# A message of nothing, less than a packet, exactly one, and several with a rest.
SIZES = [1, 255, 4096, 8192, 8193, 100_000]


@pytest.mark.parametrize("size", SIZES)
def test_a_write_moves_exactly_its_bytes(side: Any, loop: Any, make_pattern: Any, size: int) -> None:
    _, source = side.buffer(make_pattern(size))
    target, region = side.buffer(make_pattern(size + 2, seed=2))
    before = side.contents(target)
    loop[0].write(source, region.key, region.address + 1, wr_id=5)
    (done,) = side.cq.wait()
    assert (done.status, done.opcode, done.wr_id, done.byte_len) == (WcStatus.SUCCESS, WcOpcode.RDMA_WRITE, 5, size)
    after = side.contents(target)
    assert (after[1:-1] == make_pattern(size)).all()
    assert (after[0], after[-1]) == (before[0], before[-1])


@pytest.mark.parametrize("size", SIZES)
def test_a_read_brings_them_back(side: Any, loop: Any, make_pattern: Any, size: int) -> None:
    _, source = side.buffer(make_pattern(size))
    target, region = side.buffer(make_pattern(size, seed=2))
    loop[0].read(region, source.key, source.address)
    (done,) = side.cq.wait()
    assert (done.status, done.opcode) == (WcStatus.SUCCESS, WcOpcode.RDMA_READ)
    assert (side.contents(target) == make_pattern(size)).all()


@pytest.mark.parametrize("size", SIZES)
def test_a_send_fills_the_oldest_receive(side: Any, loop: Any, make_pattern: Any, size: int) -> None:
    _, source = side.buffer(make_pattern(size))
    target, region = side.buffer(make_pattern(size, seed=2))
    loop[1].receive(region, wr_id=9)
    loop[0].send(source, imm=0xDEADBEEF)
    done = {completion.opcode: completion for completion in side.cq.completions(2)}
    assert done[WcOpcode.SEND].is_success
    received = done[WcOpcode.RECV]
    assert (received.wr_id, received.byte_len, received.imm_data) == (9, size, 0xDEADBEEF)
    assert (side.contents(target) == make_pattern(size)).all()


def test_a_write_with_immediate_data_takes_a_receive_request(side: Any, loop: Any, make_pattern: Any) -> None:
    _, source = side.buffer(make_pattern(20_000))
    target, region = side.buffer(make_pattern(20_000, seed=2))
    _, unused = side.buffer(make_pattern(1))
    loop[1].receive(unused)
    loop[0].write(source, region.key, region.address, imm=7)
    done = {completion.opcode: completion for completion in side.cq.completions(2)}
    assert done[WcOpcode.RECV_RDMA_WITH_IMM].imm_data == 7
    assert (side.contents(target) == make_pattern(20_000)).all()


@given(
    messages=st.lists(st.tuples(st.sampled_from(["write", "read", "send"]), st.integers(0, 30_000)), max_size=12),
    mtu=st.sampled_from([256, 1024, 4096, 8192]),
)
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_sequence_of_messages_completes_in_order_with_right_bytes(
    side: Any, make_pattern: Any, messages: list[tuple[str, int]], mtu: int
) -> None:
    first, second = side.pair(1), side.pair(1)
    first.connect(second.address, mtu)
    second.connect(first.address, mtu)
    size = 30_000
    _, source = side.buffer(make_pattern(size))
    targets = [side.buffer(make_pattern(size, seed=number + 2)) for number in range(len(messages))]
    for number, ((kind, length), (_, target)) in enumerate(zip(messages, targets, strict=True)):
        if kind == "write":
            first.write(source, target.key, target.address, length=length, wr_id=number)
        elif kind == "read":
            first.read(target, source.key, source.address, length=length, wr_id=number)
        else:
            second.receive(target, wr_id=1000)
            first.send(source, length=length, wr_id=number)
    expected = len(messages) + sum(kind == "send" for kind, _ in messages)
    done = list(side.cq.completions(expected))
    assert all(completion.is_success for completion in done)
    assert [each.wr_id for each in done if each.wr_id != 1000] == list(range(len(messages)))
    for number, ((_, length), (buffer, _)) in enumerate(zip(messages, targets, strict=True)):
        contents = side.contents(buffer)
        assert (contents[:length] == make_pattern(size)[:length]).all()
        assert (contents[length:] == make_pattern(size, seed=number + 2)[length:]).all()
    first.destroy()
    second.destroy()


def test_the_counters_of_the_port_move_by_what_was_sent_and_no_other_moves(
    side: Any, loop: Any, make_pattern: Any
) -> None:
    state = side.card._state
    _, source = side.buffer(make_pattern(20_000))
    _, region = side.buffer(make_pattern(20_000))
    assert set(state.port_counters(0).values()) == {0}
    loop[0].write(source, region.key, region.address)
    assert next(side.cq.completions(1)).is_success
    counters = state.port_counters(0)
    # three packets with payload and an acknowledgement, or two if the first packet asked for one as well
    packets = counters["aFramesTransmittedOK"]
    assert packets in (4, 5)
    overhead = packets * (12 + 4 + 46) + 16 + (packets - 3) * 4  # BTH, CRC, frame; RETH of the first; AETH
    assert counters["OctetsTransmittedOK"] == 20_000 + overhead
    assert counters["OctetsReceivedOK"] == counters["OctetsTransmittedOK"]
    assert counters["aFramesReceivedOK"] == packets
    assert counters["etherStatsPkts1519toMaxOctets"] == 3
    assert counters["aFrameCheckSequenceErrors"] == counters["retransmissions"] == 0
    assert set(state.port_counters(1).values()) == {0}


def test_device_time_is_that_of_the_wire(side: Any, loop: Any, make_pattern: Any) -> None:
    """A long message runs at the fitted share of the line, a short one takes the latency there and back."""
    _, source = side.buffer(make_pattern(4 << 20))
    _, region = side.buffer(make_pattern(4 << 20))
    spec = side.card.spec.nic
    loop[0].write(source, region.key, region.address)
    (done,) = side.cq.wait()
    gbps = done.byte_len * 8 / done.device_s / 1e9
    assert gbps == pytest.approx(spec.line_gbps * spec.efficiency, rel=0.01)
    loop[0].write(source, region.key, region.address, length=1)
    (done,) = side.cq.wait()
    assert 2 * spec.latency_ns < done.device_s * 1e9 < 2 * spec.latency_ns + 100


def test_traffic_shows_as_activity_of_the_nic_and_draws_power(side: Any, loop: Any, make_pattern: Any) -> None:
    _, source = side.buffer(make_pattern(8 << 20))
    _, region = side.buffer(make_pattern(8 << 20))
    idle = side.card.read()
    shares = []
    for _ in range(40):
        loop[0].write(source, region.key, region.address)
        assert next(side.cq.completions(1)).is_success
        shares.append(side.card.read().activity.nic)
        if shares[-1] > 0:
            break
    assert idle.activity.nic == 0.0
    assert shares[-1] == pytest.approx(1 / side.card.spec.nic.ports)


def test_taking_one_completion_leaves_the_others(side: Any, loop: Any, make_pattern: Any) -> None:
    _, region = side.buffer(make_pattern(10))
    loop[0].write(region, region.key, region.address, wr_id=1, is_signaled=False)
    for number in (2, 3):
        loop[0].write(region, region.key, region.address, wr_id=number)
    first = next(side.cq.completions(1))
    second = next(side.cq.completions(1))
    assert (first.wr_id, second.wr_id) == (2, 3)
