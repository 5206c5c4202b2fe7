"""Gradients of elementwise operations. At a kink relu and abs have slope 0, max and min follow the second operand."""

from __future__ import annotations

from device.dtypes import DataType
from device.graph.gradients.rule import Context, Partials, Rule, gradient_type
from device.graph.ir import Tensor
from device.recipe.tpc_ops import ElementwiseOp

__all__ = ["ELEMENTWISE_RULES", "cast_rule"]

# Of the definition of gelu, csrc/kernels/elementwise.h.
_GELU_SCALE, _GELU_CUBIC = 0.79788456, 0.044715


def cast_rule(c: Context) -> Partials:
    """The rounding counts as none. Integers have no gradient."""
    source = c.inputs[0].dtype
    if DataType.I32 in (source, c.y.dtype):
        return (None,)
    return (c.g.cast(c.dy, gradient_type(source)),)


def _mul(c: Context) -> Partials:
    a, b = c.inputs
    return c.g.mul(c.dy, b), c.g.mul(c.dy, a)


def _div(c: Context) -> Partials:
    by_a = c.g.div(c.dy, c.inputs[1])
    return by_a, c.g.neg(c.g.mul(by_a, c.y))


def _select(c: Context, first_wins: Tensor) -> Partials:
    return c.g.where(first_wins, c.dy, 0.0), c.g.where(first_wins, 0.0, c.dy)


def _pow(c: Context) -> Partials:
    g, (a, b) = c.g, c.inputs
    by_a = g.mul(c.dy, g.mul(b, g.pow(a, g.sub(b, 1.0))))
    return by_a, g.mul(c.dy, g.mul(c.y, g.log(a)))


def _where(c: Context) -> Partials:
    condition = c.inputs[0]
    return None, c.g.where(condition, c.dy, 0.0), c.g.where(condition, 0.0, c.dy)


def _abs(c: Context) -> Partials:
    (a,) = c.inputs
    sign = c.g.sub(c.g.greater(a, 0.0), c.g.less(a, 0.0))
    return (c.g.mul(c.dy, sign),)


def _rsqrt(c: Context) -> Partials:
    cube = c.g.mul(c.y, c.g.mul(c.y, c.y))
    return (c.g.mul(c.dy, c.g.mul(cube, -0.5)),)


def _gelu(c: Context) -> Partials:
    """y = h + h t with h = x / 2 and t = tanh(s (x + c x^3)): y' = (1 + t) / 2 + h (1 - t^2) s (1 + 3 c x^2)."""
    g, (x,) = c.g, c.inputs
    square = g.mul(x, x)
    t = g.tanh(g.mul(g.mul(x, g.add(g.mul(square, _GELU_CUBIC), 1.0)), _GELU_SCALE))
    inner = g.mul(g.add(g.mul(square, 3 * _GELU_CUBIC), 1.0), _GELU_SCALE / 2)
    slope = g.mul(g.mul(x, g.sub(1.0, g.mul(t, t))), inner)
    return (g.mul(c.dy, g.add(g.mul(g.add(t, 1.0), 0.5), slope)),)


ELEMENTWISE_RULES: dict[ElementwiseOp, Rule] = {
    ElementwiseOp.ADD: lambda c: (c.dy, c.dy),
    ElementwiseOp.SUB: lambda c: (c.dy, c.g.neg(c.dy)),
    ElementwiseOp.MUL: _mul,
    ElementwiseOp.DIV: _div,
    ElementwiseOp.MAX: lambda c: _select(c, c.g.greater(*c.inputs)),
    ElementwiseOp.MIN: lambda c: _select(c, c.g.less(*c.inputs)),
    ElementwiseOp.POW: _pow,
    ElementwiseOp.WHERE: _where,
    ElementwiseOp.RELU: lambda c: (c.g.where(c.g.greater(c.y, 0.0), c.dy, 0.0),),
    ElementwiseOp.NEG: lambda c: (c.g.neg(c.dy),),
    ElementwiseOp.ABS: _abs,
    ElementwiseOp.SQRT: lambda c: (c.g.div(c.g.mul(c.dy, 0.5), c.y),),
    ElementwiseOp.RSQRT: _rsqrt,
    ElementwiseOp.RECIPROCAL: lambda c: (c.g.neg(c.g.mul(c.dy, c.g.mul(c.y, c.y))),),
    ElementwiseOp.EXP: lambda c: (c.g.mul(c.dy, c.y),),
    ElementwiseOp.LOG: lambda c: (c.g.div(c.dy, c.inputs[0]),),
    ElementwiseOp.SIGMOID: lambda c: (c.g.mul(c.dy, c.g.mul(c.y, c.g.sub(1.0, c.y))),),
    ElementwiseOp.TANH: lambda c: (c.g.mul(c.dy, c.g.sub(1.0, c.g.mul(c.y, c.y))),),
    ElementwiseOp.GELU: _gelu,
}
"""What is missing, comparisons, has no gradient."""
