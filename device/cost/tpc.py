"""The TPC: elementwise operations, an index space cut into vectors and dealt out to the cores."""

from __future__ import annotations

from dataclasses import dataclass

from device.cost.work import Work
from device.engine_class import EngineClass
from device.spec import AsicSpec

__all__ = ["ElementwiseShape", "elementwise_work"]


@dataclass(frozen=True, slots=True)
class ElementwiseShape:
    """`count` elements of output; a second input has `period` elements and repeats. Sizes are those of one element."""

    count: int
    period: int
    input_count: int
    input_bytes: int
    output_bytes: int
    flops_per_element: int


def elementwise_work(shape: ElementwiseShape, spec: AsicSpec) -> Work:
    """The load, the vector and the store slot of a core work in parallel, so the slot with most to do decides.

    That is one load for each input of a vector, against one store for its output. The core with most vectors is the
    last one to finish.
    """
    tpc = spec.tpc
    lanes = tpc.vector_bytes // max(shape.input_bytes, shape.output_bytes)
    vectors = -(-shape.count // lanes)
    vectors_of_a_core = -(-vectors // tpc.cores)
    elements_read = shape.count + (shape.period if shape.input_count == 2 else 0)
    return Work(
        engine=EngineClass.TPC,
        cycles=vectors_of_a_core * shape.input_count * tpc.cycles_per_vector_access,
        fixed_ns=0,
        hbm_read_bytes=elements_read * shape.input_bytes,
        hbm_write_bytes=shape.count * shape.output_bytes,
        flops=shape.count * shape.flops_per_element,
    )
