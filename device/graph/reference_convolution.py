"""Convolutions by their definition: each element of the result is a sum in the order of the MME, gathered in numpy.

Arrays list the slow dimension first: images are batch, height, width, channels; filters kernel height, kernel width,
channels, filters.
"""

from __future__ import annotations

import numpy as np

from device.arrays import Array, decoded
from device.dtypes import DataType
from device.graph.reference import gemm
from device.recipe.descriptors import ConvolutionOp, Extent, Window

__all__ = ["convolution"]


def convolution(
    op: ConvolutionOp,
    window: Window,
    operands: tuple[Array, Array],
    types: tuple[DataType, DataType],
    bias: Array | None,
    has_relu: bool,
    output_bf16: bool,
) -> Array:
    """Operands in the order of MmeConvolution; of any shape, the result is flat."""
    a, b = (decoded(operand, dtype) for operand, dtype in zip(operands, types, strict=True))
    height, width = window.height, window.width
    x_shape = (window.batch, height.x, width.x, window.channels)
    y_shape = (window.batch, height.y, width.y, window.filters)
    filters = (height.kernel * width.kernel, window.channels, window.filters)
    if op is ConvolutionOp.FORWARD:
        left, right = _forward_windows(a.reshape(x_shape), window), b.reshape(-1, window.filters)
    elif op is ConvolutionOp.DEDW:
        left, right = _forward_windows(a.reshape(x_shape), window).T, b.reshape(-1, window.filters)
    else:
        left = _backward_windows(a.reshape(y_shape), window)
        right = b.reshape(filters).swapaxes(1, 2).reshape(-1, window.channels)
    return gemm(left, right, bias, has_relu, output_bf16).reshape(-1)


def _forward_windows(image: Array, window: Window) -> Array:
    """A row for each place of the result: what its kernel covers."""
    y, x = (_sources(each) for each in (window.height, window.width))
    return _windows(image, y, x)


def _backward_windows(gradient: Array, window: Window) -> Array:
    """A row for each place of the image: the places of the result that each place of the kernel leads to."""
    y, x = (_targets(each) for each in (window.height, window.width))
    return _windows(gradient, y, x)


def _windows(values: Array, y: Array, x: Array) -> Array:
    """`y` and `x` are places x kernel, -1 for a place that does not exist: there is a zero."""
    padded = np.pad(values, ((0, 0), (0, 1), (0, 1), (0, 0)))
    rows = padded[:, y[:, None, :, None], x[None, :, None, :], :]
    return rows.reshape(-1, y.shape[1] * x.shape[1] * values.shape[3])


def _sources(extent: Extent) -> Array:
    y, k = np.arange(extent.y)[:, None], np.arange(extent.kernel)
    places = y * extent.stride + k * extent.dilation - extent.before
    inside: Array = np.where((places >= 0) & (places < extent.x), places, -1)
    return inside


def _targets(extent: Extent) -> Array:
    x, k = np.arange(extent.x)[:, None], np.arange(extent.kernel)
    scaled = x + extent.before - k * extent.dilation
    places = scaled // extent.stride
    exists = (scaled % extent.stride == 0) & (places >= 0) & (places < extent.y)
    inside: Array = np.where(exists, places, -1)
    return inside
