"""A compiled graph as plain data: what the engines have to do, in which order, and what it costs.

The graph compiler makes recipes, the runtime launches them, a file carries them from one process to the other. Nothing
here computes a tensor: that belongs to the engines. The time of a launch is put together from the work of its
descriptors.
"""

from device.recipe.check import Hazard, check_sync, uncovered_hazards
from device.recipe.descriptors import (
    Access,
    Constant,
    Copy,
    Descriptor,
    Fill,
    Instruction,
    MmeGemm,
    Operand,
    Place,
    SyncPoint,
    TpcElementwise,
    TpcRows,
)
from device.recipe.dump import dump
from device.recipe.launch import LaunchCost, Span, launch_cost
from device.recipe.recipe import PatchPoint, Queue, Recipe, RecipeTensor, TensorRole
from device.recipe.serialise import FORMAT_VERSION, from_bytes, to_bytes
from device.recipe.tpc_ops import ElementwiseOp, RowOp
from device.recipe.validate import validate

__all__ = [
    "FORMAT_VERSION",
    "Access",
    "Constant",
    "Copy",
    "Descriptor",
    "ElementwiseOp",
    "Fill",
    "Hazard",
    "Instruction",
    "LaunchCost",
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
    "TpcElementwise",
    "TpcRows",
    "check_sync",
    "dump",
    "from_bytes",
    "launch_cost",
    "to_bytes",
    "uncovered_hazards",
    "validate",
]
