"""The operations: guid, number of inputs, rule for dimensions and types. What they compute is in reference.py.

A rule looks at one node and its tensors, and returns the dimensions of its output. A GraphError names the node and the
tensor, what was found and what was expected.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from device.dtypes import DataType
from device.engine_class import EngineClass
from device.errors import GraphError
from device.graph.ir import GemmParams, Node, Tensor
from device.recipe.descriptors import ElementwiseOp
from device.spec import AsicSpec

__all__ = [
    "GEMM",
    "MEMCPY",
    "OpRule",
    "engine_of",
    "gemm_mnk",
    "gemm_params",
    "infer_output_dims",
    "known_guids",
    "op_rule",
]

GEMM = "gemm"
MEMCPY = "memcpy"

# The most dimensions that a TPC kernel can address; synapse knows more only for logical operations.
_MAX_DIMS = 5

Dims = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class OpRule:
    """`input_types` and `output_types` list what is allowed at each place; None stands for any type."""

    guid: str
    min_inputs: int
    input_types: tuple[DataType | None, ...]
    output_types: tuple[DataType, ...] | None
    output_dims: Callable[[Node, tuple[Tensor, ...]], Dims]


def op_rule(node: Node) -> OpRule:
    """GraphError names a guid that the device does not have."""
    rule = _RULES.get(node.guid)
    if rule is None:
        raise GraphError(f"node {node.name}: guid {node.guid!r} is none of {', '.join(known_guids())}")
    return rule


def known_guids() -> tuple[str, ...]:
    return tuple(_RULES)


def engine_of(node: Node, spec: AsicSpec) -> EngineClass:
    """By the kind of node, as in the real compiler; a copy needs a DMA engine or it runs on the TPC."""
    if node.guid == GEMM:
        return EngineClass.MME
    if node.guid == MEMCPY and spec.dma.engines > 0:
        return EngineClass.DMA
    return EngineClass.TPC


def infer_output_dims(node: Node, inputs: tuple[Tensor, ...], output: Tensor) -> Dims:
    """Check a node against its rule and return the dimensions of its output."""
    rule = op_rule(node)
    if not rule.min_inputs <= len(inputs) <= len(rule.input_types):
        raise _error(node, f"has {len(inputs)} inputs, needs {_range(rule.min_inputs, len(rule.input_types))}")
    if (node.params is not None) != (node.guid == GEMM):
        raise _error(node, "needs GemmParams" if node.params is None else "takes no params")
    for place, (tensor, wanted) in enumerate(zip(inputs, rule.input_types, strict=False)):
        _check_dims(node, tensor)
        if wanted is not None and tensor.dtype is not wanted:
            raise _error(node, f"input {place}, tensor {tensor}, has to be {wanted}")
    allowed = (inputs[0].dtype,) if rule.output_types is None else rule.output_types
    if output.dtype not in allowed:
        raise _error(node, f"output, tensor {output}, has to be {' or '.join(allowed)}")
    return rule.output_dims(node, inputs)


def gemm_params(node: Node) -> GemmParams:
    if node.params is None:
        raise _error(node, "needs GemmParams")
    return node.params


def gemm_mnk(node: Node, a: Tensor, b: Tensor) -> tuple[int, int, int]:
    """M, N, K of C[m, n] = A[m, k] x B[k, n] from dimensions that list the fast one first."""
    params = gemm_params(node)
    for tensor in (a, b):
        if len(tensor.shape) != 2:
            raise _error(node, f"tensor {tensor} has {len(tensor.shape)} dimensions, a gemm needs 2")
    k_of_a, m = reversed(a.shape) if params.transpose_a else a.shape
    n, k_of_b = reversed(b.shape) if params.transpose_b else b.shape
    if k_of_a != k_of_b:
        in_a = f"{k_of_a} in {'transposed ' if params.transpose_a else ''}A, tensor {a}"
        in_b = f"{k_of_b} in {'transposed ' if params.transpose_b else ''}B, tensor {b}"
        raise _error(node, f"the common dimension is {in_a}, but {in_b}")
    return m, n, k_of_a


def _gemm_dims(node: Node, inputs: tuple[Tensor, ...]) -> Dims:
    m, n, _ = gemm_mnk(node, inputs[0], inputs[1])
    if len(inputs) == 3 and inputs[2].shape != (n,):
        raise _error(node, f"bias, tensor {inputs[2]}, has to have the dimensions ({n},)")
    return (n, m)


def _binary_dims(node: Node, inputs: tuple[Tensor, ...]) -> Dims:
    """The second operand has the dimensions of the first, or only the fast ones of them: then it repeats."""
    first, second = inputs
    if first.shape[: len(second.shape)] != second.shape:
        raise _error(node, f"tensor {second} does not repeat along the dimensions of tensor {first}")
    return first.shape


def _same_dims(node: Node, inputs: tuple[Tensor, ...]) -> Dims:
    return inputs[0].shape


def _check_dims(node: Node, tensor: Tensor) -> None:
    if not 1 <= len(tensor.shape) <= _MAX_DIMS or min(tensor.shape) < 1:
        raise _error(node, f"tensor {tensor} needs 1 to {_MAX_DIMS} dimensions, each 1 or more")


def _error(node: Node, text: str) -> GraphError:
    return GraphError(f"node {node.name} ({node.guid}): {text}")


def _range(low: int, high: int) -> str:
    return str(low) if low == high else f"{low} to {high}"


def _elementwise_rules() -> dict[str, OpRule]:
    rules: dict[str, OpRule] = {}
    types = {DataType.BF16.size_bytes: DataType.BF16, DataType.F32.size_bytes: DataType.F32}
    for op in ElementwiseOp:
        if op is ElementwiseOp.COPY:
            continue
        inputs = (types[op.input_bytes],) * op.input_count
        dims = _binary_dims if op.input_count == 2 else _same_dims
        rules[op.value] = OpRule(op.value, op.input_count, inputs, (types[op.output_bytes],), dims)
    return rules


_RULES: dict[str, OpRule] = {
    GEMM: OpRule(GEMM, 2, (DataType.BF16, DataType.BF16, DataType.F32), (DataType.BF16, DataType.F32), _gemm_dims),
    MEMCPY: OpRule(MEMCPY, 1, (None,), None, _same_dims),
    **_elementwise_rules(),
}
