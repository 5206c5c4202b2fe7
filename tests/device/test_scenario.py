"""Scenario files: what they mean, and what is told about mistakes."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from private_box import PrivateBox

from device.card import Box
from device.errors import SpecError
from device.play import Player
from device.scenario import HealStep, InjectStep, LoadStep, read_scenario

WHOLE = """
name = "everything"
[[step]]
at = "2s"
inject = { cards = "3", fault = "airflow", degree = 0.4 }
[[step]]
load = { cards = "0-1", for = "1m", gemm = "512x512x512" }
[[step]]
at = "1.5s"
inject = { cards = "all", fault = "mme-bitflip", when = "temp>60", one_in = 1e5, once = true, seed = 7 }
[[step]]
at = "30s"
heal = {}
[[step]]
at = "31s"
reset = { cards = 2 }
[[step]]
at = "32s"
limit = { cards = "1,4", watts = 400 }
[[step]]
at = "33s"
clock = { rate = 60, step = "10m" }
"""


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "scenario.toml"
    path.write_text(text)
    return path


def test_steps_come_by_time_with_everything_they_say(tmp_path: Path) -> None:
    scenario = read_scenario(written(tmp_path, WHOLE))
    assert (scenario.name, scenario.end_s) == ("everything", 60.0)
    assert [step.at_s for step in scenario.steps] == [0, 1.5, 2, 30, 31, 32, 33]
    assert scenario.steps[0].action == LoadStep((0, 1), 60.0, (512, 512, 512))
    assert scenario.steps[3].action == HealStep((), None)
    action = scenario.steps[1].action
    assert isinstance(action, InjectStep)
    assert (action.cards, action.wish.when, action.wish.one_in, action.wish.is_once) == ((), "temp>60", 1e5, True)
    assert [str(step.action) for step in scenario.steps[4:]] == [
        "reset card 2",
        "power limit of cards 1, 4: 400 W",
        "clock: rate 60, 600 s pass at once",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", r"step: has to be an array of tables"),
        ("[[step]]", r"step\[0\]: needs one of load, inject, heal, reset, limit, clock, and has 0"),
        ("[[step]]\nlod = {}", r"step\[0\]\.lod: is unknown; .*did you mean 'load'"),
        ("[[step]]\nload = 3", r"step\[0\]\.load: has to be a table"),
        ("[[step]]\nload = {}", r"step\[0\]\.load\.for: has to be a text"),
        ('[[step]]\nload = { for = "soon" }', r"step\[0\]\.load\.for: 'soon' is no time"),
        ('[[step]]\nload = { for = "1s", gemm = "0x1x1" }', r"step\[0\]\.load\.gemm: '0x1x1' is no shape"),
        ('[[step]]\ninject = { fault = "airflw" }', r"step\[0\]\.inject: there is no fault 'airflw'; did you mean"),
        ('[[step]]\ninject = { fault = "airflow", degree = 9 }', r"step\[0\]\.inject: airflow: 9 is no degree"),
        ('[[step]]\ninject = { fault = "lost", when = "temp>9" }', r"step\[0\]\.inject: lost is a state"),
        ('[[step]]\ninject = { fault = "mme-bitflip", when = "t>9" }', r"step\[0\]\.inject: 't>9' is no condition"),
        ('[[step]]\nheal = { cards = "x" }', r"step\[0\]\.heal\.cards: 'x' is no list of cards"),
        ('[[step]]\nheal = { fault = "x" }', r"step\[0\]\.heal\.fault: there is no fault 'x'"),
        ("[[step]]\nlimit = { watts = 0 }", r"step\[0\]\.limit\.watts: has to be a number from 1 to 10000"),
        ("[[step]]\nclock = {}", r"step\[0\]\.clock: needs a rate or a step"),
        ('end = "1s"\n[[step]]\nat = "2s"\nreset = {}', r"end: lies before the last step"),
        ("[[step]", r"not a TOML file"),
    ],
)
def test_a_mistake_names_file_key_and_reason(tmp_path: Path, text: str, message: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(SpecError, match=rf"^{path}: {message}"):
        read_scenario(path)


def test_a_scenario_happens_on_the_box(box: PrivateBox, tmp_path: Path) -> None:
    text = """
    [[step]]
    load = { cards = "0", for = "20s", gemm = "1024x1024x1024" }
    [[step]]
    at = "2s"
    inject = { cards = "3", fault = "slow-card", degree = "50%" }
    [[step]]
    at = "4s"
    reset = { cards = "0" }
    [[step]]
    at = "5s"
    limit = { cards = "2", watts = 400 }
    [[step]]
    at = "6s"
    limit = { cards = "2", watts = 1 }
    """
    told: list[str] = []
    with Box.open(box.path) as opened:
        opened.set_clock(rate=20.0)
        begin_ns = opened.now_ns()
        player = Player(opened, told.append)
        player.run(read_scenario(written(tmp_path, text)))
        assert opened.now_ns() - begin_ns >= 20_000_000_000
        assert opened.card(3).read().clock_ratio == 0.5
        assert opened.card(2).read().limit_mw == 400_000
        assert opened.card(0).read().reset_count == 1
        assert opened.card(0).read().launches > 0
    assert [type(error).__name__ for error in player.errors] == ["BoxError"]  # one watt is no limit
    assert any("the load of card 0 ended with its reset" in line for line in told)
    assert threading.active_count() < 10


def test_a_busy_card_is_reported_and_the_rest_goes_on(box: PrivateBox, tmp_path: Path) -> None:
    text = '[[step]]\nload = { cards = "1", for = "1s" }\n[[step]]\nat = "1s"\nreset = { cards = "2" }'
    told: list[str] = []
    with Box.open(box.path) as opened, Box.open(box.path) as other:
        other.card(1).acquire()
        player = Player(opened, told.append)
        player.run(read_scenario(written(tmp_path, text)))
        assert [error.exit_status for error in player.errors] == [7]
        assert opened.card(2).read().reset_count == 1
