"""--query-compute-apps: who holds which card, in the rules of -Q."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from hl_smi.query.processes import query_processes
from hl_smi.switches import PROCESS_FIELDS
from hlml.types import ProcessInfo

MIB = 1 << 20


@pytest.fixture
def busy(make_snapshot: Callable[..., Any]) -> Any:
    """A card with 7 MiB in use above the idle level, and one process."""
    return make_snapshot(processes=(ProcessInfo(4321, "python3", 0, 3 * MIB),), memory_used_bytes=775 * MIB)


def test_every_field_of_one_process(busy: Any) -> None:
    (row,) = query_processes(PROCESS_FIELDS, [busy])
    assert row == (0, "0000:43:00.0", 0, busy.uuid, "HL-225", 4321, "python3", "C", 7)


def test_card_without_a_process_has_no_row(busy: Any, make_snapshot: Callable[..., Any]) -> None:
    rows = query_processes(("index", "pid"), [make_snapshot(index=4), busy])
    assert rows == ((0, 4321),)


def test_several_processes_have_their_own_memory_and_come_by_pid(make_snapshot: Callable[..., Any]) -> None:
    processes = (
        ProcessInfo(None, None, 1000, 5 * MIB),
        ProcessInfo(90, "b", 0, 2 * MIB),
        ProcessInfo(8, "a", 0, 1 * MIB),
    )
    card = make_snapshot(processes=processes, memory_used_bytes=776 * MIB)
    assert query_processes(("pid", "process_name", "used_memory"), [card]) == (
        (8, "a", 1),
        (90, "b", 2),
        (None, None, 5),
    )
