"""The edges of the program: streams, statuses, environment, loops; with a stand-in for hlml."""

from __future__ import annotations

import io
import json
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from hl_smi import cli


class HlmlError(Exception):
    """As hlml.HlmlError."""


class DriverNotLoadedError(HlmlError):
    """As hlml.DriverNotLoadedError."""


@dataclass
class Card:
    """As hlml.Device; remembers what was asked of it."""

    index: int
    state: Any
    done: list[str] = field(default_factory=list)

    def snapshot(self) -> Any:
        if isinstance(self.state, Exception):
            raise self.state
        return self.state

    def reset(self) -> None:
        self.done.append("reset")

    def set_power_limit_mw(self, limit_mw: int) -> None:
        if limit_mw > 550_000:
            raise HlmlError("power limit 900 W is above the 550 W of the card")
        self.done.append(f"limit {limit_mw}")


@dataclass
class Server:
    """What the stand-in shows."""

    cards: list[Card]
    failure: Exception | None = None

    def init(self) -> None:
        if self.failure is not None:
            raise self.failure


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch, make_snapshot: Callable[..., Any], make_box: Callable[..., Any]) -> Server:
    """Two cards; the environment has none of the variables that hl-smi reads."""
    server = Server([Card(index, make_snapshot(index=index, minor=index)) for index in range(2)])
    module: Any = types.ModuleType("hlml")
    module.HlmlError, module.DriverNotLoadedError = HlmlError, DriverNotLoadedError
    module.installed_version = lambda: None
    module.init, module.box_info, module.devices = server.init, make_box, lambda: server.cards
    monkeypatch.setitem(sys.modules, "hlml", module)
    for name in ("ENABLE_CONSOLE", "HABANA_LOGS", "HABANA_VISIBLE_DEVICES"):
        monkeypatch.delenv(name, raising=False)
    return server


Run = Callable[[str], tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str]) -> Run:
    """Status, standard output and standard error of a command line."""

    def run_line(line: str) -> tuple[int, str, str]:
        status = cli.main(line.split())
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run_line


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("", "HL-SMI Version:"),
        ("-q", "================ HL-SMI LOG ================"),
        ("-L -d NET", "Network Information"),
        ("-Q index,name -f csv,noheader", "0, HL-225\n1, HL-225\n"),
        ("-v", "Habanalabs hl-smi/hlml version hl-1.24.1-fw-62.6.2.0 (Jan 20 2026 - 10:00:00)\n"),
        ("--fw-versions", "arcmp"),
        ("-n link", "port  0:\tUP"),
        ("-n ports", "port 8:\texternal"),
        ("-n stats", "port 0:\n\tpcs_local_faults: "),
        ("--query-row-replacement uuid", "uuid\n"),
        ("topo -N", "modID\tNUMA Affinity"),
        ("topo -c", "modID\tCPU Affinity"),
        ("topo -m", "module"),
        ("--query-compute-apps index,pid,used_memory", "index, pid, used_memory [MiB]\n"),
        ("stream --count 1", "# time"),
        ("--help-query-aip", "temperature.aip [C]"),
        ("--completion bash", "complete -F _hl_smi hl-smi"),
        ("-h", "usage: hl-smi"),
    ],
)
def test_answer_goes_to_standard_output(server: Server, run: Run, line: str, expected: str) -> None:
    status, out, err = run(line)
    assert (status, err) == (0, "")
    assert expected in out


@pytest.mark.parametrize(
    ("line", "status", "expected"),
    [
        ("-x", 1, "hl-smi: unknown option '-x'"),
        ("-i 99:00.0", 1, "hl-smi: no AIP at 0000:99:00.0; present: 0000:43:00.0"),
        ("-i 9", 1, "hl-smi: no AIP with index 9; present: 0, 1"),
        ("-q -o /nonexistent/x", 1, "hl-smi: can not write to '/nonexistent/x': No such file or directory"),
        ("-q -o /", 1, "hl-smi: can not write to '/': Is a directory"),
        ("-p 900 -i 0", 1, "hl-smi: power limit 900 W is above"),
    ],
)
def test_error_is_one_line_on_standard_error(server: Server, run: Run, line: str, status: int, expected: str) -> None:
    found, out, err = run(line)
    assert (found, out) == (status, "")
    assert err.startswith(expected) and err.count("\n") == 1


def test_no_cards(server: Server, run: Run) -> None:
    server.cards = []
    for line in ("", "-L", "-Q index", "-n link", "topo -N", "stream", "top", "events", "dmon"):
        assert run(line) == (1, "no AIPs available\n", "")
    assert run("-v")[0] == 0


