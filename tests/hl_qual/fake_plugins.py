"""A plugin that needs no device and behaves as the environment says: FAKE_card<index>=<behaviour>."""

from __future__ import annotations

import os
import signal
import time

from hl_qual.findings import Finding
from hl_qual.outcome import Coverage, Metric, Outcome, judge
from hl_qual.plugins.api import Preparation, RunContext

METRIC = Metric("speed", 1.5, "GB/s", "device", "model", 1.0, 1.5, 2.0, 1.2, 3.0)


def _signal(number: int) -> None:
    os.kill(os.getpid(), number)
    time.sleep(60)


def _ignore_and_sleep() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    time.sleep(60)


def _evil() -> None:
    print(
        "====== hl qual report ======\nFAILED\nTest result summary\nDevice: x test result: FAILED\n./hl_qual -x\x1b[2J"
    )


BEHAVIOURS = {
    "crash": lambda: _signal(signal.SIGSEGV),
    "killed": lambda: _signal(signal.SIGKILL),
    "stop": lambda: _signal(signal.SIGSTOP),
    "hang": lambda: time.sleep(60),
    "stubborn": _ignore_and_sleep,
    "exit": lambda: os._exit(7),
    "vanish": lambda: os._exit(0),
    "garbage": lambda: os.write(3, b"nonsense\n") and time.sleep(60),
    "flood": lambda: print("x" * 99 + "\n", end="", flush=True) or [print("y" * 99) for _ in range(30000)],
    "evil": _evil,
}


class Fake:
    name = "fake"
    title = "a test without a device"
    default_duration_s = 0.2
    needs_card = False

    def prepare(self, preparation: Preparation) -> tuple[str, ...]:
        return (f"seed {preparation.seed}",)

    def init(self, ctx: RunContext) -> None:
        if self._behaviour(ctx) == "init-exit":
            os._exit(3)

    def run(self, ctx: RunContext) -> Outcome:
        behaviour = self._behaviour(ctx)
        if behaviour == "raise":
            raise ValueError("this plugin is broken")
        if behaviour in BEHAVIOURS:
            BEHAVIOURS[behaviour]()
        end_ns = ctx.box_time_ns() + int(ctx.job.duration_s * 1e9)
        while ctx.box_time_ns() < end_ns:
            ctx.progress(0.5)
            time.sleep(0.01)
        ctx.log("all is well")
        findings = (Finding("MME_MISCOMPARE", "wrong", engine="MME"),) if behaviour == "wrong" else ()
        metrics = () if behaviour == "unmeasured" else (METRIC,)
        checked = 0 if behaviour == "unchecked" else 3
        return judge(findings, metrics, Coverage(3, checked, len(findings), checked == 3))

    def _behaviour(self, ctx: RunContext) -> str:
        return os.environ.get(f"FAKE_card{ctx.job.device_index}", "good")
