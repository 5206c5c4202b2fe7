"""The memory tests as processes on emulated cards: what is printed, and the story of a dying row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from device.card import Box
from device.faults import find_fault, inject

ONE = "-gaudi2 -c 0000:19:00.0 -rmod serial -dis_mon"


@pytest.fixture
def opened(box: Any) -> Iterator[Box]:
    with Box.open(box.path) as opened:
        yield opened


@pytest.fixture
def number(opened: Box) -> int:
    """Of the card that ONE means."""
    return next(card.index for card in opened.cards if card.identity.bus_id == "0000:19:00.0")


def test_memory_bandwidth_prints_a_line_a_sub_test(qualify: Callable[..., Any]) -> None:
    done = qualify(f"{ONE} -dmesg -pciOnly -mb -b -gen gen4")
    assert done.status == 0, done.stdout + done.stderr
    assert done.consumers() == ["1 passed, 0 failed PASSED", "one", "clean", "brackets"]
    assert all(f"\n{title}" in done.stdout for title in ("HOST ==> HBM ", "HBM ==> HOST ", "HBM <==> HOST "))
    assert set(done.metrics()) == {"host_to_hbm", "hbm_to_host", "hbm_and_host"}


def test_pci_bandwidth_takes_its_time_for_each_sub_test(qualify: Callable[..., Any]) -> None:
    done = qualify(f"{ONE} -p -b -t 1 -size 2147483648")
    assert done.status == 0, done.stdout + done.stderr
    assert done.twin["duration"]["value"] == 3
    assert "3 sub-tests; 2147483648 bytes" in done.stdout


def test_two_hbm_tests_in_one_run_are_refused(qualify: Callable[..., Any]) -> None:
    done = qualify(f"{ONE} -hbm_dma_stress -hbm_tpc_stress read")
    assert done.status == 2
    assert "hl qual report" not in done.stdout


def test_a_dying_row_fails_is_replaced_by_the_reset_of_the_test_and_passes(
    qualify: Callable[..., Any], opened: Box, number: int
) -> None:
    opened.set_clock(rate=20.0)
    place = inject(opened, number, find_fault("hbm-dbe")).address
    done = qualify(f"{ONE} -hbm_tpc_stress write -i 1")
    module = opened.card(number).identity.module_id
    assert done.status == 1
    assert set(done.codes[module]) == {"ECC_UNCORRECTED"}
    assert f"uncorrectable ECC error at 0x{place:x}, HBM " in done.stdout
    assert [repair.is_pending for repair in opened.card(number).row_repairs()] == [False]
    again = qualify(f"{ONE} -hbm_tpc_stress write -i 1")
    assert again.status == 0, again.stdout + again.stderr
    assert again.consumers()[0] == "1 passed, 0 failed PASSED"
