"""Servers from TOML: what a file may leave out, and what a mistake is told."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from damaged_text import damaged_toml
from hypothesis import given, settings
from hypothesis import strategies as st

from device._device import ffi
from device.box import build_image
from device.box_spec import box_types, card_names, load_box_spec, load_releases, read_box_spec
from device.errors import SpecError

BOXES = Path(__file__).parents[2] / "device" / "boxes"
HLS2 = (BOXES / "hls2.toml").read_text()
MINIMAL = '[box]\ntype = "mine"\ncard = "hl225"\n\n[[cards]]\nbus_id = "0000:19:00.0"\nmodule_id = 0\nnuma = -1\n'


def written(folder: Path, text: str) -> Path:
    path = folder / "mine.toml"
    path.write_text(text)
    return path


def test_a_short_file_is_enough(tmp_path: Path) -> None:
    spec = read_box_spec(written(tmp_path, MINIMAL))
    assert (spec.type, spec.card, spec.release.name, spec.key) == ("mine", "hl225", "1.24", "default")
    assert (spec.server_type, spec.airflow, spec.ports, spec.numa_cpus) == (0, 1.0, (), ())
    assert build_image(ffi, spec).card_count == 1


def test_a_base_gives_what_the_file_leaves_out(tmp_path: Path) -> None:
    text = '[box]\nbase = "hls3"\ntype = "mine"\nrelease = "1.18"\nkey = "rack-7"\n'
    spec, base = read_box_spec(written(tmp_path, text)), load_box_spec("hls3")
    assert (spec.type, spec.release.name, spec.key) == ("mine", "1.18", "rack-7")
    assert (spec.card, spec.cards, spec.ports, spec.numa_cpus) == (base.card, base.cards, base.ports, base.numa_cpus)
    assert spec.ambient_c == base.ambient_c


def test_tables_of_the_file_replace_those_of_the_base(tmp_path: Path) -> None:
    spec = load_box_spec("hls2-7of8")
    assert len(spec.cards) == 7
    assert spec.ports == load_box_spec("hls2").ports
    text = '[box]\nbase = "hls2"\ntype = "mine"\n\n[network]\nports = []\n'
    assert read_box_spec(written(tmp_path, text)).ports == ()


def test_a_card_of_ones_own_is_found_beside_the_box(tmp_path: Path) -> None:
    facts = (BOXES.parent / "specs" / "hl225.toml").read_text().replace('"HL-225"', '"HL-9000"', 1)
    (tmp_path / "card.toml").write_text(facts)
    spec = read_box_spec(written(tmp_path, MINIMAL.replace('"hl225"', '"card.toml"')))
    box = build_image(ffi, spec)
    assert bytes(ffi.string(box.cards[0].identity.name)) == b"HL-9000"


def test_built_in_cards_are_these() -> None:
    assert card_names() == ("hl205", "hl225", "hl288e", "hl325l")


def test_releases_go_from_the_oldest_to_the_newest() -> None:
    releases = load_releases()
    assert list(releases) == [f"1.{minor}" for minor in range(4, 25)]
    levels = [release.abi_level for release in releases.values()]
    assert levels == sorted(levels)
    assert {name: releases[name].abi_level for name in ("1.11", "1.12", "1.17", "1.18", "1.19")} == {
        "1.11": 106,
        "1.12": 112,
        "1.17": 112,
        "1.18": 118,
        "1.19": 119,
    }
    for release in releases.values():
        assert all(isinstance(getattr(release, key), str) for key in release.published)
        assert (release.driver_version.endswith("-0000000")) == ("driver_version" not in release.published)
        assert f"hl-{release.name}." in release.hlml_version


def test_an_unknown_built_in_box_is_told_the_known_ones() -> None:
    with pytest.raises(SpecError, match=r"'hls4'; did you mean 'hls3'\?; there are hls1, hls2, .* or name a TOML file"):
        load_box_spec("hls4")


def test_a_missing_file_is_a_spec_error(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match=r"nowhere\.toml: cannot be read"):
        read_box_spec(tmp_path / "nowhere.toml")


CASES = [
    ("[network]", "[netwrok]", r"netwrok: is unknown; known are box, numa, cards, network; did you mean 'network'\?"),
    ("airflow =", "air_flow =", r"box\.air_flow: is unknown; known are .*airflow.*; did you mean 'airflow'\?"),
    ("airflow = 1.0", "airflow = 9", r"box\.airflow: has to be a number from 0\.05 to 4, not 9"),
    ("airflow = 1.0", "airflow = nan", r"box\.airflow: has to be a number"),
    ("ambient_c = 24.5", 'ambient_c = "24.5"', r"box\.ambient_c: has to be a number from -20 to 80, not '24\.5'"),
    ("server_type = 5 ", "server_type = true ", r"box\.server_type: has to be a whole number from 0 to 12, not True"),
    ('type = "hls2"', 'type = "my box"', r"box\.type: 'my box' is no name of 1 to 31 letters"),
    ('type = "hls2"', 'type = "a\\u0000b"', r"box\.type: has to be a text, not 'a\\x00b'"),
    ('type = "hls2"\n', "", r"box\.type: has to be a text, and is missing"),
    ('card = "hl225"', 'card = "hl255"', r"box\.card: 'hl255' is none of hl205, .*; did you mean 'hl225'\?"),
    ('release = "1.24"', 'release = "1.42"', r"box\.release: '1\.42' is none of 1\.4, .*, 1\.24; did you mean '1\.4"),
    ('key = "default"', "key = 7", r"box\.key: has to be a text, not 7"),
    ('key = "default"', 'base = "hls22"', r"box\.base: 'hls22' is none of hls1, .*; did you mean 'hls2'\?"),
    ("bus_id =", "busid =", r"cards\[0\]\.busid: is unknown; known are .*; did you mean 'bus_id'\?"),
    ("0000:19:00.0", "19:00.0", r"cards\[0\]\.bus_id: '19:00\.0' is no PCI address"),
    ("0000:19:00.0", "0000:19:20.0", r"cards\[0\]\.bus_id: '0000:19:20\.0' is no PCI address"),
    ("0000:b3:00.0", "0000:19:00.0", r"cards\[1\]\.bus_id: 0000:19:00\.0 is that of cards\[0\] already"),
    ("module_id = 6", "module_id = 2", r"cards\[1\]\.module_id: 2 is that of cards\[0\] already"),
    ("module_id = 6", "module_id = 60", r"network\.ports: has 8 rows, but a card has a higher module id"),
    ("numa = 1", "numa = 2", r"cards\[1\]\.numa: has to be a whole number from -1 to 1, not 2"),
    ("[[cards]]", "[cards]", r"not a TOML file"),
    ("0-39,80-119", "39-0", r"numa\[0\]\.cpus: '39-0' is no list such as"),
    ("0-39,80-119", "0-1024", r"numa\[0\]\.cpus: '0-1024' is no list such as .* below 1024"),
    ("[3, 0]", "[3]", r"network\.ports\[0\]\[0\]: has to be \[module of the peer, its port\]"),
    ("[3, 0]", "[3, 99]", r"network\.ports\[0\]\[0\]: \[3, 99\] names no port"),
    ("[3, 0]", "[3, 5]", r"network\.ports\[0\]\[0\]: leads to port 5 of module 3, but that leads to \[4, 5\]"),
    ("[3, 0]", "[0, 0]", r"network\.ports\[0\]\[0\]: leads to port 0 of module 0, which is no port of another module"),
    ("[3, 0]", "[9, 0]", r"network\.ports\[0\]\[0\]: leads to port 0 of module 9, which is no port of another"),
    ("[3, 0], ", "[3, 0], [-1, 0], ", r"network\.ports\[0\]: has 25 ports; a card has room for 24"),
    ("ports = [", "ports = 1\nother = [", r"network\.other: is unknown; known are ports"),
    ("airflow = 1.0", f"airflow = 0x{'f' * 6000}", r"box\.airflow: has to be a number from .*, not what it is"),
    ("airflow = 1.0", f"airflow = {'9' * 6000}", r"not a TOML file"),
]


@pytest.mark.parametrize(("old", "new", "message"), CASES, ids=[f"{old}>{new[:24]}" for old, new, _ in CASES])
def test_a_mistake_names_file_key_and_reason(tmp_path: Path, old: str, new: str, message: str) -> None:
    assert old in HLS2
    path = written(tmp_path, HLS2.replace(old, new, 1))
    with pytest.raises(SpecError, match=rf"^{path}: {message}"):
        read_box_spec(path)


@given(st.sampled_from(box_types()), st.integers(0, 2**32), st.integers(1, 4))
@settings(max_examples=400, deadline=None)
def test_a_corrupted_file_never_gives_a_traceback(name: str, seed: int, edits: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = written(Path(folder), damaged_toml((BOXES / f"{name}.toml").read_text(), seed, edits))
        try:
            build_image(ffi, read_box_spec(path))
        except SpecError as error:
            assert str(error).startswith(f"{folder}/")
            assert "\n" not in str(error)
