"""Published tables out of card states: hl-smi, as a process, on a box whose cards are brought into that state.

The renderer alone reproduces every table (tests/hl_smi/render). Here the numbers have to come about: power of both
rails, utilisation from power by the driver's formula, temperature from power and air, memory and errors as counted.
Rows that no card of this physics can show are listed with the reason.
"""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from published_tables import TITLES, parsed_table, published, repaired

from device._device import ffi, lib
from device.box import build_image
from device.box_control import retire_box
from device.box_spec import load_box_spec
from device.card import Box, CardState
from hl_smi.query.table import CardRow, Table

TEMPLATES = {"gaudi": "hls1", "gaudi2": "hls2", "gaudi2e": "hls2pcie", "gaudi3": "hls3"}
UNREACHABLE = {
    "gaudi 1.6.0": {
        0: "63 % at 100 W; the formula gives 13 %, so the two readings are of different moments",
        6: "15 % begins at 103.5 W, which is shown as 104 W and not as 103 W",
    },
}
MIB = 1 << 20
# Name and pid of a holder are of the machine on which the table was made; whether it is seen is a matter of rights.
PROCESS_ROW = re.compile(r"^\|( +\d+) {7}\d+     C   \S+ +\d+Mi[Bb] +\|$", re.MULTILINE)
NO_PROCESS = r"|\1        N/A   N/A    " + f"{'N/A':<41s}{'N/A':<11s}|"


def rails_of(row: CardRow, physics: Any) -> tuple[float, float] | None:
    """Watts of the 54 V and the 12 V rail that show this power and utilisation; None if there are none."""
    assert row.power_w is not None
    dc_w, limit_w = physics.utilization_dc_w, physics.limit_default_mw / 1000
    rails12 = sorted(range(int(physics.rail12_limit_w) + 1), key=lambda watt: abs(watt - physics.rail12_idle_w))
    for rail12_w in rails12:
        for eighth in range(-4, 4):
            rail54_w = row.power_w - rail12_w + eighth / 8
            percent = int((min(max(rail54_w, dc_w), limit_w) - dc_w) * 100 / (limit_w - dc_w))
            if percent == row.utilization_percent:
                return rail54_w, float(rail12_w)
    return None


def image_of(title: str, table: Table, words: list[str]) -> Any:
    """The box of a published table: its cards with the idle power and the air that they were seen with."""
    image = build_image(ffi, load_box_spec(TEMPLATES[words[0]]), "box")
    image.identity.release = words[1].encode()
    image.identity.hlml_version = table.tool_version.encode()
    image.identity.driver_version = table.driver_version.encode()
    image.identity.nic_driver_version = table.nic_driver_version.encode()
    image.identity.card_count = len(table.cards)
    for index, row in enumerate(table.cards):
        identity, physics = image.cards[index].identity, image.cards[index].physics
        identity.name = row.name.encode()
        identity.bus_id = row.bus_id.encode()
        if title == "gaudi 1.6.0":
            physics.utilization_dc_w = 60.0  # of cards whose firmware is not secured (specs/hl205.toml)
        rails = rails_of(row, physics)
        if rails is None:
            assert index in UNREACHABLE.get(title, {}), f"{title} card {index} can not be reached: say why"
            rails = (physics.idle_w, physics.rail12_idle_w)
        else:
            assert index not in UNREACHABLE.get(title, {}), f"{title} card {index} can be reached"
        set_physics(physics, rails, row.temp_c or 0)
    return image


def set_physics(physics: Any, rails: tuple[float, float], temp_c: int) -> None:
    """At rest as published, quickly, without leakage; far above the idle power the MME is the cause."""
    is_busy = rails[0] > 2 * physics.idle_w
    physics.engine_w[0] = rails[0] - physics.idle_w
    physics.idle_w = physics.idle_w if is_busy else rails[0]
    physics.leakage_w_per_k = 0.0
    physics.rail12_idle_w, physics.rail12_share = rails[1], 0.0
    for name in ("tau_power_s", "tau_die_s", "tau_hbm_s", "tau_board_s"):
        setattr(physics, name, 0.01)
    # The hottest sensor on the chip is a little above the die; where the air has to be is found in `box_of`.
    physics.ambient_c = temp_c - physics.r_die_k_per_w * rails[0] / physics.airflow


def create(path: Path, image: Any, count: int) -> None:
    error = ffi.new("gaudi_error *")
    assert lib.gaudi_box_create(str(path).encode(), image.identity, image.cards, count, -1, error) == 0, ffi.string(
        error.text
    )


@contextlib.contextmanager
def state(path: Path, table: Table) -> Iterator[None]:
    """Memory, errors and activity of every card, and a clock that stands still once they have come to rest."""
    with Box.open(path) as box:
        box.set_clock(rate=0.0)
        for card, row in zip(box.cards, table.cards, strict=True):
            assert row.used_mib is not None
            card.acquire()  # memory is taken by who holds the card, and only as long
            card.publish_memory(row.used_mib * MIB - card.identity.memory_reserved_bytes)
            if row.uncorrected_errors:
                card.count_ecc(hbm_uncorrected=row.uncorrected_errors)
            load(card)
        box.set_clock(step_ns=400_000_000)  # forty time constants; the lease of an activity lasts 500 ms
        yield


def load(card: CardState) -> None:
    physics = lib.gaudi_card_physics(card._card)
    if physics.engine_w[0] > physics.idle_w:
        card.publish_activity((1.0, 0.0, 0.0, 0.0, 0.0, 0.0), 1.0)


@pytest.fixture(params=TITLES)
def shown(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[str, str]]:
    """Title and what hl-smi prints for its box."""
    title, path = str(request.param), tmp_path / "box"
    words, text = published(title)
    table = parsed_table(text)
    image = image_of(title, table, words)
    try:
        for _ in range(2):  # the second time with the air corrected by what the sensors showed
            create(path, image, len(table.cards))
            with state(path, table):
                done = subprocess.run(
                    [Path(sys.executable).with_name("hl-smi")],
                    env={"GAUDI_BOX": str(path)},
                    capture_output=True,
                    text=True,
                    check=False,
                )
            assert done.returncode == 0, done.stderr
            for index, row in enumerate(parsed_table(done.stdout).cards):
                image.cards[index].physics.ambient_c += (table.cards[index].temp_c or 0) - (row.temp_c or 0) + 0.2
        yield title, done.stdout
    finally:
        if path.exists():
            retire_box(path)


def test_published_table_comes_about(shown: tuple[str, str]) -> None:
    title, printed = shown
    words, text = published(title)
    expected = PROCESS_ROW.sub(NO_PROCESS, repaired(text)).splitlines()
    printed = PROCESS_ROW.sub(NO_PROCESS, printed)
    if "note=published-without-process-section" in words:
        printed = "\n".join(printed.splitlines()[: len(expected)])
    differing = {
        index for index, (ours, theirs) in enumerate(zip(printed.splitlines(), expected, strict=True)) if ours != theirs
    }
    first = next(index for index, line in enumerate(expected) if line.startswith("|=")) + 1
    allowed = {first + 3 * card + 1 for card in UNREACHABLE.get(title, {})}
    assert differing == allowed, [(printed.splitlines()[at], expected[at]) for at in sorted(differing ^ allowed)]
