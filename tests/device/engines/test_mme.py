"""The MME engine against the definition of the arithmetic in device.graph.reference, and its fault."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from device.arrays import decoded, encoded
from device.card import FaultRecord
from device.cost import Work
from device.dtypes import DataType
from device.engine_class import EngineClass
from device.engines import ExecutionOptions, bind
from device.engines.mme import available_variants, gemm_reference
from device.graph import reference
from device.graph.reference import mme_product
from device.recipe import MmeGemm, SyncPoint

BF16, F32, FP8 = DataType.BF16, DataType.F32, DataType.FP8_152
M, N, K = 20, 24, 70
WORK = Work(EngineClass.MME, 1, 0, 0, 0, 2 * M * N * K)


def _bits(seed: int, shape: tuple[int, int]) -> Any:
    """All kinds of numbers: mixed exponents, denormals, infinities, NaN."""
    random = np.random.default_rng(seed)
    bits = random.integers(0x3E00, 0x4100, shape).astype(np.uint16) ^ random.choice([0, 0x8000], shape).astype(
        np.uint16
    )
    rare = random.random(shape)
    bits[rare < 0.02] = 0x0001
    bits[(rare > 0.02) & (rare < 0.022)] = 0x7F80
    bits[(rare > 0.03) & (rare < 0.031)] = 0x7FC1
    return bits


def test_plain_is_there_and_the_slowest() -> None:
    assert available_variants()[-1] == "plain"


@pytest.mark.parametrize("variant", available_variants())
@pytest.mark.parametrize("has_epilogue", [False, True])
def test_every_variant_equals_the_definition(variant: str, has_epilogue: bool) -> None:
    a, b = _bits(1, (M, K)), _bits(2, (K, N))
    bias = np.linspace(-3, 3, N, dtype=np.float32) if has_epilogue else None
    output = DataType.BF16 if has_epilogue else DataType.F32
    found = gemm_reference(a, b, variant=variant, bias=bias, relu=has_epilogue, output=output)
    assert found.tobytes() == reference.gemm(a, b, bias, has_epilogue, has_epilogue).tobytes()


def test_transposed_operands_give_the_same() -> None:
    a, b = _bits(3, (M, K)), _bits(4, (K, N))
    both = gemm_reference(a.T.copy(), b.T.copy(), variant=available_variants()[0], transpose_a=True, transpose_b=True)
    assert both.tobytes() == gemm_reference(a, b).tobytes()


def test_a_reference_refuses_what_does_not_fit() -> None:
    with pytest.raises(ValueError, match="20 x 70 times 24 x 70"):
        gemm_reference(_bits(1, (M, K)), _bits(2, (N, K)))
    with pytest.raises(ValueError, match="no MME variant 'cuda'"):
        gemm_reference(_bits(1, (M, K)), _bits(2, (K, N)), variant="cuda")


@pytest.fixture
def step(place: Callable[..., Any], memory: Any, views: Any) -> Any:
    """A bound gemm with relu, and where its result lies."""
    result = np.zeros((M, N), np.float32)
    a, b, c = place(memory, _bits(5, (M, K)), _bits(6, (K, N)), result)
    gemm = MmeGemm(
        0, "dense", (), SyncPoint(0, 1), WORK, a, b, None, c, M, N, K, False, False, True, DataType.F32, "2xh"
    )
    return bind(gemm, views, ExecutionOptions()), views(c).view(np.uint32)


def test_a_bound_descriptor_computes_into_its_memory(step: Any, quiet: Any) -> None:
    bound, result = step
    bound.run(quiet)
    expected = gemm_reference(_bits(5, (M, K)), _bits(6, (K, N)), variant="plain", relu=True)
    assert result.tobytes() == expected.tobytes()


def test_operands_may_be_windows_of_wider_matrices(
    place: Callable[..., Any], memory: Any, views: Any, quiet: Any
) -> None:
    wide_a, wide_b, result = _bits(5, (M, K + 9)), _bits(6, (K, N + 5)), np.zeros((M, N), np.float32)
    a, b, c = place(memory, wide_a.reshape(-1)[4 : 4 - 9], wide_b.reshape(-1)[2:-3], result)
    work = (0, "dense", (), SyncPoint(0, 1), WORK)
    shape = (M, N, K, False, False, False, DataType.F32, "2xh")
    gemm = MmeGemm(*work, a, b, None, c, *shape, a_pitch=K + 9, b_pitch=N + 5)
    bind(gemm, views, ExecutionOptions()).run(quiet)
    expected = gemm_reference(wide_a[:, 4 : 4 + K], wide_b[:, 2 : 2 + N], variant="plain")
    assert views(c).tobytes() == expected.tobytes()


@pytest.mark.parametrize("seed", [0, 1, 12345, 2**64 - 1])
def test_a_bit_flip_changes_one_bit_of_one_element_always_the_same(step: Any, quiet: Any, gate: Any, seed: int) -> None:
    bound, result = step
    bound.run(quiet)
    right = result.copy()
    changes = []
    for _ in range(2):
        bound.run(gate(FaultRecord(kind=1, flags=0, degree=1.0, seed=seed, address=0)))
        (places,) = np.nonzero(result != right)
        assert len(places) == 1
        assert int(result[places[0]] ^ right[places[0]]).bit_count() == 1
        changes.append((places[0], result[places[0]]))
    assert changes[0] == changes[1]


def _floats(seed: int, shape: tuple[int, ...]) -> np.ndarray:
    """Mixed exponents, cancellation, products at the border of the denormal numbers, some denormals."""
    random = np.random.default_rng(seed)
    numbers = random.normal(size=shape) * 2.0 ** random.integers(-4, 5, shape)
    tiny = random.random(shape) < 0.3
    numbers[tiny] = (random.normal(size=shape) * 2.0 ** random.integers(-66, -60, shape))[tiny]
    numbers[random.random(shape) < 0.05] = 1e-40
    return numbers.astype(np.float32)


@pytest.mark.parametrize("variant", available_variants())
@pytest.mark.parametrize(("transpose_a", "transpose_b"), [(False, False), (True, False), (False, True)])
def test_f32_operands_multiply_by_the_same_rules(variant: str, transpose_a: bool, transpose_b: bool) -> None:
    a, b = _floats(1, (23, 70)), _floats(2, (70, 37))
    small = np.abs(a) < 1e-10
    a[:, :35] *= np.where(small[:, :35], 1, 2.0**-60).astype(np.float32)
    wanted = mme_product(a, b)
    left = np.ascontiguousarray(a.T) if transpose_a else a
    right = np.ascontiguousarray(b.T) if transpose_b else b
    found = gemm_reference(left, right, variant=variant, transpose_a=transpose_a, transpose_b=transpose_b)
    assert found.tobytes() == wanted.tobytes()


def test_f32_products_are_not_rounded_before_they_are_added() -> None:
    """1 + 2^-12 squared needs 25 bits; its last one survives the subtraction only if the product was exact."""
    x = 1 + 2.0**-12
    a, b = np.array([[1, 0, x]], np.float32), np.array([[-1], [0], [x]], np.float32)
    for variant in available_variants():
        assert gemm_reference(a, b, variant=variant)[0, 0] == np.float32(2.0**-11 + 2.0**-24), variant


@pytest.mark.parametrize("types", [(FP8, FP8), (FP8, BF16), (F32, FP8), (BF16, F32)])
def test_narrow_operands_are_widened_exactly(types: Any, place: Any, memory: Any, views: Any, quiet: Any) -> None:
    arrays = [
        encoded(_floats(n, shape), dtype) for n, shape, dtype in zip((1, 2), ((M, K), (K, N)), types, strict=True)
    ]
    a, b, c = place(memory, *arrays, np.zeros((M, N), np.float32))
    gemm = MmeGemm(
        0,
        "n",
        (),
        SyncPoint(0, 1),
        WORK,
        a,
        b,
        None,
        c,
        M,
        N,
        K,
        False,
        False,
        False,
        F32,
        "2xh",
        1,
        False,
        None,
        None,
        *types,
    )
    bind(gemm, views, ExecutionOptions()).run(quiet)
    wanted = mme_product(*(decoded(each, dtype) for each, dtype in zip(arrays, types, strict=True)))
    assert views(c).tobytes() == wanted.tobytes()
