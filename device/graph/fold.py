"""The value of a program whose operands are all constants, by the definitions of reference.py."""

from __future__ import annotations

import numpy as np

from device.dtypes import DataType
from device.graph.program import Program
from device.graph.reference import ELEMENTWISE, Array
from device.recipe.descriptors import Constant

__all__ = ["evaluate"]


def evaluate(program: Program) -> Constant:
    results: list[Array] = []
    for guid, refs in program.steps:
        operands = [results[ref] if isinstance(ref, int) else _array(ref) for ref in refs]
        results.append(ELEMENTWISE[guid](*operands))
    last = results[-1]
    if last.dtype == np.uint16:
        return Constant(int(last[0]), DataType.BF16)
    return Constant(int(last.view(np.uint32)[0]), DataType.F32)


def _array(ref: str | Constant) -> Array:
    assert isinstance(ref, Constant), "a program that reads a tensor has no value yet"
    if ref.dtype is DataType.BF16:
        return np.array([ref.bits], np.uint16)
    return np.array([ref.bits], np.uint32).view(np.float32)
