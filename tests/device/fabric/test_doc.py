"""docs/fabric.md: its program runs, and what it says of statuses and counters is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

from device._device import lib
from device.fabric import WcStatus

DOC = (Path(__file__).parents[3] / "docs" / "fabric.md").read_text(encoding="utf-8")


def test_the_program_writes_to_another_card(box: Any) -> None:
    (program,) = re.findall(r"```python\n(.*?)```", DOC, re.DOTALL)
    words = [sys.executable, "-P", "-c", program]
    done = subprocess.run(words, env=box.env, capture_output=True, text=True, check=True)
    status, counted = done.stdout.splitlines()
    assert re.fullmatch(r"SUCCESS 9[67]\.\d Gb/s in device time", status)
    assert int(counted.split()[0]) > 1 << 20


def test_statuses_and_counters_exist() -> None:
    for word in set(re.findall(r"\b[A-Z]+(?:_[A-Z]+)*_ERR\b", DOC)):
        assert word in WcStatus.__members__
    assert f"give {lib.GAUDI_PORT_COUNTER_COUNT} counters" in DOC


def test_the_ring_all_reduce_is_right_to_the_last_element(box: Any) -> None:
    example = Path(__file__).parents[3] / "examples" / "allreduce.py"
    words = [sys.executable, "-P", str(example), "8000"]
    done = subprocess.run(words, env=box.env, capture_output=True, text=True, check=True)
    assert done.stdout.startswith("8 cards, 8000 int32: 0 wrong elements\n")
