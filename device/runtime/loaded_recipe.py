"""A recipe on a card: checked, its workspace allocated, its descriptors bound to memory. Made once per stream."""

from __future__ import annotations

from collections.abc import Mapping

from device.engines import Step, bind
from device.errors import DeviceError, LaunchError, RecipeError
from device.memory import Bytes
from device.recipe import LaunchCost, Operand, Place, Recipe, launch_cost
from device.runtime.buffer import DeviceBuffer
from device.runtime.session import Session

__all__ = ["LoadedRecipe"]

# Bound descriptors are kept for this many sets of addresses: double buffering needs a handful.
_MAX_BINDINGS = 64

Addresses = tuple[int, ...]


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
        self._costs: dict[float, LaunchCost] = {}
        self._bindings: dict[Addresses, tuple[Step, ...]] = {}
        self._generation = session.memory.generation

    def cost_at(self, clock_ratio: float) -> LaunchCost:
        """Kept per clock ratio; the controller has about a hundred."""
        cost = self._costs.get(clock_ratio)
        if cost is None:
            cost = self._costs[clock_ratio] = launch_cost(self.recipe, self._session.spec, clock_ratio)
        return cost

    def steps(self, tensors: Mapping[str, DeviceBuffer | int]) -> tuple[Step, ...]:
        """The descriptors in their order, on these tensors. LaunchError names recipe and tensor."""
        addresses = self._addresses(tensors)
        if self._generation != self._session.memory.generation:
            self._generation = self._session.memory.generation
            self._bindings.clear()
        steps = self._bindings.get(addresses)
        if steps is None:
            if len(self._bindings) >= _MAX_BINDINGS:
                self._bindings.clear()
            steps = self._bindings[addresses] = self._bind(addresses)
        return steps

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
