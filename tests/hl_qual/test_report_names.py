"""File names and the echoed command line."""

from __future__ import annotations

import shlex
from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl_qual.report.names import command_line, device_log_name, report_stem


@pytest.mark.parametrize(
    ("host", "moment", "stem"),
    [
        (
            "k501-u18-001-dev",
            datetime(2021, 12, 4, 9, 15, 16),
            "k501-u18-001-dev_hl_qual_report_Sat_Dec_4_09-15-16_2021",
        ),
        ("k24-u18-60a", datetime(2020, 12, 4, 21, 44, 1), "k24-u18-60a_hl_qual_report_Fri_Dec_4_21-44-01_2020"),
        ("G2E-PCIE-1", datetime(2026, 5, 26, 13, 23, 52), "G2E-PCIE-1_hl_qual_report_Tue_May_26_13-23-52_2026"),
    ],
)
def test_names_are_those_of_the_real_tool(host: str, moment: datetime, stem: str) -> None:
    assert report_stem(host, moment) == stem


def test_log_of_a_card_has_its_domain_and_is_no_log() -> None:
    assert device_log_name("stem", "0000:19:00.0") == "stem_0000:19:00.0.txt"


@given(st.lists(st.text()))
def test_echo_is_one_line_that_begins_with_the_command(words: list[str]) -> None:
    echoed = command_line(words)
    assert echoed.splitlines() == [echoed]
    assert echoed.startswith("./hl_qual")


@given(st.lists(st.text(alphabet=st.characters(min_codepoint=32, max_codepoint=126))))
def test_echo_of_plain_words_reads_back(words: list[str]) -> None:
    assert shlex.split(command_line(words)) == ["./hl_qual", *words]
