"""Carrying out a scenario on the box of the environment, in box time."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence

from device.card import Box
from device.errors import DeviceError, DeviceResetError
from device.fault_commands import inject_wish
from device.faults import find_fault, heal
from device.load import GemmSize, load_card
from device.scenario import (
    ClockStep,
    HealStep,
    InjectStep,
    LimitStep,
    LoadStep,
    ResetStep,
    Scenario,
)

__all__ = ["Player"]

# How often the player looks at the box clock, wall time at most.
_LOOK_S = 0.05


class Player:
    """One run. `tell` gets a line for whatever happens; `watch` the box seconds that have passed."""

    def __init__(self, box: Box, tell: Callable[[str], None], watch: Callable[[float], None] = lambda _: None) -> None:
        self._box = box
        self._tell = tell
        self._watch = watch
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._begin_ns = box.now_ns()
        self.errors: list[DeviceError] = []
        """What went wrong; a scenario goes on all the same."""

    def run(self, scenario: Scenario) -> None:
        """Until its end; loads that still run are ended then, and by Ctrl-C."""
        try:
            for step in scenario.steps:
                self._wait_until(step.at_s)
                self._tell(f"{step.at_s:>9.1f} s  {step.action}")
                try:
                    self._act(step.action)
                except DeviceError as error:
                    self._fail(error)
            self._wait_until(scenario.end_s)
        finally:
            self._stop.set()
            for thread in self._threads:
                thread.join()

    def _elapsed_s(self) -> float:
        return (self._box.now_ns() - self._begin_ns) / 1e9

    def _wait_until(self, at_s: float) -> None:
        while (left_s := at_s - self._elapsed_s()) > 0:
            self._watch(at_s - left_s)
            rate = self._box.clock_rate
            time.sleep(min(left_s / rate, _LOOK_S) if rate > 0 else _LOOK_S)
        self._watch(at_s)

    def _numbers(self, cards: Sequence[int]) -> list[int]:
        """All of them exist."""
        numbers = list(cards) or list(range(len(self._box.cards)))
        return [self._box.card(index).index for index in numbers]

    def _act(self, action: object) -> None:
        match action:
            case LoadStep():
                for index in self._numbers(action.cards):
                    self._start_load(index, action)
            case InjectStep():
                for index in self._numbers(action.cards):
                    inject_wish(self._box, index, action.wish)
            case HealStep():
                fault = None if action.fault is None else find_fault(action.fault)
                for index in self._numbers(action.cards):
                    heal(self._box, index, fault)
            case ResetStep():
                for index in self._numbers(action.cards):
                    self._box.card(index).reset()
            case LimitStep():
                for index in self._numbers(action.cards):
                    self._box.card(index).set_limit(round(action.watts * 1000))
            case ClockStep():
                self._box.set_clock(action.rate, round(action.step_s * 1e9))

    def _start_load(self, index: int, action: LoadStep) -> None:
        end_ns = self._box.now_ns() + round(action.duration_s * 1e9)

        def is_over() -> bool:
            return self._stop.is_set() or self._box.now_ns() >= end_ns

        def run() -> None:
            try:
                load_card(self._box, index, GemmSize(*action.gemm), is_over)
            except DeviceResetError:  # that is what resets are for
                self._tell(f"{self._elapsed_s():>9.1f} s  the load of card {index} ended with its reset")
            except DeviceError as error:
                self._fail(error)

        thread = threading.Thread(target=run, name=f"load-{index}")
        self._threads.append(thread)
        thread.start()

    def _fail(self, error: DeviceError) -> None:
        self.errors.append(error)
        with contextlib.suppress(DeviceError):
            self._tell(f"{self._elapsed_s():>9.1f} s  error: {error}")
