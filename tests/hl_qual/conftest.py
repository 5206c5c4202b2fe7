"""Made-up cards and a machine of them: tests of hl_qual that need no box and no device."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hlml.types import BoxInfo, DeviceSnapshot, EccCounters, LinkInfo, PciInfo, ThrottleReason

HERE = Path(__file__).parent
_BUSES = ("19", "1a", "33", "34", "9b", "9c", "b3", "b4")
_NO_ECC = EccCounters(0, 0, 0, 0)


def snapshot(index: int = 0, **changes: Any) -> DeviceSnapshot:
    """An idle HL-225 at one of the bus ids of a real box; `changes` are fields."""
    link = LinkInfo(4, 4, 16, 16)
    pci = PciInfo(f"0000:{_BUSES[index]}:00.0", 0, int(_BUSES[index], 16), 0, 0x1DA31020, 0x1DA30000, 1, link)
    values: dict[str, Any] = {field.name: None for field in dataclasses.fields(DeviceSnapshot)}
    values.update(
        {name: 0 for name, kind in DeviceSnapshot.__annotations__.items() if str(kind) == "int"},
        index=index,
        module_id=index,
        name="HL-225",
        family="gaudi2",
        serial=f"AN0000000{index}",
        pcb_version="R0G",
        status="operational",
        is_operational=True,
        is_lost=False,
        pci=pci,
        numa_node=index // 4,
        box_time_ns=time.monotonic_ns(),
        memory_total_bytes=98304 << 20,
        memory_used_bytes=768 << 20,
        memory_free_bytes=97536 << 20,
        temperature_c=40,
        power_54v_mw=90_000,
        clock_soc_mhz=1650,
        sensors=(),
        throttle_reasons=ThrottleReason.NONE,
        ecc_hbm=_NO_ECC,
        ecc_sram=_NO_ECC,
        replaced_rows=(),
        ports=(),
        processes=(),
        engine_activity={},
    )
    return DeviceSnapshot(**{**values, **changes})


class FakeMachine:
    """Cards out of `snapshot`; `cards` may be replaced by readings or by functions that give one."""

    def __init__(self, count: int = 2, clock_rate: float = 1.0) -> None:
        self.clock_rate = clock_rate
        self.cards: list[Callable[[], DeviceSnapshot | None]] = [
            lambda index=index: snapshot(index) for index in range(count)
        ]

    def box(self) -> BoxInfo:
        return BoxInfo("t", "/t", "HLS2", "1.24.0", "1.24.0", "1.24.0-x", "1.24.0-x", 2, self.clock_rate, True)

    def device_count(self) -> int:
        return len(self.cards)

    def snapshot(self, index: int) -> DeviceSnapshot | None:
        return self.cards[index]()

    def cpus_of_node(self, node: int) -> str | None:
        return None

    def host(self) -> str:
        return "testhost"

    def kernel_log(self, since_ns: int) -> tuple[str, ...]:
        return ("[    1.000000] accel accel0: a line with the word FAILED",)


@pytest.fixture
def make_snapshot() -> Callable[..., DeviceSnapshot]:
    return snapshot


@pytest.fixture
def make_machine() -> type[FakeMachine]:
    return FakeMachine


@pytest.fixture
def fake_plugins(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runners find fake_plugins.py; call the fixture with behaviours by device index."""
    paths = [str(HERE), *os.environ.get("PYTHONPATH", "").split(os.pathsep)]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(path for path in paths if path))
    monkeypatch.syspath_prepend(str(HERE))

    def behave(**by_index: str) -> None:
        for index, behaviour in by_index.items():
            monkeypatch.setenv(f"FAKE_{index}", behaviour)

    return behave


@pytest.fixture
def fake_env(box: Any, tmp_path: Path) -> dict[str, str]:
    """The environment of the private box, in which `-t fake` is an installed test that needs no device."""
    info = tmp_path / "site" / "fake_plugins-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fake-plugins\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[hl_qual.plugins]\nfake = fake_plugins:Fake\n")
    paths = [str(info.parent), str(HERE), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**box.env, "PYTHONPATH": os.pathsep.join(paths)}


@dataclasses.dataclass(frozen=True)
class Qualified:
    """A run of hl_qual as a process: what it said, and the files of its report."""

    status: int
    stdout: str
    stderr: str
    log: Path

    @property
    def twin(self) -> dict[str, Any]:
        values: dict[str, Any] = json.loads(self.log.with_suffix(".json").read_text())
        return values

    @property
    def codes(self) -> dict[int, list[str]]:
        """Codes of the findings by module id."""
        return {card["module_id"]: [found["code"] for found in card["findings"]] for card in self.twin["devices"]}

    def metrics(self, position: int = 0) -> dict[str, dict[str, Any]]:
        """Metrics of a card by name."""
        return {metric["name"]: metric for metric in self.twin["devices"][position]["metrics"]}

    def consumers(self) -> list[str]:
        """What the consumers' own commands say about the report file."""
        words = ["bash", str(HERE / "conformance.sh"), str(self.log)]
        return subprocess.run(words, capture_output=True, text=True, check=True).stdout.splitlines()


def _command(words: str) -> list[str]:
    return [sys.executable, "-P", "-m", "hl_qual", *words.split()]


def _qualified(box: Any, status: int, stdout: str, stderr: str) -> Qualified:
    logs = sorted((box.logs / "qual").glob("*"), key=lambda path: path.stat().st_mtime_ns)
    return Qualified(status, stdout, stderr, logs[-1] if logs else box.logs)


@pytest.fixture
def qualify(box: Any) -> Callable[..., Qualified]:
    """Run hl_qual on the private box; `words` is its command line."""

    def run(words: str) -> Qualified:
        done = subprocess.run(_command(words), env=box.env, capture_output=True, text=True, check=False)
        return _qualified(box, done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def kill_a_runner(box: Any) -> Callable[..., Qualified]:
    """The same, and the first runner gets a SIGKILL after its first pulse."""

    def run(words: str) -> Qualified:
        command = [*_command(words), "-disable_pipe_red"]
        with subprocess.Popen(command, env=box.env, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            head: list[str] = []
            while not (head and head[-1].startswith("pulse 1 ")):
                head.append(process.stdout.readline())
                assert head[-1], "hl_qual has ended: " + "".join(head)
            runners = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
            os.kill(int(runners[0]), signal.SIGKILL)
            tail = process.stdout.read()
            status = process.wait()
        return _qualified(box, status, "".join(head) + tail, "")

    return run
