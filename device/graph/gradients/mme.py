"""Gradients of multiplications and convolutions: each is two more of them.

The gradient of the result is cast to the type of the operand that it is multiplied with, as training in bf16 does.
"""

from __future__ import annotations

from dataclasses import replace

from device.errors import GraphError
from device.graph.convolution import window_of
from device.graph.gradients.rule import Context, Partials, Rule, gradient_type, sum_of_rows
from device.graph.ir import Tensor
from device.graph.ops import BATCH_GEMM, GEMM, gemm_params
from device.graph.params import ConvolutionParams
from device.graph.rules import error_at, params_of
from device.recipe.descriptors import ConvolutionOp

__all__ = ["MME_RULES"]


def _gemm(c: Context) -> Partials:
    """C = A B: dA = dC B^T and dB = A^T dC, whichever way A and B lie."""
    g, (a, b) = c.g, c.inputs[:2]
    ta, tb = _transposes(c)
    dy_a, dy_b, type_a, type_b = _cast(c, b), _cast(c, a), gradient_type(a.dtype), gradient_type(b.dtype)
    if ta:
        da = g.gemm(b, dy_a, transpose_a=tb, transpose_b=True, dtype=type_a)
    else:
        da = g.gemm(dy_a, b, transpose_b=not tb, dtype=type_a)
    if tb:
        db = g.gemm(dy_b, a, transpose_a=True, transpose_b=ta, dtype=type_b)
    else:
        db = g.gemm(a, dy_b, transpose_a=not ta, dtype=type_b)
    return (da, db) if len(c.inputs) == 2 else (da, db, sum_of_rows(g, g.cast(c.dy, c.inputs[2].dtype)))


def _batch_gemm(c: Context) -> Partials:
    """The same in a batch; the gradient of a B that serves all of them is the sum over the batch."""
    g, (a, b) = c.g, c.inputs
    ta, tb = _transposes(c)
    dy_a, dy_b, type_a, type_b = _cast(c, b), _cast(c, a), gradient_type(a.dtype), gradient_type(b.dtype)
    da = g.batch_gemm(dy_a, b, transpose_b=not tb, dtype=type_a)
    if ta:
        da = g.transpose(da, (1, 0, *range(2, len(da.shape))))
    is_shared = len(b.shape) == 2
    if is_shared and not ta:
        flat_a = g.reshape(a, (a.shape[0], a.count // a.shape[0]))
        flat_dy = g.reshape(dy_b, (dy_b.shape[0], dy_b.count // dy_b.shape[0]))
        return da, _right(c, flat_a, flat_dy)
    if tb:
        db = g.batch_gemm(dy_b, a, transpose_a=True, transpose_b=ta, dtype=type_b)
    else:
        db = g.batch_gemm(a, dy_b, transpose_a=not ta, dtype=type_b)
    if is_shared:
        db = g.reshape(g.reduce_sum(g.reshape(db, (*b.shape, db.count // b.count)), 2), b.shape)
    return da, db


def _right(c: Context, a: Tensor, dy: Tensor) -> Tensor:
    dtype = gradient_type(c.inputs[1].dtype)
    if _transposes(c)[1]:
        return c.g.gemm(dy, a, transpose_a=True, dtype=dtype)
    return c.g.gemm(a, dy, transpose_a=True, dtype=dtype)


def _convolution(c: Context) -> Partials:
    """Image, filters and result meet in one sum of products; each operation leaves another of them out."""
    op = ConvolutionOp(c.node.guid)
    params = params_of(c.node, ConvolutionParams)
    _refuse_relu(c, params.has_relu)
    window = window_of(c.node, c.inputs)
    plain = replace(params, geometry=None, size=None)
    sized = replace(plain, size=(window.width.x, window.height.x))
    first, second = c.inputs[:2]

    def run(kind: ConvolutionOp, left: Tensor, right: Tensor, of: Tensor) -> Tensor:
        chosen = sized if kind is ConvolutionOp.DEDX else plain
        return c.g.convolution_node(kind, (left, right), chosen, gradient_type(of.dtype))

    if op is ConvolutionOp.DEDX:  # of (dy, w): c.dy is an image
        image = c.dy
        return (
            run(ConvolutionOp.FORWARD, c.g.cast(image, gradient_type(second.dtype)), second, first),
            run(ConvolutionOp.DEDW, first, c.g.cast(image, gradient_type(first.dtype)), second),
        )
    if op is ConvolutionOp.DEDW:  # of (dy, x): c.dy are filters
        filters = c.dy
        return (
            run(ConvolutionOp.FORWARD, second, c.g.cast(filters, gradient_type(second.dtype)), first),
            run(ConvolutionOp.DEDX, first, c.g.cast(filters, gradient_type(first.dtype)), second),
        )
    dx = run(ConvolutionOp.DEDX, _cast(c, second), second, first)
    dw = run(ConvolutionOp.DEDW, _cast(c, first), first, second)
    return (dx, dw) if len(c.inputs) == 2 else (dx, dw, sum_of_rows(c.g, c.g.cast(c.dy, c.inputs[2].dtype)))


def _cast(c: Context, partner: Tensor) -> Tensor:
    return c.g.cast(c.dy, gradient_type(partner.dtype))


def _transposes(c: Context) -> tuple[bool, bool]:
    params = gemm_params(c.node)
    _refuse_relu(c, params.has_relu)
    return params.transpose_a, params.transpose_b


def _refuse_relu(c: Context, has_relu: bool) -> None:
    if has_relu:
        error: GraphError = error_at(c.node, "has a relu built in; take gradients before the passes run")
        raise error


MME_RULES: dict[str, Rule] = {GEMM: _gemm, BATCH_GEMM: _batch_gemm, **dict.fromkeys(ConvolutionOp, _convolution)}
