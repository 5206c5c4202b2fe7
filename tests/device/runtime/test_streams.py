"""Many streams and threads: events order what they have to, whatever else runs; device time agrees with that order."""

from __future__ import annotations

import random
import threading
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device.dtypes import DataType
from device.engine_class import EngineClass
from device.errors import DeviceResetError, LaunchError
from device.graph import GraphBuilder, compile_graph
from device.recipe import Recipe, launch_cost
from device.runtime import Card, DeviceBuffer, Launch
from device.spec import load_spec

SIZE = 64


def increment() -> Recipe:
    """y = x + 1."""
    g = GraphBuilder("increment")
    x = g.input("x", (SIZE,), DataType.F32)
    g.output(g.add(x, g.constant(1.0, (1,), DataType.F32)), "y")
    return compile_graph(g.build(), load_spec("gaudi2"))


RECIPE = increment()


def read(card: Card, buffer: DeviceBuffer) -> Any:
    values = np.empty(SIZE, np.float32)
    card.copy_from_device(buffer, values)
    return values


def chain(card: Card, streams: list[Any], choices: list[int]) -> tuple[list[DeviceBuffer], list[Launch]]:
    """Buffer i + 1 comes from buffer i, each time on another stream that waits for the one before."""
    buffers = [card.malloc(4 * SIZE) for _ in range(len(choices) + 1)]
    card.copy_to_device(buffers[0], np.zeros(SIZE, np.float32))
    launches: list[Launch] = []
    before = None
    for place, choice in enumerate(choices):
        stream = streams[choice]
        if before is not None and before is not stream:
            stream.wait_for(before.record())
        launches.append(stream.launch(RECIPE, {"x": buffers[place], "y": buffers[place + 1]}))
        before = stream
    return buffers, launches


@given(st.lists(st.integers(0, 3), min_size=1, max_size=25))
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_events_carry_a_value_across_streams_in_its_order(card: Card, choices: list[int]) -> None:
    streams = [card.create_stream() for _ in range(4)]
    buffers, launches = chain(card, streams, choices)
    for stream in streams:
        stream.synchronize()
    assert (read(card, buffers[-1]) == len(choices)).all()
    ends = [launch.ticket.end_s for launch in launches]
    assert ends == sorted(ends)
    assert all(launch.result().device_time_s > 0.0 for launch in launches)
    for buffer in buffers:
        card.free(buffer)


def test_many_threads_with_streams_of_their_own_do_not_disturb_each_other(card: Card) -> None:
    failures: list[object] = []
    launches: list[Launch] = []

    def work(seed: int) -> None:
        rng = random.Random(seed)
        try:
            streams = [card.create_stream() for _ in range(3)]
            for _ in range(4):
                choices = [rng.randrange(3) for _ in range(12)]
                buffers, own = chain(card, streams, choices)
                for stream in streams:
                    stream.synchronize()
                if not (read(card, buffers[-1]) == len(choices)).all():
                    failures.append(seed)
                launches.extend(own)
                for buffer in buffers:
                    card.free(buffer)
        except BaseException as error:  # a thread's error would be lost
            failures.append(error)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    cost = launch_cost(RECIPE, load_spec("gaudi2"))
    assert max(launch.ticket.end_s for launch in launches) >= len(launches) * cost.busy.tpc * cost.seconds


def test_a_failed_launch_fails_who_waits_for_it_and_nobody_else(card: Card, monkeypatch: pytest.MonkeyPatch) -> None:
    first, second, third = (card.create_stream() for _ in range(3))
    buffers = [card.malloc(4 * SIZE) for _ in range(4)]
    card.copy_to_device(buffers[0], np.zeros(SIZE, np.float32))
    launch = first.launch(RECIPE, {"x": buffers[0], "y": buffers[1]})
    launch.result()

    def fail(self: Any, faults: Any) -> None:
        raise LaunchError(f"node {self.node}: the engine stopped")

    with monkeypatch.context() as patch:
        patch.setattr(type(launch._binding.steps[0]), "run", fail)
        bad = first.launch(RECIPE, {"x": buffers[0], "y": buffers[1]})
        second.wait_for(first.record())
        follower = second.launch(RECIPE, {"x": buffers[1], "y": buffers[2]})
        with pytest.raises(LaunchError, match="launch of recipe increment: node add_fwd_f32"):
            follower.result()
        with pytest.raises(LaunchError, match="the engine stopped"):
            bad.result()
    third.launch(RECIPE, {"x": buffers[0], "y": buffers[3]})
    third.synchronize()
    assert (read(card, buffers[3]) == 1).all()
    for stream in (first, second):
        with pytest.raises(LaunchError):
            stream.synchronize()
        stream.launch(RECIPE, {"x": buffers[0], "y": buffers[1]}).result()


def test_shares_of_one_launch_and_of_many_stay_at_most_one(card: Card) -> None:
    streams = [card.create_stream() for _ in range(4)]
    pairs = [(card.malloc(4 * SIZE), card.malloc(4 * SIZE)) for _ in streams]
    for x, _ in pairs:
        card.copy_to_device(x, np.zeros(SIZE, np.float32))
    for _ in range(50):
        for stream, (x, y) in zip(streams, pairs, strict=True):
            stream.launch(RECIPE, {"x": x, "y": y})
        assert all(0.0 <= share <= 1.0 for share in card.read().activity.as_tuple())
    for stream in streams:
        stream.synchronize()
    assert len(card.read().activity.as_tuple()) == len(EngineClass)


def test_a_reset_cancels_what_is_queued_on_every_stream(box: Any) -> None:
    from device.card import Box

    with Card.acquire(0, box.path) as card:
        streams = [card.create_stream() for _ in range(3)]
        buffers = [card.malloc(4 * SIZE) for _ in range(2)]
        card.copy_to_device(buffers[0], np.zeros(SIZE, np.float32))
        streams[0].launch(RECIPE, {"x": buffers[0], "y": buffers[1]}).result()
        with Box.open(box.path) as opened:
            opened.card(0).reset(1_000_000_000)
        launches = []
        for stream in streams:
            try:
                launches.append(stream.launch(RECIPE, {"x": buffers[0], "y": buffers[1]}))
            except DeviceResetError:
                continue
        for launch in launches:
            with pytest.raises(DeviceResetError, match="was reset"):
                launch.result()
        for stream in streams:
            with pytest.raises(DeviceResetError, match="was reset"):
                stream.launch(RECIPE, {"x": buffers[0], "y": buffers[1]})
