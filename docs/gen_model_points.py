"""Renew the table of published points in docs/model.md: `python docs/gen_model_points.py` (or --check to only compare).

The points are in docs/model_points.toml; what the model says to each is computed here from device.cost and the specs.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from device.card_spec import load_card_spec
from device.cost import CopyShape, copy_work, macs_per_second, nic_cost, operation_cost, pcie_bytes_per_s
from device.graph.explain_gemm import explain_gemm, parse_shape
from device.spec import MmeType, load_spec

ROOT = Path(__file__).resolve().parent
POINTS, PAGE = ROOT / "model_points.toml", ROOT / "model.md"
BEGIN, END = "<!-- generated: points -->", "<!-- end of generated -->"
GIB = 2**30


def gemm(asic: str, shape: str, dtype: str) -> float:
    """TFLOPS at the clock that the power limit leaves."""
    found = explain_gemm(parse_shape(shape), MmeType(dtype), load_spec(asic))
    assert found.at_limit is not None
    return found.at_limit.work.flops / found.at_limit.seconds / 1e12


def ports(asic: str, count: str) -> float:
    return 1e9 / nic_cost(10**9, 10**9, int(count), load_spec(asic)).seconds / 1e9


def all_reduce(asic: str, cards: str) -> float:
    """Three links to each other card; every byte goes out and comes back but for a card's own share."""
    count = int(cards)
    return ports(asic, str(3 * (count - 1))) / (2 * (count - 1) / count)


def peak_at(asic: str, dtype: str, mhz: str) -> float:
    spec = load_spec(asic)
    return 2 * macs_per_second(MmeType(dtype), spec) * int(mhz) / spec.mme.clock_mhz / 1e12


def vector_peak_at(asic: str, mhz: str) -> float:
    """bf16 lanes, a multiply-add counts as two."""
    tpc = load_spec(asic).tpc
    return tpc.cores * tpc.vector_bytes // 2 * 2 * int(mhz) * 1e6 / 1e12


def dma_copy(asic: str) -> float:
    spec, size = load_spec(asic), 1 << 32
    return size / operation_cost(copy_work(CopyShape(1, size, size), spec), spec).engine_seconds / GIB


def idle_both_rails(card: str) -> float:
    power = load_card_spec(card).power
    return power.idle_w + power.rail12_idle_w


MODEL: dict[str, Callable[..., float]] = {
    "gemm": gemm,
    "ports": ports,
    "all_reduce": all_reduce,
    "port_gbps": lambda asic: 8 * ports(asic, "1"),
    "line": lambda asic, count: int(count) * load_spec(asic).nic.line_gbps / 8,
    "pcie": lambda asic, generation: pcie_bytes_per_s(load_spec(asic), int(generation), 16) / 1e9,
    "limit": lambda card: load_card_spec(card).power.limit_default_w,
    "idle": lambda card: load_card_spec(card).power.idle_w,
    "idle_both_rails": idle_both_rails,
    "hbm": lambda asic: load_spec(asic).hbm.bytes_per_s / GIB,
    "peak": lambda asic, dtype: 2 * macs_per_second(MmeType(dtype), load_spec(asic)) / 1e12,
    "peak_at": peak_at,
    "vector_peak_at": vector_peak_at,
    "dma_copy": dma_copy,
    "sram": lambda asic: load_spec(asic).sram.peak_bytes_per_s / 1e9,
}


def points() -> list[dict[str, Any]]:
    """The rows of the TOML file, with the model's value under "value"; None for what is not modelled."""
    rows: list[dict[str, Any]] = tomllib.loads(POINTS.read_text(encoding="utf-8"))["point"]
    for row in rows:
        name, *arguments = row.get("model", "").split(":")
        row["value"] = MODEL[name](*arguments) if name else None
    return rows


def render() -> str:
    lines = ["| point | published | model | basis | what it rests on |", "|---|---|---|---|---|"]
    for row in points():
        unit = f" {row['unit']}" if row["unit"] else ""
        model = "-" if row["value"] is None else f"{_number(row['value'])}{unit}"
        level = ", a level to reach" if row.get("is_level") else ""
        published = f"{_number(row['published'])}{unit}{level}"
        lines.append(f"| {row['name']} | {published} | {model} | {row['basis']} | {row['rests_on']} |")
    return "\n".join(lines)


def _number(value: float) -> str:
    return f"{value:.4g}" if value < 1000 else f"{value:.1f}"


def main() -> int:
    page = PAGE.read_text(encoding="utf-8")
    before, rest = page.split(BEGIN)
    after = rest.split(END)[1]
    wanted = f"{before}{BEGIN}\n{render()}\n{END}{after}"
    if "--check" in sys.argv[1:]:
        return int(page != wanted)
    PAGE.write_text(wanted, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
