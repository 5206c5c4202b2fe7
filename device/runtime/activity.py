"""What a card is busy with, published only when it changes.

Everything in flight (a stream's launch, a copy) is a source with its shares of device time; the card shows their sum,
at most 1 an engine. Back-to-back launches of the same recipe publish nothing: when a launch ends, its activity lingers
for a moment, and only then a thread of ours takes it back. The lease is renewed by a C thread meanwhile, so that death
or SIGSTOP of this process ends the activity by itself.
"""

from __future__ import annotations

import contextlib
import threading
import time

from device.card import CardState
from device.engine_class import EngineClass, EngineShares
from device.errors import DeviceError

__all__ = ["Activity"]

# How long a launch lingers after its queue has run dry. Longer than a busy host takes to schedule the next launch
# (CFS slices of 3 ms, several processes a core), short against the 1 s filter of the reported power.
GRACE_S = 0.02

# Shares that differ less are the same: memory-bound parts shift a little with every step of the clock.
_SAME_SHARE = 0.005

# The same for the power of the MME's operands: samples of the same kind of numbers differ by less.
_SAME_INTENSITY = 0.02

# Dilation is for display: another ratio than this to the published one is worth a publish, but not many a second.
_SAME_DILATION = 1.1
DILATION_PERIOD_S = 0.25

_NONE = EngineShares().as_tuple()


class Activity:
    """Of one held card. Any thread."""

    def __init__(self, card: CardState) -> None:
        self._card = card
        self._lock = threading.Lock()
        self._sources: dict[object, tuple[float, ...]] = {}
        self._intensities: dict[object, float] = {}
        self._ended_s: dict[object, float] = {}
        self._published = _NONE
        self._published_intensity = 1.0
        self._published_dilation = 1.0
        self._published_s = 0.0
        self._is_leased = False
        self._launches = 0
        self._busy = threading.Event()
        self._closing = threading.Event()
        self.dilation = 1.0
        """Of the last launch."""
        self._thread = threading.Thread(target=self._watch, name="gaudi-activity", daemon=True)
        self._thread.start()

    def begin(self, source: object, shares: EngineShares, mme_intensity: float = 1.0) -> None:
        """CardLostError or BoxError if the card cannot be written. A source that has begun may begin anew."""
        with self._lock:
            self._sources[source] = shares.as_tuple()
            self._intensities[source] = mme_intensity
            self._ended_s.pop(source, None)
            try:
                self._publish_change(self._sum())
            except BaseException:
                del self._sources[source]
                self._intensities.pop(source, None)
                raise

    def end(self, source: object, lingers: bool = True) -> None:
        """What knows that nothing follows need not linger, unless it is the last one: then the card would flicker."""
        with self._lock:
            if lingers or len(self._sources) == 1:
                self._ended_s[source] = time.monotonic()
            else:
                del self._sources[source]
                self._intensities.pop(source, None)
                self._publish_change(self._sum())

    def count_launch(self) -> None:
        """For the card's counter, which is written for many launches at once."""
        with self._lock:
            self._launches += 1

    def close(self) -> None:
        """Take the activity back, if the card is still there."""
        self._closing.set()
        self._busy.set()
        self._thread.join()
        with self._lock:
            self._sources.clear()
            self._intensities.clear()
            self._ended_s.clear()
            self._take_back()
            self._write_launches()

    def _sum(self) -> tuple[float, ...]:
        if len(self._sources) == 1:
            return next(iter(self._sources.values()))
        return tuple(min(sum(shares[engine] for shares in self._sources.values()), 1.0) for engine in EngineClass)

    def _intensity(self) -> float:
        """Of all that keeps the MME busy, by its shares."""
        shares = {source: shares[EngineClass.MME] for source, shares in self._sources.items()}
        total = sum(shares.values())
        if total <= 0.0:
            return 1.0
        return sum(share * self._intensities.get(source, 1.0) for source, share in shares.items()) / total

    def _publish_change(self, shares: tuple[float, ...]) -> None:
        is_same_intensity = abs(self._intensity() - self._published_intensity) <= _SAME_INTENSITY
        if is_same_intensity and (shares == self._published or _are_same(shares, self._published)):
            return
        self._publish(shares)
        if not self._is_leased:
            self._card.start_lease()
            self._is_leased = True
            self._busy.set()

    def _publish(self, shares: tuple[float, ...]) -> None:
        intensity = self._intensity()
        self._card.publish_activity(shares, self.dilation, intensity)
        self._published = shares
        self._published_intensity = intensity
        self._published_dilation = self.dilation
        self._published_s = time.monotonic()

    def _take_back(self) -> None:
        if self._is_leased:
            self._card.stop_lease()
            self._is_leased = False
        self._busy.clear()
        if self._published != _NONE:
            self._published = _NONE
            with contextlib.suppress(DeviceError):  # the box was taken down: its activity went with it
                self._card.publish_activity(_NONE, self.dilation)

    def _watch(self) -> None:
        """Sleeps while the card is idle."""
        while not self._closing.is_set():
            self._busy.wait()
            if self._closing.wait(GRACE_S):
                return
            with self._lock:
                self._look()

    def _write_launches(self) -> None:
        launches, self._launches = self._launches, 0
        if launches:
            with contextlib.suppress(DeviceError):  # as above
                self._card.count_launches(launches)

    def _look(self) -> None:
        self._write_launches()
        self._forget_ended()
        if not self._sources:
            self._take_back()
            return
        try:
            if self._shows_old_dilation():
                self._publish(self._sum())
            else:
                self._publish_change(self._sum())
        except DeviceError:
            self._take_back()

    def _shows_old_dilation(self) -> bool:
        if time.monotonic() - self._published_s < DILATION_PERIOD_S:
            return False
        return not 1 / _SAME_DILATION < self.dilation / self._published_dilation < _SAME_DILATION

    def _forget_ended(self) -> None:
        before_s = time.monotonic() - GRACE_S
        for source in [source for source, ended_s in self._ended_s.items() if ended_s <= before_s]:
            del self._ended_s[source]
            del self._sources[source]
            self._intensities.pop(source, None)


def _are_same(first: tuple[float, ...], second: tuple[float, ...]) -> bool:
    return all(abs(a - b) <= _SAME_SHARE for a, b in zip(first, second, strict=True))
