"""Every limit has a basis and a source; a user's INI overrides what exists and nothing else."""

from __future__ import annotations

import pytest

from hl_qual.errors import UsageError
from hl_qual.limits import BASES, Limit, cards_with_limits, load_limits, overridden, with_plugin_limits
from hl_qual.plugins import BUILT_IN

CARDS = [("gaudi", "HL-205"), ("gaudi2", "HL-225"), ("gaudi2", "HL-288E"), ("gaudi3", "HL-325L")]


@pytest.mark.parametrize(("family", "card"), CARDS)
def test_every_limit_says_where_it_comes_from(family: str, card: str) -> None:
    limits = load_limits(family, card)
    assert set(limits) == {"operational", *BUILT_IN}
    for entries in limits.values():
        for limit in entries.values():
            assert limit.basis in BASES and limit.unit and limit.source


def test_ini_overrides_a_value_and_is_named_as_its_source() -> None:
    limits = overridden(load_limits("gaudi2"), "[matmul_stress]\nmin_share_of_peak = 0.5\n", "my.ini")
    changed = limits["matmul_stress"]["min_share_of_peak"]
    assert (changed.value, changed.unit, changed.basis) == (0.5, "ratio", "user")
    assert "my.ini" in changed.source
    assert load_limits("gaudi2")["matmul_stress"]["min_share_of_peak"].value == 0.85


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("[matmul]\nx=1\n", "[matmul]"),
        ("[matmul_stress]\nmin_share=1\n", "min_share"),
        ("[matmul_stress]\nretests=ten\n", "'ten'"),
        ("retests=10\n", "my.ini"),
    ],
)
def test_ini_that_does_not_fit_is_a_usage_error(text: str, named: str) -> None:
    with pytest.raises(UsageError) as caught:
        overridden(load_limits("gaudi2"), text, "my.ini")
    assert named in str(caught.value)


def test_a_card_has_its_own_values_on_top_of_its_family() -> None:
    family, card = load_limits("gaudi2"), load_limits("gaudi2", "HL-288E")
    assert card["matmul_stress"]["min_share_of_peak"].value < family["matmul_stress"]["min_share_of_peak"].value
    assert card["matmul_stress"]["retests"] == family["matmul_stress"]["retests"]
    assert load_limits("gaudi2", "HL-225") == family
    assert "hl288e" in cards_with_limits()


def test_a_plugin_brings_limits_and_the_user_has_the_last_word() -> None:
    own = {"fastest": Limit(3.0, "s", "assumed", "mine")}
    limits = with_plugin_limits(load_limits("gaudi2"), "mine", own)
    assert limits["mine"] == own
    assert overridden(limits, "[mine]\nfastest = 4\n", "x.ini")["mine"]["fastest"].value == 4


def test_unknown_family_has_no_limits() -> None:
    assert load_limits("gaudi9") == {}
