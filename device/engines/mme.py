"""The MME: matrix multiplications in the one arithmetic that csrc/kernels/mme.h defines, by any of its CPU variants.

GemmStep is what a recipe's descriptor becomes; gemm_reference is the same arithmetic for tests and golden results, by a
variant of the caller's choice. Operands are bf16 as bits (uint16) or float32; the narrower types are widened before.
"""

from __future__ import annotations

import errno
from typing import Any

import numpy as np
from numpy.typing import NDArray

from device._device import ffi, lib
from device.dtypes import DataType
from device.engines.flip import flip_bit
from device.engines.mme_operand import MmeOperand, common_type, point_to_operands
from device.engines.step import ExecutionOptions, Operands
from device.errors import LaunchError
from device.faults import FaultGate
from device.memory import Bytes
from device.recipe.descriptors import MmeGemm

__all__ = [
    "REASONS",
    "GemmStep",
    "available_variants",
    "chosen_variant",
    "flip_bit",
    "gemm_reference",
    "new_epilogue",
    "new_gemm",
    "point_to_result",
]

REASONS = {
    errno.EINVAL: "the kernel refuses its arguments",
    errno.ENOTSUP: "this CPU does not have the kernel",
    errno.ENOMEM: "the host has no working memory left",
}


def available_variants() -> tuple[str, ...]:
    """Names of the kernels that this host can run, fastest first; "plain" is always the last one."""
    numbers = range(lib.MME_VARIANT_COUNT - 1, -1, -1)
    return tuple(_variant_name(number) for number in numbers if lib.mme_variant_available(number))


def gemm_reference(
    a: NDArray[Any],
    b: NDArray[Any],
    *,
    variant: str = "plain",
    transpose_a: bool = False,
    transpose_b: bool = False,
    bias: NDArray[np.float32] | None = None,
    relu: bool = False,
    output: DataType = DataType.F32,
    threads: int = 1,
) -> NDArray[Any]:
    """A x B as the MME computes it: float32, or uint16 bits with output=DataType.BF16.

    Both are bf16 bits (uint16), or both float32; a is m x k (k x m with transpose_a), b k x n (n x k with transpose_b).
    ValueError for other shapes and for a variant that this host cannot run.
    """
    kind = np.float32 if a.dtype == b.dtype == np.float32 else np.uint16
    a, b = np.ascontiguousarray(a, kind), np.ascontiguousarray(b, kind)
    (m, k), (k_of_b, n) = (a.T if transpose_a else a).shape, (b.T if transpose_b else b).shape
    if k != k_of_b or (bias is not None and bias.shape != (n,)):
        raise ValueError(f"{m} x {k} times {k_of_b} x {n}, bias {None if bias is None else bias.shape}")
    result = np.empty((m, n), np.uint16 if output is DataType.BF16 else np.float32)
    gemm = new_gemm(m, n, k, transpose_a, transpose_b)
    point_to_operands(gemm, a, b)
    row = None if bias is None else np.ascontiguousarray(bias, np.float32)
    epilogue = new_epilogue(None if row is None else row.view(np.uint8), relu, output)
    gemm.epilogue = epilogue
    point_to_result(gemm, epilogue, result)
    code = lib.mme_multiply(variant_number(variant), gemm, threads)
    if code != 0:
        raise ValueError(f"{variant}: {REASONS.get(-code, code)}")
    return result


class GemmStep:
    """A multiplication of a recipe, or a batch of them, bound."""

    def __init__(self, step: MmeGemm, operands: Operands, options: ExecutionOptions) -> None:
        self.node = step.node
        self._variant = chosen_variant(options)
        self._threads = options.threads
        self._result = operands(step.c)
        self._element_bytes = step.output.size_bytes
        bias = None if step.bias is None else operands(step.bias)
        wanted = common_type(step.a_type, step.b_type)
        self._a = MmeOperand(operands(step.a), step.a_type, wanted, options.threads)
        self._b = MmeOperand(operands(step.b), step.b_type, wanted, options.threads)
        self._kept: list[Any] = [bias]  # C sees only addresses
        self._gemms = [self._bound(step, bias, index) for index in range(step.batch)]

    def toggle_rate(self) -> float:
        return (self._a.toggle_rate() + self._b.toggle_rate()) / 2

    def run(self, faults: FaultGate) -> None:
        self._a.refresh()
        self._b.refresh()
        for gemm in self._gemms:
            code = lib.mme_multiply(self._variant, gemm, self._threads)
            if code != 0:
                raise LaunchError(f"node {self.node}: {REASONS.get(-code, code)}")
        for fault in faults.strikes("mme-bitflip"):
            flip_bit(self._result, self._element_bytes, fault.seed)

    def _bound(self, step: MmeGemm, bias: Bytes | None, index: int) -> Any:
        gemm = new_gemm(step.m, step.n, step.k, step.transpose_a, step.transpose_b)
        gemm.lda, gemm.ldb = step.a_pitch or gemm.lda, step.b_pitch or gemm.ldb
        epilogue = new_epilogue(bias, step.relu, step.output)
        a = _part(self._a.values, step.batch, index)
        b = self._b.values if step.is_b_shared else _part(self._b.values, step.batch, index)
        self._kept += [epilogue, a, b]
        point_to_operands(gemm, a, b)
        gemm.epilogue = epilogue
        point_to_result(gemm, epilogue, _part(self._result, step.batch, index))
        return gemm


def _part(data: NDArray[Any], parts: int, index: int) -> NDArray[Any]:
    size = data.size // parts
    return data[index * size : (index + 1) * size]


def chosen_variant(options: ExecutionOptions) -> int:
    return int(lib.mme_best_variant()) if options.variant is None else variant_number(options.variant)


def _variant_name(number: int) -> str:
    return bytes(ffi.string(lib.mme_variant_name(number))).decode()


def variant_number(name: str) -> int:
    for number in range(lib.MME_VARIANT_COUNT):
        if _variant_name(number) == name:
            return number
    raise ValueError(f"there is no MME variant {name!r}; this host has {', '.join(available_variants())}")


def new_gemm(m: int, n: int, k: int, transpose_a: bool, transpose_b: bool) -> Any:
    """Dense matrices: a leading dimension is the width as it lies in memory."""
    gemm = ffi.new("struct mme_gemm *")
    gemm.m, gemm.n, gemm.k = m, n, k
    gemm.lda, gemm.ldb, gemm.ldc = m if transpose_a else k, k if transpose_b else n, n
    gemm.transpose_a, gemm.transpose_b = transpose_a, transpose_b
    return gemm


def new_epilogue(bias: Bytes | None, relu: bool, output: DataType) -> Any:
    epilogue = ffi.new("struct mme_epilogue *")
    if bias is not None:
        epilogue.bias = ffi.from_buffer("float[]", bias)
    epilogue.relu = relu
    epilogue.output_bf16 = output is DataType.BF16
    return epilogue


def point_to_result(gemm: Any, epilogue: Any, result: NDArray[Any]) -> None:
    if epilogue.output_bf16:
        epilogue.c16 = ffi.from_buffer("uint16_t[]", result)
    else:
        gemm.c = ffi.from_buffer("float[]", result)
