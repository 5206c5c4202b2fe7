"""What can be wrong with a card, as coded findings: one catalogue, shared by runner, manager, report and JSON.

A code is an interface: it is never renamed. Severity `warning` does not change a verdict, `error` fails the card,
`fatal` means in addition that the card should leave service. The action says what to do next, not what happened.
"""

from __future__ import annotations

import enum
from dataclasses import asdict, dataclass, replace

__all__ = ["CATALOGUE", "Cause", "DeviceId", "Finding", "Severity", "finding_from_json"]


class Severity(enum.StrEnum):
    """How bad a finding is."""

    WARNING = "warning"
    ERROR = "error"
    FATAL = "fatal"


@dataclass(frozen=True, slots=True)
class Cause:
    """Catalogue entry: what every finding of one code has in common."""

    severity: Severity
    action: str


_RESET = "reset the card and run the test again; if it happens again, take the card out of service"
_REPLACE = "take the card out of service and open a hardware ticket"
_CABLE = "check cable, plug and both ports of this link (hl-smi -n link, -n stats), then run again"
_OURS = "run again with -disable_pipe_red and read the runner's output; report it if it repeats"

CATALOGUE = {
    "DEVICE_ABSENT": Cause(Severity.ERROR, "check the slot and the PCI bus (lspci -d 1da3:), then the -c list"),
    "DEVICE_COUNT": Cause(Severity.ERROR, "find the missing card with lspci -d 1da3: and hl-smi -L"),
    "DEVICE_NOT_OPERATIONAL": Cause(Severity.ERROR, "read the kernel log, reset the card or reload the driver"),
    "DEVICE_BUSY": Cause(Severity.ERROR, "end the process that holds the card, then run again"),
    "MEMORY_NOT_IDLE": Cause(Severity.ERROR, "end the processes that use device memory, then run again"),
    "BOX_CLOCK_FROZEN": Cause(Severity.ERROR, "let the box's clock run (gaudi-box clock --rate 1), then run again"),
    "DRIVER": Cause(Severity.ERROR, "load the driver (modprobe habanalabs, or gaudi-box up), then run again"),
    "PREPARATION": Cause(Severity.ERROR, "the test could not be prepared on the host; the message says why"),
    "INTERNAL": Cause(Severity.ERROR, "report it with this output; nothing is known about the cards"),
    "INTERRUPTED": Cause(Severity.ERROR, "run again; nothing is known about cards that had not finished"),
    "CHECKPOINT": Cause(Severity.ERROR, "give --checkpoint a file that can be written, then resume from the last one"),
    "PLAN_ENDED": Cause(Severity.ERROR, "see the findings of the last step; the steps after it were not executed"),
    "RUNNER_START": Cause(Severity.ERROR, "free processes, memory or disk space of the host, then run again"),
    "RUNNER_SIGNAL": Cause(Severity.ERROR, _OURS),
    "RUNNER_EXIT": Cause(Severity.ERROR, _OURS),
    "RUNNER_NO_RESULT": Cause(Severity.ERROR, _OURS),
    "RUNNER_PROTOCOL": Cause(Severity.ERROR, _OURS),
    "RUNNER_STOPPED": Cause(Severity.ERROR, "find out who stopped the runner, then run again"),
    "RUNNER_SILENT": Cause(Severity.ERROR, _RESET),
    "RUNNER_DEADLINE": Cause(Severity.ERROR, _RESET),
    "PLUGIN_ERROR": Cause(Severity.ERROR, _OURS),
    "DEVICE_ERROR": Cause(Severity.ERROR, _RESET),
    "ALLOCATION": Cause(Severity.ERROR, "free device or host memory (the message has both figures), then run again"),
    "NO_MEASUREMENT": Cause(Severity.ERROR, "run longer (-t), or give the host more cores"),
    "NO_CHECK": Cause(Severity.ERROR, "run longer (-t), or give the host more cores"),
    "NO_TELEMETRY": Cause(Severity.ERROR, "check that hl-smi reads the card"),
    "DEVICE_LOST": Cause(Severity.FATAL, _REPLACE),
    "DEVICE_RESET": Cause(Severity.ERROR, "read the kernel log for the cause of the reset"),
    "MME_MISCOMPARE": Cause(Severity.FATAL, _REPLACE),
    "TPC_MISCOMPARE": Cause(Severity.FATAL, _REPLACE),
    "DMA_MISCOMPARE": Cause(Severity.FATAL, _REPLACE),
    "HBM_MISCOMPARE": Cause(Severity.FATAL, _REPLACE),
    "HBM_BANDWIDTH": Cause(Severity.ERROR, "check clock and temperature of the card; compare with the other cards"),
    "PCIE_BANDWIDTH": Cause(
        Severity.ERROR, "check slot and link width (hl-smi -q), then -gen and -lanes of this command"
    ),
    "RESET_INCOMPLETE": Cause(Severity.ERROR, "read the kernel log, then reload the driver and run again"),
    "MME_THROUGHPUT": Cause(Severity.ERROR, "check throttling, power limit and cooling; compare with the other cards"),
    "POWER_BELOW_WINDOW": Cause(
        Severity.ERROR, "check power limit, clock and throttling (hl-smi -q); compare with the other cards"
    ),
    "PORT_DOWN": Cause(Severity.ERROR, "check cable and peer (hl-smi -n link), take the port up, then run again"),
    "PORT_TOGGLED": Cause(Severity.ERROR, _CABLE),
    "NIC_MISCOMPARE": Cause(Severity.FATAL, _REPLACE),
    "NIC_NO_ANSWER": Cause(Severity.ERROR, "see the findings of the peer first; if it has none, " + _CABLE),
    "NIC_NO_PEER": Cause(
        Severity.ERROR, "test cards that are connected with each other at once (-c all, -rmod parallel)"
    ),
    "NIC_BANDWIDTH": Cause(Severity.ERROR, _CABLE),
    "NIC_LATENCY": Cause(Severity.ERROR, _CABLE),
    "NIC_BIT_ERRORS": Cause(Severity.ERROR, _CABLE),
    "NIC_RETRANSMISSIONS": Cause(Severity.ERROR, _CABLE),
    "NOT_HOMOGENEOUS": Cause(
        Severity.ERROR, "swap the card with a good one: does the fault go with it or stay with the slot"
    ),
    "EDP_PEER_LOST": Cause(Severity.WARNING, "see the findings of the card whose runner ended early"),
    "HOST_TOO_SLOW": Cause(Severity.ERROR, "test fewer cards at once (-c, -rmod serial), or free the host's cores"),
    "THERMAL_THROTTLING": Cause(Severity.ERROR, "check fans, airflow and ambient temperature"),
    "ECC_UNCORRECTED": Cause(Severity.FATAL, _REPLACE),
    # For plugins of others, whose causes are not known here.
    "LIMIT_NOT_MET": Cause(Severity.ERROR, "compare with the other cards; the documentation of the test says more"),
    "DATA_WRONG": Cause(Severity.FATAL, _REPLACE),
    "PCIE_REPLAY": Cause(Severity.ERROR, "reseat the card, check its riser and cable; -skip_aer_detection ignores it"),
    "PCIE_LINK": Cause(Severity.ERROR, "reseat the card, check slot and riser; -gen and -lanes say what the slot has"),
    "HBM_ROW_PENDING": Cause(Severity.ERROR, "reset the card, which replaces the row, then run again"),
    "HBM_ROWS_USED_UP": Cause(Severity.FATAL, _REPLACE),
    "FIRMWARE_MISMATCH": Cause(Severity.ERROR, "load the same firmware on all cards, then run again"),
    "ECC_CORRECTED": Cause(Severity.ERROR, "watch the counters; rows are replaced at the next reset"),
}


