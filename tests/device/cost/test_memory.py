"""Commands that move memory: engines, bytes, and what bounds them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from device.cost import command_copy_work, command_fill_work, command_read_work, operation_cost
from device.cost.operation import Bound
from device.engine_class import EngineClass
from device.spec import load_spec

SPECS = {name: load_spec(name) for name in ("gaudi", "gaudi2", "gaudi3")}
MIB = 1 << 20

families = st.sampled_from(list(SPECS.values()))
sizes = st.integers(1, 1 << 32)


@given(families, sizes, st.booleans(), st.booleans(), st.sampled_from([EngineClass.DMA, EngineClass.TPC]))
def test_every_byte_crosses_one_memory_on_each_side(
    spec: object, size: int, from_hbm: bool, to_hbm: bool, engine: EngineClass
) -> None:
    work = command_copy_work(size, spec, engine, None, from_hbm, to_hbm)  # type: ignore[arg-type]
    assert work.engine is engine
    assert (work.hbm_read_bytes, work.hbm_write_bytes) == (size * from_hbm, size * to_hbm)
    assert work.hbm_bytes + work.sram_bytes == 2 * size


@given(families, sizes, sizes)
def test_more_bytes_never_take_less_time(spec: object, one: int, two: int) -> None:
    for work in (command_copy_work, command_fill_work):
        small, large = (work(size, spec, EngineClass.DMA).cycles for size in sorted((one, two)))  # type: ignore[operator]
        assert small <= large
    small, large = (command_read_work(size, spec).cycles for size in sorted((one, two)))  # type: ignore[arg-type]
    assert small <= large


@pytest.mark.parametrize("name", SPECS)
def test_channels_add_up_until_the_hbm_bounds(name: str) -> None:
    spec = SPECS[name]

    def seconds(channels: int) -> float:
        return operation_cost(command_copy_work(256 * MIB, spec, EngineClass.DMA, channels), spec).engine_seconds

    overhead_s = spec.dma.overhead_ns * 1e-9
    for channels in range(1, spec.dma.command_engines + 1):
        assert (seconds(1) - overhead_s) / (seconds(channels) - overhead_s) == pytest.approx(channels, rel=0.01)
    for channels in (0, spec.dma.command_engines + 1):
        with pytest.raises(ValueError, match=f"{channels} DMA channels; a {name} has 1 to"):
            seconds(channels)


@pytest.mark.parametrize("name", ["gaudi2", "gaudi3"])
def test_what_the_tpcs_do_alone_is_bound_by_the_hbm_at_full_clock_and_by_them_at_half(name: str) -> None:
    spec = SPECS[name]
    work = command_read_work(256 * MIB, spec)
    assert operation_cost(work, spec).bound is Bound.HBM
    assert operation_cost(work, spec, 0.25).bound is Bound.ENGINE
    assert work.hbm_write_bytes == 0
