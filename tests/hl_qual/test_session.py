"""Whole runs with a fake machine and real runner processes, read by the consumers' own commands (contract C1-C11)."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from hl_qual.argv import Options, parse
from hl_qual.deadlines import Timing
from hl_qual.errors import ExitStatus
from hl_qual.limits import load_limits
from hl_qual.plugins import load
from hl_qual.report.model import Report
from hl_qual.report.store import write_report
from hl_qual.session import Setting, run_session

HERE = Path(__file__).parent
SCHEMA = json.loads((HERE.parents[1] / "docs" / "schemas" / "hl_qual-report-1.json").read_text())
CONFORMANCE = (HERE / "conformance.sh").read_text()
NAME = re.compile(
    r"_hl_qual_report_(Mon|Tue|Wed|Thu|Fri|Sat|Sun)_[A-Z][a-z]{2}_[1-9][0-9]?_[0-9]{2}-[0-9]{2}-[0-9]{2}_[0-9]{4}\.log$"
)
TIMING = Timing(start_limit_s=30, silence_limit_s=10, margin_s=1, stop_grace_s=0.3, kill_grace_s=0.5)


def shell(script: str, *arguments: str) -> list[str]:
    done = subprocess.run(["bash", "-c", script, "bash", *arguments], capture_output=True, text=True, check=False)
    return done.stdout.splitlines()


@dataclasses.dataclass
class Ran:
    report: Report
    stdout: str
    log: Path

    @property
    def status(self) -> ExitStatus:
        return self.report.ending.exit_status

    @property
    def twin(self) -> dict[str, Any]:
        """Every report that a test looks at has to fit the published schema."""
        values: dict[str, Any] = json.loads(self.log.with_suffix(".json").read_text())
        jsonschema.validate(values, SCHEMA)
        return values


@pytest.fixture
def run(fake_plugins: Callable[..., None], make_machine: Any, tmp_path: Path) -> Callable[..., Ran]:
    def runner(line: str = "-t fake", machine: Any = None, interrupted: Callable[[], bool] = lambda: False) -> Ran:
        options = parse(line.split(), ("fake",))
        assert isinstance(options, Options)
        output: list[str] = []
        setting = Setting(
            options=options,
            plugin=load("fake_plugins:Fake"),
            reference="fake_plugins:Fake",
            limits_of=load_limits,
            bounds={},
            seed=7,
            machine=lambda: machine or make_machine(2),
            write=output.append,
            is_interrupted=interrupted,
            host="testhost",
            is_terminal=False,
            timing=TIMING,
        )
        report = run_session(setting)
        log = write_report(report, tmp_path / "qual")
        return Ran(report, "".join(output), log)

    return runner


def judged(ran: Ran, tmp_path: Path) -> list[list[str]]:
    """What the consumers' script says about stdout and about the report file."""
    captured = tmp_path / "stdout.txt"
    captured.write_text(ran.stdout)
    return [shell(CONFORMANCE, str(captured)), shell(CONFORMANCE, str(ran.log))]


def test_passing_run_satisfies_every_consumer(run: Callable[..., Ran], tmp_path: Path) -> None:
    ran = run("-t fake -dmesg")
    for answer in judged(ran, tmp_path):
        assert answer == ["2 passed, 0 failed PASSED", "one", "clean", "brackets"]
    assert ran.status is ExitStatus.PASSED
    assert "emulated" in ran.stdout
    assert "FAILED" not in ran.stdout


def test_failing_card_is_listed_by_every_consumer(
    run: Callable[..., Ran], fake_plugins: Callable[..., None], tmp_path: Path
) -> None:
    fake_plugins(card1="wrong")
    ran = run()
    for answer in judged(ran, tmp_path):
        assert answer == ["1 passed, 1 failed FAILED", "one", "clean", "brackets"]
    assert ran.status is ExitStatus.FAILED
    listed = shell("awk '/Test result summary/{found=1} found && /: FAILED/' $1", str(ran.log))
    assert listed == ["Device: 0000:1a:00.0 test result: FAILED"]
    assert "result: FAILED" in ran.stdout
    (finding,) = ran.twin["devices"][1]["findings"]
    assert set(finding) >= {"code", "severity", "device", "engine", "expected", "actual", "limit", "action"}
    assert finding["device"] == {"serial": "AN00000001", "bus_id": "0000:1a:00.0", "module_id": 1}


