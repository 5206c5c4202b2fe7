"""Facts of the built-in cards, and what a wrong file is told."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from damaged_text import damaged_toml
from hypothesis import given, settings
from hypothesis import strategies as st

from device._device import ffi
from device.box import build_image
from device.box_spec import card_names, read_box_spec
from device.card_spec import load_card_spec, read_card_spec
from device.errors import SpecError
from device.facts import Basis, FactFile
from device.spec import MmeType, load_spec

SPECS = Path(__file__).parents[2] / "device" / "specs"
HL225 = (SPECS / "hl225.toml").read_text()
PLACE = '[[cards]]\nbus_id = "0000:19:00.0"\nmodule_id = 0\nnuma = -1\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "card.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize("name", card_names())
def test_card_and_asic_agree(name: str) -> None:
    card = load_card_spec(name).card
    asic = load_spec(card.asic)
    assert asic.name == card.asic
    assert asic.hbm.size_bytes == card.memory_total_bytes
    assert asic.hbm.reserved_bytes == card.memory_reserved_bytes
    assert (asic.asic.soc_clock_mhz, asic.tpc.clock_mhz) == (card.clock_soc_max_mhz, card.clock_tpc_limit_mhz)
    assert (asic.pcie.generation, asic.pcie.lanes) == (card.pcie_generation, card.pcie_width)


@pytest.mark.parametrize("name", card_names())
def test_every_fact_has_value_unit_basis_and_source(name: str) -> None:
    file = FactFile(SPECS / f"{name}.toml")
    for table in ("card", "power", "thermal", "control", "spread", "support"):
        for key, fact in file.table(table).items():
            assert isinstance(fact, dict), f"{table}.{key}"
            assert set(fact) == {"value", "unit", "basis", "source"}, f"{table}.{key}"
            assert fact["basis"] in list(Basis)
            assert fact["source"]


@pytest.mark.parametrize(
    ("name", "default_w", "min_w", "table_w"),
    [("hl205", 350, 200, 350), ("hl225", 550, 200, 600), ("hl288e", 400, 200, 450), ("hl325l", 850, 450, 900)],
)
def test_power_limits_are_the_published_ones(name: str, default_w: float, min_w: float, table_w: float) -> None:
    power = load_card_spec(name).power
    assert (power.limit_default_w, power.limit_max_w, power.limit_min_w) == (default_w, default_w, min_w)
    assert power.limit_max_w + power.rail12_limit_w == table_w


def test_gaudi_multiplies_bf16_and_fp32_at_its_published_peak() -> None:
    mme = load_spec("gaudi").mme
    assert set(mme.cd_elements) == {MmeType.BF16, MmeType.FP32}
    assert 2 * mme.macs_per_cycle(MmeType.BF16) * mme.clock_mhz * 1e6 == pytest.approx(60e12, rel=0.02)


CASES = [
    ("[thermal]", "[thermals]", r"thermal: table is missing"),
    ("mme_w =", "mme_watt =", r"power\.mme_watt: is unknown here; known are .*mme_w"),
    ("mme_w = { value = 492", "mme_w = { value = 1e9", r"power\.mme_w: has to be from 0 to 10000, not 1e\+09"),
    ("pci_vendor_id = { value = 0x1da3", "pci_vendor_id = { value = 0x1da31", r"card\.pci_vendor_id: has to be from 1"),
    ("mac_count = { value = 48", "mac_count = { value = 65", r"card\.mac_count: has to be from 1 to 64, not 65"),
    ("b0:fd:0b", "b0:fd", r"card\.mac_prefix: 'b0:fd' is no prefix such as b0:fd:0b"),
    (
        'asic = { value = "gaudi2"',
        'asic = { value = "gaudi9"',
        r"card\.asic: 'gaudi9' is none of gaudi, gaudi2, gaudi3",
    ),
    ('"persistence_mode"', '"persistence"', r"support\.not_supported: 'persistence' is none of persistence_mode"),
    ('group = "vrm"', 'group = "fan"', r"sensor\.list\[20\]\.group: 'fan' is none of on_chip"),
    ("critical_c = 93.0", "critical_c = 1e6", r"sensor\.list\[0\]\.critical_c: has to be from 1 to 200"),
    ("shutdown_c = { value = 93", "shutdown_c = { value = 80", r"thermal\.shutdown_c: has to be above slowdown_c"),
    (
        "limit_min_w = { value = 200",
        "limit_min_w = { value = 50",
        r"power\.limit_min_w: has to be above utilization_dc",
    ),
    ("limit_max_w = { value = 550", "limit_max_w = { value = 540", r"power\.limit_default_w: has to lie between"),
    ("leakage_w_per_k = { value = 0.35", "leakage_w_per_k = { value = 9", r"power\.leakage_w_per_k: times thermal"),
    ("step = { value = 0.0625", "step = { value = 1e-9", r"control\.step: has to be from 0\.0001 to 1"),
    ("805306368", "103079215104", r"card\.memory_reserved_bytes: has to be below memory_total_bytes"),
    ('"HL225"', '"HL\\n225"', r"card\.hwmon_name: has to be a text of printable ASCII characters"),
    ("idle_w = { value = 50", f"idle_w = {{ value = 0x{'f' * 2000}", r"power\.idle_w: is a number beyond"),
]


@pytest.mark.parametrize(("old", "new", "message"), CASES, ids=[f"{old}>{new[-12:]}" for old, new, _ in CASES])
def test_a_mistake_names_file_key_and_reason(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in HL225
    path = written(tmp_path, HL225.replace(old, new, 1))
    with pytest.raises(SpecError, match=rf"^{path}: {message}"):
        read_card_spec(path)


@pytest.mark.parametrize("name", ["model", "cpld"])
def test_a_text_without_room_in_the_card_state_is_refused(tmp_path: Path, name: str) -> None:
    value = getattr(load_card_spec("hl225").card, name)
    written(tmp_path, HL225.replace(f'"{value}"', f'"{"x" * 80}"', 1))
    box = tmp_path / "box.toml"
    box.write_text(f'[box]\ntype = "mine"\ncard = "card.toml"\n{PLACE}')
    with pytest.raises(SpecError, match=rf"card\.toml: {name}: 'x+' is too long; it may have \d+ bytes"):
        build_image(ffi, read_box_spec(box))


@given(st.sampled_from(card_names()), st.integers(0, 2**32), st.integers(1, 4))
@settings(max_examples=300, deadline=None)
def test_a_corrupted_file_never_gives_a_traceback(name: str, seed: int, edits: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        written(Path(folder), damaged_toml((SPECS / f"{name}.toml").read_text(), seed, edits))
        box = Path(folder) / "box.toml"
        box.write_text(f'[box]\ntype = "mine"\ncard = "card.toml"\n{PLACE}')
        try:
            build_image(ffi, read_box_spec(box))
        except SpecError as error:
            assert str(error).startswith(f"{folder}/card.toml: ")
            assert "\n" not in str(error)
