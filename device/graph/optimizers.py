"""Steps of optimizers, as nodes of a graph: from a weight and its gradient to the next weight.

A launch reads the old state and writes the new one into other buffers; the next launch takes them the other way round.
Numbers that change from step to step (the rate, Adam's corrections) are inputs of dims (1,).
"""

from __future__ import annotations

from dataclasses import dataclass

from device.dtypes import DataType
from device.graph.builder import GraphBuilder, Operand
from device.graph.ir import Tensor

__all__ = ["AdamState", "AdamW", "Sgd"]


@dataclass(frozen=True, slots=True)
class Sgd:
    """w - rate * dw, or with a momentum m' = momentum * m + dw and w - rate * m'. As PyTorch has it."""

    momentum: float = 0.0

    def step(
        self, g: GraphBuilder, w: Tensor, dw: Tensor, rate: Operand, m: Tensor | None = None
    ) -> tuple[Tensor, ...]:
        """The next weight, and the next momentum if there is one."""
        dw = g.cast(dw, w.dtype)
        if m is None:
            return (g.sub(w, g.mul(dw, rate)),)
        moved = g.add(g.mul(m, self.momentum), dw)
        return g.sub(w, g.mul(moved, rate)), moved


@dataclass(frozen=True, slots=True)
class AdamState:
    """Running means of the gradient and of its square, with the dims of the weight, in fp32; they start at zero."""

    m: Tensor
    v: Tensor


@dataclass(frozen=True, slots=True)
class AdamW:
    """Adam with decoupled weight decay (Loshchilov and Hutter, 2019); without decay it is Adam. As PyTorch has it."""

    beta1: float = 0.9
    beta2: float = 0.999
    epsilon: float = 1e-8
    decay: float = 0.0

    def corrections(self, step: int) -> tuple[float, float]:
        """1 / (1 - beta^step) for both means; steps count from 1."""
        return 1 / (1 - self.beta1**step), 1 / (1 - self.beta2**step)

    def step(
        self,
        g: GraphBuilder,
        w: Tensor,
        dw: Tensor,
        state: AdamState,
        rate: Operand,
        corrections: tuple[Operand, Operand],
    ) -> tuple[Tensor, AdamState]:
        """The next weight and state."""
        wide = g.cast(dw, DataType.F32)
        m = g.add(g.mul(state.m, self.beta1), g.mul(wide, 1 - self.beta1))
        v = g.add(g.mul(state.v, self.beta2), g.mul(g.mul(wide, wide), 1 - self.beta2))
        size = g.add(g.sqrt(g.mul(v, corrections[1])), self.epsilon)
        moved = g.mul(g.div(g.mul(m, corrections[0]), size), rate)
        kept = g.sub(w, g.mul(g.mul(w, self.decay), rate)) if self.decay else w
        return g.sub(kept, moved), AdamState(m, v)
