"""-f2 on cards that really compute: all engines at once, and faults found by what comes out of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from private_box import PrivateBox

from device.card import Box
from device.faults import find_fault, inject

TWO = "-gaudi2 -c 0,1 -rmod parallel -dis_mon -f2 -t 1"


def test_healthy_cards_pass_and_every_engine_has_worked(qualify: Callable[..., Any]) -> None:
    done = qualify(TWO)
    assert done.status == 0, done.stdout
    for position in range(2):
        coverage = done.twin["devices"][position]["coverage"]
        assert coverage["executed"] == coverage["checked"] >= 4 and coverage["mismatched"] == 0
        metrics = done.metrics(position)
        assert metrics["mme_throughput"]["value"] > metrics["mme_throughput"]["limit"] > 0
        assert metrics["copy_bandwidth"]["value"] > 0
    names = [series["name"] for series in done.twin["devices"][0]["series"]]
    assert names == ["mme_throughput", "copy_bandwidth"]


def test_a_wrong_multiplication_fails_its_card_with_the_place(qualify: Callable[..., Any], box: PrivateBox) -> None:
    with Box.open(box.path) as opened:
        inject(opened, 1, find_fault("mme-bitflip"))
        module = opened.card(1).identity.module_id
    done = qualify(TWO)
    assert done.status == 1
    assert {module: set(codes) for module, codes in done.codes.items() if codes} == {module: {"MME_MISCOMPARE"}}
    assert "element (row" in done.stdout


def test_a_slow_card_misses_its_share(qualify: Callable[..., Any], box: PrivateBox) -> None:
    with Box.open(box.path) as opened:
        inject(opened, 0, find_fault("slow-card"), 0.4)
        module = opened.card(0).identity.module_id
    assert qualify(TWO).codes[module] == ["MME_THROUGHPUT"]


def test_without_validation_the_report_says_so(qualify: Callable[..., Any]) -> None:
    done = qualify(f"{TWO} -dis_val")
    assert done.status == 0 and "this run says nothing about them" in done.stdout
    assert done.twin["devices"][0]["coverage"] is None


def test_port_traffic_that_is_not_there_yet_is_not_passed(qualify: Callable[..., Any]) -> None:
    done = qualify(f"{TWO} -serdes int")
    assert done.status == 3 and "-serdes" in done.stdout
