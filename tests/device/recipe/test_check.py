"""The static check finds every wait that is missing, and nothing else."""

from dataclasses import replace

import pytest

from device.cost import Work
from device.engine_class import EngineClass
from device.errors import RecipeError
from device.recipe import (
    Copy,
    Descriptor,
    Operand,
    Queue,
    Recipe,
    SyncPoint,
    check_sync,
    dump,
    uncovered_hazards,
    validate,
)


def without_wait(recipe: Recipe, order: int, wait: SyncPoint) -> Recipe:
    def changed(descriptor: Descriptor) -> Descriptor:
        if descriptor.order != order:
            return descriptor
        return replace(descriptor, waits=tuple(point for point in descriptor.waits if point != wait))

    queues = tuple(replace(queue, descriptors=tuple(map(changed, queue.descriptors))) for queue in recipe.queues)
    return replace(recipe, queues=queues)


def test_compiled_recipe_is_covered(recipe: Recipe) -> None:
    validate(recipe)
    check_sync(recipe)


def test_every_wait_of_a_compiled_recipe_is_needed(recipe: Recipe) -> None:
    waits = [(descriptor.order, wait) for descriptor in recipe.in_order for wait in descriptor.waits]
    assert waits
    for order, wait in waits:
        hazards = uncovered_hazards(without_wait(recipe, order, wait))
        assert any(hazard.later == order for hazard in hazards)


def test_message_names_both_nodes(recipe: Recipe) -> None:
    order, wait = next((d.order, wait) for d in recipe.in_order for wait in d.waits)
    node = recipe.in_order[order].node
    with pytest.raises(RecipeError, match=f"read after write: {node} may start before gemm_0 has ended"):
        check_sync(without_wait(recipe, order, wait))


def test_one_queue_needs_no_waits() -> None:
    """The second copy writes what the first reads and reads what it writes, behind it in the same queue."""
    work = Work(EngineClass.DMA, 1, 0, 0, 0, 0)
    low, high = Operand(None, 0, 16), Operand(None, 16, 16)
    first = Copy(0, "first", (), SyncPoint(0, 1), work, low, high, 16, (1,), (1,), (1,))
    second = Copy(1, "second", (), SyncPoint(0, 2), work, high, low, 16, (1,), (1,), (1,))
    assert uncovered_hazards(Recipe("r", "gaudi2", (), 32, 1, (Queue(EngineClass.DMA, (first, second)),))) == ()


def test_operands_that_touch_at_the_border_do_not_overlap() -> None:
    assert not Operand(None, 0, 16).overlaps(Operand(None, 16, 16))
    assert Operand(None, 0, 17).overlaps(Operand(None, 16, 16))
    assert not Operand(0, 0, 16).overlaps(Operand(None, 0, 16))


def test_patch_points_are_all_operands(recipe: Recipe) -> None:
    operands = sum(len(descriptor.reads) + len(descriptor.writes) for descriptor in recipe.in_order)
    assert len(recipe.patch_points) == operands
    assert any(point.field == "inputs[1]" for point in recipe.patch_points)


def test_dump_shows_every_descriptor_and_tensor(recipe: Recipe) -> None:
    text = dump(recipe)
    assert len(text.splitlines()) == 1 + len(recipe.tensors) + len(recipe.in_order)
    assert "gemm 16x64x32 2xh bias relu bf16 x w bias -> ws+0:2048" in text
    assert "tensor 0: input x bf16[32x16] 1024 B" in text
