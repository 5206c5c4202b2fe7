"""The operations: guid, number and types of inputs, rule for the output. What they compute is in reference.py.

A GraphError names the node and the tensor, what was found and what was expected.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable
from dataclasses import dataclass

from device.dtypes import FP8_TYPES, DataType
from device.engine_class import EngineClass
from device.errors import GraphError
from device.graph.convolution import convolution_dims
from device.graph.ir import Node, Tensor
from device.graph.params import (
    ConcatParams,
    ConstantParams,
    ConvolutionParams,
    FusedParams,
    GemmParams,
    IndexParams,
    NormParams,
    Params,
    ReduceParams,
    ShapeParams,
    SliceParams,
    TransposeParams,
)
from device.graph.rules import (
    Dims,
    batch_dims,
    broadcast_dims,
    concat_dims,
    constant_dims,
    elementwise_dims,
    error_at,
    gather_dims,
    gemm_dims,
    norm_dims,
    one_hot_dims,
    params_of,
    reduced_dims,
    reshape_dims,
    same_dims,
    scatter_dims,
    slice_dims,
    transpose_dims,
)
from device.recipe.descriptors import ConvolutionOp
from device.recipe.tpc_ops import ElementwiseOp, IndexOp, RowOp, parse_elementwise
from device.spec import AsicSpec

__all__ = [
    "BATCH_GEMM",
    "BROADCAST",
    "CONCAT",
    "CONVOLUTIONS",
    "FUSED",
    "GEMM",
    "LOGICAL",
    "MEMCPY",
    "MEMSET",
    "MME_GUIDS",
    "RESHAPE",
    "SLICE",
    "TRANSPOSE",
    "OpRule",
    "engine_of",
    "gemm_params",
    "infer_output_dims",
    "is_constant",
    "known_guids",
    "mme_params",
    "op_rule",
]

GEMM = "gemm"
BATCH_GEMM = "batch_gemm"
MEMCPY = "memcpy"
MEMSET = "memset"
TRANSPOSE = "transpose"
BROADCAST = "broadcast"
RESHAPE = "reshape"
SLICE = "slice"
CONCAT = "concat"
FUSED = "fused_kernel"
"""Made by the compiler only: several elementwise operations in one pass over memory."""

MME_GUIDS = frozenset({GEMM, BATCH_GEMM})
CONVOLUTIONS = frozenset(ConvolutionOp)
LOGICAL = frozenset({RESHAPE, SLICE, CONCAT})
"""No engine has to move anything for them where the bytes lie right already."""

# The most dimensions that a TPC kernel can address; synapse knows more only for logical operations.
_MAX_DIMS = 5

_ANY_NUMBER = 64
"""The most inputs of a concat or a fused kernel."""


@dataclass(frozen=True, slots=True)
class OpRule:
    """`input_types` list what is allowed at each place: a type, one of several, or None for any; the last entry holds
    for all places behind it.

    `output_types` None: that of the first input.
    """

    guid: str
    min_inputs: int
    max_inputs: int
    input_types: tuple[DataType | tuple[DataType, ...] | None, ...]
    output_types: tuple[DataType, ...] | None
    output_dims: Callable[[Node, tuple[Tensor, ...]], Dims]
    params: type[Params] | None = None


def op_rule(node: Node) -> OpRule:
    """GraphError names a guid that the device does not have."""
    rule = _RULES.get(node.guid)
    if rule is None:
        near = ", ".join(difflib.get_close_matches(node.guid, _RULES, n=4)) or "known_guids() lists them"
        raise GraphError(f"node {node.name}: there is no guid {node.guid!r}; near it are: {near}")
    return rule


def known_guids() -> tuple[str, ...]:
    return tuple(_RULES)


def engine_of(node: Node, spec: AsicSpec) -> EngineClass:
    """By the kind of node, as in the real compiler; what moves data needs a DMA engine or it runs on the TPC."""
    if node.guid in MME_GUIDS or node.guid in CONVOLUTIONS:
        return EngineClass.MME
    if node.guid in _MOVES and spec.dma.engines > 0:
        return EngineClass.DMA
    return EngineClass.TPC


def infer_output_dims(node: Node, inputs: tuple[Tensor, ...], output: Tensor) -> Dims:
    """Check a node against its rule and return the dimensions of its output."""
    rule = op_rule(node)
    if not rule.min_inputs <= len(inputs) <= rule.max_inputs:
        raise error_at(node, f"has {len(inputs)} inputs, needs {_range(rule.min_inputs, rule.max_inputs)}")
    _check_params(node, rule)
    for place, tensor in enumerate(inputs):
        _check_dims(node, tensor)
        wanted = _wanted_types(rule, place, inputs[0])
        if wanted and tensor.dtype not in wanted:
            raise error_at(node, f"input {place}, tensor {tensor}, has to be {' or '.join(wanted)}")
    allowed = _output_types(node, rule, inputs)
    if output.dtype not in allowed:
        raise error_at(node, f"output, tensor {output}, has to be {' or '.join(allowed)}")
    dims = rule.output_dims(node, inputs)
    if len(dims) > _MAX_DIMS:
        raise error_at(node, f"the result has the dimensions {dims}, more than {_MAX_DIMS}")
    return dims


def gemm_params(node: Node) -> GemmParams:
    return params_of(node, GemmParams)


def mme_params(node: Node) -> GemmParams | ConvolutionParams | None:
    """Of what the MME does; None for everything else."""
    return node.params if isinstance(node.params, GemmParams | ConvolutionParams) else None


def is_constant(node: Node | None) -> bool:
    """Whether all elements of its result are one number, known now."""
    return node is not None and isinstance(node.params, ConstantParams)


def _wanted_types(rule: OpRule, place: int, first: Tensor) -> tuple[DataType, ...]:
    """Empty: any."""
    if rule.guid == CONCAT:
        return (first.dtype,)
    wanted = rule.input_types[min(place, len(rule.input_types) - 1)] if rule.input_types else None
    if wanted is None:
        return ()
    return (wanted,) if isinstance(wanted, DataType) else wanted


def _check_params(node: Node, rule: OpRule) -> None:
    if rule.params is not None:
        params_of(node, rule.params)
    elif node.params is not None:
        raise error_at(node, "takes no params")


def _check_dims(node: Node, tensor: Tensor) -> None:
    if not 1 <= len(tensor.shape) <= _MAX_DIMS or min(tensor.shape) < 1:
        raise error_at(node, f"tensor {tensor} needs 1 to {_MAX_DIMS} dimensions, each 1 or more")


def _output_types(node: Node, rule: OpRule, inputs: tuple[Tensor, ...]) -> tuple[DataType, ...]:
    if node.guid == FUSED:
        return (_fused_output_type(node, inputs),)
    return (inputs[0].dtype,) if rule.output_types is None else rule.output_types


def _fused_output_type(node: Node, inputs: tuple[Tensor, ...]) -> DataType:
    params = params_of(node, FusedParams)
    types = [tensor.dtype for tensor in inputs] + [constant.dtype for constant in params.constants]
    for step in params.steps:
        parsed = parse_elementwise(step.guid)
        if parsed is None or len(step.sources) != parsed[0].input_count:
            raise error_at(node, f"{step.guid!r} with {len(step.sources)} operands is no elementwise operation")
        if any(source >= len(types) or types[source] is not parsed[1] for source in step.sources):
            raise error_at(
                node, f"{step.guid} reads {step.sources} of {len(types)} values, not all of them {parsed[1]}"
            )
        types.append(parsed[0].output_type(parsed[1]))
    return types[-1]


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


def _elementwise_rule(op: ElementwiseOp, dtype: DataType) -> OpRule:
    output = (op.output_type(dtype),)
    return OpRule(op.guid(dtype), op.input_count, op.input_count, (dtype,), output, elementwise_dims)


def _row_rule(op: RowOp, dtype: DataType) -> OpRule:
    dims = reduced_dims if op.is_reduction else norm_dims
    norms = {RowOp.LAYER_NORM: NormParams, RowOp.RMS_NORM: NormParams}
    params: type[Params] | None = ReduceParams if op.is_reduction else norms.get(op)
    return OpRule(op.guid(dtype), op.input_count, op.input_count, (dtype, DataType.F32), (dtype,), dims, params)


def _index_rule(op: IndexOp, dtype: DataType) -> OpRule:
    dims = {IndexOp.GATHER: gather_dims, IndexOp.SCATTER_ADD: scatter_dims, IndexOp.ONE_HOT: one_hot_dims}[op]
    types = (DataType.I32,) if op is IndexOp.ONE_HOT else (dtype, DataType.I32)
    return OpRule(op.guid(dtype), len(types), len(types), types, (dtype,), dims, IndexParams)


def _move_rule(guid: str, dims: Callable[[Node, tuple[Tensor, ...]], Dims], params: type[Params] | None) -> OpRule:
    return OpRule(guid, 1, _ANY_NUMBER if guid == CONCAT else 1, (None,), None, dims, params)


def _convolution_rule(op: ConvolutionOp) -> OpRule:
    most = 3 if op is ConvolutionOp.FORWARD else 2
    return OpRule(op, 2, most, _GEMM_INPUTS, _BF16_OR_F32, convolution_dims, ConvolutionParams)


def _constant_rule(guid: str, types: tuple[DataType, ...]) -> OpRule:
    return OpRule(guid, 0, 0, (), types, constant_dims, ConstantParams)


_BF16_OR_F32 = (DataType.BF16, DataType.F32)
_MME_TYPES = (DataType.BF16, DataType.F32, *FP8_TYPES)
_GEMM_INPUTS = (_MME_TYPES, _MME_TYPES, DataType.F32)

_MOVES = frozenset({MEMCPY, MEMSET, TRANSPOSE, BROADCAST, RESHAPE, SLICE, CONCAT})

_ALL = (
    OpRule(GEMM, 2, 3, _GEMM_INPUTS, _BF16_OR_F32, gemm_dims, GemmParams),
    OpRule(BATCH_GEMM, 2, 2, _GEMM_INPUTS, _BF16_OR_F32, batch_dims, GemmParams),
    *(_convolution_rule(op) for op in ConvolutionOp),
    _move_rule(MEMCPY, same_dims, None),
    _move_rule(TRANSPOSE, transpose_dims, TransposeParams),
    _move_rule(BROADCAST, broadcast_dims, ShapeParams),
    _move_rule(RESHAPE, reshape_dims, ShapeParams),
    _move_rule(SLICE, slice_dims, SliceParams),
    _move_rule(CONCAT, concat_dims, ConcatParams),
    _constant_rule(MEMSET, tuple(DataType)),
    *(_constant_rule(f"constant_{dtype}", (dtype,)) for dtype in DataType),
    *(_elementwise_rule(op, dtype) for op in ElementwiseOp for dtype in op.types),
    *(_row_rule(op, dtype) for op in RowOp for dtype in op.types),
    *(_index_rule(op, dtype) for op in IndexOp for dtype in op.types),
    OpRule(FUSED, 1, _ANY_NUMBER, (None,), None, elementwise_dims, FusedParams),
)

_RULES = {rule.guid: rule for rule in _ALL}
