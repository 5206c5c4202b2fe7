"""Every limit has a basis and a source; a user's INI overrides what exists and nothing else."""

from __future__ import annotations

import pytest

from hl_qual.errors import UsageError
from hl_qual.limits import BASES, load_limits, overridden
from hl_qual.plugins import BUILT_IN


@pytest.mark.parametrize("family", ["gaudi2", "gaudi3"])
def test_every_limit_says_where_it_comes_from(family: str) -> None:
    limits = load_limits(family)
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


def test_unknown_family_has_no_limits() -> None:
    assert load_limits("gaudi9") == {}
