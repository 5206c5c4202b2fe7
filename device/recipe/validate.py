"""Whether a recipe fits together, descriptor by descriptor: sizes, ranges, queues, sync values within limits.

from_bytes calls it on every recipe that comes from outside, so that the engines may rely on what it checks. Whether the
sync values cover all dependencies is the more expensive question of check.py.
"""

from __future__ import annotations

import re

from device.engine_class import EngineClass
from device.errors import RecipeError
from device.recipe.descriptors import Descriptor, Operand, Place
from device.recipe.recipe import Recipe, TensorRole
from device.recipe.shapes import wanted_sizes

__all__ = ["validate"]

_QUEUE_ENGINES = (EngineClass.MME, EngineClass.TPC, EngineClass.DMA)


def validate(recipe: Recipe) -> None:
    """RecipeError names the first descriptor or tensor that does not fit."""
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,32}", recipe.asic):
        raise RecipeError(f"the recipe is for {recipe.asic!r}, which is no name of an ASIC")
    _check_tensors(recipe)
    _check_queues(recipe)
    _check_signals(recipe)
    for descriptor in recipe.in_order:
        where = f"descriptor {descriptor.order} ({descriptor.node})"
        if descriptor.engine not in descriptor.ENGINES:
            raise RecipeError(f"{where}: the {descriptor.engine.name} does not carry out {type(descriptor).__name__}")
        _check_operands(recipe, descriptor, where)
        _check_sizes(descriptor, where)


def _check_tensors(recipe: Recipe) -> None:
    if len(recipe.tensor_ids) != len(recipe.tensors):
        raise RecipeError("two tensors have the same name")
    for tensor in recipe.tensors:
        if not tensor.dims or min(tensor.dims) < 1:
            raise RecipeError(f"tensor {tensor.name} has the dimensions {tensor.dims}; all have to be 1 or more")


def _check_queues(recipe: Recipe) -> None:
    engines = [queue.engine for queue in recipe.queues]
    if len(set(engines)) != len(engines):
        raise RecipeError("two queues of the same engine")
    for queue in recipe.queues:
        if queue.engine not in _QUEUE_ENGINES:
            raise RecipeError(f"a queue for the {queue.engine.name}, which takes no descriptors")
        orders = [descriptor.order for descriptor in queue.descriptors]
        if orders != sorted(orders):
            raise RecipeError(f"the {queue.engine.name} queue is not in the order of the schedule")
        for descriptor in queue.descriptors:
            if descriptor.engine is not queue.engine:
                raise RecipeError(f"{descriptor.node} is in the queue of the {queue.engine.name}")
    orders = [descriptor.order for descriptor in recipe.in_order]
    if orders != list(range(len(orders))):
        raise RecipeError("the schedule has gaps or doubles")


def _check_signals(recipe: Recipe) -> None:
    """Each descriptor adds one to a sync object of its own queue, and waits for earlier descriptors only."""
    reached: dict[int, int] = {}
    owner: dict[int, EngineClass] = {}
    for descriptor in recipe.in_order:
        signal = descriptor.signal
        where = f"descriptor {descriptor.order} ({descriptor.node})"
        for wait in descriptor.waits:
            if not 1 <= wait.value <= reached.get(wait.sob, 0):
                raise RecipeError(
                    f"{where} waits for value {wait.value} of sync object {wait.sob}, not signalled before"
                )
        if signal.sob >= recipe.sync_objects:
            raise RecipeError(f"{where} signals sync object {signal.sob} of {recipe.sync_objects}")
        if owner.setdefault(signal.sob, descriptor.engine) is not descriptor.engine:
            raise RecipeError(f"{where} signals sync object {signal.sob} of another queue")
        if signal.value != reached.get(signal.sob, 0) + 1:
            raise RecipeError(f"{where} signals value {signal.value} after {reached.get(signal.sob, 0)}")
        reached[signal.sob] = signal.value
    if len(reached) != recipe.sync_objects:
        raise RecipeError(f"{recipe.sync_objects} sync objects, but {len(reached)} are signalled")


def _check_operands(recipe: Recipe, descriptor: Descriptor, where: str) -> None:
    for operand in (*descriptor.reads, *descriptor.writes):
        _check_range(recipe, operand, where)
    for operand in descriptor.writes:
        if operand.tensor is not None and recipe.tensors[operand.tensor].role is not TensorRole.OUTPUT:
            raise RecipeError(f"{where} writes the input {recipe.tensors[operand.tensor].name}")


def _check_range(recipe: Recipe, operand: Operand, where: str) -> None:
    if operand.place is Place.SRAM:
        if operand.tensor is not None:
            raise RecipeError(f"{where} uses a persistent tensor in the SRAM")
        limit, name = recipe.sram_bytes, "the SRAM"
    elif operand.tensor is None:
        limit = recipe.workspace_bytes
        name = "the workspace"
    elif operand.tensor < len(recipe.tensors):
        limit = recipe.tensors[operand.tensor].size_bytes
        name = recipe.tensors[operand.tensor].name
    else:
        raise RecipeError(f"{where} uses tensor {operand.tensor} of {len(recipe.tensors)}")
    if operand.offset_bytes + operand.size_bytes > limit:
        end = operand.offset_bytes + operand.size_bytes
        raise RecipeError(f"{where} reaches byte {end} of {name}, which has {limit}")


def _check_sizes(descriptor: Descriptor, where: str) -> None:
    for name, operand, wanted in wanted_sizes(descriptor, where):
        if operand.size_bytes != wanted:
            raise RecipeError(f"{where}: {name} has {operand.size_bytes} bytes, its shape needs {wanted}")
    for written in descriptor.writes:
        if any(written.overlaps(read) and written != read for read in descriptor.reads):
            raise RecipeError(f"{where} writes over a part of its own input")
