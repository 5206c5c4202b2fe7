"""What is published, and that nothing is published between launches that follow each other."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import pytest

from device.engine_class import EngineShares
from device.runtime import activity as module
from device.runtime.activity import Activity

GEMM = EngineShares(mme=0.9, hbm=0.3)
COPY = EngineShares(pcie=1.0, hbm=0.01)


class FakeCard:
    """Notes what a card would show."""

    def __init__(self) -> None:
        self.published: list[tuple[float, ...]] = []
        self.intensities: list[float] = []
        self.is_leased = False

    def publish_activity(self, shares: tuple[float, ...], dilation: float, mme_intensity: float = 1.0) -> None:
        self.published.append(shares)
        self.intensities.append(mme_intensity)

    def start_lease(self) -> None:
        assert not self.is_leased
        self.is_leased = True

    def stop_lease(self) -> None:
        assert self.is_leased
        self.is_leased = False


@pytest.fixture
def fake() -> FakeCard:
    return FakeCard()


@pytest.fixture
def activity(fake: FakeCard, monkeypatch: pytest.MonkeyPatch) -> Iterator[Activity]:
    """With a grace that no test outlives by chance."""
    monkeypatch.setattr(module, "GRACE_S", 60.0)
    made = Activity(fake)  # type: ignore[arg-type]
    yield made
    made.close()


def _until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.001)


def test_back_to_back_launches_publish_once(fake: FakeCard, activity: Activity) -> None:
    for _ in range(100):
        activity.begin("stream", GEMM)
        activity.end("stream")
    assert fake.published == [GEMM.as_tuple()]
    assert fake.is_leased


def test_a_small_shift_of_the_clock_publishes_nothing(fake: FakeCard, activity: Activity) -> None:
    activity.begin("stream", GEMM)
    activity.end("stream")
    activity.begin("stream", EngineShares(mme=0.899, hbm=0.303))
    assert len(fake.published) == 1


def test_two_sources_add_up_to_one_at_most(fake: FakeCard, activity: Activity) -> None:
    activity.begin("one", GEMM)
    activity.begin("two", GEMM)
    activity.begin("copy", COPY)
    activity.end("copy", lingers=False)
    sums = [(1.0, 0.0, 0.0, 0.6, 0.0, 0.0), (1.0, 0.0, 0.0, 0.61, 0.0, 1.0), (1.0, 0.0, 0.0, 0.6, 0.0, 0.0)]
    assert [pytest.approx(shares) for shares in fake.published] == [GEMM.as_tuple(), *sums]


def test_the_intensity_of_the_mme_is_that_of_all_its_sources(fake: FakeCard, activity: Activity) -> None:
    activity.begin("one", GEMM, 0.6)
    activity.begin("copy", COPY)
    activity.begin("two", EngineShares(mme=0.3), 1.0)
    activity.begin("one", GEMM, 1.0)
    activity.begin("one", GEMM, 0.99)
    assert fake.intensities == [pytest.approx(each) for each in (0.6, 0.6, 0.7, 1.0)]


def test_a_copy_that_outlasts_a_launch_does_not_make_the_engine_flicker(fake: FakeCard, activity: Activity) -> None:
    activity.begin("stream", GEMM)
    activity.begin("copy", COPY)
    activity.end("stream")
    activity.end("copy", lingers=False)
    activity.begin("stream", GEMM)
    assert all(shares[0] == pytest.approx(0.9) for shares in fake.published)


def test_a_lone_copy_lingers_too(fake: FakeCard, activity: Activity) -> None:
    for _ in range(3):
        activity.begin("copy", COPY)
        activity.end("copy", lingers=False)
    assert fake.published == [COPY.as_tuple()]


def test_the_activity_ends_a_grace_after_the_last_launch(fake: FakeCard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE_S", 0.002)
    activity = Activity(fake)  # type: ignore[arg-type]
    for _ in range(2):
        activity.begin("stream", GEMM)
        activity.end("stream")
        _until(lambda: fake.published[-1] == EngineShares().as_tuple())
        assert not fake.is_leased
    activity.close()
    assert len(fake.published) == 4


def test_a_long_launch_outlives_the_grace(fake: FakeCard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GRACE_S", 0.001)
    looks: list[Activity] = []
    look = Activity._look
    monkeypatch.setattr(Activity, "_look", lambda self: (looks.append(self), look(self)))
    activity = Activity(fake)  # type: ignore[arg-type]
    activity.begin("stream", GEMM)
    _until(lambda: len(looks) >= 3)
    assert fake.published == [GEMM.as_tuple()]
    activity.end("stream")
    activity.close()


def test_close_takes_the_activity_back_at_once(fake: FakeCard, activity: Activity) -> None:
    activity.begin("stream", GEMM)
    activity.end("stream")
    activity.close()
    assert fake.published == [GEMM.as_tuple(), EngineShares().as_tuple()]
    assert not fake.is_leased


def test_a_new_dilation_is_published_by_and_by(fake: FakeCard, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DILATION_PERIOD_S", 0.0)
    monkeypatch.setattr(module, "GRACE_S", 0.001)
    activity = Activity(fake)  # type: ignore[arg-type]
    activity.begin("stream", GEMM)
    activity.dilation = 40.0
    _until(lambda: len(fake.published) == 2)
    activity.end("stream")
    activity.close()
