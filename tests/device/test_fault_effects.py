"""Every fault of the card, from its injection to what HLML, events, the data and the kernel log show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from private_box import PrivateBox

import hlml
from device.card import Box
from device.dtypes import DataType
from device.errors import BoxError
from device.fault_condition import Condition, parse_when
from device.faults import FaultGate, await_condition, find_fault, heal, inject
from device.graph import GraphBuilder, compile_graph
from device.kernel_log import read_log
from device.runtime import Card
from device.spec import load_spec
from hlml.events import EventKind, EventReader
from hlml.types import ThrottleReason

SECOND = 1_000_000_000


@pytest.fixture
def opened(box: PrivateBox) -> Iterator[Box]:
    with Box.open(box.path) as opened:
        opened.set_clock(rate=0.0)
        yield opened


@pytest.fixture
def device(opened: Box) -> Iterator[Any]:
    """Card 3 as HLML shows it."""
    hlml.init()
    yield hlml.devices()[3]
    hlml.shutdown()


def run_for(opened: Box, index: int, seconds: int, shares: tuple[float, ...]) -> None:
    """A load in a frozen box: published anew every quarter of a second, as a holder does."""
    card = opened.card(index)
    for _ in range(4 * seconds):
        card.publish_activity(shares, 1.0)
        opened.set_clock(step_ns=SECOND // 4)


def log_of(opened: Box, index: int) -> list[str]:
    return [line.text for line in read_log(opened) if line.card == index][1:]


FULL = (1.0, 0.0, 0.0, 0.2, 0.0, 0.0)


def test_little_air_ends_in_throttling_and_shutdown(opened: Box, device: Any) -> None:
    inject(opened, 3, find_fault("airflow"), 0.35)
    run_for(opened, 3, 60, FULL)
    snapshot = device.snapshot()
    assert snapshot.throttle_reasons & ThrottleReason.THERMAL
    assert snapshot.violation_thermal_ns > 0
    assert any("overheating" in text for text in log_of(opened, 3))
    heal(opened, 3)
    run_for(opened, 3, 60, (0.0,) * 6)
    assert not device.snapshot().throttle_reasons & ThrottleReason.THERMAL
    assert any("Thermal envelop is safe" in text for text in log_of(opened, 3))


def test_a_power_brake_lowers_power_and_clock_below_the_reported_limit(opened: Box, device: Any) -> None:
    run_for(opened, 3, 10, FULL)
    before = opened.card(3).read()
    inject(opened, 3, find_fault("power-brake"), 0.5)
    run_for(opened, 3, 10, FULL)
    braked = opened.card(3).read()
    assert braked.limit_mw == before.limit_mw == 550_000
    assert braked.power_w < 0.55 * 550
    assert braked.clock_ratio < before.clock_ratio / 1.5
    assert device.snapshot().throttle_reasons & ThrottleReason.POWER
    opened.card(3).set_limit(500_000)  # a new limit does not release the brake
    run_for(opened, 3, 5, FULL)
    assert opened.card(3).read().power_w < 0.55 * 500
    heal(opened, 3)
    run_for(opened, 3, 10, FULL)
    assert opened.card(3).read().power_w > 0.9 * 500


def test_replays_grow_with_the_bytes_that_cross_the_link(opened: Box, device: Any) -> None:
    card = opened.card(3)
    card.count_pcie(100 << 20, 0)
    assert device.snapshot().pcie_replay_count == 0
    inject(opened, 3, find_fault("pcie-replay"), 0.5)
    for _ in range(64):
        card.count_pcie(1 << 20, 1 << 20)
    assert device.snapshot().pcie_replay_count == 64
    heal(opened, 3)
    card.count_pcie(100 << 20, 0)
    assert device.snapshot().pcie_replay_count == 64
    assert any("Data Link Layer" in text for text in log_of(opened, 3))


@pytest.mark.parametrize(("name", "degree"), [("pcie-width", 4), ("pcie-generation", 2)])
def test_a_badly_trained_link_shows_and_slows_copies(box: PrivateBox, name: str, degree: float) -> None:
    from device.cost import pcie_cost

    with Box.open(box.path) as opened:
        before = opened.card(3).read()
        inject(opened, 3, find_fault(name), degree)
        after = opened.card(3).read()
        expected = {"pcie-width": (4, 4), "pcie-generation": (2, 16)}[name]
        assert (after.pcie_generation, after.pcie_width) == expected
        spec = load_spec("gaudi2")
        costs = [
            pcie_cost(1 << 30, spec, reading.pcie_generation, reading.pcie_width, True).seconds
            for reading in (before, after)
        ]
        assert costs[1] > 3.5 * costs[0]
        assert any("PCIe link trained at" in text for text in log_of(opened, 3))
        heal(opened, 3)
        assert (opened.card(3).read().pcie_generation, opened.card(3).read().pcie_width) == (4, 16)


def test_a_width_that_no_link_has_is_refused_and_not_listed(opened: Box) -> None:
    with pytest.raises(BoxError, match=r"1, 2, 4, \.\.\. 16 lanes, not 3"):
        inject(opened, 3, find_fault("pcie-width"), 3)
    assert opened.card(3).faults() == ()


def test_a_link_that_is_down_shows_and_is_logged(opened: Box, device: Any) -> None:
    inject(opened, 3, find_fault("link-down"), 5)
    assert not opened.card(3).links_up() >> 5 & 1
    heal(opened, 3)
    assert opened.card(3).links_up() >> 5 & 1
    assert log_of(opened, 3) == ["Card 0 Port 5: link down", "Card 0 Port 5: link up"]


def test_a_lost_card_is_lost_for_hlml(opened: Box, device: Any) -> None:
    inject(opened, 3, find_fault("lost"))
    with pytest.raises(hlml.DeviceLostError):
        assert device.utilization_percent >= 0
    assert "PCI link is broken" in log_of(opened, 3)[0]
    heal(opened, 3)
    assert device.utilization_percent == 0


@pytest.mark.parametrize(
    ("name", "step", "kinds"),
    [
        ("hang", 31, EventKind.CRITICAL_ERROR),
        ("non-fatal-event", 0, EventKind.ECC_CORRECTED),
        ("fatal-event", 0, EventKind.ECC_ERROR | EventKind.CRITICAL_ERROR),
        ("heartbeat-loss", 6, EventKind.CRITICAL_ERROR),
        ("thermal-event", 1, EventKind.CLOCK_RATE),
    ],
)
def test_a_fault_reaches_those_who_wait_for_events(
    opened: Box, device: Any, name: str, step: int, kinds: EventKind
) -> None:
    reader = EventReader([device])
    inject(opened, 3, find_fault(name))
    opened.set_clock(step_ns=step * SECOND)
    opened.card(3).publish_activity((0.0,) * 6, 1.0)  # folds what has come true into the ring, where this reader looks
    found = EventKind(0)
    for event in reader.wait(0):
        found |= event.kind
    assert found & kinds == kinds


@pytest.mark.parametrize(
    ("name", "step", "status", "words"),
    [
        ("hang", 31, "Needs reset", "has not finished in 30 seconds"),
        ("heartbeat-loss", 6, "Disabled", "Device heartbeat failed"),
        ("fatal-event", 0, "Needs reset", "SRAM ECC double bit"),
        ("non-fatal-event", 0, "Operational", "SRAM ECC single bit"),
    ],
)
def test_breakdowns_reach_status_and_log(
    opened: Box, device: Any, name: str, step: int, status: str, words: str
) -> None:
    inject(opened, 3, find_fault(name))
    opened.set_clock(step_ns=step * SECOND)
    assert device.snapshot().status == status
    assert any(words in text for text in log_of(opened, 3))


def relu_recipe() -> Any:
    graph = GraphBuilder("relu")
    x = graph.input("X", (64, 64), DataType.F32)
    graph.output(graph.relu(x), "Y")
    return compile_graph(graph.build(), load_spec("gaudi2"))


def launch_relu(card: Card) -> Any:
    recipe = relu_recipe()
    buffers = {tensor.name: card.malloc(tensor.size_bytes) for tensor in recipe.tensors}
    data = np.linspace(-1, 1, 64 * 64, dtype=np.float32)
    card.copy_to_device(buffers["X"], data)
    card.create_stream().launch(recipe, buffers).result()
    result = np.empty_like(data)
    card.copy_from_device(buffers["Y"], result)
    return np.flatnonzero(result.view(np.uint32) != np.maximum(data, 0).view(np.uint32))


def test_a_tpc_fault_flips_one_bit_and_is_counted(box: PrivateBox) -> None:
    with Box.open(box.path) as opened, Card.acquire(3, opened) as card:
        assert launch_relu(card).size == 0
        inject(opened, 3, find_fault("tpc-bitflip"), seed=9)
        first, second = launch_relu(card), launch_relu(card)
        assert first.size == 1
        assert (first == second).all()  # a defect stays where it is
        assert opened.card(3).faults()[0].hits == 2
        heal(opened, 3)
        assert launch_relu(card).size == 0


def test_a_fault_that_happens_once_is_gone_after_it(box: PrivateBox) -> None:
    with Box.open(box.path) as opened, Card.acquire(3, opened) as card:
        inject(opened, 3, find_fault("tpc-bitflip"), seed=9, is_once=True)
        inject(opened, 3, find_fault("tpc-bitflip"), degree=0.0, seed=1)
        assert launch_relu(card).size == 1
        assert launch_relu(card).size == 0
        assert [record.degree for record in opened.card(3).faults()] == [0.0]  # the other one stays


@pytest.mark.parametrize(
    ("text", "holds_hot", "holds_idle"),
    [("temp>50", True, False), ("temp<50", False, True), ("power>300", True, False), ("util<50", False, True),
     ("clock<1649", True, False), ("hbm > 40 C", True, False)],
)  # fmt: skip
def test_a_condition_is_that_of_the_card_now(opened: Box, text: str, holds_hot: bool, holds_idle: bool) -> None:
    quantity, is_below, threshold = parse_when(text)
    condition = Condition(quantity=quantity, is_below=is_below, threshold=threshold)
    inject(opened, 3, find_fault("mme-bitflip"), condition=condition)
    gate = FaultGate(opened.card(3))
    gate.refresh()
    assert bool(gate.active("mme-bitflip")) == holds_idle
    run_for(opened, 3, 60, FULL)
    gate.refresh()
    assert bool(gate.active("mme-bitflip")) == holds_hot
    (record,) = opened.card(3).faults()
    assert Condition.of(record) == condition


def test_a_fault_acts_only_after_its_time(opened: Box) -> None:
    inject(opened, 3, find_fault("mme-bitflip"), condition=Condition(after_ns=90 * SECOND))
    gate = FaultGate(opened.card(3))
    gate.refresh()
    opened.set_clock(step_ns=89 * SECOND)
    assert gate.active("mme-bitflip") == ()
    opened.set_clock(step_ns=2 * SECOND)
    assert len(gate.active("mme-bitflip")) == 1


def test_one_in_many_is_as_rare_as_it_says_and_the_same_each_time(opened: Box) -> None:
    def hits() -> list[bool]:
        inject(opened, 3, find_fault("mme-bitflip"), seed=4, condition=Condition(one_in=10))
        gate = FaultGate(opened.card(3))
        gate.refresh()
        found = [bool(gate.strikes("mme-bitflip")) for _ in range(1000)]
        assert opened.card(3).faults()[0].hits == sum(found)
        heal(opened, 3)
        return found

    first = hits()
    assert 60 <= sum(first) <= 150
    assert hits() == first


def test_a_state_waits_for_its_condition_before_it_begins(opened: Box) -> None:
    card = opened.card(3)
    looks = iter([False, False, True])
    assert not await_condition(opened, card, Condition(after_ns=SECOND), lambda: next(looks))
    opened.set_clock(rate=1.0)
    assert await_condition(opened, card, Condition(after_ns=1_000_000))


@pytest.mark.parametrize("text", ["", "temp", "temp=75", "heat>75", "temp>", "temp>75 and more", "tmp>70"])
def test_a_bad_condition_lists_what_can_be_named(text: str) -> None:
    with pytest.raises(BoxError, match=r"there are temp \(C\), hbm \(C\)"):
        parse_when(text)
