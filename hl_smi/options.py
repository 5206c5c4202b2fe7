"""What one run of hl-smi does: the values that `argv` makes and everybody else reads. Data only."""

from __future__ import annotations

import enum
from dataclasses import dataclass

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hl_smi.query.select import Selector

__all__ = ["Action", "Options"]


class Action(enum.Enum):
    """What one run does."""

    TABLE = "table"
    REPORT = "report"
    CSV = "csv"
    FIRMWARE = "firmware"
    NIC = "nic"
    ROW_REPLACEMENT = "row replacement"
    PROCESSES = "processes"
    TOPOLOGY = "topo"
    MONITOR = "dmon"
    STREAM = "stream"
    TOP = "top"
    EVENTS = "events"
    RESET = "reset"
    POWER_LIMIT = "power limit"
    VERSION = "version"
    HELP = "help"
    HELP_FIELDS = "help of fields"
    COMPLETION = "completion"


@dataclass(frozen=True, slots=True)
class Options:
    """One run as asked for. None: not given.

    `fields` are names of `fields.FIELDS`, of `ROW_FIELDS` for row replacement, of `PROCESS_FIELDS` for processes.
    `run_time_s` 0 means forever.
    """

    action: Action = Action.TABLE
    selector: Selector | None = None
    section: str | None = None
    fields: tuple[str, ...] = ()
    has_header: bool = True
    has_units: bool = True
    loop_ms: int | None = None
    run_time_s: int | None = None
    count: int | None = None
    nic_view: str | None = None
    ports: tuple[int, ...] | None = None
    power_limit_w: int | None = None
    is_cpu_affinity_shown: bool = False
    is_numa_affinity_shown: bool = False
    is_matrix_shown: bool = False
    is_past_shown: bool = False
    is_followed: bool = True
    is_json: bool = False
    output_path: str | None = None
    shell: str | None = None
    is_debug: bool = False