@dataclass(frozen=True, slots=True)
class DeviceId:
    """Which card: serial number, PCI bus id and module (OAM slot)."""

    serial: str
    bus_id: str
    module_id: int


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong. `expected`, `actual` and `limit` are texts with their units.

    `engine` is MME, TPC, DMA, HBM, SRAM, NIC or PCIE; `port` that of the NIC; `address` a device address with what it
    stands for, such as "0x1001234000 (stack 2 channel 5 bank 3 row 77)".
    """

    code: str
    message: str
    device: DeviceId | None = None
    engine: str | None = None
    expected: str | None = None
    actual: str | None = None
    limit: str | None = None
    port: int | None = None
    address: str | None = None

    @property
    def severity(self) -> Severity:
        """Severity of the code."""
        return CATALOGUE[self.code].severity

    @property
    def action(self) -> str:
        """What to do next."""
        return CATALOGUE[self.code].action

    @property
    def fails_card(self) -> bool:
        """True unless it is only a warning."""
        return self.severity is not Severity.WARNING

    def on(self, device: DeviceId) -> Finding:
        """The same finding with its card filled in."""
        return self if self.device is not None else replace(self, device=device)

    def to_json(self) -> dict[str, object]:
        """All fields, with severity and action spelled out."""
        return {**asdict(self), "severity": self.severity.value, "action": self.action}


def finding_from_json(values: dict[str, object]) -> Finding:
    """Inverse of `Finding.to_json`; KeyError or TypeError for anything else."""
    device = values.get("device")
    texts = {key: values.get(key) for key in ("engine", "expected", "actual", "limit", "address")}
    port = values.get("port")
    if str(values["code"]) not in CATALOGUE:
        raise KeyError(values["code"])
    return Finding(
        code=str(values["code"]),
        message=str(values["message"]),
        device=DeviceId(**device) if isinstance(device, dict) else None,
        port=port if isinstance(port, int) else None,
        **{key: None if text is None else str(text) for key, text in texts.items()},
    )
