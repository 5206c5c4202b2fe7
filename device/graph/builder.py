"""A small front door: build a graph by calling operations.

    g = GraphBuilder("mlp")
    x = g.input("x", (k, m), DataType.BF16)
    w = g.input("w", (n, k), DataType.BF16)
    g.output(g.relu(g.gemm(x, w)), "y")
    graph = g.build()

Each call checks its operands at once, so that an error points at the line that made it.
"""

from __future__ import annotations

from dataclasses import replace

from device.dtypes import DataType
from device.errors import GraphError
from device.graph.ir import Graph, Node, Tensor
from device.graph.ops import (
    BATCH_GEMM,
    BROADCAST,
    CONCAT,
    GEMM,
    MEMCPY,
    MEMSET,
    RESHAPE,
    SLICE,
    TRANSPOSE,
    infer_output_dims,
)
from device.graph.params import (
    ConcatParams,
    ConstantParams,
    GemmParams,
    NormParams,
    Params,
    ShapeParams,
    SliceParams,
    TransposeParams,
    constant_of,
    f32_bits,
)
from device.recipe.tpc_ops import ElementwiseOp, RowOp

__all__ = ["GraphBuilder"]


class GraphBuilder:
    """Tensors that the methods return are handles: pass them on, or mark them as outputs."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tensors: dict[str, Tensor] = {}
        self._nodes: list[Node] = []
        self._output_names: dict[str, str] = {}

    def input(self, name: str, dims: tuple[int, ...], dtype: DataType) -> Tensor:
        """An argument or a weight; dims[0] changes fastest."""
        if name in self._tensors:
            raise GraphError(f"graph {self._name} has two tensors {name}")
        tensor = Tensor(name, dtype, dims, is_persistent=True)
        self._tensors[name] = tensor
        return tensor

    def gemm(
        self,
        a: Tensor,
        b: Tensor,
        bias: Tensor | None = None,
        transpose_a: bool = False,
        transpose_b: bool = False,
        dtype: DataType = DataType.F32,
    ) -> Tensor:
        """A[m, k] x B[k, n] of bf16, plus an fp32 row; A has the dims (k, m), B (n, k), the result (n, m)."""
        inputs = (a, b) if bias is None else (a, b, bias)
        return self._node(GEMM, inputs, dtype, GemmParams(transpose_a, transpose_b))

    def batch_gemm(
        self, a: Tensor, b: Tensor, transpose_a: bool = False, transpose_b: bool = False, dtype: DataType = DataType.F32
    ) -> Tensor:
        """The same for each matrix of A (k, m, ...) and B (n, k, ...); a B with two dims serves all of them."""
        return self._node(BATCH_GEMM, (a, b), dtype, GemmParams(transpose_a, transpose_b))

    def elementwise(self, op: ElementwiseOp, *inputs: Tensor) -> Tensor:
        """Any elementwise operation; the named methods below are this one."""
        dtype = inputs[0].dtype
        return self._node(op.guid(dtype), inputs, op.output_type(dtype))

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        """The smaller operand repeats: it has the dims of the other, or 1 (or none) in the fast or in the slow ones."""
        return self.elementwise(ElementwiseOp.ADD, a, b)

    def sub(self, a: Tensor, b: Tensor) -> Tensor:
        return self.elementwise(ElementwiseOp.SUB, a, b)

    def mul(self, a: Tensor, b: Tensor) -> Tensor:
        return self.elementwise(ElementwiseOp.MUL, a, b)

    def div(self, a: Tensor, b: Tensor) -> Tensor:
        return self.elementwise(ElementwiseOp.DIV, a, b)

    def maximum(self, a: Tensor, b: Tensor) -> Tensor:
        return self.elementwise(ElementwiseOp.MAX, a, b)

    def minimum(self, a: Tensor, b: Tensor) -> Tensor:
        return self.elementwise(ElementwiseOp.MIN, a, b)

    def where(self, condition: Tensor, a: Tensor, b: Tensor) -> Tensor:
        """a where the condition, of the same type, is not zero, else b."""
        return self.elementwise(ElementwiseOp.WHERE, condition, a, b)

    def relu(self, a: Tensor) -> Tensor:
        return self.elementwise(ElementwiseOp.RELU, a)

    def neg(self, a: Tensor) -> Tensor:
        return self.elementwise(ElementwiseOp.NEG, a)

    def abs(self, a: Tensor) -> Tensor:
        return self.elementwise(ElementwiseOp.ABS, a)

    def sqrt(self, a: Tensor) -> Tensor:
        return self.elementwise(ElementwiseOp.SQRT, a)

    def rsqrt(self, a: Tensor) -> Tensor:
        """1 / sqrt(a)."""
        return self.elementwise(ElementwiseOp.RSQRT, a)

    def exp(self, a: Tensor) -> Tensor:
        return self.elementwise(ElementwiseOp.EXP, a)

    def log(self, a: Tensor) -> Tensor:
        """Natural."""
        return self.elementwise(ElementwiseOp.LOG, a)

    def sigmoid(self, a: Tensor) -> Tensor:
        return self.elementwise(ElementwiseOp.SIGMOID, a)

    def tanh(self, a: Tensor) -> Tensor:
        return self.elementwise(ElementwiseOp.TANH, a)

    def gelu(self, a: Tensor) -> Tensor:
        """With tanh."""
        return self.elementwise(ElementwiseOp.GELU, a)

    def cast(self, a: Tensor, dtype: DataType) -> Tensor:
        if a.dtype is dtype:
            return a
        return self.elementwise(ElementwiseOp.CAST, a)

    def reduce_sum(self, a: Tensor) -> Tensor:
        """Along the fast dimension, which becomes 1."""
        return self._node(RowOp.SUM.guid(a.dtype), (a,), a.dtype)

    def reduce_max(self, a: Tensor) -> Tensor:
        return self._node(RowOp.MAX.guid(a.dtype), (a,), a.dtype)

    def softmax(self, a: Tensor) -> Tensor:
        """Along the fast dimension."""
        return self._node(RowOp.SOFTMAX.guid(a.dtype), (a,), a.dtype)

    def layer_norm(self, a: Tensor, gamma: Tensor, beta: Tensor, epsilon: float = 1e-5) -> Tensor:
        """Along the fast dimension; gamma and beta are fp32 rows."""
        return self._node(RowOp.LAYER_NORM.guid(a.dtype), (a, gamma, beta), a.dtype, NormParams(f32_bits(epsilon)))

    def rms_norm(self, a: Tensor, gamma: Tensor, epsilon: float = 1e-6) -> Tensor:
        return self._node(RowOp.RMS_NORM.guid(a.dtype), (a, gamma), a.dtype, NormParams(f32_bits(epsilon)))

    def transpose(self, a: Tensor, permutation: tuple[int, ...]) -> Tensor:
        """Dimension i of the result is dimension permutation[i] of a."""
        return self._node(TRANSPOSE, (a,), a.dtype, TransposeParams(permutation))

    def reshape(self, a: Tensor, dims: tuple[int, ...]) -> Tensor:
        return self._node(RESHAPE, (a,), a.dtype, ShapeParams(dims))

    def broadcast(self, a: Tensor, dims: tuple[int, ...]) -> Tensor:
        """Dimensions of 1, and missing ones, repeat."""
        return self._node(BROADCAST, (a,), a.dtype, ShapeParams(dims))

    def slice(self, a: Tensor, starts: tuple[int, ...], ends: tuple[int, ...]) -> Tensor:
        return self._node(SLICE, (a,), a.dtype, SliceParams(starts, ends))

    def concat(self, tensors: tuple[Tensor, ...], axis: int) -> Tensor:
        return self._node(CONCAT, tensors, tensors[0].dtype, ConcatParams(axis))

    def constant(self, value: float, dims: tuple[int, ...], dtype: DataType) -> Tensor:
        """The same number everywhere; elementwise operations take it in without reading memory."""
        return self._node(f"constant_{dtype}", (), dtype, ConstantParams(dims, constant_of(value, dtype)))

    def zeros(self, dims: tuple[int, ...], dtype: DataType) -> Tensor:
        return self._node(MEMSET, (), dtype, ConstantParams(dims))

    def copy(self, a: Tensor) -> Tensor:
        return self._node(MEMCPY, (a,), a.dtype)

    def output(self, tensor: Tensor, name: str | None = None) -> None:
        """The caller of a launch gets this tensor, under `name` if that is given."""
        if self._tensors.get(tensor.name) != tensor:
            raise GraphError(f"tensor {tensor} is not of graph {self._name}")
        if tensor.is_persistent or tensor.name in self._output_names:
            raise GraphError(f"tensor {tensor} is an input or an output already; copy() it first")
        final = name or tensor.name
        if final in self._output_names.values() or (final in self._tensors and final != tensor.name):
            raise GraphError(f"graph {self._name} has two tensors {final}")
        self._output_names[tensor.name] = final

    def build(self) -> Graph:
        names = self._output_names
        tensors = tuple(self._final(tensor) for tensor in self._tensors.values())
        nodes = tuple(
            replace(
                node,
                inputs=tuple(names.get(name, name) for name in node.inputs),
                outputs=tuple(names.get(name, name) for name in node.outputs),
            )
            for node in self._nodes
        )
        return Graph(self._name, tensors, nodes)

    def _final(self, tensor: Tensor) -> Tensor:
        if tensor.name not in self._output_names:
            return tensor
        return replace(tensor, name=self._output_names[tensor.name], is_persistent=True)

    def _node(self, guid: str, inputs: tuple[Tensor, ...], dtype: DataType, params: Params | None = None) -> Tensor:
        name = f"{guid}_{len(self._nodes)}"
        foreign = [tensor for tensor in inputs if self._tensors.get(tensor.name) != tensor]
        if foreign:
            raise GraphError(f"node {name}: tensor {foreign[0]} is not of graph {self._name}")
        result = Tensor(f"{name}_out", dtype, None, is_persistent=False)
        node = Node(name, guid, tuple(tensor.name for tensor in inputs), (result.name,), params)
        result = replace(result, dims=infer_output_dims(node, inputs, result))
        if result.name in self._tensors:
            raise GraphError(f"tensor {result.name} is there already; choose another name for the input")
        self._tensors[result.name] = result
        self._nodes.append(node)
        return result
