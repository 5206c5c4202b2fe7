"""Convolutions: dimensions of their tensors, and what they are as a multiplication.

Dims list the fast one first: images (channels, width, height, batch), filters (filters, channels, kernel width, kernel
height), results (filters, width, height, batch). Inputs are image and filters (and a bias), for dedx the gradient of
the result and the filters, for dedw the gradient of the result and the image.
"""

from __future__ import annotations

from device.cost import GemmShape
from device.graph.ir import Node, Tensor
from device.graph.params import ConvolutionParams
from device.graph.rules import Dims, Inputs, error_at, params_of
from device.recipe.descriptors import ConvolutionOp, Extent, Window

__all__ = ["convolution_dims", "convolution_gemm", "window_of"]


def convolution_dims(node: Node, inputs: Inputs) -> Dims:
    window = window_of(node, inputs)
    op = ConvolutionOp(node.guid)
    if op is ConvolutionOp.DEDX:
        return (window.channels, window.width.x, window.height.x, window.batch)
    if op is ConvolutionOp.DEDW:
        return (window.filters, window.channels, window.width.kernel, window.height.kernel)
    if len(inputs) == 3 and inputs[2].shape != (window.filters,):
        raise error_at(node, f"bias, tensor {inputs[2]}, has to have the dimensions ({window.filters},)")
    return (window.filters, window.width.y, window.height.y, window.batch)


def window_of(node: Node, inputs: Inputs) -> Window:
    """GraphError for tensors that do not fit together."""
    params, op = params_of(node, ConvolutionParams), ConvolutionOp(node.guid)
    counts = (
        len(params.kernel),
        len(params.stride),
        len(params.dilation),
        len(params.padding),
        len(params.size or (0, 0)),
    )
    if counts != (2, 2, 2, 4, 2):
        raise error_at(node, f"needs pairs for kernel, stride, dilation and size, four numbers of padding: {params}")
    for tensor in inputs[:2]:
        if len(tensor.shape) != 4:
            raise error_at(node, f"tensor {tensor} has {len(tensor.shape)} dimensions, a convolution needs 4")
    first, second = inputs[0].shape, inputs[1].shape
    if op is ConvolutionOp.DEDX:
        if params.size is None:
            raise error_at(node, "needs the size of the image in its params")
        size, channels, filters, batch = params.size, second[1], first[0], first[3]
    else:
        image = second if op is ConvolutionOp.DEDW else first
        size, channels, batch = (image[1], image[2]), image[0], image[3]
        filters = first[0] if op is ConvolutionOp.DEDW else second[0]
    width, height = (_extent(node, params, size, along) for along in (0, 1))
    window = Window(batch, channels, filters, height, width)
    _check(node, op, window, inputs)
    return window


def convolution_gemm(op: ConvolutionOp, window: Window) -> GemmShape:
    """The multiplication that the MME carries out; a transposed A stands for the image of a dedw."""
    taps, places = window.height.kernel * window.width.kernel, window.batch * window.height.y * window.width.y
    if op is ConvolutionOp.FORWARD:
        return GemmShape(places, window.filters, taps * window.channels, is_convolution=True)
    if op is ConvolutionOp.DEDX:
        rows = window.batch * window.height.x * window.width.x
        return GemmShape(rows, window.channels, taps * window.filters, transpose_b=True, is_convolution=True)
    return GemmShape(taps * window.channels, window.filters, places, transpose_a=True, is_convolution=True)


def _extent(node: Node, params: ConvolutionParams, size: tuple[int, int], along: int) -> Extent:
    kernel, stride, dilation = params.kernel[along], params.stride[along], params.dilation[along]
    before, behind = params.padding[2 * along : 2 * along + 2]
    if min(kernel, stride, dilation) < 1 or min(before, behind) < 0:
        raise error_at(node, f"kernel, stride and dilation have to be 1 or more, padding 0 or more: {params}")
    room = size[along] + before + behind - (kernel - 1) * dilation - 1
    if room < 0:
        name = ("width", "height")[along]
        raise error_at(
            node, f"a kernel of {kernel} with dilation {dilation} does not fit into the {name} {size[along]}"
        )
    return Extent(size[along], room // stride + 1, kernel, stride, dilation, before)


def _check(node: Node, op: ConvolutionOp, window: Window, inputs: tuple[Tensor, ...]) -> None:
    image = (window.channels, window.width.x, window.height.x, window.batch)
    filters = (window.filters, window.channels, window.width.kernel, window.height.kernel)
    result = (window.filters, window.width.y, window.height.y, window.batch)
    wanted = {
        ConvolutionOp.FORWARD: (image, filters),
        ConvolutionOp.DEDX: (result, filters),
        ConvolutionOp.DEDW: (result, image),
    }[op]
    for tensor, dims in zip(inputs[:2], wanted, strict=True):
        if tensor.shape != dims:
            raise error_at(node, f"tensor {tensor} has to have the dimensions {dims}")
