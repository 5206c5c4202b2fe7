"""Operations that only move data: how each becomes strided copies, and where its bytes lie right already."""

from __future__ import annotations

import math
from dataclasses import dataclass

from device.graph.ir import Graph, Node
from device.graph.ops import BROADCAST, CONCAT, MEMCPY, RESHAPE, SLICE, TRANSPOSE
from device.graph.params import ConcatParams, SliceParams, TransposeParams
from device.graph.rules import Dims, params_of

__all__ = ["MOVES", "Move", "View", "dense_steps", "is_in_place", "is_view", "moves_of", "views_of"]

MOVES = frozenset({MEMCPY, TRANSPOSE, BROADCAST, RESHAPE, SLICE, CONCAT})


@dataclass(frozen=True, slots=True)
class Move:
    """Input number `place` to a part of the output; all in elements, the fast dimension first."""

    place: int
    sizes: Dims
    source_start: int
    source_steps: Dims
    destination_start: int
    destination_steps: Dims

    @property
    def run(self) -> int:
        """Elements that follow each other on both sides."""
        elements = 1
        for size, source, destination in zip(self.sizes, self.source_steps, self.destination_steps, strict=True):
            if size == 1:
                continue
            if not source == destination == elements:
                break
            elements *= size
        return elements

    @property
    def source_elements(self) -> int:
        """Different elements that are read."""
        return math.prod(size for size, step in zip(self.sizes, self.source_steps, strict=True) if step > 0)


def dense_steps(dims: Dims) -> Dims:
    steps: list[int] = []
    step = 1
    for size in dims:
        steps.append(step)
        step *= size
    return tuple(steps)


def moves_of(graph: Graph, node: Node) -> tuple[Move, ...]:
    """One a node, but one an input for a concat. Needs inferred dimensions."""
    source, result = graph.tensor(node.inputs[0]).shape, graph.tensor(node.outputs[0]).shape
    if node.guid == CONCAT:
        return _concat(graph, node, result)
    if node.guid == TRANSPOSE:
        steps = dense_steps(source)
        permuted = tuple(steps[dim] for dim in params_of(node, TransposeParams).permutation)
        return (Move(0, result, 0, permuted, 0, dense_steps(result)),)
    if node.guid == SLICE:
        steps = dense_steps(source)
        start = _start(params_of(node, SliceParams).starts, steps)
        return (Move(0, result, start, steps, 0, dense_steps(result)),)
    if node.guid == BROADCAST:
        padded = source + (1,) * (len(result) - len(source))
        dense = zip(padded, dense_steps(padded), strict=True)
        return (Move(0, result, 0, tuple(step if size > 1 else 0 for size, step in dense), 0, dense_steps(result)),)
    pitch = graph.tensor(node.outputs[0]).pitch
    if node.guid == MEMCPY and pitch is not None:
        return (Move(0, source, 0, dense_steps(source), 0, (1, pitch)),)
    count = (math.prod(source),)
    return (Move(0, count, 0, (1,), 0, (1,)),)


@dataclass(frozen=True, slots=True)
class View:
    """How one tensor lies within another one: bytes behind its start, and the pitch of its rows if they are windows."""

    offset_bytes: int
    pitch: int | None


def is_view(graph: Graph, node: Node) -> bool:
    """Whether nothing has to be moved for this node."""
    return all(is_in_place(graph, node, move) for move in moves_of(graph, node))


def is_in_place(graph: Graph, node: Node, move: Move) -> bool:
    """Whether the input lies right there in the output, or the output there in the input.

    An input that a concat has twice can lie in one of its two places only.
    """
    source, output = graph.tensor(node.inputs[move.place]), graph.tensor(node.outputs[0])
    view = _view(move, output.dtype.size_bytes)
    if source.view_of == output.name:
        return view == View(source.view_offset, source.pitch)
    return output.view_of == source.name and view == View(output.view_offset, output.pitch)


def views_of(graph: Graph, node: Node) -> tuple[View | None, ...]:
    """How each input lies within the output, or for a slice the output within its input; None: it does not lie so."""
    size_bytes = graph.tensor(node.outputs[0]).dtype.size_bytes
    return tuple(_view(move, size_bytes) for move in moves_of(graph, node))


def _view(move: Move, size_bytes: int) -> View | None:
    """Only one side of a move that could be a view is not dense."""
    offset_bytes = (move.source_start + move.destination_start) * size_bytes
    if move.run == math.prod(move.sizes):
        return View(offset_bytes, None)
    steps = max(move.source_steps, move.destination_steps)
    if len(steps) != 2 or move.source_steps[0] != 1 or move.destination_steps[0] != 1:
        return None
    return View(offset_bytes, steps[1])


def _concat(graph: Graph, node: Node, result: Dims) -> tuple[Move, ...]:
    axis = params_of(node, ConcatParams).axis
    steps = dense_steps(result)
    moves: list[Move] = []
    position = 0
    for place, name in enumerate(node.inputs):
        sizes = graph.tensor(name).shape
        moves.append(Move(place, sizes, 0, dense_steps(sizes), position * steps[axis], steps))
        position += sizes[axis]
    return tuple(moves)


def _start(starts: Dims, steps: Dims) -> int:
    return sum(start * step for start, step in zip(starts, steps, strict=True))
