"""`hl_qual merge`: the JSON reports of many servers as one, for the rack. JSON in; HTML, JSON and a line a server out.

Fails closed: a file that is no report, or a server that is expected and missing, is not passed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any, NoReturn

from hl_qual.errors import ExitStatus

__all__ = ["main"]

_SCHEMA = 1
_REPORT_SCHEMA = 1


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"hl_qual merge: {message}; --help lists the switches", file=sys.stderr)
        raise SystemExit(int(ExitStatus.USAGE))


@dataclass(frozen=True, slots=True)
class _Server:
    """One report, or why there is none."""

    host: str
    path: str
    verdict: str
    report: dict[str, Any]
    problem: str | None = None

    @property
    def devices(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.report.get("devices", [])
        return found

    @property
    def findings(self) -> list[dict[str, Any]]:
        return [*self.report.get("findings", []), *(found for card in self.devices for found in card["findings"])]


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="hl_qual merge",
        allow_abbrev=False,
        description="Join the JSON reports of many servers. Exit status 0 if all passed, else 1.",
        epilog="example: hl_qual merge --html rack.html --json rack.json --expected-servers 32 logs/*/qual/*.json",
    )
    parser.add_argument("reports", nargs="+", metavar="REPORT.json")
    parser.add_argument("--html", metavar="FILE", help="write a page for people")
    parser.add_argument("--json", metavar="FILE", help="write one document for programs (schema 1)")
    parser.add_argument("--expected-servers", metavar="N", type=int, help="fail unless so many servers are there")
    return parser


def main(words: Sequence[str]) -> int:
    """Exit status 0 all passed; 1 not; 2 wrong arguments; 5 an output could not be written."""
    options = _parser().parse_args(list(words))
    servers = sorted((_read(Path(path)) for path in options.reports), key=lambda server: (server.host, server.path))
    hosts = len({server.host for server in servers if server.problem is None})
    is_complete = options.expected_servers is None or hosts == options.expected_servers
    is_passed = is_complete and all(server.verdict == "PASSED" for server in servers)
    for server in servers:
        print(_line(server))
    if not is_complete:
        print(f"{hosts} servers, expected {options.expected_servers}")
    print("PASSED" if is_passed else "FAILED")
    try:
        if options.json is not None:
            Path(options.json).write_text(_as_json(servers, is_passed, options.expected_servers), encoding="utf-8")
        if options.html is not None:
            Path(options.html).write_text(_as_html(servers, is_passed), encoding="utf-8")
    except OSError as error:
        print(f"hl_qual merge: {error.filename}: {error.strerror}", file=sys.stderr)
        return int(ExitStatus.INTERNAL)
    return int(ExitStatus.PASSED if is_passed else ExitStatus.FAILED)


def _read(path: Path) -> _Server:
    try:
        report = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(report, dict) or report.get("tool") != "hl_qual":
            raise ValueError("not a report of hl_qual")
        if report["schema"] != _REPORT_SCHEMA:
            raise ValueError(f"schema {report['schema']!r}, expected {_REPORT_SCHEMA}")
        cards = [str(card["bus_id"]) for card in report["devices"]]
        verdict = "PASSED" if report["verdict"] == "PASSED" and cards else "FAILED"
        return _Server(str(report["host"]), str(path), verdict, report)
    except OSError as error:
        return _Server("?", str(path), "FAILED", {}, error.strerror or str(error))
    except (ValueError, KeyError, TypeError) as error:
        return _Server("?", str(path), "FAILED", {}, f"no report: {error}")


def _line(server: _Server) -> str:
    if server.problem is not None:
        return f"{server.path}: {server.problem}"
    passed = sum(card["verdict"] == "PASSED" for card in server.devices)
    codes = Counter(found["code"] for found in server.findings)
    found = "".join(f"  {code} x{count}" for code, count in sorted(codes.items()))
    return f"{server.host}  {server.report['test']}  {server.verdict}  {passed} of {len(server.devices)} cards{found}"


def _as_json(servers: Sequence[_Server], is_passed: bool, expected: int | None) -> str:
    values = {
        "schema": _SCHEMA,
        "tool": "hl_qual merge",
        "emulated": True,
        "verdict": "PASSED" if is_passed else "FAILED",
        "expected_servers": expected,
        "servers": [
            {
                "host": server.host,
                "path": server.path,
                "verdict": server.verdict,
                "problem": server.problem,
                "report": server.report or None,
            }
            for server in servers
        ],
    }
    return json.dumps(values, indent=2) + "\n"


def _as_html(servers: Sequence[_Server], is_passed: bool) -> str:
    from hl_qual.report.html import badge, page, table, tiles

    cards = [card for server in servers for card in server.devices]
    facts = [
        (f"{sum(server.verdict == 'PASSED' for server in servers)} of {len(servers)}", "reports passed"),
        (str(len({server.host for server in servers})), "servers"),
        (f"{sum(card['verdict'] == 'PASSED' for card in cards)} of {len(cards)}", "cards passed"),
    ]
    word = "PASSED" if is_passed else "FAILED"
    parts = [f"<h1>hl_qual, many servers {badge(word)}</h1>", tiles(facts), "<h2>Servers</h2>"]
    heads = ("Server", "Test", "Verdict", "Cards passed", "Ended", "Release", "Report")
    parts.append(table(heads, [_server_row(server) for server in servers], numbers=(3,)))
    parts += _metric_tables(servers)
    rows = [_finding_row(server, found) for server in servers for found in server.findings]
    if rows:
        parts += ["<h2>Findings</h2>", table(("Server", "Finding", "Where", "What", "What to do"), rows)]
    return page("hl_qual, many servers", parts)


def _server_row(server: _Server) -> tuple[str, ...]:
    from hl_qual.report.html import badge

    if server.problem is not None:
        path = f"<code>{escape(server.path)}</code>"
        return ("?", escape(server.problem), badge("FAILED"), "", "", "", path)
    passed = sum(card["verdict"] == "PASSED" for card in server.devices)
    box = server.report.get("box") or {}
    texts = (str(server.report["test"]), str(server.report["ended"]), str(box.get("release", "")))
    test, ended, release = (escape(text) for text in texts)
    cards = f"{passed} of {len(server.devices)}"
    path = f"<code>{escape(Path(server.path).name)}</code>"
    return (escape(server.host), test, badge(server.verdict), cards, ended, release, path)


def _metric_tables(servers: Sequence[_Server]) -> list[str]:
    """Each metric of a test over all servers: who is weakest."""
    from hl_qual.report.html import table

    values: dict[tuple[str, str, str], list[tuple[float, str]]] = {}
    for server in servers:
        for card in server.devices:
            for metric in card["metrics"]:
                key = (str(server.report["test"]), str(metric["name"]), str(metric["unit"]))
                values.setdefault(key, []).append((float(metric["value"]), f"{server.host} {card['bus_id']}"))
    rows = []
    for (test, name, unit), found in sorted(values.items()):
        ordered = sorted(found)
        middle = ordered[len(ordered) // 2][0]
        figures = [f"{value:.4g}" for value in (ordered[0][0], middle, ordered[-1][0])]
        lowest = f"<code>{escape(ordered[0][1])}</code>"
        rows.append((escape(test), f"<code>{escape(name)}</code>", str(len(found)), *figures, escape(unit), lowest))
    if not rows:
        return []
    heads = ("Test", "Metric", "Cards", "Minimum", "Median", "Maximum", "Unit", "Lowest card")
    return ["<h2>Metrics of all cards</h2>", table(heads, rows, numbers=(2, 3, 4, 5))]


def _finding_row(server: _Server, found: dict[str, Any]) -> tuple[str, ...]:
    device = found.get("device") or {}
    places = [str(value) for value in (device.get("bus_id"), found.get("engine"), found.get("address")) if value]
    if found.get("port") is not None:
        places.append(f"port {found['port']}")
    code = f'<span class="{escape(str(found["severity"]))}">{escape(str(found["code"]))}</span>'
    texts = (str(found["message"]), str(found["action"]))
    return (escape(server.host), code, escape(", ".join(places)), *(escape(text) for text in texts))
