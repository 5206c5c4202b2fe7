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
from device.graph.ir import GemmParams, Graph, Node, Tensor
from device.graph.ops import GEMM, MEMCPY, infer_output_dims

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

    def add(self, a: Tensor, b: Tensor) -> Tensor:
        """b has the dims of a, or only the fast ones of them: then it repeats."""
        return self._node(f"add_fwd_{a.dtype}", (a, b), a.dtype)

    def mul(self, a: Tensor, b: Tensor) -> Tensor:
        return self._node(f"mul_fwd_{a.dtype}", (a, b), a.dtype)

    def relu(self, a: Tensor) -> Tensor:
        return self._node(f"relu_fwd_{a.dtype}", (a,), a.dtype)

    def cast(self, a: Tensor, dtype: DataType) -> Tensor:
        if a.dtype is dtype:
            return a
        return self._node(f"cast_{a.dtype}_to_{dtype}", (a,), dtype)

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

    def _node(self, guid: str, inputs: tuple[Tensor, ...], dtype: DataType, params: GemmParams | None = None) -> Tensor:
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
