"""hbm_bandwidth: read, write, copy and triad by the TPCs, as STREAM has them; the triad is a compiled graph.

a = b + s * c in fp32. Results are compared with what numpy computes, bit for bit; reads and writes with their pattern.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hl_qual.outcome import Outcome, judge
from hl_qual.plugins.memory_bench import MemoryBench

if TYPE_CHECKING:
    from device.runtime import DeviceBuffer
    from hl_qual.plugins.api import Preparation, RunContext

__all__ = ["HbmBandwidth"]

# Elements of an array: far beyond any cache of the card, small enough for eight cards on two cores.
_ELEMENTS = 8 << 20
_BYTES = 4 * _ELEMENTS

# A power of two: the product is exact, and whoever fuses multiplication and addition gets the same sum.
_SCALE = 4.0


class HbmBandwidth:
    """The plugin."""

    name = "hbm_bandwidth"
    title = "HBM bandwidth"
    default_duration_s = 10.0
    needs_card = True

    def prepare(self, preparation: Preparation) -> tuple[str, ...]:
        """Compile the triad once for all cards."""
        from device.graph import DataType, GraphBuilder, compile_graph
        from device.recipe import to_bytes
        from device.spec import load_spec

        graph = GraphBuilder("triad")
        b, c = (graph.input(name, (_ELEMENTS,), DataType.F32) for name in "bc")
        scale = graph.broadcast(graph.constant(_SCALE, (1,), DataType.F32), (_ELEMENTS,))
        graph.output(graph.add(b, graph.mul(c, scale)), "a")
        recipe = compile_graph(graph.build(), load_spec(preparation.family))
        (preparation.directory / "triad.bin").write_bytes(to_bytes(recipe))
        return (f"seed {preparation.seed}; arrays of {_ELEMENTS} fp32 numbers",)

    def init(self, ctx: RunContext) -> None:
        """Place the arrays and load the recipe."""
        import numpy as np

        from device.recipe import from_bytes

        self._bench = MemoryBench(ctx)
        card = self._bench.card
        self._recipe = from_bytes((Path(ctx.job.directory) / "triad.bin").read_bytes())
        random = np.random.Generator(np.random.PCG64(ctx.job.seed))
        self._b, self._c = (random.standard_normal(_ELEMENTS, np.float32) for _ in range(2))
        self._buffers: dict[str, DeviceBuffer] = {name: card.malloc(_BYTES) for name in ("a", "b", "c", "noise")}
        card.copy_to_device(self._buffers["b"], self._b)
        card.copy_to_device(self._buffers["c"], self._c)
        self._stream = card.create_stream()

    def run(self, ctx: RunContext) -> Outcome:
        """All four by turns until the time is up."""
        from device.memory import Pattern, PatternKind

        begin_ns = ctx.box_time_ns()
        duration_ns = ctx.job.duration_s * 1e9
        number = elapsed_ns = 0
        while number == 0 or elapsed_ns < duration_ns:
            pattern = Pattern(PatternKind.RANDOM, ctx.job.seed + number // 2, is_inverted=number % 2 == 1)
            self._write_and_read(pattern)
            self._copy()
            self._triad()
            number += 1
            elapsed_ns = ctx.box_time_ns() - begin_ns
            ctx.progress(elapsed_ns / duration_ns)
        bench = self._bench
        findings = bench.findings() + bench.slow_findings("HBM_BANDWIDTH", "HBM")
        return judge(tuple(findings), bench.metrics(), bench.coverage())

    def _write_and_read(self, pattern: object) -> None:
        from device.engine_class import EngineClass
        from device.memory import Pattern

        assert isinstance(pattern, Pattern)
        bench, noise = self._bench, self._buffers["noise"]
        bench.timed("write", bench.card.fill(noise, pattern, engine=EngineClass.TPC).result())
        bench.check(noise, pattern, "read")

    def _copy(self) -> None:
        from device.engine_class import EngineClass

        if self._bench.copied("copy", self._buffers["a"], self._buffers["b"], engine=EngineClass.TPC):
            self._compare(self._b)

    def _triad(self) -> None:
        """Three arrays pass the HBM."""
        import numpy as np

        from device.errors import EccError
        from device.memory import Mismatches
        from device.runtime import TransferResult

        tensors = {name: self._buffers[name] for name in "abc"}
        launch = self._stream.launch(self._recipe, tensors)
        try:
            self._stream.synchronize()
        except EccError as error:
            self._bench.note_error(error.address, str(error))
            return
        result = launch.result()
        moved = TransferResult(3 * _BYTES, result.device_time_s, result.box_time_s, result.dilation, Mismatches())
        self._bench.timed("triad", moved)
        self._compare(self._b + np.float32(_SCALE) * self._c)

    def _compare(self, wanted: object) -> None:
        """Of array a, over the link."""
        import numpy as np

        from device.errors import EccError
        from device.memory import compare

        assert isinstance(wanted, np.ndarray)
        actual = np.empty(_ELEMENTS, np.float32)
        try:
            self._bench.card.copy_from_device(self._buffers["a"], actual).result()
        except EccError as error:
            self._bench.note_error(error.address, str(error))
            return
        found = compare(wanted.view(np.uint8), actual.view(np.uint8), self._buffers["a"].address, most=64)
        self._bench.compared(found)
