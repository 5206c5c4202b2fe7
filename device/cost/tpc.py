"""The TPC: elementwise programs and operations along rows, cut into vectors and dealt out to the cores.

The load, the vector and the store slot of a core work in parallel, so the slot with most to do decides. The core with
most vectors is the last one to finish.
"""

from __future__ import annotations

from dataclasses import dataclass

from device.cost.work import Work
from device.engine_class import EngineClass
from device.spec import AsicSpec, TpcSpec

__all__ = ["ElementwiseShape", "RowShape", "elementwise_work", "row_work"]

# Halving 64 lanes until one is left.
_FOLD_STEPS = 6


@dataclass(frozen=True, slots=True)
class ElementwiseShape:
    """`count` elements of output, one pass over memory. `read_bytes` are those of all inputs, each once.

    `widest_bytes` is the largest element of inputs and output, `output_bytes` the size of one element of the output,
    `vector_steps` what the vector unit does with one vector.
    """

    count: int
    input_count: int
    read_bytes: int
    widest_bytes: int
    output_bytes: int
    vector_steps: int
    flops_per_element: int


@dataclass(frozen=True, slots=True)
class RowShape:
    """`passes` says how often a row is loaded; rows are dealt out whole. `parameter_bytes` are gamma and beta."""

    rows: int
    columns: int
    element_bytes: int
    passes: int
    vector_steps: int
    flops_per_element: int
    parameter_bytes: int
    is_reduction: bool


def elementwise_work(shape: ElementwiseShape, spec: AsicSpec) -> Work:
    """One load for each input of a vector, against the program's steps, against one store for the output."""
    tpc = spec.tpc
    vectors_of_a_core = _ceil_div(_vectors(shape.count, shape.widest_bytes, tpc), tpc.cores)
    accesses = max(shape.input_count, 1) * tpc.cycles_per_vector_access
    return Work(
        engine=EngineClass.TPC,
        cycles=vectors_of_a_core * max(accesses, shape.vector_steps),
        fixed_ns=0,
        hbm_read_bytes=shape.read_bytes,
        hbm_write_bytes=shape.count * shape.output_bytes,
        flops=shape.count * shape.flops_per_element,
    )


def row_work(shape: RowShape, spec: AsicSpec) -> Work:
    """A row stays on the core between its passes: the HBM sees it once."""
    tpc = spec.tpc
    rows_of_a_core = _ceil_div(shape.rows, tpc.cores)
    vectors_of_a_row = _vectors(shape.columns, shape.element_bytes, tpc)
    slots = max(shape.passes * tpc.cycles_per_vector_access, shape.vector_steps)
    count = shape.rows * shape.columns
    return Work(
        engine=EngineClass.TPC,
        cycles=rows_of_a_core * (vectors_of_a_row * slots + _FOLD_STEPS * shape.passes),
        fixed_ns=0,
        hbm_read_bytes=count * shape.element_bytes + shape.parameter_bytes,
        hbm_write_bytes=(shape.rows if shape.is_reduction else count) * shape.element_bytes,
        flops=count * shape.flops_per_element,
    )


def _vectors(count: int, element_bytes: int, tpc: TpcSpec) -> int:
    return _ceil_div(count, tpc.vector_bytes // element_bytes)


def _ceil_div(value: int, divisor: int) -> int:
    return -(-value // divisor)
