"""Chains of elementwise operations in one pass over memory."""

from __future__ import annotations

from device.graph.ir import Graph, Node
from device.graph.ops import infer_output_dims
from device.graph.program import Program, program_of

__all__ = ["fuse_elementwise"]

# Registers and instruction memory of a TPC are limited; where exactly is not published, so these are assumed.
_MOST_INPUTS = 8
_MOST_STEPS = 32


def fuse_elementwise(graph: Graph) -> Graph:
    """Put an elementwise operation into the one that reads its result, if nobody else does.

    before: x -> exp -> a; a, y -> add -> b; b -> sqrt -> c      after: x, y -> fused_kernel (exp; add; sqrt) -> c

    The tensor in between has the dimensions of the result and is not persistent; slices stay as they are. Needs
    inferred dimensions. Keeps every value bit for bit: each step still rounds to the type of its result.
    """
    while (fused := _fused_once(graph)) is not graph:
        graph = fused
    return graph


def _fused_once(graph: Graph) -> Graph:
    """Two readers that have become one make their common operand fusible, which the next round sees."""
    programs: dict[str, Program] = {}
    absorbed: set[str] = set()
    for node in graph.in_dependency_order():
        program = program_of(node)
        if program is None:
            continue
        for name in program.inputs:
            producer = _fusible_producer(graph, node, name)
            joined = None if producer is None else program.after(name, programs[producer.name])
            if producer is not None and joined is not None and _fits(graph, node, joined):
                program = joined
                absorbed.add(producer.name)
        programs[node.name] = program
    if not absorbed:
        return graph
    return graph.with_nodes(_fused(node, programs) for node in graph.nodes if node.name not in absorbed)


def _fused(node: Node, programs: dict[str, Program]) -> Node:
    program = programs.get(node.name)
    return node if program is None or program == program_of(node) else program.to_node(node)


def _fusible_producer(graph: Graph, reader: Node, name: str) -> Node | None:
    producer, tensor = graph.producer(name), graph.tensor(name)
    if producer is None or tensor.is_persistent or graph.consumers(name) != (reader,) or reader.bundle is not None:
        return None
    is_whole = tensor.shape == graph.tensor(reader.outputs[0]).shape
    return producer if is_whole and program_of(producer) is not None else None


def _fits(graph: Graph, node: Node, program: Program) -> bool:
    """Whether the tensors that are left give the result its dimensions, and the TPC can hold the program."""
    if len(program.inputs) > _MOST_INPUTS or len(program.steps) > _MOST_STEPS:
        return False
    output = graph.tensor(node.outputs[0])
    inputs = tuple(graph.tensor(name) for name in program.inputs)
    return infer_output_dims(program.to_node(node), inputs, output) == output.shape
