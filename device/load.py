"""`gaudi-box load`: cards kept busy by a compiled GEMM in model mode. Nothing is computed, everything else is real: the
recipe is launched again and again, its engines' shares make power, power makes temperature and clock."""

from __future__ import annotations

import contextlib
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import click

from device.card import Box
from device.dtypes import DataType
from device.errors import GraphError
from device.graph.builder import GraphBuilder
from device.graph.compiler import compile_graph
from device.recipe import Recipe
from device.runtime import Card, ExecutionMode, Launch, Stream

__all__ = ["GemmSize", "load_card", "parse_gemm", "progress", "run_load"]

# Launches in flight a card, so that the time line never runs dry between two of them.
_DEPTH = 2


@dataclass(frozen=True, slots=True)
class GemmSize:
    m: int
    n: int
    k: int


def parse_gemm(text: str) -> GemmSize:
    """ "MxNxK" with sizes from 1 to 65536."""
    match = re.fullmatch(r"(\d+)x(\d+)x(\d+)", text)
    sizes = [int(part) for part in match.groups()] if match else []
    if not sizes or not all(1 <= size <= 65536 for size in sizes):
        raise click.BadParameter(f"{text!r} is no shape such as 8192x8192x8192, each size from 1 to 65536")
    return GemmSize(*sizes)


def run_load(cards: Sequence[int], size: GemmSize, duration_s: float) -> None:
    """Hold the cards (none: all of the box) and launch until the box time is up; Ctrl-C ends it at once."""
    stop = threading.Event()
    with Box.open() as box, contextlib.ExitStack() as held:
        numbers = list(cards) or list(range(len(box.cards)))
        running = [held.enter_context(Card.acquire(index, box, mode=ExecutionMode.MODEL)) for index in numbers]
        if not running:
            return
        recipe = _compile(size, running[0])
        threads = [threading.Thread(target=_keep_busy, args=(card, recipe, stop)) for card in running]
        names = ", ".join(str(index) for index in numbers)
        click.echo(f"cards {names}: bf16 GEMM {size.m}x{size.n}x{size.k}, paced, for {duration_s:g} s; Ctrl-C ends it")
        try:
            for thread in threads:
                thread.start()
            _wait(box, duration_s)
        finally:
            stop.set()
            for thread in threads:
                thread.join()


def load_card(box: Box, index: int, size: GemmSize, is_over: Callable[[], bool]) -> None:
    """Hold one card and launch until `is_over`; an error of the card ends it."""
    with (
        Card.acquire(index, box, mode=ExecutionMode.MODEL) as card,
        contextlib.closing(_Pipeline(card, _compile(size, card))) as pipeline,
    ):
        while not is_over():
            pipeline.advance()


def _compile(size: GemmSize, card: Card) -> Recipe:
    graph = GraphBuilder(f"load_{size.m}x{size.n}x{size.k}")
    a = graph.input("a", (size.k, size.m), DataType.BF16)
    b = graph.input("b", (size.n, size.k), DataType.BF16)
    graph.output(graph.gemm(a, b, dtype=DataType.BF16), "c")
    try:
        return compile_graph(graph.build(), card.spec)
    except GraphError as error:
        raise click.BadParameter(str(error)) from error


def _keep_busy(card: Card, recipe: Recipe, stop: threading.Event) -> None:
    with contextlib.closing(_Pipeline(card, recipe)) as pipeline:
        while not stop.is_set():
            pipeline.advance()


class _Pipeline:
    """A few launches in flight; `advance` waits for the oldest and adds one."""

    def __init__(self, card: Card, recipe: Recipe) -> None:
        self._stream: Stream = card.create_stream()
        self._recipe = recipe
        self._tensors = {tensor.name: card.malloc(tensor.size_bytes) for tensor in recipe.tensors}
        self._flying = [self._launch() for _ in range(_DEPTH)]

    def _launch(self) -> Launch:
        return self._stream.launch(self._recipe, self._tensors)

    def advance(self) -> None:
        self._flying.pop(0).result()
        self._flying.append(self._launch())

    def close(self) -> None:
        self._stream.synchronize()


def _wait(box: Box, duration_s: float) -> None:
    """Until the box time is up, with a bar on a terminal. A frozen box never ends; Ctrl-C does."""
    begin = box.now_ns()
    with progress(duration_s, "load") as show:
        while (elapsed := (box.now_ns() - begin) / 1e9) < duration_s:
            show(elapsed)
            left = (duration_s - elapsed) / max(box.clock_rate, 1.0)
            time.sleep(min(max(left, 0.001), 0.25))
        show(duration_s)


@contextlib.contextmanager
def progress(duration_s: float, label: str) -> Iterator[Callable[[float], None]]:
    """Shows the seconds that have passed; nothing where no terminal would show it."""
    stream = sys.stderr
    if not stream.isatty():
        yield lambda elapsed: None
        return
    with click.progressbar(length=max(round(duration_s), 1), label=label, file=stream) as bar:

        def show(elapsed: float) -> None:
            bar.update(round(elapsed) - bar.pos)

        yield show
