"""The C programs of tests/c, built from the sources with sanitizers and run: no report, nothing wrong."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from c_programs import ADDRESS, THREAD, CPrograms, run_checks

OPTIMISED = ("-O3",)


@pytest.mark.parametrize("program", ["test_concurrency", "test_events"])
@pytest.mark.parametrize("sanitizer", [ADDRESS, THREAD], ids=["address-undefined", "thread"])
def test_library_and_card_state_under_concurrency(
    c_programs: CPrograms, sanitizer: Sequence[str], program: str, tmp_path: Path
) -> None:
    run_checks([c_programs.card_program(program, sanitizer), str(tmp_path)])


@pytest.mark.parametrize("sanitizer", [ADDRESS, THREAD], ids=["address-undefined", "thread"])
def test_the_nic_under_concurrency_and_hostile_rings(
    c_programs: CPrograms, sanitizer: Sequence[str], tmp_path: Path
) -> None:
    run_checks([c_programs.fabric_program("test_fabric", sanitizer), str(tmp_path)])


@pytest.mark.parametrize(
    "program", ["test_mme", "test_mme_definition", "test_elementwise", "test_convolution", "test_mover"]
)
@pytest.mark.parametrize("flags", [OPTIMISED, ADDRESS], ids=["release", "address-undefined"])
def test_every_kernel_variant_equals_the_definition(c_programs: CPrograms, flags: Sequence[str], program: str) -> None:
    run_checks([c_programs.kernel_program(program, flags)])
