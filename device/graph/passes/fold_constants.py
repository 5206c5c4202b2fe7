"""What is known before the launch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from device.graph.ir import Graph, Node
from device.graph.moves import MOVES
from device.graph.ops import infer_output_dims, is_constant
from device.graph.params import ConstantParams
from device.graph.program import Program, program_of
from device.graph.rules import Dims, params_of
from device.recipe.descriptors import Constant

__all__ = ["fold_constants"]


def fold_constants(graph: Graph) -> Graph:
    """Compute elementwise operations and moves of constants, and build constants into the operations that read them.

    before: 2.0 -> exp -> c; x, c -> mul -> y      after: x -> fused_kernel (mul by 7.389) -> y

    A constant is a tensor whose elements are all the same number. One that gives the result its dimensions stays.
    Nodes that nobody reads any more stay for eliminate_dead_nodes. Needs inferred dimensions. Keeps every value bit for
    bit: folding uses the definitions of device.graph.reference.
    """
    known: dict[str, Constant] = {}
    nodes: dict[str, Node] = {}
    for node in graph.in_dependency_order():
        nodes[node.name] = folded = _folded(graph, node, known)
        if is_constant(folded):
            output = graph.tensor(folded.outputs[0])
            known[output.name] = Constant(params_of(folded, ConstantParams).bits, output.dtype)
    changed = tuple(nodes[node.name] for node in graph.nodes)
    return graph if changed == graph.nodes else replace(graph, nodes=changed)


def _folded(graph: Graph, node: Node, known: Mapping[str, Constant]) -> Node:
    constants = {name: known[name] for name in node.inputs if name in known}
    if not constants:
        return node
    if node.guid in MOVES:
        values = set(constants.values())
        is_uniform = len(values) == 1 and len(constants) == len(set(node.inputs))
        return _constant(graph, node, values.pop()) if is_uniform else node
    program = program_of(node)
    return node if program is None else _without_constants(graph, node, program, constants)


def _without_constants(graph: Graph, node: Node, program: Program, constants: Mapping[str, Constant]) -> Node:
    for name, constant in constants.items():
        smaller = program.with_constant(name, constant)
        if not smaller.inputs:
            return _constant(graph, node, _evaluated(smaller))
        if _dims(graph, smaller.to_node(node)) == graph.tensor(node.outputs[0]).shape:
            program = smaller
    return node if program == program_of(node) else program.to_node(node)


def _dims(graph: Graph, node: Node) -> Dims:
    inputs = tuple(graph.tensor(name) for name in node.inputs)
    return infer_output_dims(node, inputs, graph.tensor(node.outputs[0]))


def _constant(graph: Graph, node: Node, value: Constant) -> Node:
    params = ConstantParams(graph.tensor(node.outputs[0]).shape, value.bits)
    return replace(node, guid=f"constant_{value.dtype}", inputs=(), params=params)


def _evaluated(program: Program) -> Constant:
    """numpy is only loaded for a graph that has something to fold."""
    from device.graph.fold import evaluate

    return evaluate(program)
