"""Which test has to find which fault: detectors.toml, checked. Pure."""

from __future__ import annotations

import functools
import json
import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any

__all__ = ["Detector", "detectors", "what_is_missing"]


@dataclass(frozen=True, slots=True)
class Detector:
    """See the head of detectors.toml. `codes` are regular expressions; `why_not` is set for a fault nobody can find."""

    fault: str
    command: str = ""
    codes: tuple[str, ...] = ()
    place: str | None = None
    degree: float | None = None
    address: int = 0
    seed: int = 0
    does_reboot: bool = False
    may_peers_fail: bool = False
    why_not: str | None = None


@functools.cache
def detectors() -> Mapping[str, Detector]:
    """By the name of the fault."""
    text = resources.files(__package__).joinpath("detectors.toml").read_text(encoding="utf-8")
    return {name: _detector(name, values) for name, values in tomllib.loads(text).items()}


def _detector(name: str, values: dict[str, Any]) -> Detector:
    renamed = {"reboot": "does_reboot", "peers": "may_peers_fail", "not_detectable": "why_not"}
    fields = {renamed.get(key, key): value for key, value in values.items()}
    detector = Detector(name, **{**fields, "codes": tuple(fields.get("codes", ()))})
    if (detector.why_not is None) == (not detector.codes or not detector.command):
        raise ValueError(f"detectors.toml: {name} needs command and codes, or not_detectable")
    return detector


def what_is_missing(detector: Detector, report: Mapping[str, Any], bus_id: str) -> list[str]:
    """Why a JSON report does not show that the fault on the card at `bus_id` was found; empty if it does."""
    cards = {card["bus_id"]: card for card in report["devices"]}
    found = [*report["findings"], *cards.get(bus_id, {"findings": []})["findings"]]
    missing = []
    if report["verdict"] == "PASSED":
        missing.append("the run passed")
    hits: list[Mapping[str, Any]] = []
    for code in detector.codes:
        matching = [each for each in found if re.fullmatch(code, each["code"])]
        hits += matching
        if not matching:
            others = ", ".join(sorted({each["code"] for each in found})) or "nothing"
            missing.append(f"no {code}, found {others}")
    if hits and detector.place is not None and not any(re.search(detector.place, json.dumps(each)) for each in hits):
        missing.append(f"no finding says where ({detector.place})")
    return [*missing, *_wronged(detector, list(cards.values()), bus_id)]


def _wronged(detector: Detector, cards: Sequence[Mapping[str, Any]], bus_id: str) -> list[str]:
    """Healthy cards that failed."""
    if detector.may_peers_fail:
        return []
    failed = [card["bus_id"] for card in cards if card["bus_id"] != bus_id and card["verdict"] == "FAILED"]
    return [f"healthy cards failed too: {', '.join(failed)}"] if failed else []
