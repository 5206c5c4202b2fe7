"""docs/model.md shows what the model says now."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from device.cost import GemmShape, macs_per_second, nic_cost, pcie_bytes_per_s
from device.cost.power_limit import find_card_place
from device.graph.explain_gemm import explain_gemm
from device.spec import MmeType, load_spec

DOC = Path(__file__).parents[3] / "docs" / "model.md"
GAUDI2, GAUDI3 = load_spec("gaudi2"), load_spec("gaudi3")


def _rows() -> dict[str, str]:
    """The column "model", by the first words of the point."""
    cells = [line.split("|")[1:-1] for line in DOC.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    return {row[0].strip(): row[2].strip() for row in cells[2:]}


def _row(start: str) -> float:
    (text,) = [value for point, value in _rows().items() if point.startswith(start)]
    match = re.match(r"[\d.]+", text)
    assert match is not None
    return float(match[0])


def _gemm_tflops(asic: str, m: int, n: int, k: int) -> float:
    """At the clock that the power limit leaves."""
    found = explain_gemm(GemmShape(m, n, k), MmeType.BF16, load_spec(asic))
    assert found.at_limit is not None
    return found.at_limit.work.flops / found.at_limit.seconds / 1e12


def _port_gbps(ports: int) -> float:
    return 8.0 / nic_cost(10**9, 10**9, ports, GAUDI2).seconds


@pytest.mark.parametrize(
    ("point", "value"),
    [
        ("P1 ", _gemm_tflops("gaudi2", 14336, 15360, 2048)),
        ("P2 ", _gemm_tflops("gaudi3", 16384, 4096, 768)),
        ("P3 ", _port_gbps(21) / 8),
        ("P5 ", _port_gbps(1)),
        ("P7 ", pcie_bytes_per_s(GAUDI2, 4, 16) / 1e9),
        ("P11 ", GAUDI2.hbm.bytes_per_s / 1e12),
        ("peak bf16 Gaudi 2", 2 * macs_per_second(MmeType.BF16, GAUDI2) / 1e12),
        ("peak bf16 Gaudi 3", 2 * macs_per_second(MmeType.BF16, GAUDI3) / 1e12),
    ],
)
def test_the_column_model_is_what_the_model_says(point: str, value: float) -> None:
    assert _row(point) == pytest.approx(value, rel=2e-3)


def test_idle_power_is_that_of_the_spec() -> None:
    place = find_card_place("gaudi2")
    assert place is not None
    assert _row("P10 ") == place.card.power.idle_w


def test_fitted_points_meet_their_measurements() -> None:
    assert _gemm_tflops("gaudi2", 14336, 15360, 2048) == pytest.approx(418.7, rel=2e-3)
    assert _gemm_tflops("gaudi3", 16384, 4096, 768) == pytest.approx(1243.0, rel=2e-3)
