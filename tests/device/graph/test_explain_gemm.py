"""`gaudi-box explain gemm`: the candidates with a reason, bytes, bound, clock, and the basis of the constants."""

import pytest
from click.testing import CliRunner

from device.cli import gaudi_box, main
from device.cost import GemmShape
from device.errors import GraphError
from device.graph.explain_gemm import (
    explain_convolution,
    explain_gemm,
    parse_convolution,
    parse_shape,
    render_gemm,
)
from device.spec import MmeType, load_spec

GAUDI2 = load_spec("gaudi2")


def rendered(shape: GemmShape, mme_type: MmeType = MmeType.BF16, chip: str = "gaudi2") -> list[str]:
    return render_gemm(explain_gemm(shape, mme_type, load_spec(chip))).splitlines()


def test_large_gemm_is_bound_by_the_mme_and_slowed_by_the_power_limit() -> None:
    lines = rendered(GemmShape(4096, 4096, 4096))
    assert lines[0] == "gemm 4096x4096x4096 bf16 on gaudi2"
    assert lines[3] == (
        "* 2xh       256x512          1        1              16 x 8 x 1            0      524288       100.0%"
    )
    assert lines[7] == "2xh: no candidate needs fewer cycles, and it is tried before 2xw"
    assert lines[9] == "bytes: 67108864 read, 33554432 written, each operand once"
    (full,) = [line for line in lines if line.startswith("full clock, 1650 MHz: 317.75 us, 432.5 TFLOPS")]
    assert "bound by the MME" in full
    (limit,) = [line for line in lines if line.startswith("power limit 550 W, 1586 MHz (0.9609")]
    assert "415.6 TFLOPS" in limit


def test_flat_gemm_gets_the_wide_geometry() -> None:
    assert "4xw: fewest cycles, 2xw needs 60.0% more" in rendered(GemmShape(16, 4096, 4096))


def test_thin_gemm_is_bound_by_the_hbm_and_needs_no_lower_clock() -> None:
    lines = rendered(GemmShape(16, 4096, 4096), MmeType.FP8)
    (line,) = [line for line in lines if line.startswith("below the power limit of 550 W")]
    assert "bound by the HBM" in line


def test_one_candidate_is_said_to_be_the_only_one() -> None:
    assert "2xh: the only candidate for this shape" in rendered(GemmShape(100, 100, 100), chip="gaudi3")


def test_chip_without_a_card_says_so() -> None:
    lines = rendered(GemmShape(16384, 4096, 768), chip="gaudi3")
    found = [line for line in lines if line.startswith("power limit: no card spec has a gaudi3")]
    has_card = any("steady state of the nominal" in line for line in lines)
    assert bool(found) is not has_card


def test_every_constant_has_a_basis() -> None:
    found = explain_gemm(GemmShape(8, 8, 8), MmeType.BF16, GAUDI2)
    lines = render_gemm(found).splitlines()
    for key, fact in found.constants:
        assert any(line.startswith(f"  {key} = ") and f"{fact.basis}: {fact.source}" in line for line in lines)


def test_launch_gap_is_said_with_its_basis() -> None:
    lines = rendered(GemmShape(64, 64, 64))
    assert "launch gap: 0 us to the next launch on the MME, not part of the times below" in lines
    assert any(line.startswith("  launch.gap_ns = 0 ns  assumed: ") for line in lines)


def test_a_shared_common_dimension_shows_its_parts_and_what_adding_them_takes() -> None:
    lines = rendered(GemmShape(128, 128, 65536), chip="gaudi3")
    assert lines[3].split()[:4] == ["*", "2xh", "256x256", "1"]
    assert lines[3].split()[4] == "8"
    assert any("partial sums 0.04 us" in line for line in lines)


def test_a_convolution_reads_its_image_once_and_not_as_a_matrix() -> None:
    shape = parse_convolution("32x56x56x64,3x3x128")
    found = explain_convolution(shape, MmeType.BF16, GAUDI2)
    assert (found.shape.m, found.shape.n, found.shape.k) == (32 * 56 * 56, 128, 576)
    assert found.full_clock.work.hbm_read_bytes == 2 * (32 * 56 * 56 * 64 + 9 * 64 * 128)
    assert parse_convolution("1x7x7x8,1x1x8,2").gemm.m == 16
    for text in ("1x7x7x8", "1x7x7x8,3x3", "0x1x1x1,1x1x1", "1x7x7x8,1x1x8,2,2"):
        with pytest.raises(GraphError, match="is no convolution NxHxWxC,KHxKWxF"):
            parse_convolution(text)


def test_shapes() -> None:
    assert parse_shape("2x3x4") == GemmShape(2, 3, 4)
    assert parse_shape("9x2x3x4") == GemmShape(2, 3, 4, batch=9)
    for text in ("2x3", "0x1x1", "axbxc", "1048577x1x1", "1x2x3x4x5"):
        with pytest.raises(GraphError, match="is no shape MxNxK or BxMxNxK"):
            parse_shape(text)


def test_type_that_the_chip_does_not_multiply_is_refused() -> None:
    with pytest.raises(GraphError, match="the MME of gaudi3 does not multiply fp32_ieee; it has fp8, bf16"):
        explain_gemm(GemmShape(8, 8, 8), MmeType.FP32_IEEE, load_spec("gaudi3"))


def test_command_prints_the_explanation() -> None:
    result = CliRunner().invoke(gaudi_box, ["explain", "gemm", "32x128x128x64", "fp8", "--chip", "gaudi3"])
    assert result.exit_code == 0
    assert result.output.startswith("gemm 32 x 128x128x64 fp8 on gaudi3\n")


def test_command_refuses_what_it_does_not_know(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "gemm", "2x2x2", "f32"]) == GraphError.exit_status
    assert "'f32' is none of fp8, bf16" in capsys.readouterr().err
    assert main(["explain", "gemm", "2x2"]) == GraphError.exit_status
