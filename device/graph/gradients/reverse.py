"""From the loss back to what it depends on, node by node, adding up what flows into each tensor."""

from __future__ import annotations

from collections.abc import Sequence

from device.dtypes import DataType
from device.errors import GraphError
from device.graph.builder import GraphBuilder
from device.graph.gradients.elementwise import ELEMENTWISE_RULES, cast_rule
from device.graph.gradients.mme import MME_RULES
from device.graph.gradients.moves import MOVE_RULES
from device.graph.gradients.rows import INDEX_RULES, ROW_RULES
from device.graph.gradients.rule import Context, Partials, Rule, gradient_type, reduced_to
from device.graph.ir import Graph, Node, Tensor
from device.graph.ops import is_constant
from device.graph.rules import error_at
from device.recipe.tpc_ops import parse_elementwise, parse_index, parse_row

__all__ = ["gradients", "with_gradients"]


def gradients(g: GraphBuilder, loss: Tensor, wrt: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """For each tensor of `wrt` that of the sum of the loss's elements, with its dims; each may become an output.

    Zeros where the loss does not depend on it. GraphError for a loss of integers, and for fused nodes: take gradients
    of the graph as it was built.
    """
    if loss.dtype not in (DataType.F32, DataType.BF16):
        raise GraphError(f"loss, tensor {loss}, has to be f32 or bf16")
    nodes = g.nodes
    reached = _depending(nodes, {tensor.name for tensor in wrt})
    flowing: dict[str, Tensor] = {loss.name: g.constant(1.0, loss.shape, loss.dtype)}
    for node in reversed(nodes):
        (output,) = node.outputs
        if output not in flowing or output not in reached:
            continue
        context = Context(g, node, tuple(map(g.tensor, node.inputs)), g.tensor(output), flowing[output])
        for source, partial in zip(context.inputs, _partials(context), strict=True):
            if partial is None or source.name not in reached:
                continue
            whole = g.cast(reduced_to(g, partial, source.shape), gradient_type(source.dtype))
            before = flowing.get(source.name)
            flowing[source.name] = whole if before is None else g.add(before, whole)
    return _results(g, [flowing.get(tensor.name) for tensor in wrt], wrt)


def with_gradients(graph: Graph, loss: str, wrt: Sequence[str], suffix: str = ".grad") -> Graph:
    """The graph with an output more for each tensor of `wrt`: its gradient, named `w.grad` for `w`."""
    g = GraphBuilder.of(graph)
    tensors = tuple(g.tensor(name) for name in wrt)
    for tensor, gradient in zip(tensors, gradients(g, g.tensor(loss), tensors), strict=True):
        g.output(gradient, tensor.name + suffix)
    return g.build()


def _depending(nodes: Sequence[Node], names: set[str]) -> set[str]:
    """All tensors that depend on one of these, and these."""
    reached = set(names)
    for node in nodes:
        if reached.intersection(node.inputs):
            reached.update(node.outputs)
    return reached


def _partials(context: Context) -> Partials:
    rule = _rule_of(context.node)
    return (None,) * len(context.inputs) if rule is None else rule(context)


def _rule_of(node: Node) -> Rule | None:
    """None: nothing flows through."""
    elementwise = parse_elementwise(node.guid)
    if elementwise is not None:
        return cast_rule if elementwise[0].cast_target is not None else ELEMENTWISE_RULES.get(elementwise[0])
    row, index = parse_row(node.guid), parse_index(node.guid)
    if row is not None:
        return ROW_RULES[row[0]]
    if index is not None:
        return INDEX_RULES[index[0]]
    if is_constant(node):
        return None
    rule = MME_RULES.get(node.guid) or MOVE_RULES.get(node.guid)
    if rule is None:
        raise error_at(node, "has no gradient; take gradients of the graph before the passes run")
    return rule


def _results(g: GraphBuilder, found: Sequence[Tensor | None], wrt: Sequence[Tensor]) -> tuple[Tensor, ...]:
    """Tensors of which no two are the same, as two names of one output cannot be."""
    results: list[Tensor] = []
    for gradient, tensor in zip(found, wrt, strict=True):
        if gradient is None:
            results.append(g.zeros(tensor.shape, gradient_type(tensor.dtype)))
        else:
            results.append(g.copy(gradient) if gradient in results else gradient)
    return tuple(results)
