"""The NIC tests of hl_qual: healthy links pass, each fault of a link fails the cards at its ends and names the port."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.card import Box
from device.faults import find_fault, inject
from hl_qual.plugins.nic_collectives import rounds
from hl_qual.plugins.nic_judge import (
    PortResult,
    bandwidth_findings,
    data_findings,
    error_findings,
    latency_findings,
    symbol_error_rate,
)

LIMITS = {"max_symbol_error_rate": 1e-6, "max_crc_errors": 0, "max_retransmissions": 0, "max_toggles": 0}
# Cards 0 and 2 of an HLS2 are modules 2 and 3: three links join them, on card 0 these ports.
PAIR = "0000:19:00.0,0000:1a:00.0"
PORT = 10


def result(**changes: Any) -> PortResult:
    values: dict[str, Any] = {
        "port": 3,
        "name": "port 3 (to module 5 port 7)",
        "messages": 10,
        "payload_bytes": 10**9,
        "checked": 10,
        "mismatched": 0,
        "sending_s": 0.081,
        "stalled_s": 0.0,
        "latencies_s": (2e-6,) * 3,
        "failure": None,
        "wrong": None,
        "counters": {"etherStatsOctets": 10**9},
    }
    return PortResult(**{**values, **changes})


@given(st.lists(st.integers(0, 15), unique=True, max_size=9))
def test_every_pair_meets_once_and_nobody_twice_a_round(modules: list[int]) -> None:
    schedule = rounds(modules)
    met = sorted(tuple(sorted(pair)) for pairs in schedule for pair in pairs)
    assert met == sorted(itertools.combinations(sorted(modules), 2))
    for pairs in schedule:
        busy = [module for pair in pairs for module in pair]
        assert len(busy) == len(set(busy))


def test_a_healthy_link_has_no_findings() -> None:
    healthy = [result()]
    assert bandwidth_findings(healthy, 97) == latency_findings(healthy, 20) == data_findings(healthy) == []
    assert error_findings(healthy, LIMITS) == []


@pytest.mark.parametrize(
    ("changes", "code", "words"),
    [
        (
            {"counters": {"etherStatsOctets": 10**7, "symbol_err_corrected_lane_1": 90}},
            "NIC_BIT_ERRORS",
            "before the FEC",
        ),
        ({"counters": {"aFrameCheckSequenceErrors": 1}}, "NIC_BIT_ERRORS", "wrong CRC"),
        ({"counters": {"retransmissions": 2}}, "NIC_RETRANSMISSIONS", "2 packets"),
        ({"counters": {"pcs_link_toggles": 4}}, "PORT_TOGGLED", "4 times"),
    ],
)
def test_each_counter_has_its_finding(changes: dict[str, Any], code: str, words: str) -> None:
    (found,) = error_findings([result(**changes)], LIMITS)
    assert found.code == code
    assert "port 3 (to module 5 port 7)" in found.message and words in found.message


def test_time_that_a_link_stalls_counts_against_its_bandwidth() -> None:
    (found,) = bandwidth_findings([result(stalled_s=0.067)], 97)
    assert (found.code, found.actual, found.limit) == ("NIC_BANDWIDTH", "54.05 Gb/s", "97 Gb/s")


def test_a_port_without_data_is_no_measurement() -> None:
    assert [found.code for found in bandwidth_findings([result(payload_bytes=0)], 97)] == ["NO_MEASUREMENT"]


def test_a_slow_answer_and_a_wrong_byte_are_found() -> None:
    assert [found.code for found in latency_findings([result(latencies_s=(0.067,))], 20)] == ["NIC_LATENCY"]
    found = data_findings([result(wrong="message 3: 1 bytes differ", mismatched=1), result(failure="no answer")])
    assert [each.code for each in found] == ["NIC_MISCOMPARE", "NIC_NO_ANSWER"]


def test_words_beyond_repair_count_as_sixteen_symbols() -> None:
    one = symbol_error_rate({"etherStatsOctets": 10**6, "cw_uncorrect_accum": 1})
    assert one == pytest.approx(16 * symbol_error_rate({"etherStatsOctets": 10**6, "symbol_err_corrected_lane_0": 1}))


def change(box: Any, do: Callable[[Box], object]) -> None:
    with Box.open(box.path) as opened:
        do(opened)


def bit_errors(rate: float) -> Callable[[Box], object]:
    return lambda box: inject(box, 0, find_fault("link-ber"), rate, seed=1, address=PORT)


def messages(run: Any, module: int) -> list[str]:
    card = next(card for card in run.twin["devices"] if card["module_id"] == module)
    return [f"{found['code']} {found['message']}" for found in card["findings"]]


def test_loopback_passes_on_a_healthy_card(box: Any, qualify: Any) -> None:
    run = qualify("-t rdma_loopback -t 0.2 -c 0000:19:00.0 -dis_mon")
    assert (run.status, run.codes) == (0, {2: []}), run.stdout
    metrics = run.metrics()
    assert metrics["ports_tested"]["value"] == 21
    assert metrics["port_bandwidth"]["minimum"] > 97
    assert metrics["port_bandwidth"]["clock"] == "device" and metrics["port_bandwidth"]["dilation"] > 1


@pytest.mark.parametrize(
    ("rate", "codes"),
    [(1e-5, {"NIC_BIT_ERRORS"}), (1.2e-3, {"NIC_BIT_ERRORS", "NIC_RETRANSMISSIONS", "NIC_BANDWIDTH"})],
)
def test_loopback_finds_the_port_with_bit_errors(box: Any, qualify: Any, rate: float, codes: set[str]) -> None:
    """Few are repaired by the FEC and show in its counters; many get through, the CRC finds them, packets go again."""
    change(box, bit_errors(rate))
    run = qualify("-t rdma_loopback -t 0.2 -c 0000:19:00.0 -dis_mon")
    assert run.status == 1
    assert codes <= set(run.codes[2])
    assert all(f"port {PORT} " in message for message in messages(run, 2))


def test_ser_finds_it_too(box: Any, qualify: Any) -> None:
    change(box, bit_errors(1e-5))
    run = qualify("-gaudi2 -c 0000:19:00.0 -rmod parallel -ser -ber_enable -dis_mon")
    assert (run.status, set(run.codes[2])) == (1, {"NIC_BIT_ERRORS"})
    assert all(message.startswith(f"NIC_BIT_ERRORS port {PORT} ") for message in messages(run, 2))


def test_two_cards_pass_end_to_end_and_a_link_that_is_down_fails_both(box: Any, qualify: Any) -> None:
    words = f"-gaudi2 -c {PAIR} -rmod parallel -e2e_concurrency -t 0.3 -disable_ports 8,22,23 -dis_mon"
    run = qualify(words)
    assert (run.status, run.codes) == (0, {2: [], 3: []}), run.stdout
    assert run.metrics()["ports_tested"]["value"] == 3
    change(box, lambda opened: inject(opened, 0, find_fault("link-down"), PORT))
    run = qualify(words)
    assert run.status == 1
    assert messages(run, 2) == ["PORT_DOWN port 10 (to module 3 port 10) is down"]
    assert messages(run, 3) == ["PORT_DOWN port 10 (to module 2 port 10) is down"]


def test_a_flapping_link_fails_the_cards_at_its_ends(box: Any, qualify: Any) -> None:
    change(box, lambda opened: inject(opened, 0, find_fault("link-flap"), PORT))
    run = qualify(f"-gaudi2 -c {PAIR} -rmod parallel -e2e_concurrency -t 2.5 -dis_mon")
    assert run.status == 1
    for module in (2, 3):
        found = messages(run, module)
        assert found and all("port 10 (" in message for message in found)


@pytest.mark.parametrize("kind", ["pairs", "bandwidth", "dir_bw", "allgather", "allreduce"])
def test_serdes_base_passes_on_healthy_cards(box: Any, qualify: Any, kind: str) -> None:
    run = qualify(f"-gaudi2 -c {PAIR} -rmod parallel -nic_base -test_type {kind} -i 2 -ep 10 -sz 100000 -dis_mon")
    assert (run.status, run.codes) == (0, {2: [], 3: []}), run.stdout


def test_serdes_loopback_needs_a_plug(box: Any, qualify: Any) -> None:
    words = "-gaudi2 -c 0000:19:00.0 -rmod parallel -nic_base -test_type loopback -i 2 -sz 100000 -dis_mon"
    run = qualify(words)
    assert (run.status, run.codes[2][0]) == (1, "NIC_NO_PEER")
    change(box, lambda opened: [opened.set_link(0, port, True) for port in (8, 22, 23)])
    run = qualify(words)
    assert (run.status, run.codes) == (0, {2: []}), run.stdout


def test_one_card_alone_has_nobody_to_talk_to(box: Any, qualify: Any) -> None:
    run = qualify("-gaudi2 -c 0000:19:00.0 -rmod parallel -e2e_concurrency -t 0.2 -dis_mon")
    assert (run.status, run.codes[2][0]) == (1, "NIC_NO_PEER")
