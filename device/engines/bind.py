"""From a descriptor to the engine that carries it out."""

from __future__ import annotations

from device.engines.convolution import ConvolutionStep
from device.engines.mme import GemmStep
from device.engines.mover import CopyStep, FillStep
from device.engines.step import ExecutionOptions, Operands, Step
from device.engines.tpc import ColumnsStep, ElementwiseStep, IndexedStep, RowsStep
from device.recipe.descriptors import (
    Copy,
    Descriptor,
    MmeConvolution,
    MmeGemm,
    TpcColumns,
    TpcElementwise,
    TpcIndexed,
    TpcRows,
)

__all__ = ["bind"]


def bind(descriptor: Descriptor, operands: Operands, options: ExecutionOptions) -> Step:
    """The descriptor must be one of a validated recipe. The step keeps the views of memory that it got."""
    if isinstance(descriptor, MmeGemm):
        return GemmStep(descriptor, operands, options)
    if isinstance(descriptor, MmeConvolution):
        return ConvolutionStep(descriptor, operands, options)
    if isinstance(descriptor, TpcElementwise):
        return ElementwiseStep(descriptor, operands, options)
    if isinstance(descriptor, TpcRows):
        return RowsStep(descriptor, operands, options)
    if isinstance(descriptor, TpcColumns):
        return ColumnsStep(descriptor, operands, options)
    if isinstance(descriptor, TpcIndexed):
        return IndexedStep(descriptor, operands)
    if isinstance(descriptor, Copy):
        return CopyStep(descriptor, operands, options.threads)
    return FillStep(descriptor, operands)