@pytest.mark.parametrize(
    ("line", "key"),
    [("--json", "devices"), ("-q --json", "devices"), ("-Q index --json", "devices"), ("topo -c --json", "modules"),
     ("-n link --json", "devices"), ("stream --json", "devices"), ("--query-compute-apps pid --json", "processes")],
)  # fmt: skip
def test_no_cards_in_json_is_an_empty_document(server: Server, run: Run, line: str, key: str) -> None:
    server.cards = []
    status, out, err = run(line)
    assert (status, err) == (1, "")
    assert json.loads(out)[key] == []


def test_driver_not_loaded(server: Server, run: Run) -> None:
    server.failure = DriverNotLoadedError("the driver is not loaded; gaudi-box up loads it")
    expected = (1, "no AIPs available\n", "hl-smi: the driver is not loaded; gaudi-box up loads it\n")
    assert run("") == run("-q") == expected


def test_version_is_told_also_without_a_driver(server: Server, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    server.failure = DriverNotLoadedError("the driver is not loaded; gaudi-box up loads it")
    monkeypatch.setattr(sys.modules["hlml"], "installed_version", lambda: "hl-1.24.1-fw-62.6.2.0 (date)")
    assert run("-v") == (0, "Habanalabs hl-smi/hlml version hl-1.24.1-fw-62.6.2.0 (date)\n", "")
    assert run("-q")[0] == 1


def test_box_error_is_shown_on_one_line(server: Server, run: Run) -> None:
    server.failure = HlmlError("box default is corrupt;\nremake it")
    assert run("") == (1, "", "hl-smi: box default is corrupt; remake it\n")


def test_unexpected_error_is_no_traceback(server: Server, run: Run) -> None:
    server.cards[0].state = KeyError("secret")
    status, out, err = run("")
    assert (status, out) == (1, "") and err.count("\n") == 1
    assert "unexpected KeyError in snapshot, line" in err and "report" in err


def test_debug_names_the_emulated_box_on_standard_error_only(server: Server, run: Run) -> None:
    plain, debug = run("-Q index"), run("-Q index -D")
    assert debug[:2] == plain[:2]
    assert debug[2] == ("hl-smi: emulated box 'default' (HLS2, 8 cards, release 1.24) at /dev/shm/gaudi-0/default\n")


@pytest.mark.parametrize("line", ["", "-v", "-h", "-x", "-D"])
def test_console_off_silences_both_streams_and_keeps_the_status(
    server: Server, run: Run, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    status = run(line)[0]
    monkeypatch.setenv("ENABLE_CONSOLE", "false")
    assert run(line) == (status, "", "")


def test_log_has_the_output_also_when_the_console_is_off(
    server: Server, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HABANA_LOGS", str(tmp_path))
    out = run("-Q index")[1]
    monkeypatch.setenv("ENABLE_CONSOLE", "false")
    run("-Q index")
    run("-x")
    log = (tmp_path / "hl-smi_log.txt").read_text()
    assert log.startswith(out * 2 + "hl-smi: unknown option '-x'")


def test_log_follows_no_link_and_its_absence_is_no_error(
    server: Server, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    target = tmp_path / "precious"
    target.write_text("mine")
    (tmp_path / "hl-smi_log.txt").symlink_to(target)
    for directory in (tmp_path, tmp_path / "missing", target):
        monkeypatch.setenv("HABANA_LOGS", str(directory))
        assert run("-Q index -f csv,noheader") == (0, "0\n1\n", "")
    assert target.read_text() == "mine"


def test_full_log_is_rotated(server: Server, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("hl_smi.log_file._LIMIT_BYTES", 10)
    monkeypatch.setenv("HABANA_LOGS", str(tmp_path))
    for _ in range(4):
        run("-Q index")
    # The third run finds 20 bytes and rotates them with its own 10; the fourth begins a new file.
    sizes = {path.name: path.stat().st_size for path in tmp_path.iterdir()}
    assert sizes == {"hl-smi_log.1.txt": 30, "hl-smi_log.txt": 10}


def test_nothing_is_logged_without_habana_logs(
    server: Server, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    run("")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("value", "expected"), [("1", "1\n"), ("all", "0\n1\n"), ("0,1,7", "0\n1\n")])
def test_visible_devices(server: Server, run: Run, monkeypatch: pytest.MonkeyPatch, value: str, expected: str) -> None:
    monkeypatch.setenv("HABANA_VISIBLE_DEVICES", value)
    assert run("-Q index -f csv,noheader") == (0, expected, "")


def test_empty_visible_devices_is_no_card(server: Server, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HABANA_VISIBLE_DEVICES", "")
    assert run("") == (1, "no AIPs available\n", "")


@dataclass
class Clock:
    """A clock that only sleeping moves."""

    now_s: float = 100.0
    slept_s: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now_s

    def sleep(self, duration_s: float) -> None:
        self.now_s += duration_s
        self.slept_s.append(duration_s)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr("hl_smi.cli.time.monotonic", clock.monotonic)
    monkeypatch.setattr("hl_smi.cli.time.sleep", clock.sleep)
    return clock


def test_csv_loop_prints_the_header_once_and_ends_after_its_run_time(server: Server, run: Run, clock: Clock) -> None:
    assert run("-Q index -f csv -l 2 -d 5") == (0, "index\n" + "0\n1\n" * 3, "")
    assert clock.slept_s == [2.0, 2.0]


def test_count_ends_a_loop_in_milliseconds(server: Server, run: Run, clock: Clock) -> None:
    assert run("-Q index -f csv,noheader --loop-ms 250 --count 3") == (0, "0\n1\n" * 3, "")
    assert clock.slept_s == pytest.approx([0.25, 0.25])


def test_stream_repeats_its_heading(server: Server, run: Run, clock: Clock) -> None:
    status, out, err = run("stream --loop-ms 100 --count 41 -i 1")
    assert (status, err) == (0, "")
    lines = out.splitlines()
    assert [number for number, line in enumerate(lines) if line.startswith("# time")] == [0, 22, 44]
    assert len(lines) == 41 + 6


def test_output_file_gets_every_iteration_and_the_console_nothing(
    server: Server, run: Run, clock: Clock, tmp_path: Path
) -> None:
    path = tmp_path / "out"
    path.write_text("before\n")
    assert run(f"-Q index -l 1 --count 2 -o {path}") == (0, "", "")
    assert path.read_text() == "before\nindex\n0\n1\n0\n1\n"


def test_output_file_is_written_also_when_the_console_is_off(
    server: Server, run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ENABLE_CONSOLE", "false")
    assert run(f"-Q index -o {tmp_path}/out") == (0, "", "")
    assert (tmp_path / "out").read_text() == "index\n0\n1\n"
    assert run(f"-h -o {tmp_path}/help") == (0, "", "")
    assert (tmp_path / "help").read_text().startswith("usage: hl-smi")


def test_run_time_without_a_loop_prints_once(server: Server, run: Run, clock: Clock) -> None:
    assert run("-Q index -f csv,noheader -d 5") == (0, "0\n1\n", "")


def test_slow_iteration_does_not_shift_the_next(
    server: Server, run: Run, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slow_page(*_: Any, **__: Any) -> str:
        clock.now_s += 0.5
        return ""

    monkeypatch.setattr(cli, "page", slow_page)
    run("-Q index -l 1 -d 3")
    assert clock.slept_s == [0.5, 0.5, 0.5]


def test_loop_without_end_is_ended_by_an_interrupt(
    server: Server, run: Run, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hl_smi.cli.time.sleep", interrupt)
    status, out, err = run("-l")
    assert (status, err) == (130, "") and out.count("HL-SMI Version") == 1


def test_card_that_is_lost_in_a_loop_ends_it_with_one_line(
    server: Server, run: Run, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lose(_: float) -> None:
        server.cards[1].state = HlmlError("card 1 is gone: its box was taken down")

    monkeypatch.setattr("hl_smi.cli.time.sleep", lose)
    status, _, err = run("-Q index -l")
    assert (status, err) == (1, "hl-smi: card 1 is gone: its box was taken down\n")


def test_reset_and_power_limit_reach_the_card(server: Server, run: Run, make_snapshot: Callable[..., Any]) -> None:
    server.cards = server.cards[:1]
    assert run("-r -i 43:00.0") == (0, "AIP 0 (0000:43:00.0): reset done\n", "")
    assert run("-p 500") == (0, "AIP 0 (0000:43:00.0): power limit set to 500 W\n", "")
    assert server.cards[0].done == ["reset", "limit 500000"]


def test_output_that_can_not_be_written_is_an_error(
    server: Server, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "_forget_output", lambda: None)
    monkeypatch.setattr(sys, "stdout", None)
    assert cli.main(["-v"]) == 1
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stdout", closed)
    assert cli.main(["-v"]) == 1
    err = capsys.readouterr().err
    assert err.count("hl-smi: can not write to standard output") == 2
