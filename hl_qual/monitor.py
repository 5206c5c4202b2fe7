"""Telemetry while tests run: one sampler thread for all cards, whether anything is drawn or not.

`Sampler` owns the telemetry of a run. The manager's thread calls `begin` and `end` for each card, the live view reads
`rows`. Reading is done outside the lock; a card that does not answer counts as missed, it does not stop the others.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from hl_qual.history import History, Point
from hl_qual.monitor_ini import Bounds, violations
from hl_qual.telemetry import Telemetry, baseline, finished, observed
from hlml.types import DeviceSnapshot

__all__ = ["CardProgress", "MonitorRow", "Sampler", "monitor_row"]

Read = Callable[[], DeviceSnapshot | None]


@dataclass(frozen=True, slots=True)
class CardProgress:
    """How far the test of one card is; box seconds."""

    state: str
    fraction: float
    remaining_s: float | None


@dataclass(frozen=True, slots=True)
class MonitorRow:
    """One line of the live view. Values are None for a card that does not answer."""

    bus_id: str
    state: str
    temp_c: int | None
    power_w: float | None
    clock_mhz: int | None
    utilization_percent: int | None
    ecc_corrected: int
    ecc_uncorrected: int
    fraction: float
    remaining_s: float | None
    is_throttled: bool
    out_of_bounds: tuple[str, ...]


def monitor_row(telemetry: Telemetry, now: DeviceSnapshot | None, progress: CardProgress, bounds: Bounds) -> MonitorRow:
    """What the live view shows of one card. Pure."""
    recent = telemetry if now is None else replace(telemetry, last=now)
    return MonitorRow(
        bus_id=telemetry.first.pci.bus_id,
        state=progress.state,
        temp_c=None if now is None else now.temperature_c,
        power_w=None if now is None else now.power_54v_mw / 1e3,
        clock_mhz=None if now is None else now.clock_soc_mhz,
        utilization_percent=None if now is None else now.utilization_aip_percent,
        ecc_corrected=recent.ecc_corrected,
        ecc_uncorrected=recent.ecc_uncorrected,
        fraction=progress.fraction,
        remaining_s=progress.remaining_s,
        is_throttled=now is not None and bool(now.throttle_reasons),
        out_of_bounds=() if now is None else tuple(violations(bounds, now, telemetry.first)),
    )


class Sampler:
    """Samples every card each `period_s` of wall time from `start` to `stop`. Any thread may call its methods."""

    def __init__(
        self, reads: Sequence[Read], first: Sequence[DeviceSnapshot], period_s: float, bounds: Bounds | None = None
    ) -> None:
        self.bounds = bounds or {}
        self._reads = reads
        self._period_s = period_s
        self._lock = threading.Lock()
        self._telemetry = [baseline(snapshot) for snapshot in first]
        self._histories = [History() for _ in first]
        self._now: list[DeviceSnapshot | None] = list(first)
        self._box_time_ns = max(snapshot.box_time_ns for snapshot in first)
        self._is_active = [False] * len(first)
        self._sensor_lines: list[str] = []
        self._sensors_period_ns: int | None = None
        self._sensors_due_ns = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._loop, name="hl_qual-monitor", daemon=True)

    def print_sensors_every(self, period_s: int) -> None:
        """Collect a line of all sensors every `period_s` box seconds. Before `start`."""
        self._sensors_period_ns = period_s * 10**9

    def start(self) -> None:
        """Begin to sample."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread; telemetry stays."""
        self._stop.set()
        self._thread.join()

    def begin(self, position: int) -> None:
        """The test of a card begins; one sample is taken at once, so that the shortest test has one."""
        with self._lock:
            self._is_active[position] = True
        self._sample(position)

    def end(self, position: int) -> None:
        """The test of a card has ended: read its counters a last time."""
        with self._lock:
            self._is_active[position] = False
        snapshot = self._reads[position]()
        with self._lock:
            telemetry = self._telemetry[position]
            if snapshot is None:
                self._telemetry[position] = replace(telemetry, missed=telemetry.missed + 1)
            else:
                self._telemetry[position] = finished(telemetry, snapshot)

    def telemetry(self) -> list[Telemetry]:
        """Of all cards, in their order."""
        with self._lock:
            return list(self._telemetry)

    def now(self) -> list[DeviceSnapshot | None]:
        """The newest reading of all cards, in their order."""
        with self._lock:
            return list(self._now)

    def histories(self) -> list[tuple[Point, ...]]:
        """The course of all cards during their tests, in their order."""
        with self._lock:
            return [history.points for history in self._histories]

    def box_time_ns(self) -> int:
        """Box time of the newest reading of any card."""
        with self._lock:
            return self._box_time_ns

    def sensor_lines(self) -> list[str]:
        """What -sensors collected."""
        with self._lock:
            return list(self._sensor_lines)

    def rows(self, progress: Sequence[CardProgress]) -> list[MonitorRow]:
        """The live view's lines now."""
        with self._lock:
            state = list(zip(self._telemetry, self._now, progress, strict=True))
        return [monitor_row(telemetry, now, step, self.bounds) for telemetry, now, step in state]

    def _loop(self) -> None:
        next_s = time.monotonic()
        while not self._stop.is_set():
            for position in range(len(self._reads)):
                self._sample(position)
            self._collect_sensors()
            next_s = max(next_s + self._period_s, time.monotonic())
            self._stop.wait(next_s - time.monotonic())

    def _sample(self, position: int) -> None:
        snapshot = self._reads[position]()
        with self._lock:
            self._now[position] = snapshot
            if snapshot is not None:
                self._box_time_ns = max(self._box_time_ns, snapshot.box_time_ns)
            if not self._is_active[position]:
                return
            telemetry = self._telemetry[position]
            if snapshot is None:
                self._telemetry[position] = replace(telemetry, missed=telemetry.missed + 1)
            else:
                self._telemetry[position] = observed(telemetry, snapshot, self.bounds)
                self._histories[position].add(snapshot)

    def _collect_sensors(self) -> None:
        with self._lock:
            cards = [snapshot for snapshot in self._now if snapshot is not None]
            if self._sensors_period_ns is None or not cards:
                return
            now_ns = cards[0].box_time_ns
            if now_ns < self._sensors_due_ns:
                return
            self._sensors_due_ns = now_ns + self._sensors_period_ns
            self._sensor_lines += [_sensor_line(card) for card in cards]


def _sensor_line(card: DeviceSnapshot) -> str:
    values = " ".join(f"{sensor.name}={sensor.temp_c:.0f}" for sensor in card.sensors)
    return f"{card.box_time_ns / 1e9:.1f} s {card.pci.bus_id} {values}"
