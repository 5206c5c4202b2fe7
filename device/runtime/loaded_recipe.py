"""A recipe on a card: checked, its workspace allocated, its descriptors bound to memory. Made once per stream."""

from __future__ import annotations

import functools
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass, field

from device.cost import mme_intensity
from device.engines import MmeStep, Step, bind
from device.errors import DeviceError, LaunchError, RecipeError
from device.memory import Bytes, Range
from device.recipe import LaunchCost, Operand, Place, Recipe, launch_cost
from device.runtime.buffer import DeviceBuffer
from device.runtime.session import Access, Session
from device.spec import MmeSpec

__all__ = ["Binding", "LoadedRecipe"]

# Bound descriptors are kept for this many sets of addresses: double buffering needs a handful.
_MAX_BINDINGS = 64

Addresses = tuple[int, ...]


# Multiplications of a recipe whose operands are looked at before a launch, a few microseconds each.
_MOST_SAMPLED = 4

# How long what was seen counts: ten launches of 30 us would notice the sampling, the 1 s filter of the power does not.
_RESAMPLE_S = 0.05


@dataclass
class Binding:
    """A recipe on tensors at these addresses; the steps are in the order of the schedule."""

    addresses: Addresses
    steps: tuple[Step, ...]
    _sampled_s: float = field(default=-math.inf, init=False)
    _intensity: float = field(default=1.0, init=False)

    @functools.cached_property
    def mme_steps(self) -> tuple[MmeStep, ...]:
        """Some of those that multiply, evenly spread."""
        found = [step for step in self.steps if isinstance(step, MmeStep)]
        return tuple(found[:: -(-len(found) // _MOST_SAMPLED) or 1])

    def mme_intensity(self, mme: MmeSpec) -> float:
        """By how much the operands toggle; those that the recipe computes are the ones of the launch before."""
        now_s = time.monotonic()
        if now_s - self._sampled_s > _RESAMPLE_S:
            self._sampled_s = now_s
            samples = [mme_intensity(step.toggle_rate(), mme) for step in self.mme_steps]
            self._intensity = sum(samples) / len(samples) if samples else 1.0
        return self._intensity


class LoadedRecipe:
    """One launch at a time; submitting and executing may be on two threads."""

    def __init__(self, recipe: Recipe, session: Session) -> None:
        if recipe.asic != session.spec.name:
            raise RecipeError(
                f"recipe {recipe.name} is for {recipe.asic}, card {session.card.index} is a {session.spec.name}; "
                "compile the graph for it"
            )
        session.sram.check(recipe.name, recipe.sram_bytes)
        self.recipe = recipe
        self._session = session
        self._workspace = session.memory.allocate(recipe.workspace_bytes) if recipe.workspace_bytes else None
        self._costs: dict[tuple[float, float], LaunchCost] = {}
        self._bindings: dict[Addresses, Binding] = {}
        self._generation = session.memory.generation

    def cost_at(self, clock_ratio: float) -> LaunchCost:
        """Kept per clock ratio; the controller has about a hundred."""
        spec = self._session.spec_now()
        key = (clock_ratio, spec.hbm.efficiency)
        cost = self._costs.get(key)
        if cost is None:
            cost = self._costs[key] = launch_cost(self.recipe, spec, clock_ratio)
        return cost

    def bound(self, tensors: Mapping[str, DeviceBuffer | int]) -> Binding:
        """The descriptors on these tensors. LaunchError names recipe and tensor."""
        addresses = self._addresses(tensors)
        if self._generation != self._session.memory.generation:
            self._generation = self._session.memory.generation
            self._bindings.clear()
        binding = self._bindings.get(addresses)
        if binding is None:
            if len(self._bindings) >= _MAX_BINDINGS:
                self._bindings.clear()
            binding = self._bindings[addresses] = Binding(addresses, self._bind(addresses))
        return binding

    def accesses(self, binding: Binding) -> tuple[Access, ...]:
        """Which addresses each step reads and writes; only cards with faults ask."""
        return tuple(
            Access(
                hbm_reads=self._ranges(each.reads, binding, is_sram=False),
                hbm_writes=self._ranges(each.writes, binding, is_sram=False),
                sram_reads=self._ranges(each.reads, binding, is_sram=True),
                sram_writes=self._ranges(each.writes, binding, is_sram=True),
            )
            for each in self.recipe.in_order
        )

    def _ranges(self, operands: tuple[Operand, ...], binding: Binding, is_sram: bool) -> tuple[Range, ...]:
        """Those that lie in the SRAM, or the others."""
        chosen = (operand for operand in operands if (operand.place is Place.SRAM) is is_sram)
        return tuple((self._base(operand, binding) + operand.offset_bytes, operand.size_bytes) for operand in chosen)

    def _base(self, operand: Operand, binding: Binding) -> int:
        if operand.place is Place.SRAM:
            return self._session.sram.base
        base = self._workspace if operand.tensor is None else binding.addresses[operand.tensor]
        assert base is not None, "a recipe without a workspace uses none; validate() has checked it"
        return base

    def close(self) -> None:
        if self._workspace is not None:
            self._session.memory.free(self._workspace)
            self._workspace = None

    def _error(self, text: str) -> LaunchError:
        return LaunchError(f"launch of recipe {self.recipe.name}: {text}")

    def _addresses(self, tensors: Mapping[str, DeviceBuffer | int]) -> Addresses:
        wanted = self.recipe.tensors
        addresses: list[int] = []
        for tensor in wanted:
            given = tensors.get(tensor.name)
            if given is None:
                raise self._error(f"{tensor.role} {tensor.name} is missing; it has {tensor.size_bytes} bytes")
            if isinstance(given, int):
                addresses.append(given)
                continue
            if given.size_bytes < tensor.size_bytes:
                raise self._error(
                    f"{tensor.role} {tensor.name} needs {tensor.size_bytes} bytes, its buffer has {given.size_bytes}"
                )
            addresses.append(given.address)
        if len(tensors) > len(wanted):
            foreign = sorted(set(tensors) - {tensor.name for tensor in wanted})
            raise self._error(f"it has no tensor {foreign[0]}; its tensors are {', '.join(t.name for t in wanted)}")
        return tuple(addresses)

    def _bind(self, addresses: Addresses) -> tuple[Step, ...]:
        views = [self._view(index, address) for index, address in enumerate(addresses)]
        space = self._workspace
        workspace = None if space is None else self._session.memory.resolve(space, self.recipe.workspace_bytes)
        sram = self._session.sram.view(self.recipe.sram_bytes)

        def operands(operand: Operand) -> Bytes:
            whole = workspace if operand.tensor is None else views[operand.tensor]
            whole = sram if operand.place is Place.SRAM else whole
            assert whole is not None, "a recipe without a workspace uses none; validate() has checked it"
            return whole[operand.offset_bytes : operand.offset_bytes + operand.size_bytes]

        return tuple(bind(each, operands, self._session.options.execution) for each in self.recipe.in_order)

    def _view(self, index: int, address: int) -> Bytes:
        tensor = self.recipe.tensors[index]
        try:
            return self._session.memory.resolve(address, tensor.size_bytes)
        except DeviceError as error:
            raise self._error(f"{tensor.role} {tensor.name}: {error}") from error
