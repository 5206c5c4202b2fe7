"""Convolutions on the MME: windows of the image become rows of a matrix, a band at a time, and are multiplied.

The common dimension runs over (kernel height, kernel width, channels), for dedx (kernel height, kernel width, filters),
for dedw (batch, height, width); device/graph/reference_convolution.py is the definition.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from device._device import ffi, lib
from device.arrays import Array, numpy_type
from device.engines.mme import REASONS, chosen_variant, flip_bit, new_epilogue, new_gemm, point_to_result
from device.engines.mme_operand import MmeOperand, common_type, point_to_operands
from device.engines.step import ExecutionOptions, Operands
from device.errors import LaunchError
from device.faults import FaultGate
from device.recipe.descriptors import ConvolutionOp, Extent, MmeConvolution, Window

__all__ = ["ConvolutionStep"]

# Gathered windows at a time: they stay in the last cache until they are multiplied.
_BAND_BYTES = 8 << 20


class ConvolutionStep:
    """A convolution or one of its gradients, bound."""

    def __init__(self, step: MmeConvolution, operands: Operands, options: ExecutionOptions) -> None:
        self.node = step.node
        self._step, self._window = step, step.window
        self._threads, self._variant = options.threads, chosen_variant(options)
        wanted = common_type(step.a_type, step.b_type)
        self._a = MmeOperand(operands(step.a), step.a_type, wanted, options.threads)
        self._b = MmeOperand(operands(step.b), step.b_type, wanted, options.threads)
        self._bytes = operands(step.c)
        self._result = self._bytes.view(numpy_type(step.output))
        bias = None if step.bias is None else operands(step.bias)
        self._epilogue, self._kept = new_epilogue(bias, step.relu, step.output), bias

    def toggle_rate(self) -> float:
        return (self._a.toggle_rate() + self._b.toggle_rate()) / 2

    def run(self, faults: FaultGate) -> None:
        self._a.refresh()
        self._b.refresh()
        if self._step.op is ConvolutionOp.DEDW:
            self._run_dedw()
        elif self._step.op is ConvolutionOp.DEDX:
            window = self._window
            taps = window.height.kernel * window.width.kernel
            filters = self._b.values.reshape(taps, window.channels, window.filters)
            turned = np.ascontiguousarray(filters.swapaxes(1, 2))
            self._run_rows(_backward(window), turned, window.filters, window.channels)
        else:
            window = self._window
            self._run_rows(_forward(window), self._b.values, window.channels, window.filters)
        for fault in faults.strikes("mme-bitflip"):
            flip_bit(self._bytes, self._step.output.size_bytes, fault.seed)

    def _run_rows(self, axes: Axes, filters: Array, channels: int, columns: int) -> None:
        """Forward and dedx: a band of places at a time, all columns of the result."""
        gather = _new_window(self._window.batch, channels, self._a.values.itemsize, axes)
        rows = self._window.batch * gather.y.output * gather.x.output
        width = gather.y.kernel * gather.x.kernel * channels
        band = min(max(_BAND_BYTES // (width * self._a.values.itemsize), 1), rows)
        room = np.empty((band, width), self._a.values.dtype)
        for first in range(0, rows, band):
            count = min(band, rows - first)
            self._gather(gather, first, count, room)
            gemm = new_gemm(count, columns, width, False, False)
            result = self._result[first * columns : (first + count) * columns]
            self._multiply(gemm, room, filters, result)

    def _run_dedw(self) -> None:
        """One place of the kernel at a time: the image that it has seen, transposed, times the gradient."""
        window = self._window
        places = window.batch * window.height.y * window.width.y
        room = np.empty((places, window.channels), self._a.values.dtype)
        size = window.channels * window.filters
        for tap, (ky, kx) in enumerate(np.ndindex(window.height.kernel, window.width.kernel)):
            axes = _tap(window.height, ky), _tap(window.width, kx)
            gather = _new_window(window.batch, window.channels, room.itemsize, axes)
            self._gather(gather, 0, places, room)
            gemm = new_gemm(window.channels, window.filters, places, True, False)
            self._multiply(gemm, room, self._b.values, self._result[tap * size : (tap + 1) * size])

    def _gather(self, gather: Any, first: int, count: int, room: Array) -> None:
        source, rows = ffi.from_buffer(self._a.values), ffi.from_buffer(room)
        self._check(lib.conv_gather(gather, source, first, count, rows, self._threads))

    def _multiply(self, gemm: Any, left: Array, right: Array, result: Array) -> None:
        point_to_operands(gemm, left, right)
        gemm.epilogue = self._epilogue
        point_to_result(gemm, self._epilogue, result)
        self._check(lib.mme_multiply(self._variant, gemm, self._threads))

    def _check(self, code: int) -> None:
        if code != 0:
            raise LaunchError(f"node {self.node}: {REASONS.get(-code, code)}")


Axis = tuple[int, int, int, int, int, int, int]
Axes = tuple[Axis, Axis]
"""Of struct conv_axis: source, output, kernel, output_step, kernel_step, offset, divisor; height, then width."""


def _forward(window: Window) -> Axes:
    return _forward_axis(window.height), _forward_axis(window.width)


def _backward(window: Window) -> Axes:
    return _backward_axis(window.height), _backward_axis(window.width)


def _forward_axis(extent: Extent) -> Axis:
    return (extent.x, extent.y, extent.kernel, extent.stride, extent.dilation, -extent.before, 1)


def _backward_axis(extent: Extent) -> Axis:
    return (extent.y, extent.x, extent.kernel, 1, -extent.dilation, extent.before, extent.stride)


def _tap(extent: Extent, place: int) -> Axis:
    return (extent.x, extent.y, 1, extent.stride, 1, place * extent.dilation - extent.before, 1)


def _new_window(batch: int, channels: int, element_bytes: int, axes: Axes) -> Any:
    return ffi.new("struct conv_window *", (batch, channels, element_bytes, *axes))