def test_lifecycle_lines_have_times_that_date_reads(run: Callable[..., Ran]) -> None:
    ran = run()
    for words in ("starting config function", "Start running plugin", "Finish running plugin with"):
        lines = shell(f"grep -i '{words}' $1 | awk -F'[' '{{print $2}}' | awk -F']' '{{print $1}}'", str(ran.log))
        assert len(lines) == 2
        for line in lines:
            assert subprocess.run(["date", "-d", line], capture_output=True, check=False).returncode == 0


def test_report_is_the_newest_file_and_cards_have_their_own(run: Callable[..., Ran]) -> None:
    ran = run()
    directory = str(ran.log.parent)
    assert shell("ls -rt $1 | tail -n 1", directory) == [ran.log.name]
    assert NAME.search(ran.log.name)
    own = shell("cd $1 && ls *0000*", directory)
    assert len(own) == 2 and all(name.endswith(".txt") for name in own)
    assert not list(ran.log.parent.glob(".*"))


def test_two_reports_of_one_second_do_not_overwrite_each_other(run: Callable[..., Ran], tmp_path: Path) -> None:
    first = run()
    again = write_report(first.report, tmp_path / "qual")
    assert again != first.log and NAME.search(again.name)


def test_a_runner_cannot_forge_the_report(
    run: Callable[..., Ran], fake_plugins: Callable[..., None], tmp_path: Path
) -> None:
    fake_plugins(card0="evil")
    ran = run()
    for answer in judged(ran, tmp_path):
        assert answer == ["2 passed, 0 failed PASSED", "one", "clean", "brackets"]
    assert "\x1b" not in ran.stdout


def test_immediate_output_is_on_stdout_and_nothing_is_lost_in_the_file(run: Callable[..., Ran]) -> None:
    ran = run("-t fake -disable_pipe_red")
    assert ran.stdout.count("all is well") == 2
    assert ran.log.read_text().count("all is well") == 2


def test_wrong_family_is_not_executed(run: Callable[..., Ran]) -> None:
    ran = run("-t fake -gaudi3")
    assert ran.status is ExitStatus.NOT_EXECUTED
    assert "no Gaudi3 card was found, the cards here are Gaudi2" in ran.stdout
    assert ran.stdout.splitlines()[-1] == "FAILED"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"is_operational": False, "status": "malfunction"}, "DEVICE_NOT_OPERATIONAL"),
        ({"is_lost": True}, "DEVICE_NOT_OPERATIONAL"),
        ({"memory_used_bytes": 4 << 30}, "MEMORY_NOT_IDLE"),
    ],
)
def test_a_bad_card_keeps_the_test_from_starting(
    run: Callable[..., Ran], make_machine: Any, make_snapshot: Any, changes: dict[str, Any], code: str
) -> None:
    machine = make_machine(2)
    machine.cards[1] = lambda: make_snapshot(1, **changes)
    ran = run(machine=machine)
    assert ran.status is ExitStatus.NOT_EXECUTED
    assert [device["verdict"] for device in ran.twin["devices"]] == ["NOT_EXECUTED"] * 2
    assert ran.twin["devices"][1]["findings"][0]["code"] == code
    assert "Start running plugin" not in ran.stdout


def test_a_card_in_use_is_busy(run: Callable[..., Ran], make_machine: Any, make_snapshot: Any) -> None:
    from hlml.types import ProcessInfo

    machine = make_machine(1)
    machine.cards[0] = lambda: make_snapshot(0, processes=(ProcessInfo(4242, "python", 0, 1),))
    ran = run(machine=machine)
    assert ran.status is ExitStatus.NOT_EXECUTED
    assert "process 4242 (python)" in ran.stdout


def test_expected_devices_are_counted(run: Callable[..., Ran]) -> None:
    ran = run("-t fake --expected-devices 8")
    assert ran.status is ExitStatus.NOT_EXECUTED
    assert ran.twin["findings"][0]["code"] == "DEVICE_COUNT"
    assert run("-t fake --expected-devices 2").status is ExitStatus.PASSED


