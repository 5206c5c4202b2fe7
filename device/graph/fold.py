"""The value of a program whose operands are all constants, by the definitions of reference.py."""

from __future__ import annotations

from device.arrays import Array
from device.graph.program import Program
from device.graph.reference import ELEMENTWISE
from device.graph.reference_moves import filled
from device.recipe.descriptors import Constant
from device.recipe.tpc_ops import parse_elementwise

__all__ = ["evaluate"]


def evaluate(program: Program) -> Constant:
    results: list[Array] = []
    for guid, refs in program.steps:
        operands = [results[ref] if isinstance(ref, int) else _array(ref) for ref in refs]
        results.append(ELEMENTWISE[guid](*operands))
    guid = program.steps[-1][0]
    parsed = parse_elementwise(guid)
    assert parsed is not None, "a program has elementwise steps only"
    dtype = parsed[0].output_type(parsed[1])
    return Constant(int(results[-1].view(f"u{dtype.size_bytes}")[0]), dtype)


def _array(ref: str | Constant) -> Array:
    assert isinstance(ref, Constant), "a program that reads a tensor has no value yet"
    return filled(ref, (1,))
