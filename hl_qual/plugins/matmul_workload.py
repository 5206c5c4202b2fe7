"""What all cards of a run share that multiplies: the compiled recipe and the golden results, as files in a directory.

Made once by hl_qual itself (`prepare_workload`), read by each runner. For matmul_stress and the power tests.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from hl_qual.golden.checksums import tile_checksums
from hl_qual.golden.operands import negated, operand
from hl_qual.golden.tiles import Golden, make_golden

if TYPE_CHECKING:
    from device.recipe import Recipe
    from hl_qual.golden.operands import Bf16
    from hl_qual.golden.tiles import F32
    from hl_qual.plugins.api import Preparation

__all__ = [
    "SETS",
    "Shape",
    "choose_variants",
    "compiled",
    "load_golden",
    "load_recipe",
    "operands_of",
    "prepare_workload",
]

# Data sets of a workload: what relu hides of one of them, the other one shows.
SETS = ("B", "-B")


@dataclass(frozen=True, slots=True)
class Shape:
    """relu(A[m, k] x B[k, n]) in fp32; after it the TPC doubles the result `doublings` times while the MME idles."""

    m: int
    n: int
    k: int
    doublings: int = 0

    def __str__(self) -> str:
        after = f", doubled {self.doublings} times by the TPC" if self.doublings else ""
        return f"{self.m}x{self.n}x{self.k} bf16, relu{after}"


def choose_variants(available: Sequence[str]) -> tuple[str, str]:
    """(executing, golden): the device executes by the fastest variant, the golden result needs another one.

    `available` is fastest first. With a single variant both are the same, and the report says so.
    """
    executing = available[0]
    others = [variant for variant in available if variant != executing]
    return executing, others[0] if others else executing


def operands_of(seed: int, shape: Shape) -> tuple[Bf16, list[Bf16]]:
    """A, and B of each data set."""
    b_bits = operand(seed, 1, shape.k, shape.n)
    return operand(seed, 0, shape.m, shape.k), [b_bits, negated(b_bits)]


def prepare_workload(preparation: Preparation, shape: Shape) -> tuple[str, ...]:
    """Write recipe, golden results and notes; lines for the report."""
    from device.engines.mme import available_variants
    from device.recipe import to_bytes

    executing, golden = choose_variants(available_variants())
    directory = preparation.directory
    (directory / "recipe.bin").write_bytes(to_bytes(compiled(preparation.family, shape)))
    a_bits, b_sets = operands_of(preparation.seed, shape)
    for number, bits in enumerate(b_sets):
        if not preparation.is_cancelled():
            _save_golden(directory, number, _golden_result(a_bits, bits, golden, shape))
    notes = {"executing": executing, "golden": golden}
    (directory / "notes.json").write_text(json.dumps(notes), encoding="utf-8")
    same = "" if golden != executing else " (the only variant of this CPU: the same one twice)"
    return (f"seed {preparation.seed}; executed by {executing}, golden results by {golden}{same}",)


def compiled(family: str, shape: Shape) -> Recipe:
    """bf16 operands, fp32 result; the compiler fuses the relu into the multiplication, doublings stay on the TPC."""
    from device.graph import DataType, GraphBuilder, compile_graph
    from device.spec import load_spec

    builder = GraphBuilder("matmul_stress")
    a = builder.input("A", (shape.k, shape.m), DataType.BF16)
    b = builder.input("B", (shape.n, shape.k), DataType.BF16)
    result = builder.relu(builder.gemm(a, b, dtype=DataType.F32))
    for _ in range(shape.doublings):
        result = builder.add(result, result)
    builder.output(result, "C")
    return compile_graph(builder.build(), load_spec(family))


def _golden_result(a_bits: Bf16, b_bits: Bf16, variant: str, shape: Shape) -> F32:
    """relu as the device has it: -0 becomes +0. Doubling is exact."""
    from device.engines.mme import gemm_reference

    product: F32 = gemm_reference(a_bits, b_bits, variant=variant, threads=2)
    return np.where(product > 0, product, np.float32(0)) * np.float32(2**shape.doublings)


def _save_golden(directory: Path, number: int, result: F32) -> None:
    golden = make_golden(np.ascontiguousarray(result, dtype=np.float32), tile_checksums)
    np.savez(directory / f"golden{number}.npz", result=golden.result, checksums=golden.checksums)


def load_golden(directory: Path) -> list[Golden]:
    """The golden results in the order of the data sets."""
    loaded = []
    for number in range(len(SETS)):
        with np.load(directory / f"golden{number}.npz") as arrays:
            loaded.append(Golden(arrays["result"], arrays["checksums"]))
    return loaded


def load_recipe(directory: Path) -> Recipe:
    """The compiled recipe."""
    from device.recipe import from_bytes

    return from_bytes((directory / "recipe.bin").read_bytes())