def test_an_unknown_bus_id_is_absent(run: Callable[..., Ran]) -> None:
    ran = run("-t fake -c 0000:99:00.0")
    assert ran.status is ExitStatus.NOT_EXECUTED
    assert "0000:99:00.0" in ran.stdout


def test_only_chosen_cards_are_tested(run: Callable[..., Ran]) -> None:
    ran = run("-t fake -c 0000:1a:00.0")
    assert [device["bus_id"] for device in ran.twin["devices"]] == ["0000:1a:00.0"]
    assert [device["bus_id"] for device in run("-t fake -c 1").twin["devices"]] == ["0000:1a:00.0"]


@pytest.mark.parametrize(("cards", "said"), [("9", "with number 9"), ("1,0000:1a:00.0", "names a card twice")])
def test_card_numbers_that_do_not_fit_are_not_executed(run: Callable[..., Ran], cards: str, said: str) -> None:
    ran = run(f"-t fake -c {cards}")
    assert ran.status is ExitStatus.NOT_EXECUTED
    assert said in ran.stdout


def test_cards_of_two_models_have_their_own_limits(
    run: Callable[..., Ran], make_machine: Any, make_snapshot: Any
) -> None:
    machine = make_machine(2)
    machine.cards[1] = lambda: make_snapshot(1, name="HL-288E")
    ran = run("-t fake", machine=machine)
    assert set(ran.twin["limits_by_card"]) == {"HL-225", "HL-288E"}


def test_frozen_clock_is_refused_and_another_rate_is_said_first(run: Callable[..., Ran], make_machine: Any) -> None:
    assert run(machine=make_machine(1, clock_rate=0)).twin["findings"][0]["code"] == "BOX_CLOCK_FROZEN"
    ran = run(machine=make_machine(1, clock_rate=60))
    assert ran.stdout.startswith("NOTE the clock of this box runs at rate 60")


def test_interrupt_gives_a_failed_report_and_status_4(run: Callable[..., Ran], tmp_path: Path) -> None:
    answers = iter([False, False])
    ran = run("-t fake -t 30", interrupted=lambda: next(answers, True))
    assert ran.status is ExitStatus.INTERRUPTED
    assert judged(ran, tmp_path)[1][0] == "0 passed, 2 failed FAILED"
    assert "interrupted" in ran.stdout


def test_card_that_vanishes_during_the_test_fails(
    run: Callable[..., Ran], make_machine: Any, make_snapshot: Any
) -> None:
    machine = make_machine(2)
    readings = iter([make_snapshot(1)])
    machine.cards[1] = lambda: next(readings, None)
    ran = run(machine=machine)
    assert [device["verdict"] for device in ran.twin["devices"]] == ["PASSED", "FAILED"]
    assert "NO_TELEMETRY" in ran.stdout


def test_a_mistake_of_ours_fails_the_run_and_says_where(run: Callable[..., Ran], tmp_path: Path) -> None:
    def broken() -> bool:
        raise LookupError("no such thing")

    ran = run(interrupted=broken)
    assert ran.status is ExitStatus.INTERNAL
    assert judged(ran, tmp_path)[1][0] == "0 passed, 2 failed FAILED"
    assert "LookupError: no such thing (test_session.py line" in ran.stdout


def test_json_twin_says_what_it_is(run: Callable[..., Ran]) -> None:
    twin = run().twin
    assert (twin["schema"], twin["emulated"], twin["verdict"], twin["exit_status"]) == (1, True, "PASSED", 0)
    metric = twin["devices"][0]["metrics"][0]
    assert (metric["clock"], metric["basis"], metric["dilation"]) == ("device", "model", 3.0)
    assert twin["devices"][0]["telemetry"]["power"]["samples"] >= 1
    assert twin["devices"][0]["peak_rss_bytes"] > 2**20 < twin["host_memory"]["hl_qual_peak_rss_bytes"]


def test_the_schema_refuses_what_is_not_a_report(run: Callable[..., Ran]) -> None:
    twin = run().twin
    for key in list(twin):
        with pytest.raises(jsonschema.ValidationError, match=key):
            jsonschema.validate({name: value for name, value in twin.items() if name != key}, SCHEMA)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**twin, "verdict": "OK"}, SCHEMA)
