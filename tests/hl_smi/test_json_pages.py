"""--json: the keys that docs/hl-smi.md promises, and values that fit the text."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hl_smi.argv import parse
from hl_smi.fields import FIELDS
from hl_smi.moment import Moment
from hl_smi.pages import page
from hlml.types import ProcessInfo, ReplacedRow, RowReplacementCause, ThrottleReason

GOLDEN = Path(__file__).parent / "golden" / "json_keys.txt"
LINES = {
    "table": "--json",
    "report": "-q --json",
    "query": "-Q index,name,power.draw,timestamp --json",
    "nic": "-n stats --json",
    "topology": "topo -m --json",
    "firmware": "--fw-versions --json",
    "row_replacement": "--query-row-replacement uuid,replaced_rows.address --json",
    "processes": "--query-compute-apps pid,process_name,used_memory --json",
    "stream": "stream --json",
}

Ask = Callable[..., Any]


@pytest.fixture
def ask(make_snapshot: Callable[..., Any], make_box: Callable[..., Any]) -> Ask:
    """The document of a command line, for one busy card with changes."""

    def answer(line: str, **changes: Any) -> Any:
        row = ReplacedRow(1, 2, 0, 3, 4, RowReplacementCause.DOUBLE_BIT_ECC_ERROR)
        card = make_snapshot(
            **{
                "throttle_reasons": ThrottleReason.POWER,
                "engine_activity": dict.fromkeys(("mme", "tpc", "dma", "hbm", "nic", "pcie"), 0.5),
                "processes": (ProcessInfo(4321, "python3", 0, 7 << 20),),
                "replaced_rows": (row,),
                **changes,
            }
        )
        moment = Moment(make_box(), (card,), 8, lambda _: "Tue Aug  2 20:16:52 UTC 2022", lambda _: "20:16:52.125")
        text = page(parse(line.split()), moment, 0)
        assert text.isascii() and text.endswith("\n")
        return json.loads(text)

    return answer


def paths_of(value: Any, path: str = "") -> set[str]:
    """Every key with its place; the entries of a list share one."""
    if isinstance(value, dict):
        return {f"{path}.{key}".lstrip(".") for key in value}.union(
            *(paths_of(child, f"{path}.{key}".lstrip(".")) for key, child in value.items())
        )
    if isinstance(value, list):
        return set().union(*(paths_of(child, f"{path}[]") for child in value))
    return set()


def promised() -> dict[str, set[str]]:
    """Keys of each view from the golden file: a line with the view, then its keys."""
    found: dict[str, set[str]] = {}
    for block in GOLDEN.read_text().split("# ")[1:]:
        view, *keys = block.split("\n")
        found[view] = {key for key in keys if key}
    return found


@pytest.mark.parametrize("view", LINES)
def test_keys_are_those_of_the_schema_version(ask: Ask, view: str) -> None:
    document = ask(LINES[view])
    assert (document["schema"], document["schema_version"], document["emulated"]) == ("hl-smi", 1, True)
    assert document["view"] == view
    assert paths_of(document) == promised()[view]


@pytest.mark.parametrize("view", ["table", "report", "nic", "stream"])
def test_lost_card_has_the_same_keys_or_null(ask: Ask, view: str) -> None:
    keys = paths_of(ask(LINES[view], is_lost=True))
    missing = promised()[view] - keys
    parents = ("devices[].utilization.engines.", "devices[].ecc.hbm.", "devices[].ecc.sram.")
    assert all(key.startswith(parents) for key in missing) and keys <= promised()[view]


def test_numbers_are_numbers(ask: Ask) -> None:
    (device,) = ask("-q -d POWER --json")["devices"]
    assert device["power"]["draw_54v_mw"] == 50_400
    assert set(device) - {"power"} == set(ask("-q -d BUS --json")["devices"][0]) - {"bus"}
    (row,) = ask("-Q index,power.draw,ecc.errors.hbm.sram.critical --json")["devices"]
    assert row == {"index": 0, "power.draw": 50, "ecc.errors.hbm.sram.critical": None}


def test_table_has_the_numbers_of_the_table(ask: Ask) -> None:
    document = ask("--json", memory_used_bytes=775 << 20)
    (device,) = document["devices"]
    assert (device["power_w"], device["power_cap_w"], device["temperature_c"]) == (50 + 31, 600, 30)
    assert document["processes"] == [{"index": 0, "pid": 4321, "comm": "python3", "memory_mib": 7}]


def test_every_field_can_be_asked_for(ask: Ask) -> None:
    (row,) = ask(f"-Q {','.join(FIELDS)} --json")["devices"]
    assert list(row) == list(FIELDS)


def test_loop_is_one_document_a_line(make_snapshot: Callable[..., Any], make_box: Callable[..., Any]) -> None:
    moment = Moment(make_box(), (make_snapshot(),), 1, str, str)
    for line in ("-l --json", "stream --json", "-Q index --loop-ms 50 --json"):
        assert page(parse(line.split()), moment, 0).count("\n") == 1
    assert page(parse(["--json"]), moment, 0).count("\n") > 10
