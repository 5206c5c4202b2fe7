"""The sensors of a card in hwmon: tempN in millidegrees, inN in mV, currN in mA, powerN in uW, energyN in uJ.

Names and units: hwmon.c of the driver. It has no *_label files; labels stand in the configuration of lm-sensors.
`energy1_input` is ours, the driver has none. Highest values are those seen since the view was opened (`Peaks`).
"""

from __future__ import annotations

import errno
from collections.abc import Iterable, Mapping

from device.sysfs.facts import RailKind, load_driver_facts
from device.sysfs.tree import READ_WRITE, WRITE, File, lines
from device.sysfs.view import CardFacts, CardView

__all__ = [
    "RESET_HISTORY",
    "Peaks",
    "hwmon_name",
    "raise_peaks",
    "render_hwmon",
    "render_sensors_conf",
    "sensor_values",
]

# Highest value seen by channel ("temp1", "power1"), in the unit of the channel.
Peaks = Mapping[str, int]

# What is appended to a channel: writing there forgets its highest reading.
RESET_HISTORY = "_reset_history"

# A reading of the driver is an integer; kinds that have `highest` and `reset_history`.
_HIGHEST = {"temp": "highest", "in": "highest", "curr": "highest", "power": "input_highest"}


def hwmon_name(facts: CardFacts) -> str:
    """The firmware's card name: "HL225" for an HL-225."""
    return facts.name.replace("-", "")


def sensor_values(card: CardView) -> dict[str, int]:
    """The reading of each channel, in its hwmon unit."""
    values = {f"temp{n}": round(temp * 1000) for n, temp in enumerate(card.temperatures_c, 1)}
    power = {RailKind.RAIL54: card.power_54v_w, RailKind.RAIL12: card.power_12v_w}
    currents: dict[RailKind, int] = {}
    for rail in load_driver_facts(card.facts.family).rail:
        for channel in rail.numbers():
            values[f"in{channel}"] = rail.millivolt
        if rail.kind in power:
            currents[rail.kind] = round(power[rail.kind] * 1e6 / rail.millivolt)
    values |= {f"curr{n}": currents[kind] for n, kind in enumerate(power, 1) if kind in currents}
    values["power1"] = round(card.power_54v_w * 1e6)
    values["energy1"] = int(card.energy_j * 1e6)
    return values


def raise_peaks(peaks: Peaks, values: Mapping[str, int]) -> dict[str, int]:
    """The peaks after one more look."""
    return {channel: max(value, peaks.get(channel, value)) for channel, value in values.items()}


def render_hwmon(card: CardView, peaks: Peaks | None = None) -> dict[str, File]:
    """By name, without the links. All readings fail with ENODEV while the card is not operational."""
    values = sensor_values(card)
    highest = raise_peaks(peaks or {}, values)
    files = {"name": lines(hwmon_name(card.facts)), "uevent": File(b"", READ_WRITE)}
    for channel, value in values.items():
        kind = channel.rstrip("0123456789")
        files[f"{channel}_input"] = lines(value)
        if kind in _HIGHEST:
            files[f"{channel}_{_HIGHEST[kind]}"] = lines(highest[channel])
            files[channel + RESET_HISTORY] = File(b"", WRITE)
    for n, sensor in enumerate(card.facts.sensors, 1):
        files |= _temperature_limits(n, round(sensor.critical_c * 1000), round(card.facts.slowdown_c * 1000))
    if card.is_operational:
        return files
    return {
        name: file if name in ("name", "uevent") or file.mode == WRITE else File(b"", file.mode, errno.ENODEV)
        for name, file in files.items()
    }


def _temperature_limits(number: int, critical: int, slowdown: int) -> dict[str, File]:
    """`max` is where the firmware slows down, but never above what is critical for that sensor; no hysteresis."""
    maximum = min(slowdown, critical)
    return {
        f"temp{number}_max": lines(maximum),
        f"temp{number}_max_hyst": lines(maximum),
        f"temp{number}_crit": lines(critical),
        f"temp{number}_crit_hyst": lines(critical),
        f"temp{number}_offset": lines(0, READ_WRITE),
    }


def render_sensors_conf(cards: Iterable[CardFacts]) -> str:
    """/etc/sensors.d/hl_sensors.conf: the labels of lm-sensors, a section per kind of card."""
    sections = {hwmon_name(facts): facts for facts in cards}
    text = ["# Labels of the emulated cards for lm-sensors."]
    for name, facts in sorted(sections.items()):
        text += ["", f'chip "{name}-pci-*"']
        text += [f'    label temp{n} "{sensor.name}"' for n, sensor in enumerate(facts.sensors, 1)]
        names = {RailKind.RAIL54: "54V", RailKind.RAIL12: "12V"}
        supply = [(rail, names[rail.kind]) for rail in load_driver_facts(facts.family).rail if rail.kind in names]
        for rail, label in supply:
            channels = list(rail.numbers())
            text += [f'    label in{channel} "{label} {n}"' for n, channel in enumerate(channels, 1)]
        text += [f'    label curr{n} "{label} Current"' for n, (_, label) in enumerate(supply, 1)]
        text += ['    label power1 "54V Power"', '    label energy1 "54V Energy"']
    return "\n".join(text) + "\n"
