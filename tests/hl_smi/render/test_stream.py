"""`hl-smi stream`: columns that stay in their places."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hl_smi.query.stream import COLUMNS, query_stream
from hl_smi.render.stream import render_stream
from hlml.types import ThrottleReason

EXPECTED = """\
# time       aip  mod  util   54V  12V  temp   soc     mem   mme   tpc   dma   hbm   nic  pcie      throttle  ecc   down
#                         %     W    W     C   MHz     MiB     %     %     %     %     %     %                     links
20:16:52.125   3    5    97   541   31    61  1598    1152   100    25     0     8     0     0 power+thermal    0      0
20:16:52.126   4    0   N/A   N/A  N/A   N/A   N/A     N/A   N/A   N/A   N/A   N/A   N/A   N/A           N/A  N/A    N/A
"""


def test_published_form(make_snapshot: Callable[..., Any]) -> None:
    busy = make_snapshot(
        index=3,
        module_id=5,
        utilization_aip_percent=97,
        power_54v_mw=541_200,
        temperature_c=61,
        clock_soc_mhz=1598,
        memory_used_bytes=1152 << 20,
        throttle_reasons=ThrottleReason.POWER | ThrottleReason.THERMAL,
        engine_activity={"mme": 0.999, "tpc": 0.25, "hbm": 0.08},
    )
    rows = query_stream((busy, make_snapshot(index=4, is_lost=True)))
    assert render_stream(COLUMNS, ("20:16:52.125", "20:16:52.126"), rows, has_header=True) == EXPECTED


def test_rows_have_as_many_words_as_columns(make_snapshot: Callable[..., Any]) -> None:
    text = render_stream(COLUMNS, ("t",), query_stream((make_snapshot(),)), has_header=False)
    assert len(text.split()) == 1 + len(COLUMNS)
