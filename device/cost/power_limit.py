"""The clock at which a card settles under a steady load: the fixed point of csrc/trajectory.c, from the specs alone.

The card is the nominal one of its spec, without the spread between cards. For text and predictions; what a card really
does comes from its published trajectory.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from device.box_spec import box_types, load_box_spec
from device.card_spec import CardSpec, load_card_spec
from device.engine_class import EngineShares

__all__ = ["CardPlace", "SettledClock", "find_card_place", "settled_clock"]


@dataclass(frozen=True, slots=True)
class CardPlace:
    """A card in the air of a server. `box_type` and `card_name` say which one."""

    box_type: str
    card_name: str
    card: CardSpec
    ambient_c: float
    airflow: float


@dataclass(frozen=True, slots=True)
class SettledClock:
    """`ratio` of the full SoC clock; power of the 54 V rail and die temperature at rest."""

    ratio: float
    power_w: float
    die_c: float
    is_limited: bool


def find_card_place(asic: str) -> CardPlace | None:
    """The built-in card of that ASIC with the highest power limit, in the first server that has it; else None."""
    places: list[CardPlace] = []
    for box_type in box_types():
        box = load_box_spec(box_type)
        card = load_card_spec(box.card)
        if card.card.asic == asic:
            places.append(CardPlace(box_type, box.card, card, box.ambient_c, box.airflow))
    return max(places, key=lambda place: place.card.power.limit_default_w, default=None)


def settled_clock(busy_at: Callable[[float], EngineShares], place: CardPlace) -> SettledClock:
    """`busy_at` gives the shares of the engines at a clock ratio. The highest ratio that limit and heat allow."""
    control = place.card.control
    lowest = round(control.floor / control.grain)
    highest = round(1.0 / control.grain)
    for grains in range(highest, lowest - 1, -1):
        ratio = grains * control.grain
        power_w, die_c = _at_rest(busy_at(ratio), ratio, place)
        is_within = power_w <= place.card.power.limit_default_w and die_c <= place.card.thermal.slowdown_c
        if is_within or grains == lowest:
            return SettledClock(ratio, power_w, die_c, is_limited=grains < highest)
    raise AssertionError("the controller's floor lies above the full clock")


def _at_rest(busy: EngineShares, ratio: float, place: CardPlace) -> tuple[float, float]:
    """Leakage is linear in the die temperature, and that in the power: solve both at once."""
    power = place.card.power
    clocked_w = busy.mme * power.mme_w + busy.tpc * power.tpc_w + busy.dma * power.dma_w
    fixed_w = busy.hbm * power.hbm_w + busy.nic * power.nic_w + busy.pcie * power.pcie_w
    resistance = place.card.thermal.r_die_k_per_w / place.airflow
    dry_w = power.idle_w + fixed_w + clocked_w * ratio
    leakage_w = power.leakage_w_per_k * (place.ambient_c - power.leakage_reference_c)
    power_w = (dry_w + leakage_w) / (1.0 - power.leakage_w_per_k * resistance)
    return power_w, place.ambient_c + resistance * power_w
