"""Facts of the built-in ASICs, and what a wrong file is told."""

import re
from pathlib import Path

import pytest

from device.engine_class import EngineClass, EngineShares
from device.errors import DeviceError, SpecError
from device.spec import Basis, MmeType, SramKind, load_spec, read_spec

ROOT = Path(__file__).parents[3]
GAUDI2 = ROOT / "device" / "specs" / "gaudi2.toml"


def changed_spec(tmp_path: Path, old: str, new: str) -> Path:
    text = GAUDI2.read_text()
    assert old in text
    path = tmp_path / "changed.toml"
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize(("name", "tflops"), [("gaudi2", 432.5), ("gaudi3", 1677.7)])
def test_peak_rate_is_the_published_one(name: str, tflops: float) -> None:
    mme = load_spec(name).mme
    assert 2 * mme.macs_per_cycle(MmeType.BF16) * mme.clock_mhz * 1e6 == pytest.approx(tflops * 1e12, rel=1e-3)


def test_hbm_of_gaudi2_is_planned_with_85_percent_of_its_peak() -> None:
    hbm = load_spec("gaudi2").hbm
    assert hbm.bytes_per_s == pytest.approx(1945 * 2**30, rel=2e-3)
    assert hbm.size_bytes == 96 * 2**30
    assert hbm.reserved_bytes == 768 * 2**20
    assert load_spec("gaudi3").sram.kind is SramKind.CACHE


@pytest.mark.parametrize("name", ["gaudi2", "gaudi3"])
def test_hbm_geometry_addresses_every_byte(name: str) -> None:
    hbm = load_spec(name).hbm
    banks = hbm.stacks * hbm.channels_per_stack * hbm.pseudo_channels * hbm.stack_ids * hbm.banks
    rows = hbm.size_bytes // (banks * hbm.row_bytes)
    assert rows * banks * hbm.row_bytes == hbm.size_bytes
    assert rows <= 65536


@pytest.mark.parametrize("name", ["gaudi2", "gaudi3"])
def test_every_fact_has_a_source(name: str) -> None:
    facts = load_spec(name).facts
    assert len(facts) > 50
    assert all(fact.source and fact.basis in Basis for fact in facts.values())
    assert facts["mme.clock_mhz"].unit == "MHz"


def test_efficiency_of_the_ports_is_marked_as_a_fit() -> None:
    assert load_spec("gaudi2").facts["nic.efficiency"].basis is Basis.FITTED


def test_unknown_tables_are_left_to_other_readers(tmp_path: Path) -> None:
    path = tmp_path / "more.toml"
    path.write_text(GAUDI2.read_text() + "\n[power]\nidle_w = { value = 90 }\n")
    assert read_spec(path).name == "gaudi2"


CASES = [
    ("cores = { value = 24,", "cors = { value = 24,", r"tpc\.cors: is unknown here; known are .*cores"),
    ('cores = { value = 24, unit = ""', 'cores = { value = 24, unit = "MHz"', None),
    ("clock_mhz = { value = 1800", "clock_mhz = { value = '1800'", r"tpc\.clock_mhz: '1800' is not of type int"),
    ("cores = { value = 24,", "cores = { value = 0,", r"tpc\.cores: 0 is not above 0"),
    ("efficiency = { value = 0.93", "efficiency = { value = 1.5", r"dma\.efficiency: 1\.5 is above 1"),
    ('unit = "ns", basis = "published"', 'unit = "us", basis = "published"', r"unit is 'us', the name asks for 'ns'"),
    ('basis = "fitted"', 'basis = "guessed"', r"nic\.efficiency: basis 'guessed' is none of published"),
    ('source = "driver: 15 bit"', 'source = ""', r"sync\.max_value: source is missing"),
    ("[tpc]", "[tcp]", r"tpc: table is missing"),
    ('geometry = "2xw"', 'geometry = "3xw"', r"geometry '3xw' is none of 2xh, 2xw, 4xh, 4xw"),
    ("width = 256", "breadth = 256", r"mme\.geometries\[0\]\.breadth: is unknown"),
    ('fp8 = "never"', 'fp8 = "maybe"', r"fp8: 'maybe' is none of always, never"),
    ('kind = { value = "scratchpad"', 'kind = { value = "scratch"', r"'scratch' is none of scratchpad, cache"),
    ("tf32 = {", "tf31 = {", r"mme\.cd_elements\.tf31: is none of"),
    ("[asic]", "[asic", r"not a TOML file"),
]


@pytest.mark.parametrize(("old", "new", "message"), CASES)
def test_wrong_file_names_file_key_and_reason(tmp_path: Path, old: str, new: str, message: str | None) -> None:
    path = changed_spec(tmp_path, old, new)
    if message is None:
        assert read_spec(path).tpc.cores == 24
        return
    with pytest.raises(SpecError, match=message) as caught:
        read_spec(path)
    assert str(path) in str(caught.value)


def test_missing_file_is_a_spec_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="cannot be read"):
        read_spec(tmp_path / "none.toml")


def test_engine_classes_are_those_of_the_card_state() -> None:
    header = (ROOT / "csrc" / "card_records.h").read_text()
    found = {name: int(value) for name, value in re.findall(r"GAUDI_ENGINE_(\w+) = (\d+)", header)}
    assert found == {engine.name: engine.value for engine in EngineClass}


def test_shares_are_in_the_order_of_the_classes_and_at_most_one() -> None:
    shares = EngineShares.from_seconds({EngineClass.HBM: 3.0, EngineClass.MME: 1.0}, 2.0)
    assert shares.as_tuple() == (0.5, 0.0, 0.0, 1.0, 0.0, 0.0)
    assert EngineShares.from_seconds({EngineClass.MME: 1.0}, 0.0) == EngineShares()


def test_exit_statuses_are_distinct_and_leave_usage_errors_alone() -> None:
    kinds = DeviceError.__subclasses__()
    statuses = [kind.exit_status for kind in kinds]
    assert len(set(statuses)) == len(kinds)
    assert not {0, 1, 2}.intersection(statuses)
