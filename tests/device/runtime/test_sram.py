"""The scratchpad of a card: what a recipe may use of it, and that it has it alone."""

import threading

import pytest

from device.errors import RecipeError
from device.memory import HostLimits
from device.runtime.sram import Sram
from device.spec import load_spec


def test_a_recipe_gets_its_bytes_and_no_more_than_the_card_offers() -> None:
    spec = load_spec("gaudi2").sram
    sram = Sram(spec, HostLimits)
    usable = spec.size_bytes - spec.reserved_bytes
    sram.check("r", usable)
    assert sram.view(usable).size == usable
    with pytest.raises(RecipeError, match=f"recipe r uses {usable + 1} B of SRAM, the card offers {usable}"):
        sram.check("r", usable + 1)


def test_a_cache_is_no_scratchpad() -> None:
    with pytest.raises(RecipeError, match="the card offers 0"):
        Sram(load_spec("gaudi3").sram, HostLimits).check("r", 1)


def test_two_launches_that_use_it_take_turns_and_one_without_does_not_wait() -> None:
    sram = Sram(load_spec("gaudi2").sram, HostLimits)
    order: list[str] = []

    def second() -> None:
        with sram.exclusive(1):
            order.append("second")

    with sram.exclusive(1):
        thread = threading.Thread(target=second)
        thread.start()
        with sram.exclusive(0):
            order.append("without")
        order.append("first")
    thread.join()
    assert order == ["without", "first", "second"]


def test_recipes_share_the_bottom_and_buffers_keep_out_of_it() -> None:
    sram = Sram(load_spec("gaudi2").sram, HostLimits)
    assert sram.memory is not None
    sram.check("small", 1 << 20)
    kept = sram.view(1 << 20)
    sram.check("large", 4 << 20)
    sram.view(4 << 20)[:] = 7
    assert (kept == 7).all()
    buffer = sram.memory.allocate(1000)
    assert buffer == sram.base + (4 << 20)
    with pytest.raises(RecipeError, match="but buffers lie there; free them first"):
        sram.check("larger", 8 << 20)
    sram.check("small", 4 << 20)
    sram.memory.free(buffer)
    sram.check("larger", 8 << 20)
    sram.close()
