"""Elementwise nodes as programs that can be put together: steps over tensors, constants and earlier steps.

Used by the passes that build fused kernels. Frozen; a program becomes a node again with `to_node`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from device.graph.ir import Node
from device.graph.ops import FUSED
from device.graph.params import FusedParams, FusedStep
from device.recipe.descriptors import Constant
from device.recipe.tpc_ops import parse_elementwise

__all__ = ["Program", "program_of"]

Ref = str | Constant | int
"""A tensor by name, a constant, or the result of a step by its number."""


@dataclass(frozen=True, slots=True)
class Program:
    """Each step is a guid and its operands; the last one gives the result."""

    steps: tuple[tuple[str, tuple[Ref, ...]], ...]

    @property
    def inputs(self) -> tuple[str, ...]:
        """Tensors, each once, in the order of their first use."""
        return tuple(dict.fromkeys(ref for _, refs in self.steps for ref in refs if isinstance(ref, str)))

    @property
    def constants(self) -> tuple[Constant, ...]:
        return tuple(dict.fromkeys(ref for _, refs in self.steps for ref in refs if isinstance(ref, Constant)))

    def with_constant(self, name: str, constant: Constant) -> Program:
        """The same with a tensor replaced by the number that all its elements are."""
        return self._mapped(lambda ref: constant if ref == name else ref)

    def after(self, name: str, producer: Program) -> Program:
        """The same behind another program that makes tensor `name`."""
        shift = len(producer.steps)
        moved = self._mapped(lambda ref: ref + shift if isinstance(ref, int) else shift - 1 if ref == name else ref)
        return Program(producer.steps + moved.steps)

    def to_node(self, node: Node) -> Node:
        """`node` with this program instead of what it did."""
        inputs, constants = self.inputs, self.constants
        operands: tuple[Ref, ...] = (*inputs, *constants)
        numbers = {ref: number for number, ref in enumerate(operands)}
        base = len(numbers)
        steps = tuple(
            FusedStep(guid, tuple(ref + base if isinstance(ref, int) else numbers[ref] for ref in refs))
            for guid, refs in self.steps
        )
        return replace(node, guid=FUSED, inputs=inputs, params=FusedParams(constants, steps))

    def _mapped(self, change: Callable[[Ref], Ref]) -> Program:
        return Program(tuple((guid, tuple(change(ref) for ref in refs)) for guid, refs in self.steps))


def program_of(node: Node) -> Program | None:
    """What a node does, if it is elementwise."""
    if parse_elementwise(node.guid) is not None:
        return Program(((node.guid, node.inputs),))
    if not isinstance(node.params, FusedParams):
        return None
    registers: list[Ref] = [*node.inputs, *node.params.constants, *range(len(node.params.steps))]
    return Program(
        tuple((step.guid, tuple(registers[source] for source in step.sources)) for step in node.params.steps)
    )
