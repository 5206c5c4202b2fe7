"""What the memory tests share on one card: rates of transfers, checks that go on after an error, what was wrong where.

Used inside a runner. Rates are bytes over device time of the executed time line; wrong data is gathered by HBM row, so
that a dying row is one finding and not a thousand.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hl_qual.distribution import Distribution
from hl_qual.findings import Finding
from hl_qual.outcome import Coverage, Metric, Retest

if TYPE_CHECKING:
    from device.engine_class import EngineClass
    from device.memory import Mismatch, Mismatches, Pattern
    from device.runtime import Card, DeviceBuffer, TransferResult
    from hl_qual.plugins.api import RunContext

__all__ = ["GIGA", "MemoryBench", "pieces"]

GIGA = 1e9

# Wrong words that are looked at of one check, findings that are shown, errors after which a check is given up.
_MOST_WORDS = 512
_SHOWN = 8
_MOST_ERRORS = 32

# What the HBM reads and checks together (JEDEC JESD235); an access goes on behind it.
_BURST_BYTES = 32


@dataclass(slots=True)
class _Rate:
    """Of one kind of transfer."""

    size_bytes: int = 0
    device_s: float = 0.0
    box_s: float = 0.0
    rates: Distribution = field(default_factory=Distribution)


@dataclass(slots=True)
class _Wrong:
    """What is wrong in one place: an HBM row, or the SRAM."""

    words: int
    first: Mismatch
    bits: int


class MemoryBench:
    """One runner's measurements and findings."""

    def __init__(self, ctx: RunContext) -> None:
        from device.address_map import AddressMap

        if ctx.card is None:
            raise RuntimeError(f"{ctx.job.plugin} needs a card")
        self.card: Card = ctx.card
        self.addresses = AddressMap(self.card.spec.hbm)
        self._limits = ctx.job.limits
        self._rates: dict[str, _Rate] = {}
        self._wrong: dict[str, _Wrong] = {}
        self._errors: dict[int, Finding] = {}
        self._retested: dict[str, int] = {}
        self._executed = self._checked = self._mismatched = 0

    @property
    def has_errors(self) -> bool:
        return bool(self._wrong or self._errors)

    def timed(self, name: str, results: TransferResult | tuple[TransferResult, ...]) -> float:
        """Note transfers, which ran at the same time if there are several; their rate in bytes per device second."""
        several = results if isinstance(results, tuple) else (results,)
        rate = self._rates.setdefault(name, _Rate())
        size_bytes = sum(each.size_bytes for each in several)
        device_s = max(each.device_time_s for each in several)
        rate.size_bytes += size_bytes
        rate.device_s += device_s
        rate.box_s += max(each.box_time_s for each in several)
        if device_s > 0:
            rate.rates.add(size_bytes / device_s / GIGA)
        return size_bytes / device_s if device_s > 0 else 0.0

    def copied(
        self,
        name: str,
        destination: DeviceBuffer,
        source: DeviceBuffer,
        engine: EngineClass | None = None,
        channels: int | None = None,
    ) -> bool:
        """A copy within the card, by the DMA if no engine is named; False if it met an uncorrectable error, which is
        noted."""
        from device.engine_class import EngineClass
        from device.errors import EccError

        engine = EngineClass.DMA if engine is None else engine
        try:
            self.timed(name, self.card.copy(destination, source, engine=engine, channels=channels).result())
        except EccError as error:
            self.note_error(error.address, str(error))
            return False
        return True

    def check(
        self, buffer: DeviceBuffer, pattern: Pattern, name: str | None = None, origin: DeviceBuffer | None = None
    ) -> None:
        """Read all of it and note what is not as it was filled into it, or into the origin from which it was copied.
        `name` is the rate that it counts for."""
        from device.errors import EccError

        self._executed += 1
        begin = 0
        while begin < buffer.size_bytes:
            rest = buffer.part(begin, buffer.size_bytes - begin)
            from_there = None if origin is None else origin.part(begin, rest.size_bytes)
            try:
                result = self.card.check(rest, pattern, most=_MOST_WORDS, origin=from_there).result()
            except EccError as error:
                self.note_error(error.address, str(error))
                if len(self._errors) >= _MOST_ERRORS:
                    return
                begin = (error.address | _BURST_BYTES - 1) + 1 - buffer.address
                continue
            if name is not None:
                self.timed(name, result)
            self.note(result.mismatches)
            break
        self._checked += 1

    def compared(self, mismatches: Mismatches) -> None:
        """A comparison that somebody else made."""
        self._executed += 1
        self._checked += 1
        self.note(mismatches)

    def note(self, mismatches: Mismatches) -> None:
        """Wrong words, by the place in which they lie."""
        if mismatches.count == 0:
            return
        self._mismatched += 1
        left = mismatches.count - len(mismatches.first)
        for word in mismatches.first:
            wrong = self._wrong.setdefault(self._place(word.position), _Wrong(0, word, 0))
            wrong.words += 1
            wrong.bits |= word.expected ^ word.actual
        self._wrong[self._place(mismatches.first[-1].position)].words += left

    def note_error(self, address: int, message: str) -> None:
        """An access that an uncorrectable error has ended; the same place is one finding."""
        engine, where = self._engine(address), f"0x{address:x} ({self._place(address)})"
        self._errors.setdefault(address, Finding("ECC_UNCORRECTED", message, engine=engine, address=where))

    def retested(self, pattern: Pattern, runs: int) -> tuple[Retest, ...]:
        """New wrong places of the HBM written and read alone, so many times, with both values of every bit. A place
        that is right then fails only with others: an address that selects the wrong cells."""
        addresses = {place: wrong.first.position for place, wrong in self._wrong.items()}
        addresses |= {f"0x{address:x}": address for address in self._errors}
        new = {place: address for place, address in addresses.items() if place not in self._retested}
        self._retested.update(new)
        whole = self.card.malloc(self.card.largest_free_bytes, is_sparse=True)
        end = whole.address + whole.size_bytes
        retests = tuple(
            Retest(pattern.seed, place, runs, self._wrong_runs(whole, address, pattern, runs))
            for place, address in list(new.items())[:_SHOWN]
            if whole.address <= address < end
        )
        self.card.free(whole)
        return retests

    def _wrong_runs(self, whole: DeviceBuffer, address: int, pattern: Pattern, runs: int) -> int:
        from device.errors import EccError

        begin = (address - whole.address) // _BURST_BYTES * _BURST_BYTES
        part = whole.part(begin, _BURST_BYTES)
        wrong = 0
        for number in range(runs):
            each = pattern if number % 2 == 0 else pattern.inverted()
            self.card.fill(part, each).result()
            try:
                wrong += self.card.check(part, each).result().mismatches.count > 0
            except EccError:
                wrong += 1
        return wrong

    def findings(self) -> list[Finding]:
        """What was wrong, the first places of it."""
        found = [*self._errors.values(), *(self._finding(place, wrong) for place, wrong in self._wrong.items())]
        if len(found) <= _SHOWN:
            return found
        rest = Finding("HBM_MISCOMPARE", f"{len(found) - _SHOWN} more places are wrong", engine="HBM")
        return [*found[:_SHOWN], rest]

    def slow_findings(self, code: str, engine: str, scale: float = 1.0) -> list[Finding]:
        """Rates below their limits, which are called min_<name> in GB/s."""
        found = []
        for name, rate in self._rates.items():
            limit = self._limits.get(f"min_{name}")
            if limit is None or rate.device_s <= 0 or rate.size_bytes / rate.device_s >= limit * GIGA * scale:
                continue
            actual = f"{rate.size_bytes / rate.device_s / GIGA:.1f} GB/s"
            shown = f"{limit * scale:.1f} GB/s"
            found.append(Finding(code, f"{name}: {actual} in device time", engine=engine, actual=actual, limit=shown))
        return found

    def metrics(self) -> tuple[Metric, ...]:
        """A metric a rate; the limits are those of `slow_findings`."""
        return tuple(self.metric(name, self._limits.get(f"min_{name}")) for name in self._rates)

    def metric(self, name: str, limit: float | None) -> Metric:
        rate = self._rates[name]
        return Metric(
            name=name,
            value=rate.size_bytes / rate.device_s / GIGA,
            unit="GB/s",
            clock="device",
            basis="model",
            minimum=rate.rates.minimum,
            median=rate.rates.median,
            maximum=rate.rates.maximum,
            limit=limit,
            dilation=rate.box_s / rate.device_s,
        )

    def coverage(self) -> Coverage:
        """Checks that were given up count as not checked."""
        return Coverage(self._executed, self._checked, self._mismatched, self._checked == self._executed)

    def _engine(self, address: int) -> str:
        return "HBM" if self.addresses.base <= address < self.addresses.end else "SRAM"

    def _place(self, address: int) -> str:
        return str(self.addresses.row_of(address)) if self._engine(address) == "HBM" else "the SRAM"

    def _finding(self, place: str, wrong: _Wrong) -> Finding:
        first = wrong.first
        engine = self._engine(first.position)
        column = f" column {self.addresses.locate(first.position).column}" if engine == "HBM" else ""
        words = "1 word is" if wrong.words == 1 else f"{wrong.words} words are"
        message = f"{words} wrong in {place}, the first at 0x{first.position:x}{column}, bits 0x{wrong.bits:x}"
        return Finding(
            "HBM_MISCOMPARE",
            message + self._alias(first),
            engine=engine,
            expected=f"0x{first.expected:016x}",
            actual=f"0x{first.actual:016x}",
            address=f"0x{first.position:x} ({place})",
        )

    def _alias(self, first: Mismatch) -> str:
        """Words that were filled with their own address say which other place they came from."""
        written_for = first.actual ^ first.expected ^ first.position
        if self._engine(written_for) == "SRAM" or self._place(written_for) == self._place(first.position):
            return ""
        return f"; it holds what was written to 0x{written_for:x}, {self._place(written_for)}"


def pieces(buffer: DeviceBuffer, size_bytes: int) -> Iterator[DeviceBuffer]:
    """All of it in order; the last piece may be smaller."""
    for begin in range(0, buffer.size_bytes, size_bytes):
        yield buffer.part(begin, min(size_bytes, buffer.size_bytes - begin))
