"""The text of --help-query-aip: every field of -Q with its unit and meaning. Pure."""

from __future__ import annotations

from hl_smi.fields import FIELDS
from hl_smi.switches import PROCESS_FIELDS, ROW_FIELDS

__all__ = ["MEANINGS", "help_fields_text"]

_NAME_WIDTH = 44

MEANINGS = {
    "timestamp": "moment of the reading, in box time",
    "name": "product name",
    "bus_id": "PCI address",
    "driver_version": "version of the driver",
    "temperature.aip": "hottest sensor on the chip",
    "module_id": "OAM slot; not the index",
    "utilization.aip": "share of the power range in use; the driver's formula",
    "memory.total": "HBM of the card",
    "memory.free": "total less used",
    "memory.used": "in use, with what the driver keeps",
    "index": "N of accelN; may change when the box is made anew",
    "serial": "serial number",
    "uuid": "unique name of the card",
    "power.draw": "power of the 54 V rail; the table adds the 12 V rail",
    "ecc.errors.uncorrected.aggregate.total": "HBM and SRAM, since the driver was loaded",
    "ecc.errors.uncorrected.volatile.total": "HBM and SRAM, since the last reset",
    "ecc.errors.corrected.aggregate.total": "HBM and SRAM, since the driver was loaded",
    "ecc.errors.corrected.volatile.total": "HBM and SRAM, since the last reset",
    "ecc.errors.dram.aggregate.total": "HBM, uncorrected, since the driver was loaded",
    "ecc.errors.dram-corrected.aggregate.total": "HBM, corrected, since the driver was loaded",
    "ecc.errors.dram.volatile.total": "HBM, uncorrected, since the last reset",
    "ecc.errors.dram-corrected.volatile.total": "HBM, corrected, since the last reset",
    "ecc.errors.hbm.sram.critical": "known by name only: N/A",
    "ecc.mode.current": "always Enabled",
    "ecc.mode.pending": "always Enabled",
    "stats.violation.power": "ns below the full clock because of the power limit",
    "stats.violation.thermal": "ns below the full clock because of temperature",
    "clocks.current.soc": "clock of now",
    "clocks.max.soc": "highest clock",
    "clocks.limit.soc": "limit of the clock",
    "clocks.limit.tpc": "limit of the TPC clock",
    "pcie.link.gen.max": "PCIe generation that the card can do",
    "pcie.link.gen.current": "PCIe generation of now",
    "pcie.link.width.max": "lanes that the card has",
    "pcie.link.width.current": "lanes of now",
    "pcie.link.speed.max": "transfers a second of the best generation",
    "pcie.link.speed.current": "transfers a second of now",
    "power.max": "highest limit of the 54 V rail",
    "utilization.memory": "used share of the memory, rounded down",
    "nic_driver_version": "version of the NIC driver",
}

_ROW_MEANINGS = {
    "uuid": "unique name of the card",
    "replaced_rows.address": "HBM stack, pseudo channel, stack id, bank and row",
    "replaced_rows.cause": "Single Bit ECC or Double Bit ECC",
    "replaced_rows.pending": "Yes: replaced at the next reset",
}

_PROCESS_MEANINGS = {
    "index": "N of accelN of the card that the process holds",
    "bus_id": "PCI address of the card",
    "module_id": "OAM slot of the card",
    "uuid": "unique name of the card",
    "name": "product name of the card",
    "pid": "number of the process; N/A if another user's",
    "process_name": "its name; N/A if another user's",
    "type": "C: compute",
    "used_memory": "memory of the card that it uses",
}


def help_fields_text() -> str:
    """One line a field, in the order of -h; then the types of --query-row-replacement."""
    lines = ["fields of -Q/--query-aip (letters may be in either case; a value that is not there is N/A):"]
    for field in FIELDS.values():
        title = field.name if field.unit is None else f"{field.name} [{field.unit}]"
        lines.append(f"  {title:<{_NAME_WIDTH}}{MEANINGS[field.name]}")
    lines += ["", "types of --query-row-replacement:"]
    lines += [f"  {name:<{_NAME_WIDTH}}{_ROW_MEANINGS[name]}" for name in ROW_FIELDS]
    lines += ["", "fields of --query-compute-apps:"]
    lines += [f"  {name:<{_NAME_WIDTH}}{_PROCESS_MEANINGS[name]}" for name in PROCESS_FIELDS]
    return "".join(f"{line}\n" for line in lines)
