"""Plans, repeated tests and soaks: one verdict over all steps, and nothing done twice after a kill."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from private_box import PrivateBox

from hl_qual.argv import Options, parse
from hl_qual.campaign import steps_of
from hl_qual.errors import UsageError
from hl_qual.plans import BUILT_IN, load_plan
from hl_qual.plugins import references

HERE = Path(__file__).parent
COMMAND = [sys.executable, "-P", "-m", "hl_qual", "-c", "0,1", "-dis_mon"]
SCHEMA = json.loads((HERE.parents[1] / "docs" / "schemas" / "hl_qual-report-1.json").read_text())
TESTS = ("matmul_stress", "rdma_loopback", "hbm_bandwidth")


def hl_qual(env: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], env=env, capture_output=True, text=True, check=False)


def newest(box: PrivateBox) -> Path:
    return max((box.logs / "qual").iterdir(), key=lambda path: path.stat().st_mtime_ns)


def twin(box: PrivateBox) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(newest(box).with_suffix(".json").read_text())
    jsonschema.validate(values, SCHEMA)
    return values


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    path = tmp_path / "mine.toml"
    path.write_text(
        'title = "mine"\nsettle = 0.1\n[[test]]\ncommand = "-t fake -t 0.1"\nrepeat = 2\n'
        '[[test]]\ncommand = "-t fake -t 0.2"\n'
    )
    return path


@pytest.mark.parametrize("name", BUILT_IN)
def test_built_in_plans_are_command_lines_of_tests_that_are_here(name: str) -> None:
    options = parse(["--plan", name, "-c", "0,3"], TESTS)
    assert isinstance(options, Options)
    steps = steps_of(options, load_plan(name), TESTS)
    assert all(step.options.devices == ("0", "3") for step in steps)
    assert {step.options.plugin_name for step in steps} <= set(references())


def test_a_plan_is_one_report_over_the_reports_of_its_steps(
    box: PrivateBox, fake_env: dict[str, str], plan: Path
) -> None:
    done = hl_qual(fake_env, "--plan", str(plan))
    assert done.returncode == 0, done.stdout + done.stderr
    judged = subprocess.run(["bash", HERE / "conformance.sh", newest(box)], capture_output=True, text=True, check=True)
    assert judged.stdout.splitlines() == ["2 passed, 0 failed PASSED", "one", "clean", "brackets"]
    assert "FAILED" not in done.stdout and "step 3 of 3  -t fake -t 0.2  passed  2 of 2 cards" in done.stdout
    report = twin(box)
    assert (report["test"], [step["verdict"] for step in report["steps"]]) == ("plan mine", ["PASSED"] * 3)
    for step in report["steps"]:
        assert (box.logs / "qual" / f"{step['report']}.log").read_text().splitlines()[-1] == "PASSED"
    assert len(list((box.logs / "qual").glob("*.log"))) == 4


def test_a_card_that_fails_one_step_fails_the_plan(box: PrivateBox, fake_env: dict[str, str], plan: Path) -> None:
    done = hl_qual({**fake_env, "FAKE_card1": "wrong"}, "--plan", str(plan))
    assert done.returncode == 1
    report = twin(box)
    assert [device["verdict"] for device in report["devices"]] == ["PASSED", "FAILED"]
    assert [found["code"] for found in report["devices"][1]["findings"]] == ["MME_MISCOMPARE"] * 3
    early = hl_qual({**fake_env, "FAKE_card1": "wrong"}, "--plan", str(plan), "--fail-early")
    assert early.returncode == 1
    report = twin(box)
    assert [device["verdict"] for device in report["devices"]] == ["NOT_EXECUTED", "FAILED"]
    assert [found["code"] for found in report["findings"]] == ["PLAN_ENDED"] and len(report["steps"]) == 1


def test_after_kill_9_at_most_one_step_is_repeated(box: PrivateBox, fake_env: dict[str, str], tmp_path: Path) -> None:
    state = tmp_path / "soak.json"
    words = ["-t", "fake", "-t", "0.1", "--repeat", "5"]
    with subprocess.Popen([*COMMAND, *words, "--checkpoint", state], env=fake_env, stdout=subprocess.DEVNULL) as soak:
        end_s = time.monotonic() + 60
        while not state.exists() or len(json.loads(state.read_text())["done"]) < 2:
            assert time.monotonic() < end_s and soak.poll() is None
            time.sleep(0.005)
        soak.send_signal(signal.SIGKILL)
    before = json.loads(state.read_text())
    done = hl_qual(fake_env, *words, "--resume", str(state))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"resumed after step {len(before['done'])} of 5" in done.stdout
    report = twin(box)
    assert [step["number"] for step in report["steps"]] == [0, 1, 2, 3, 4]
    assert report["steps"][: len(before["done"])] == before["done"]
    seeds = [
        json.loads((box.logs / "qual" / f"{step['report']}.json").read_text())["preparation"]
        for step in report["steps"]
    ]
    assert seeds == [[f"seed {(before['seed'] + number) % 2**32}"] for number in range(5)]


def test_an_interrupted_campaign_says_so_and_can_go_on(
    box: PrivateBox, fake_env: dict[str, str], tmp_path: Path
) -> None:
    state = tmp_path / "soak.json"
    words = ["-t", "fake", "-t", "0.5", "--repeat", "3"]
    with subprocess.Popen(
        [*COMMAND, *words, "--checkpoint", state], env=fake_env, stdout=subprocess.PIPE, text=True
    ) as run:
        while not state.exists():
            assert run.poll() is None
            time.sleep(0.005)
        run.send_signal(signal.SIGINT)
        output = run.communicate()[0]
    assert run.returncode == 4 and output.splitlines()[-1] == "FAILED"
    assert [found["code"] for found in twin(box)["findings"]] == ["INTERRUPTED"]
    assert hl_qual(fake_env, *words, "--resume", str(state)).returncode == 0


def test_an_interrupted_campaign_with_iterations_counts_them_as_steps() -> None:
    options = parse(["-hbm_dma_stress", "-i", "3", "-c", "all", "-rmod", "parallel", "--checkpoint", "x"], TESTS)
    assert isinstance(options, Options)
    assert [step.options.iterations for step in steps_of(options, None, TESTS)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("nonsense", "p.toml: Expected"),
        ("", "no [[test]]"),
        ('[[test]]\ncommand = ""\n', "test 1: command is missing"),
        ('[[test]]\ncomand = "-s"\n', "unknown key 'comand'"),
        ('[[test]]\ncommand = "-s -t 1"\nrepeat = 0\n', "repeat = 0"),
        ('settle = -1\n[[test]]\ncommand = "-s"\n', "settle = -1"),
        ('[[test]]\ncommand = "-s -l extrem"\n', "'extrem'"),
        ('[[test]]\ncommand = "--plan quick"\n', "not a single test"),
    ],
)
def test_a_plan_that_is_wrong_is_named_with_its_place(tmp_path: Path, text: str, named: str) -> None:
    path = tmp_path / "p.toml"
    path.write_text(text)
    options = parse(["--plan", str(path)], TESTS)
    assert isinstance(options, Options)
    with pytest.raises(UsageError) as caught:
        steps_of(options, load_plan(str(path)), TESTS)
    assert named in str(caught.value)


def test_a_checkpoint_of_other_tests_is_refused(fake_env: dict[str, str], tmp_path: Path) -> None:
    state = tmp_path / "soak.json"
    assert hl_qual(fake_env, "-t", "fake", "-t", "0.1", "--checkpoint", str(state)).returncode == 0
    for words in (["-t", "fake", "--repeat", "2", "--resume", str(state)], ["-t", "fake", "--resume", "/dev/null"]):
        done = hl_qual(fake_env, *words)
        assert done.returncode == 2 and "--resume" in done.stderr and done.stdout == ""


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("--plan quick -t matmul_stress", "-t"),
        ("--plan quick -s", "-s"),
        ("--plan quick -l high", "-l"),
        ("--plan quick -i 3", "-i"),
        ("-t matmul_stress --checkpoint a --resume b", "only one of them"),
        ("--plan nowhere.toml", "nowhere.toml"),
    ],
)
def test_switches_that_do_not_go_together_are_named(line: str, named: str) -> None:
    with pytest.raises(UsageError, match=r"plan|resume") as caught:
        options = parse(line.split(), TESTS)
        assert isinstance(options, Options) and options.plan is not None
        load_plan(options.plan)
    assert named in str(caught.value)
