"""A compiled graph as plain data: what the engines have to do, in which order, and what it costs.

The graph compiler makes recipes, the runtime launches them, a file carries them from one process to the other. Nothing
here computes a tensor: that belongs to the engines. The time of a launch is put together from the work of its
descriptors.
"""

from device.recipe.check import Hazard, check_sync, uncovered_hazards
from device.recipe.descriptors import (
    Access,
    Constant,
    ConvolutionOp,
    Copy,
    Descriptor,
    Extent,
    Fill,
    Instruction,
    MmeConvolution,
    MmeGemm,
    Operand,
    Place,
    SyncPoint,
    TpcColumns,
    TpcElementwise,
    TpcIndexed,
    TpcRows,
    Window,
)
from device.recipe.dump import dump
from device.recipe.launch import LaunchCost, Span, launch_cost
from device.recipe.recipe import PatchPoint, Queue, Recipe, RecipeTensor, TensorRole
from device.recipe.serialise import FORMAT_VERSION, from_bytes, to_bytes
from device.recipe.tpc_ops import ElementwiseOp, IndexOp, RowOp
from device.recipe.validate import validate

__all__ = [
    "FORMAT_VERSION",
    "Access",
    "Constant",
    "ConvolutionOp",
    "Copy",
    "Descriptor",
    "ElementwiseOp",
    "Extent",
    "Fill",
    "Hazard",
    "IndexOp",
    "Instruction",
    "LaunchCost",
    "MmeConvolution",
    "MmeGemm",
    "Operand",
    "PatchPoint",
    "Place",
    "Queue",
    "Recipe",
    "RecipeTensor",
    "RowOp",
    "Span",
    "SyncPoint",
    "TensorRole",
    "TpcColumns",
    "TpcElementwise",
    "TpcIndexed",
    "TpcRows",
    "Window",
    "check_sync",
    "dump",
    "from_bytes",
    "launch_cost",
    "to_bytes",
    "uncovered_hazards",
    "validate",
]
