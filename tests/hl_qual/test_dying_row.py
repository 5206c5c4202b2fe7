"""The story of a dying HBM row: the test fails at its address, the row waits, a reset replaces it, the test passes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from private_box import PrivateBox

import hlml
from device.card import Box
from device.faults import find_fault, inject
from hl_qual.machine import HlmlMachine
from hlml.types import DeviceSnapshot

TEST = "-gaudi2 -c 1 -rmod parallel -dis_mon -dmesg -f2 -t 0.5"


@pytest.fixture
def opened(box: PrivateBox) -> Iterator[Box]:
    with Box.open(box.path) as found:
        yield found


def snapshot() -> DeviceSnapshot:
    hlml.init()
    try:
        return hlml.devices()[1].snapshot()
    finally:
        hlml.shutdown()


def test_fail_pending_reset_replaced_pass(opened: Box, qualify: Callable[..., Any]) -> None:
    assert qualify(TEST).status == 0, "the card is healthy"
    inject(opened, 1, find_fault("hbm-dbe"))

    failed = qualify(TEST)
    assert failed.status == 1
    # The access that failed comes first, what the counters say after it.
    findings = {found["code"]: found for found in reversed(failed.twin["devices"][0]["findings"])}
    assert {"ECC_UNCORRECTED", "HBM_ROW_PENDING"} <= set(findings)
    assert findings["ECC_UNCORRECTED"]["address"].startswith("0x")
    assert "reset the card" in findings["HBM_ROW_PENDING"]["action"]
    row = findings["HBM_ROW_PENDING"]["address"]
    assert "bank" in row and "row" in row
    assert " dmesg ==" in failed.log.read_text() and " dmesg ==" not in failed.stdout

    waiting = snapshot()
    assert waiting.is_row_replacement_pending and not waiting.replaced_rows
    before_ns = opened.now_ns()
    opened.card(1).reset(0)
    assert any("reset" in line.lower() for line in HlmlMachine().kernel_log(before_ns))
    replaced = snapshot()
    assert not replaced.is_row_replacement_pending
    (one,) = replaced.replaced_rows
    assert row == f"stack {one.hbm} pc {one.pseudo_channel} sid {one.stack_id} bank {one.bank} row {one.row}"

    assert qualify(TEST).status == 0, "the fault lies in a row that is not used any more"
