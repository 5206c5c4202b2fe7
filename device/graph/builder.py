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
    ConvolutionParams,
    GemmParams,
    IndexParams,
    NormParams,
    Params,
    ReduceParams,
    ShapeParams,
    SliceParams,
    TransposeParams,
    constant_of,
    f32_bits,
)
from device.recipe.descriptors import ConvolutionOp
from device.recipe.tpc_ops import ElementwiseOp, IndexOp, RowOp, cast_to

__all__ = ["GraphBuilder"]

Operand = Tensor | float
Pair = int | tuple[int, int]


class GraphBuilder:
    """Tensors that the methods return are handles: pass them on, or mark them as outputs."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._tensors: dict[str, Tensor] = {}
        self._nodes: list[Node] = []
        self._output_names: dict[str, str] = {}

    @classmethod
    def of(cls, graph: Graph) -> GraphBuilder:
        """To go on with a graph: its outputs stay outputs. GraphError if its dimensions are not inferred."""
        g = cls(graph.name)
        for tensor in graph.tensors:
            g._tensors[tensor.name] = replace(tensor, dims=tensor.shape)
        g._nodes = list(graph.in_dependency_order())
        return g

    @property
    def nodes(self) -> tuple[Node, ...]:
        """So far, producers before consumers."""
        return tuple(self._nodes)

    def tensor(self, name: str) -> Tensor:
        if name not in self._tensors:
            raise GraphError(f"graph {self._name} has no tensor {name}")
        return self._tensors[name]

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
        """A[m, k] x B[k, n], each bf16, f32 or fp8, plus an fp32 row.

        A has the dims (k, m), B (n, k), the result (n, m).
        """
        inputs = (a, b) if bias is None else (a, b, bias)
        return self._node(GEMM, inputs, dtype, GemmParams(transpose_a, transpose_b))

    def batch_gemm(
        self, a: Tensor, b: Tensor, transpose_a: bool = False, transpose_b: bool = False, dtype: DataType = DataType.F32
    ) -> Tensor:
        """The same for each matrix of A (k, m, ...) and B (n, k, ...); a B with two dims serves all of them."""
        return self._node(BATCH_GEMM, (a, b), dtype, GemmParams(transpose_a, transpose_b))

    def convolution(
        self,
        x: Tensor,
        w: Tensor,
        bias: Tensor | None = None,
        *,
        stride: Pair = 1,
        padding: Pair = 0,
        dilation: Pair = 1,
        dtype: DataType = DataType.F32,
    ) -> Tensor:
        """x (channels, width, height, batch) with filters w (filters, channels, kernel width, kernel height).

        A pair is (width, height), one number stands for both; padding is on either side. The result has the dims
        (filters, width, height, batch).
        """
        if len(w.shape) != 4:
            raise GraphError(f"filters, tensor {w}, need 4 dimensions")
        across, down = _pair(padding)
        params = ConvolutionParams(
            kernel=(w.shape[2], w.shape[3]),
            stride=_pair(stride),
            dilation=_pair(dilation),
            padding=(across, across, down, down),
        )
        return self.convolution_node(ConvolutionOp.FORWARD, (x, w) if bias is None else (x, w, bias), params, dtype)

    def convolution_node(
        self, op: ConvolutionOp, inputs: tuple[Tensor, ...], params: ConvolutionParams, dtype: DataType = DataType.F32
    ) -> Tensor:
        """Any of the three, with all that its params can say: dedx of (dy, w), dedw of (dy, x)."""
        return self._node(op, inputs, dtype, params)

    def elementwise(self, op: ElementwiseOp, *inputs: Operand) -> Tensor:
        """Any elementwise operation; the named methods below are this one. A number stands for a constant tensor.

        The smaller operand repeats: it has the dims of the other, or 1 (or none) in the fast or in the slow ones.
        """
        first = next((each for each in inputs if isinstance(each, Tensor)), None)
        if first is None:
            raise GraphError(f"{op} needs a tensor among its operands {inputs}")
        dtype = first.dtype
        tensors = [each if isinstance(each, Tensor) else self.constant(each, (1,), dtype) for each in inputs]
        return self._node(op.guid(dtype), tuple(tensors), op.output_type(dtype))

    def add(self, a: Operand, b: Operand) -> Tensor:
        return self.elementwise(ElementwiseOp.ADD, a, b)

    def sub(self, a: Operand, b: Operand) -> Tensor:
        return self.elementwise(ElementwiseOp.SUB, a, b)

    def mul(self, a: Operand, b: Operand) -> Tensor:
        return self.elementwise(ElementwiseOp.MUL, a, b)

    def div(self, a: Operand, b: Operand) -> Tensor:
        return self.elementwise(ElementwiseOp.DIV, a, b)

    def maximum(self, a: Operand, b: Operand) -> Tensor:
        return self.elementwise(ElementwiseOp.MAX, a, b)

    def minimum(self, a: Operand, b: Operand) -> Tensor:
        return self.elementwise(ElementwiseOp.MIN, a, b)

    def pow(self, a: Operand, b: Operand) -> Tensor:
        """Off by about |b log a| units in the last place."""
        return self.elementwise(ElementwiseOp.POW, a, b)

    def equal(self, a: Operand, b: Operand) -> Tensor:
        """A comparison gives 1 or 0, of the type of its operands."""
        return self.elementwise(ElementwiseOp.EQUAL, a, b)

    def not_equal(self, a: Operand, b: Operand) -> Tensor:
        return self.elementwise(ElementwiseOp.NOT_EQUAL, a, b)

    def less(self, a: Operand, b: Operand) -> Tensor:
        return self.elementwise(ElementwiseOp.LESS, a, b)

    def less_equal(self, a: Operand, b: Operand) -> Tensor:
        return self.elementwise(ElementwiseOp.LESS_EQUAL, a, b)

    def greater(self, a: Operand, b: Operand) -> Tensor:
        return self.elementwise(ElementwiseOp.GREATER, a, b)

    def greater_equal(self, a: Operand, b: Operand) -> Tensor:
        return self.elementwise(ElementwiseOp.GREATER_EQUAL, a, b)

    def where(self, condition: Tensor, a: Operand, b: Operand) -> Tensor:
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

    def reciprocal(self, a: Tensor) -> Tensor:
        return self.elementwise(ElementwiseOp.RECIPROCAL, a)

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
        return self.elementwise(cast_to(dtype), a)

    def reduce_sum(self, a: Tensor, axis: int = 0) -> Tensor:
        """Along one dimension, by default the fast one, which becomes 1."""
        return self._reduce(RowOp.SUM, a, axis)

    def reduce_mean(self, a: Tensor, axis: int = 0) -> Tensor:
        return self._reduce(RowOp.MEAN, a, axis)

    def reduce_max(self, a: Tensor, axis: int = 0) -> Tensor:
        return self._reduce(RowOp.MAX, a, axis)

    def reduce_min(self, a: Tensor, axis: int = 0) -> Tensor:
        return self._reduce(RowOp.MIN, a, axis)

    def softmax(self, a: Tensor) -> Tensor:
        """Along the fast dimension."""
        return self._node(RowOp.SOFTMAX.guid(a.dtype), (a,), a.dtype)

    def log_softmax(self, a: Tensor) -> Tensor:
        """Its logarithm, without the rounding of small probabilities."""
        return self._node(RowOp.LOG_SOFTMAX.guid(a.dtype), (a,), a.dtype)

    def gather(self, a: Tensor, indices: Tensor, axis: int) -> Tensor:
        """Entries of dimension `axis` that i32 indices name; their dimensions take its place."""
        return self._node(IndexOp.GATHER.guid(a.dtype), (a, indices), a.dtype, IndexParams(axis))

    def embedding(self, table: Tensor, indices: Tensor) -> Tensor:
        """Rows of a table (width, entries): the result has the dims (width, *indices)."""
        return self.gather(table, indices, 1)

    def scatter_add(self, a: Tensor, indices: Tensor, axis: int, size: int) -> Tensor:
        """The other way round: a gather's result back to `size` entries, those of the same index added up."""
        return self._node(IndexOp.SCATTER_ADD.guid(a.dtype), (a, indices), a.dtype, IndexParams(axis, size))

    def one_hot(self, indices: Tensor, size: int, dtype: DataType = DataType.F32) -> Tensor:
        """(size, *indices): 1 where the fast dimension is the index, else 0."""
        return self._node(IndexOp.ONE_HOT.guid(dtype), (indices,), dtype, IndexParams(0, size))

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

    def split(self, a: Tensor, sizes: tuple[int, ...], axis: int) -> tuple[Tensor, ...]:
        """Slices that follow each other along a dimension and together are all of it."""
        if not 0 <= axis < len(a.shape) or sum(sizes) != a.shape[axis]:
            raise GraphError(f"sizes {sizes} do not split dimension {axis} of tensor {a}")
        ends = [sum(sizes[: index + 1]) for index in range(len(sizes))]
        return tuple(
            self.slice(
                a,
                tuple(end - size if dim == axis else 0 for dim in range(len(a.shape))),
                tuple(end if dim == axis else extent for dim, extent in enumerate(a.shape)),
            )
            for size, end in zip(sizes, ends, strict=True)
        )

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

    def _reduce(self, op: RowOp, a: Tensor, axis: int) -> Tensor:
        return self._node(op.guid(a.dtype), (a,), a.dtype, ReduceParams(axis))

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


def _pair(value: Pair) -> tuple[int, int]:
    return (value, value) if isinstance(value, int) else value
