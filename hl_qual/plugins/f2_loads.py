"""What the engines of a card do in one round of f2, and the comparison of all of it. Used inside a runner.

Nothing waits for anything else inside a round, so the work of the engines overlaps on the card's time lines.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from hl_qual.course import Course
from hl_qual.distribution import Distribution
from hl_qual.findings import Finding
from hl_qual.plugins.matmul_bench import Bench
from hl_qual.plugins.matmul_workload import SETS, prepare_workload
from hl_qual.plugins.power_levels import level_of, shape_of

if TYPE_CHECKING:
    from device.recipe import Recipe
    from device.runtime import LaunchResult, TransferResult
    from hl_qual.outcome import Series
    from hl_qual.plugins.api import Preparation, RunContext

__all__ = ["Loads", "prepare_loads"]

_LEVELS = {"extreme": "extreme", "high": "high", "simple": "high"}
# Elements of the TPC's operands, and bytes of each of the DMA's buffers: some milliseconds of the host for each.
_ELEMENTS = (1024, 1024)
_BUFFER_BYTES = 8 << 20
_SHOWN = 4


def prepare_loads(preparation: Preparation) -> tuple[str, ...]:
    """Recipe and golden results of the MME, recipe of the TPC; lines for the report."""
    from device.recipe import to_bytes

    level = _LEVELS[level_of(preparation.switches)]
    shape = shape_of(preparation.family, level)
    mme = preparation.directory / "mme"
    mme.mkdir()
    notes = prepare_workload(replace(preparation, directory=mme), shape)
    (preparation.directory / "tpc.bin").write_bytes(to_bytes(_elementwise(preparation.family)))
    return tuple(f"MME {shape}; {note}" for note in notes)


def _elementwise(family: str) -> Recipe:
    """relu(x * y + x), which is exact in every step as fp32 defines it."""
    from device.graph import DataType, GraphBuilder, compile_graph
    from device.spec import load_spec

    builder = GraphBuilder("f2_tpc")
    x, y = (builder.input(name, _ELEMENTS, DataType.F32) for name in ("X", "Y"))
    builder.output(builder.relu(builder.add(builder.mul(x, y), x)), "Z")
    return compile_graph(builder.build(), load_spec(family))


class Loads:
    """Everything on one card that a round needs, and what has come out so far."""

    def __init__(self, ctx: RunContext, directory: Path) -> None:
        from device.recipe import from_bytes

        if ctx.card is None:
            raise RuntimeError("f2 needs a card")
        self._ctx = ctx
        self._card = ctx.card
        self._is_validated = "-dis_val" not in ctx.job.switches
        self.level = _LEVELS[level_of(ctx.job.switches)]
        shape = shape_of(ctx.job.family, self.level)
        self._mme = Bench(ctx, shape, directory / "mme", slots=1)
        self._tpc_recipe = from_bytes((directory / "tpc.bin").read_bytes())
        self._streams = [self._card.create_stream() for _ in range(3)]
        random = np.random.Generator(np.random.PCG64([ctx.job.seed, 77]))
        self._x, self._y = (random.standard_normal(_ELEMENTS, dtype=np.float32) for _ in range(2))
        self._z = np.maximum(self._x * self._y + self._x, np.float32(0))
        self._tpc = {name: self._placed(array) for name, array in (("X", self._x), ("Y", self._y))}
        self._tpc["Z"] = self._card.malloc(self._z.nbytes)
        self._source, self._copy = (self._card.malloc(_BUFFER_BYTES) for _ in range(2))
        self._back = np.empty(_BUFFER_BYTES, np.uint8)
        self._results: list[Finding] = []
        self.rounds = self.executed = self.checked = self.wrong = 0
        self._flops = self._mme_s = self._mme_box_s = self._copied = self._copy_s = 0.0
        self.tflops_spread, self.clock_mhz = Distribution(), Distribution()
        self._courses = (Course("mme_throughput", "TFLOPS"), Course("copy_bandwidth", "GB/s"))

    def _placed(self, array: Any) -> Any:
        buffer = self._card.malloc(array.nbytes)
        self._card.copy_to_device(buffer, array)
        return buffer

    def describe(self) -> list[str]:
        """Lines for the report."""
        mebibytes = _BUFFER_BYTES >> 20
        return [
            f"MME: {self._mme.shape}, seed {self._ctx.job.seed}",
            f"TPC: relu(x * y + x) on {_ELEMENTS[0]}x{_ELEMENTS[1]} fp32",
            f"DMA: a new pattern of {mebibytes} MiB a round, written, copied, read back, checked by the TPC",
        ]

    def round(self) -> None:
        """One piece of work for every engine, then the comparison."""
        from device.memory import Pattern, PatternKind

        number = self.rounds
        self.rounds += 1
        pattern = Pattern(PatternKind.RANDOM, seed=(self._ctx.job.seed << 20) + number)
        data_set = number % len(SETS)
        tpc, dma, hbm = self._streams
        multiplied = self._mme.launch(data_set, 0)
        computed = tpc.launch(self._tpc_recipe, self._tpc)
        filled = self._card.fill(self._source, pattern, dma)
        copied = self._card.copy(self._copy, self._source, dma)
        read = self._card.copy_from_device(self._copy, self._back, dma)
        filled.result()
        seen = self._card.check(self._source, pattern, hbm)
        found = seen.result().mismatches
        self._measure(multiplied.result(), copied.result())
        for pending in (computed, read):
            pending.result()
        self.executed += 4
        if self._is_validated:
            self._compare_mme(data_set)
            self._compare_tpc()
            self._note("HBM_MISCOMPARE", "HBM", found, "the TPC reads from the HBM what the DMA did not write")
            back = pattern.check(self._back, self._source.address, _SHOWN)
            self._note("DMA_MISCOMPARE", "DMA", back, "a copy by the DMA, read back over PCIe, differs from its source")

    def _measure(self, launch: LaunchResult, copy: TransferResult) -> None:
        now_ns = self._ctx.box_time_ns()
        self._flops += launch.flops
        self._mme_s += launch.device_time_s
        self._mme_box_s += launch.box_time_s
        self.clock_mhz.add(launch.clock_mhz)
        if launch.device_time_s > 0:
            tflops = launch.flops / launch.device_time_s / 1e12
            self.tflops_spread.add(tflops)
            self._courses[0].add(now_ns, tflops)
        self._copied += copy.size_bytes
        self._copy_s += copy.device_time_s
        if copy.device_time_s > 0:
            self._courses[1].add(now_ns, copy.size_bytes / copy.device_time_s / 1e9)

    def _compare_mme(self, data_set: int) -> None:
        from hl_qual.golden.checksums import tile_checksums
        from hl_qual.golden.tiles import mismatches

        golden = self._mme.golden[data_set]
        result = np.empty_like(golden.result)
        self._mme.fetch(0, result)
        self.checked += 1
        wrong = mismatches(golden, result, tile_checksums)
        self.wrong += bool(wrong)
        for each in wrong[:_SHOWN]:
            message = f"round {self.rounds - 1}, data set {SETS[data_set]}, {each}"
            self._add(Finding("MME_MISCOMPARE", message, engine="MME", expected=each.expected, actual=each.actual))

    def _compare_tpc(self) -> None:
        result = np.empty_like(self._z)
        self._card.copy_from_device(self._tpc["Z"], result)
        self.checked += 1
        wrong = np.argwhere(result.view(np.uint32) != self._z.view(np.uint32))
        if not len(wrong):
            return
        self.wrong += 1
        row, column = (int(index) for index in wrong[0])
        expected, actual = (f"{float(values[row, column]):.9g}" for values in (self._z, result))
        place = f"round {self.rounds - 1}, element (row {row}, column {column})"
        message = f"{place}: expected {expected}, actual {actual}; {len(wrong)} wrong"
        self._add(Finding("TPC_MISCOMPARE", message, engine="TPC", expected=expected, actual=actual))

    def _note(self, code: str, engine: str, found: Any, what: str) -> None:
        self.checked += 1
        if not found.count:
            return
        self.wrong += 1
        for each in found.first[:_SHOWN]:
            message = f"round {self.rounds - 1}: {what}; {found.count} words, {each}"
            expected, actual = f"0x{each.expected:016x}", f"0x{each.actual:016x}"
            place = f"0x{each.position:x}"
            self._add(Finding(code, message, engine=engine, expected=expected, actual=actual, address=place))

    def _add(self, finding: Finding) -> None:
        """The first ones of each code."""
        if sum(each.code == finding.code for each in self._results) < _SHOWN:
            self._results.append(finding)

    def findings(self) -> list[Finding]:
        """What was wrong in all rounds."""
        return list(self._results)

    def series(self) -> tuple[Series, ...]:
        """Both rates over time."""
        return tuple(course.series for course in self._courses)

    @property
    def peak_tflops(self) -> float:
        """All MACs busy at the maximum clock."""
        from device.spec import MmeType

        mme = self._card.spec.mme
        return float(2 * mme.macs_per_cycle(MmeType.BF16) * mme.clock_mhz * 1e6 / 1e12)

    @property
    def tflops(self) -> float:
        """Work over device time, which includes waiting for the HBM that the others use."""
        return self._flops / self._mme_s / 1e12 if self._mme_s > 0 else 0.0

    @property
    def copy_gbps(self) -> float:
        """Bytes copied (each read and written once) over device time."""
        return self._copied / self._copy_s / 1e9 if self._copy_s > 0 else 0.0

    @property
    def dilation(self) -> float | None:
        """Box time over device time of the multiplications."""
        return self._mme_box_s / self._mme_s if self._mme_s > 0 else None
