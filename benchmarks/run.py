"""`make bench`: the rows of the speed table, each beside its peer in the same run, best of several.

Prints one line a row: what, figure, peer, ratio, budget. Numbers of one run on one machine; compare ratios.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

import hlml
from device._device import ffi, lib
from device.box_control import create_box, retire_box
from device.box_spec import load_box_spec
from device.card import Box

HERE = Path(__file__).parent
LAUNCHES = 2000
sys.path.append(str(HERE))

if TYPE_CHECKING:
    from device.recipe import Recipe
    from device.runtime import DeviceBuffer, Stream


def best(run: Callable[[], object], rounds: int = 5) -> float:
    """Shortest of several runs, seconds: what the code needs when nothing disturbs it."""
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def row(what: str, figure: str, peer: str, ratio: float | None, budget: str) -> None:
    shown = "-" if ratio is None else f"{ratio:.3g}x"
    print(f"{what:<44} {figure:>14}   {peer:<34} {shown:>9}   {budget}")


def compiled(scratch: Path, name: str) -> Path:
    """A program of benchmarks/c that uses the installed library."""
    program = scratch / name
    libs = hlml.libdir()
    source = str(HERE / "c" / f"{name}.c")
    flags = [f"-I{hlml.include_dir()}", f"-L{libs}", "-lhlml", f"-Wl,-rpath,{libs}", "-lpthread"]
    subprocess.run(["cc", "-O2", source, *flags, "-o", program], check=True)
    return program


def output(*command: Path | str, text: str | None = None) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True, input=text).stdout


def bench_c_getter(scratch: Path) -> None:
    lines = output(compiled(scratch, "bench_getter")).splitlines()
    figures = {name: float(figure) for name, figure in (line.split() for line in lines)}
    clock, init = figures.pop("clock"), figures.pop("init")
    for name, figure in sorted(figures.items(), key=lambda item: -item[1]):
        row(
            f"HLML getter from C: {name}", f"{figure:.0f} ns", f"clock alone {clock:.0f} ns", figure / clock, "<= 50 ns"
        )
    row("hlml_init and shutdown, box present", f"{init / 1e3:.1f} us", "-", None, "<= 500 us")


def bench_crowd(scratch: Path) -> None:
    alone, crowd = map(float, output(compiled(scratch, "bench_crowd"), "16").split())
    row("getter of one of 16 readers at once", f"{crowd:.0f} ns", f"alone {alone:.0f} ns", crowd / alone, "-")


def bench_many_boxes(scratch: Path) -> None:
    """16 boxes of 8 cards, every getter of every card, one process that goes from box to box."""
    paths = [scratch / f"box{number}" for number in range(16)]
    for path in paths:
        create_box(path, load_box_spec("hls2"), path.name)
    values, seconds = output(compiled(scratch, "bench_getter"), "--all", "1", text="\n".join(map(str, paths))).split()
    for path in paths:
        retire_box(path)
    row(f"128 cards in 16 boxes, {values} values", f"{float(seconds) * 1e3:.2f} ms", "-", None, "<= 1 s")


def bench_python_getter() -> None:
    """The peer calls the same library as pyhlml does: ctypes without argument types, a c_uint by reference."""
    hlml.init()
    device = hlml.devices()[0]
    library = ctypes.CDLL(str(hlml.libdir() / "libhlml.so"))
    handle = ctypes.c_void_p()
    library.hlml_device_get_handle_by_index(0, ctypes.byref(handle))

    def with_ctypes() -> int:
        value = ctypes.c_uint()
        if library.hlml_device_get_power_usage(handle, ctypes.byref(value)) != 0:
            raise RuntimeError
        return value.value

    n = 20000
    ours = best(lambda: [device.power_mw for _ in range(n)]) / n * 1e9
    theirs = best(lambda: [with_ctypes() for _ in range(n)]) / n * 1e9
    row("getter from Python", f"{ours:.0f} ns", f"ctypes as pyhlml {theirs:.0f} ns", ours / theirs, "<= 0.6x")
    snapshot = device.snapshot()
    values = 60 + 2 * len(snapshot.sensors) + len(snapshot.mac_addresses) + 2 * len(snapshot.ports)
    each = best(lambda: [device.snapshot() for _ in range(1000)]) / 1000 * 1e9
    row(
        f"snapshot of a card, per value ({values})",
        f"{each / values:.0f} ns",
        f"ctypes as pyhlml {theirs:.0f} ns",
        each / values / theirs,
        "<= 0.1x",
    )


def bench_publish() -> None:
    box = ffi.new("gaudi_box **")
    error = ffi.new("gaudi_error *")
    if lib.gaudi_box_open(box, True, error) != 0:
        raise SystemExit(ffi.string(error.text).decode())
    card = lib.gaudi_box_card(box[0], 0)
    activity = ffi.new("double[6]", [1.0, 0.0, 0.0, 0.1, 0.0, 0.0])
    n = 20000
    each = best(lambda: [lib.gaudi_card_publish_activity(card, activity, 1.0, error) for _ in range(n)]) / n * 1e6
    lib.gaudi_box_close(box[0])
    row("publish (from Python)", f"{each:.2f} us", "-", None, "<= 5 us")


def bench_events(scratch: Path) -> None:
    """From a post here to the return of hlml_event_set_wait in another process; the sleeps of an idle wait."""
    count, idle_s = 500, 5
    with (
        Box.open(scratch / "box") as box,
        subprocess.Popen(
            [compiled(scratch, "bench_wait"), str(count), str(idle_s)], stdout=subprocess.PIPE, text=True
        ) as waiter,
    ):
        assert waiter.stdout is not None and waiter.stdout.readline() == "ready\n"
        late_us = []
        for number in range(count):
            time.sleep(0.002)  # the waiter sleeps again
            posted_ns = time.monotonic_ns()
            box.cards[0].post_event(hlml.EventKind.DRAM_ERROR, number)
            late_us.append((int(waiter.stdout.readline()) - posted_ns) / 1e3)
        sleeps = int(waiter.stdout.readline())
    late_us.sort()
    figure = f"{late_us[count // 2]:.0f} / {late_us[count * 99 // 100]:.0f} us"
    row("event to a waiting process, median / p99", figure, "-", None, "-")
    row("sleeps a second in hlml_event_set_wait", f"{sleeps / idle_s:.1f}", "-", None, "<= 2")


def bench_hl_smi() -> None:
    tool = Path(sys.executable).parent / "hl-smi"
    ours = best(lambda: subprocess.run([tool], check=True, capture_output=True), 9)
    csv = best(
        lambda: subprocess.run([tool, "-Q", "index,power.draw", "-f", "csv"], check=True, capture_output=True), 9
    )
    click = best(lambda: subprocess.run([sys.executable, "-c", "import click"], check=True), 9)
    row(
        "hl-smi table, start to exit",
        f"{ours * 1e3:.0f} ms",
        f"python -c 'import click' {click * 1e3:.0f} ms",
        ours / click,
        "<= 2.0x",
    )
    row(
        "hl-smi -Q, start to exit",
        f"{csv * 1e3:.0f} ms",
        f"python -c 'import click' {click * 1e3:.0f} ms",
        csv / click,
        "<= 2.0x",
    )


def bench_gemm() -> None:
    """Both cores; the peer is the plain fp32 product of numpy, which rounds otherwise and knows no bf16."""
    from device.engines.mme import available_variants, gemm_reference

    rng = np.random.default_rng(7)
    threads = len(os.sched_getaffinity(0))
    for size in (1024, 4096):
        a, b = (rng.integers(0x3F00, 0x4000, (size, size), dtype=np.uint16) for _ in range(2))
        variant = available_variants()[0]
        gemm_reference(a, b, variant=variant, threads=threads)  # the first call pays for its working memory
        ours = best(partial(gemm_reference, a, b, variant=variant, threads=threads))
        floats = [(bits.astype(np.uint32) << 16).view(np.float32) for bits in (a, b)]
        theirs = best(partial(np.matmul, *floats), 3)
        figure = f"{2 * size**3 / ours / 1e9:.0f} GFLOP/s"
        row(
            f"bf16 GEMM {size}^3, {variant}",
            figure,
            f"numpy fp32 {theirs * 1e3:.1f} ms",
            ours / theirs,
            ">= 60 % of peak",
        )


def bench_torch() -> None:
    """The same beside PyTorch on the CPU, where it is installed: bf16 GEMM, 3 x 3 convolution, gelu."""
    try:
        import torch
    except ImportError:
        row("beside PyTorch", "-", "not installed", None, "<= 1x")
        return
    from device.engines.mme import available_variants, gemm_reference

    threads = len(os.sched_getaffinity(0))
    torch.set_num_threads(threads)
    rng, size = np.random.default_rng(7), 4096
    a, b = (rng.integers(0x3F00, 0x4000, (size, size), dtype=np.uint16) for _ in range(2))
    variant = available_variants()[0]
    ours = best(partial(gemm_reference, a, b, variant=variant, threads=threads))
    left, right = (torch.from_numpy(bits.view(np.int16)).view(torch.bfloat16) for bits in (a, b))
    with torch.no_grad():
        theirs = best(lambda: left @ right)
    figure = f"{2 * size**3 / ours / 1e9:.0f} GFLOP/s"
    row(f"bf16 GEMM {size}^3, {variant}", figure, f"PyTorch bf16 {theirs * 1e3:.0f} ms", ours / theirs, "<= 1x")


def bench_memory() -> None:
    """What moves and checks device memory, beside what the C library has for it; one thread, then both cores."""
    from device.memory import Pattern, PatternKind, compare, move

    size = 256 << 20
    source, target = (np.ones(size, np.uint8) for _ in range(2))
    libc = ctypes.CDLL(None)
    a, b = (ctypes.c_void_p(array.ctypes.data) for array in (target, source))
    length = ctypes.c_size_t(size)
    pattern = Pattern(PatternKind.RANDOM, 7)
    threads = len(os.sched_getaffinity(0))
    rows = (
        ("HBM copy", partial(move, target, source), lambda: libc.memcpy(a, b, length), "memcpy"),
        ("HBM fill", partial(pattern.fill, target, 0), lambda: libc.memset(a, 1, length), "memset"),
        ("HBM compare", partial(compare, source, target), lambda: libc.memcmp(a, b, length), "memcmp"),
        ("HBM check", partial(pattern.check, target, 0), lambda: libc.memcmp(a, b, length), "memcmp"),
    )
    for what, ours, theirs, peer in rows:
        move(target, source, 1)
        peer_s = best(theirs)
        if what == "HBM check":
            pattern.fill(target, 0)
        for count in sorted({1, threads}):
            seconds = best(partial(ours, threads=count))
            name = f"{peer} {size / peer_s / 1e9:.1f} GB/s"
            row(f"{what}, {count} threads", f"{size / seconds / 1e9:.1f} GB/s", name, peer_s / seconds, ">= 0.9x")
    seconds = best(lambda: pattern.check_generated(pattern, 0, 0, size, threads=threads))
    row("check of generated HBM contents", f"{size / seconds / 1e9:.1f} GB/s", "-", None, "-")


class _NoFaults:
    """Of a healthy card, for a step that runs without one."""

    def strikes(self, name: str) -> tuple[()]:
        return ()


def bench_chain() -> None:
    """relu(x * a + b) * c on 16 Mi numbers: one pass over memory against numpy, which passes once an operation."""
    from device.engines import ExecutionOptions, bind
    from device.graph import DataType, GraphBuilder, compile_graph
    from device.recipe import Operand
    from device.spec import load_spec

    count = 1 << 24
    g = GraphBuilder("chain")
    x = g.input("x", (count,), DataType.F32)
    g.output(g.mul(g.relu(g.add(g.mul(x, 1.25), 0.5)), 3.0), "y")
    recipe = compile_graph(g.build(), load_spec("gaudi2"))
    values = np.random.default_rng(3).normal(size=count).astype(np.float32)
    memory = [values.view(np.uint8), np.empty(values.nbytes, np.uint8)]

    def views(operand: Operand) -> np.ndarray:
        assert operand.tensor is not None
        return memory[operand.tensor]

    def with_numpy() -> np.ndarray:
        return np.maximum(values * np.float32(1.25) + np.float32(0.5), np.float32(0)) * np.float32(3)

    (descriptor,) = recipe.in_order
    step = bind(descriptor, views, ExecutionOptions(threads=len(os.sched_getaffinity(0))))
    ours = best(lambda: step.run(_NoFaults()))  # type: ignore[arg-type]
    theirs = best(with_numpy)
    assert np.array_equal(memory[1].view(np.float32), with_numpy())
    row(
        "elementwise chain of 4, 16 Mi f32",
        f"{2 * values.nbytes / ours / 1e9:.1f} GB/s",
        f"numpy, 4 passes {theirs * 1e3:.0f} ms",
        ours / theirs,
        "<= 0.5x",
    )


def bench_launch() -> None:
    """Host overhead: a recipe that moves 128 bytes does next to nothing else."""
    from device.graph.builder import GraphBuilder
    from device.graph.compiler import compile_graph
    from device.graph.ir import DataType
    from device.runtime import Card, ExecutionMode

    empty, small = GraphBuilder("empty"), GraphBuilder("small")
    empty.output(empty.copy(empty.input("x", (32,), DataType.F32)), "y")
    a, b = (small.input(name, (16, 16), DataType.BF16) for name in "ab")
    small.output(small.gemm(a, b), "c")
    with Card.acquire(0, mode=ExecutionMode.COMPUTE) as card:
        stream = card.create_stream()
        for name, graph in (("copy of 128 B", empty), ("16^3 GEMM", small)):
            recipe = compile_graph(graph.build(), card.spec)
            tensors = {tensor.name: card.malloc(tensor.size_bytes) for tensor in recipe.tensors}
            each = best(partial(_launch_many, stream, recipe, tensors)) / LAUNCHES * 1e6
            row(f"launch of a {name}, host overhead", f"{each:.1f} us", "-", None, "<= 30 us")


def _launch_many(stream: Stream, recipe: Recipe, tensors: dict[str, DeviceBuffer]) -> None:
    for _ in range(LAUNCHES):
        stream.launch(recipe, tensors)
    stream.synchronize()


def bench_compile() -> None:
    from transformer import transformer_layer

    from device.graph.compiler import compile_graph
    from device.spec import load_spec

    for name, shape in (("BERT base, 8 x 384", (8, 384, 12, 64)), ("32 x 128, 1 x 2048", (1, 2048, 32, 128))):
        built, spec = transformer_layer(*shape), load_spec("gaudi2")
        seconds = best(partial(compile_graph, built, spec))
        row(f"compile of a layer, {name}", f"{seconds * 1e3:.1f} ms", "-", None, "<= 100 ms")


def bench_rdma() -> None:
    """RDMA writes by loopback: every byte crosses a ring, and its CRC is made and checked."""
    from device.runtime import Card

    size = 64 << 20
    with Card.acquire(0) as card:
        network = card.network
        regions = []
        for seed in range(2):
            buffer = card.malloc(size)
            card.copy_to_device(buffer, np.random.default_rng(seed).integers(0, 256, size, dtype=np.uint8))
            regions.append(network.register(buffer))
        queue = network.nic.create_cq()
        first, second = network.nic.create_qp(0, queue), network.nic.create_qp(0, queue)
        first.connect(second.address)
        second.connect(first.address)

        def write() -> None:
            first.write(regions[0], regions[1].key, regions[1].address)
            if not next(queue.completions(1)).is_success:
                raise SystemExit("the loopback has failed")

        source, target = np.ones(size, np.uint8), np.zeros(size, np.uint8)
        ours, copy = best(write, 9), best(lambda: np.copyto(target, source), 9)
    row("RDMA loopback with data check", f"{size / ours / 1e9:.1f} GB/s", f"memcpy {size / copy / 1e9:.1f} GB/s",
        copy / ours, ">= 0.5x")  # fmt: skip


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        os.environ["GAUDI_BOX"] = str(scratch / "box")
        create_box(scratch / "box", load_box_spec("hls2"), "bench")
        try:
            bench_c_getter(scratch)
            bench_crowd(scratch)
            bench_many_boxes(scratch)
            bench_python_getter()
            bench_publish()
            bench_events(scratch)
            bench_hl_smi()
            bench_gemm()
            bench_torch()
            bench_memory()
            bench_chain()
            bench_rdma()
            bench_launch()
            bench_compile()
        finally:
            hlml.shutdown()
            retire_box(scratch / "box")


if __name__ == "__main__":
    main()
