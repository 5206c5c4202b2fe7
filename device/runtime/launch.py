"""One execution of a recipe: what the stream's thread does, and what came of it."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass

from device.card import Pulse
from device.errors import DeviceError, EccError, LaunchError
from device.recipe import LaunchCost
from device.runtime.loaded_recipe import Binding, LoadedRecipe
from device.runtime.pending import Pending
from device.runtime.session import Session
from device.runtime.time_lines import Ticket

__all__ = ["Launch", "LaunchResult"]

_NO_FAULTS = contextlib.nullcontext()


@dataclass(frozen=True, slots=True)
class LaunchResult:
    """`device_time_s` includes waiting for engines that other streams use. `clock_mhz` is the mean of the SoC clock at
    the start and the end of the execution."""

    device_time_s: float
    box_time_s: float
    dilation: float
    clock_mhz: float
    flops: int


class Launch(Pending):
    """Handed out by Stream.launch."""

    def __init__(
        self, session: Session, recipe: LoadedRecipe, binding: Binding, ticket: Ticket, source: object
    ) -> None:
        super().__init__()
        self.ticket = ticket
        self._session = session
        self._recipe = recipe
        self._binding = binding
        self._source = source
        self._result: LaunchResult | None = None

    def result(self) -> LaunchResult:
        """Waits. Raises what went wrong: LaunchError, EccError, DeviceResetError, CardLostError."""
        self._session.wait(self)
        self.raise_error()
        assert self._result is not None
        return self._result

    def execute(self) -> None:
        session = self._session
        session.faults.refresh()
        session.wait_behind_hang()
        before = session.running_pulse()
        cost = self._recipe.cost_at(before.clock_ratio)
        session.time_lines.book(self.ticket, before.clock_ratio)
        intensity = 1.0 if session.is_paced else self._binding.mme_intensity(session.spec.mme)
        session.activity.begin(self._source, cost.busy, intensity)
        try:
            self._carry_out()
            after = session.running_pulse()
        finally:
            session.activity.end(self._source)
            session.time_lines.complete(self.ticket)  # also what failed kept its engines busy
        self._result = self._measured(before, after, cost)
        session.activity.dilation = self._result.dilation
        session.activity.count_launch()

    def abandon(self) -> None:
        self._session.time_lines.cancel(self.ticket)

    def _carry_out(self) -> None:
        session = self._session
        if session.is_paced:
            session.wait_until(round(self.ticket.end_s * 1e9))
            return
        accesses = self._recipe.accesses(self._binding) if session.faults.has_faults else None
        with session.sram.exclusive(self._recipe.recipe.sram_bytes):
            for number, step in enumerate(self._binding.steps):
                try:
                    with session.accessed(accesses[number]) if accesses is not None else _NO_FAULTS:
                        step.run(session.faults)
                except EccError as error:
                    raise EccError(self._told(f"node {step.node}: {error}"), error.address) from error
                except DeviceError as error:
                    raise LaunchError(self._told(f"{error}")) from error

    def _told(self, text: str) -> str:
        return f"launch of recipe {self._recipe.recipe.name}: {text}"

    def _measured(self, before: Pulse, after: Pulse, cost: LaunchCost) -> LaunchResult:
        device_s = self.ticket.device_s
        box_s = device_s if self._session.is_paced else (after.box_ns - before.box_ns) * 1e-9
        mean_ratio = (before.clock_ratio + after.clock_ratio) / 2
        return LaunchResult(
            device_time_s=device_s,
            box_time_s=box_s,
            dilation=box_s / device_s if device_s > 0.0 else 1.0,
            clock_mhz=mean_ratio * self._session.card.identity.clock_soc_max_mhz,
            flops=cost.flops,
        )
