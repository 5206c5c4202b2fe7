"""Two processes, a card each: bytes cross the link, and whoever loses the other one hears of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from device.card import Box
from device.fabric import PortAddress, QpAddress, QpState, WcStatus
from device.runtime import Card

HOLDER = Path(__file__).with_name("holder.py")
SIZE = 1 << 20


class Peer:
    """The other process; `address`, `key` and `remote` belong to its pair and its buffer."""

    def __init__(self, box: Any, index: int, port: int) -> None:
        words = [sys.executable, "-P", str(HOLDER), str(box.path), str(index), str(port), str(SIZE)]
        self.process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        module, peer_port, number, psn, self.key, self.remote = map(int, self._line().split())
        self.address = QpAddress(PortAddress(module, peer_port), number, psn)

    def _line(self) -> str:
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def ask(self, line: str) -> str:
        assert self.process.stdin is not None
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()
        return self._line().strip()

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@pytest.fixture
def cable(box: Any) -> tuple[int, int]:
    """Accel number and port of the card that port 0 of card 0 leads to."""
    with Box.open(box.path) as opened:
        module, port = opened.card(0).cable(0)
        return next(card.index for card in opened.cards if card.identity.module_id == module), port


@pytest.fixture
def peer(box: Any, cable: tuple[int, int]) -> Iterator[Peer]:
    other = Peer(box, *cable)
    yield other
    other.end()


@pytest.fixture
def pair(side: Any, peer: Peer) -> Any:
    """Connected with the peer, with little patience: 4.2 ms a try."""
    own = side.pair(0)
    own.to_init()
    own.to_rtr(peer.address)
    own.to_rts(timeout=10, retries=3)
    address = own.address
    assert peer.ask(f"connect {address.port.module} {address.port.port} {address.qp_num} {address.psn}") == "done"
    return own


def test_a_write_and_a_read_cross_the_link(side: Any, pair: Any, peer: Peer, make_pattern: Any) -> None:
    _, source = side.buffer(make_pattern(SIZE))
    target, region = side.buffer(np.zeros(SIZE, np.uint8))
    pair.write(source, peer.key, peer.remote)
    pair.read(region, peer.key, peer.remote)
    assert [done.status for done in side.cq.completions(2)] == [WcStatus.SUCCESS] * 2
    assert int(peer.ask("sum")) == int(make_pattern(SIZE).astype(np.uint64).sum())
    assert (side.contents(target) == make_pattern(SIZE)).all()
    counters = side.card._state.port_counters(0)
    assert counters["retransmissions"] == counters["timeout_retransmission_cnt"] == 0


def test_both_ends_count_the_same_packets(
    side: Any, pair: Any, peer: Peer, cable: tuple[int, int], box: Any, make_pattern: Any
) -> None:
    _, source = side.buffer(make_pattern(SIZE))
    pair.write(source, peer.key, peer.remote)
    assert next(side.cq.completions(1)).is_success
    assert peer.ask("sum")
    peer.ask("quit")
    peer.process.wait(10)
    own = side.card._state.port_counters(0)
    with Box.open(box.path) as opened:
        other = opened.card(cable[0]).port_counters(cable[1])
    assert other["OctetsReceivedOK"] == own["OctetsTransmittedOK"] > SIZE
    assert other["OctetsTransmittedOK"] == own["OctetsReceivedOK"]
    assert other["aFramesReceivedOK"] == own["aFramesTransmittedOK"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_the_death_of_the_peer_ends_in_the_retry_error(
    side: Any, pair: Any, peer: Peer, make_pattern: Any, how: signal.Signals
) -> None:
    _, source = side.buffer(make_pattern(SIZE))
    peer.process.send_signal(how)
    peer.process.wait(10)
    for _ in range(20):
        pair.write(source, peer.key, peer.remote)
    done = [completion.status for completion in side.cq.completions(20)]
    assert done == [WcStatus.RETRY_EXC_ERR] + [WcStatus.WR_FLUSH_ERR] * 19
    assert pair.state is QpState.ERR


def test_death_in_the_middle_of_a_stream_of_packets_is_no_hang(
    side: Any, pair: Any, peer: Peer, make_pattern: Any
) -> None:
    _, source = side.buffer(make_pattern(SIZE))
    for _ in range(100):
        pair.write(source, peer.key, peer.remote)
    assert next(side.cq.completions(1)).is_success
    peer.process.kill()
    last = [completion.status for completion in side.cq.completions(99)][-1]
    assert last in (WcStatus.WR_FLUSH_ERR, WcStatus.RETRY_EXC_ERR)


def test_a_stopped_peer_is_waited_for(side: Any, pair: Any, peer: Peer, make_pattern: Any) -> None:
    """The host starves a process; that is no fault of the link, and nothing is sent twice."""
    _, source = side.buffer(make_pattern(SIZE))
    peer.process.send_signal(signal.SIGSTOP)
    pair.write(source, peer.key, peer.remote)
    assert side.cq.wait(0.3) == []
    peer.process.send_signal(signal.SIGCONT)
    assert next(side.cq.completions(1)).is_success
    assert side.card._state.port_counters(0)["retransmissions"] == 0


def test_a_new_holder_of_the_card_does_not_hear_the_packets_for_the_old_one(
    side: Any, pair: Any, peer: Peer, box: Any, cable: tuple[int, int], make_pattern: Any
) -> None:
    _, source = side.buffer(make_pattern(SIZE))
    peer.end()
    second = Peer(box, *cable)
    try:
        pair.write(source, peer.key, peer.remote)
        assert next(side.cq.completions(1)).status is WcStatus.RETRY_EXC_ERR
        fresh = side.pair(0)
        fresh.connect(second.address)
        own = fresh.address
        second.ask(f"connect {own.port.module} {own.port.port} {own.qp_num} {own.psn}")
        fresh.write(source, second.key, second.remote)
        assert next(side.cq.completions(1)).is_success
    finally:
        second.end()


def test_a_child_by_fork_does_not_answer_for_its_dead_parent(box: Any, cable: tuple[int, int], side: Any) -> None:
    """The lock that says "alive" is inherited by fork; the child gives it up."""
    code = (
        "import os, sys, time\n"
        "from device.runtime import Card\n"
        f"card = Card.acquire({cable[0]}, {str(box.path)!r})\n"
        "nic = card.network.nic\n"
        "child = os.fork()\n"
        "if child == 0:\n"
        "    os.close(1); time.sleep(60)\n"
        "print(child, flush=True)\n"
        "sys.stdin.readline()\n"
        "os._exit(0)\n"
    )
    words = [sys.executable, "-W", "ignore", "-P", "-c", code]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        child = int(process.stdout.readline())
        process.communicate("\n", timeout=20)
    try:
        pair = side.pair(0)
        pair.to_init()
        pair.to_rtr(QpAddress(PortAddress(*side.card._state.cable(0)), 77, 0))
        pair.to_rts(timeout=10, retries=1)
        buffer = side.card.malloc(10)
        pair.send(side.network.register(buffer))
        (done,) = side.cq.wait(20)
        assert done.status is WcStatus.RETRY_EXC_ERR
    finally:
        os.kill(child, signal.SIGKILL)


def test_two_cards_of_one_process_talk_too(box: Any, side: Any, cable: tuple[int, int], make_side: Any) -> None:
    with Card.acquire(cable[0], box.path) as card:
        other = make_side(card)
        first, second = side.pair(0), other.pair(cable[1])
        first.connect(second.address)
        second.connect(first.address)
        data = np.arange(100_000, dtype=np.uint8)
        _, source = side.buffer(data)
        target, region = other.buffer(np.zeros_like(data))
        second.receive(region)
        first.send(source)
        assert next(side.cq.completions(1)).is_success
        assert next(other.cq.completions(1)).is_success
        assert (other.contents(target) == data).all()
