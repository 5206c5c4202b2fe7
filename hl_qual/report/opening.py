"""Sub-reports 1 to 5: device identification, hl-smi short report, operational status, NUMA, version. Pure."""

from __future__ import annotations

from hl_qual.report.lines import banner
from hl_qual.report.model import Opening
from hlml.types import BoxInfo, DeviceSnapshot

__all__ = ["render_opening"]


def render_opening(opening: Opening) -> list[str]:
    """Lines of everything that is printed before a test starts."""
    return [
        *_clock_note(opening.box),
        *_identification(opening),
        *_short_report(opening.cards),
        *_operational(opening),
        *_numa(opening),
        *_version(opening),
    ]


def _clock_note(box: BoxInfo | None) -> list[str]:
    """First of all: durations of a box whose clock is not ours mean something else."""
    if box is None or box.clock_rate == 1:
        return []
    if box.clock_rate == 0:
        return ["NOTE the clock of this box is frozen, box time does not pass"]
    return [
        f"NOTE the clock of this box runs at rate {box.clock_rate:g}: durations, sensors, power and energy are in",
        f"NOTE box time, {box.clock_rate:g} box seconds a wall second; time stamps are wall time",
    ]


def _state(card: DeviceSnapshot) -> str:
    if card.is_lost:
        return "lost"
    return "operational" if card.is_operational else f"not operational ({card.status})"


def _identification(opening: Opening) -> list[str]:
    count = len(opening.cards)
    lines = [banner("Device Identification Report")]
    lines.append(f"Found {count} {opening.family_title} device{'' if count == 1 else 's'}")
    lines += [f"{card.pci.bus_id}   {_state(card)}" for card in opening.cards]
    if opening.unreadable:
        lines.append(f"{opening.unreadable} devices do not answer")
    return lines


def _short_report(cards: tuple[DeviceSnapshot, ...]) -> list[str]:
    rows = [f"{card.pci.bus_id}, {card.serial}, {card.index}, {card.module_id}, {card.name}" for card in cards]
    return [banner("hl-smi short report"), "bus_id, serial, index, module_id, type", *rows]


def _operational(opening: Opening) -> list[str]:
    lines = [banner("Operational status report")]
    for check in opening.checks:
        memory = f"memory {check.memory_used_mib} MiB (idle limit {check.idle_limit_mib} MiB)"
        verdict = "OK" if check.finding is None else f"NOT OK, {check.finding.message}"
        lines.append(f"{check.bus_id}   {memory}   driver {check.status}   {verdict}")
    return lines


def _numa(opening: Opening) -> list[str]:
    lines = [banner("NUMA node report")]
    for node, cpus in opening.numa_cpus:
        ids = " ".join(card.pci.bus_id for card in opening.cards if card.numa_node == node)
        lines.append(f"node {node}: cpus {cpus or 'N/A on this host'}   devices {ids}")
    if len(opening.numa_cpus) == 1:
        lines.append("single node, no allocation considerations")
    return lines


def _version(opening: Opening) -> list[str]:
    lines = [banner("hl_qual version and command line")]
    box = opening.box
    if box is not None:
        lines.append(f"hl_qual version {box.release}")
        lines.append(f"emulated devices: box {box.name} ({box.box_type}), driver {box.driver_version}")
        lines.append(f"box clock rate {box.clock_rate:g}")
    else:
        lines.append("hl_qual for emulated devices; no driver answered")
    lines += [f"test {opening.test}", opening.command_line]
    return lines
