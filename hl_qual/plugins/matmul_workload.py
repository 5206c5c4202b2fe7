"""What all cards of a matmul_stress run share: the compiled recipe and the golden results, as files in a directory.

Made once by hl_qual itself (`prepare_workload`), read by each runner.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
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

__all__ = ["choose_variants", "load_golden", "load_recipe", "prepare_workload"]


def choose_variants(available: Sequence[str]) -> tuple[str, str]:
    """(executing, golden): the device executes by the fastest variant, the golden result needs another one.

    `available` is fastest first. With a single variant both are the same, and the report says so.
    """
    executing = available[0]
    others = [variant for variant in available if variant != executing]
    return executing, others[0] if others else executing


def prepare_workload(preparation: Preparation, size: int) -> tuple[str, ...]:
    """Write recipe, golden results and notes; lines for the report."""
    from device.engines.mme import available_variants
    from device.recipe import to_bytes

    executing, golden = choose_variants(available_variants())
    directory = preparation.directory
    (directory / "recipe.bin").write_bytes(to_bytes(_compiled(preparation.family, size)))
    a_bits = operand(preparation.seed, 0, size, size)
    b_bits = operand(preparation.seed, 1, size, size)
    for number, bits in enumerate((b_bits, negated(b_bits))):
        if not preparation.is_cancelled():
            _save_golden(directory, number, _golden_result(a_bits, bits, golden))
    notes = {"executing": executing, "golden": golden}
    (directory / "notes.json").write_text(json.dumps(notes), encoding="utf-8")
    same = "" if golden != executing else " (the only variant of this CPU: the same one twice)"
    return (f"seed {preparation.seed}; executed by {executing}, golden results by {golden}{same}",)


def _compiled(family: str, size: int) -> Recipe:
    """relu(A x B) with bf16 operands and an fp32 result; the compiler fuses the relu into the multiplication."""
    from device.graph import DataType, GraphBuilder, compile_graph
    from device.spec import load_spec

    builder = GraphBuilder("matmul_stress")
    a = builder.input("A", (size, size), DataType.BF16)
    b = builder.input("B", (size, size), DataType.BF16)
    builder.output(builder.relu(builder.gemm(a, b, dtype=DataType.F32)), "C")
    return compile_graph(builder.build(), load_spec(family))


def _golden_result(a_bits: Bf16, b_bits: Bf16, variant: str) -> F32:
    """relu as the device has it: -0 becomes +0."""
    from device.engines.mme import gemm_reference

    product: F32 = gemm_reference(a_bits, b_bits, variant=variant, threads=2)
    return np.where(product > 0, product, np.float32(0))


def _save_golden(directory: Path, number: int, result: F32) -> None:
    golden = make_golden(np.ascontiguousarray(result, dtype=np.float32), tile_checksums)
    np.savez(directory / f"golden{number}.npz", result=golden.result, checksums=golden.checksums)


def load_golden(directory: Path) -> list[Golden]:
    """The golden results in the order of the data sets."""
    loaded = []
    for number in range(2):
        with np.load(directory / f"golden{number}.npz") as arrays:
            loaded.append(Golden(arrays["result"], arrays["checksums"]))
    return loaded


def load_recipe(directory: Path) -> Recipe:
    """The compiled recipe."""
    from device.recipe import from_bytes

    return from_bytes((directory / "recipe.bin").read_bytes())
