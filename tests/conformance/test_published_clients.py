"""Functions of published programs, taken unmodified out of their files and run where hl-smi is at its real path.

The programs need frameworks that we do not install; their functions that speak with hl-smi or HLML do not.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from private_box import PrivateBox
from real_paths import run_at_real_paths

Client = Callable[[str], Path]

LIFT = """
import ast, sys
from pathlib import Path

def lift(path, *names):
    tree = ast.parse(Path(path).read_text())
    found = [node for node in ast.walk(tree)
             if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name in names]
    assert len(found) == len(names), names
    for node in found:
        node.decorator_list = []
    scope = dict(globals())
    exec("from __future__ import annotations\\n" + "\\n".join(ast.unparse(node) for node in found), scope)
    return [scope[name] for name in names]
"""


def run(tmp_path: Path, script: str, *words: str | Path, **env: str) -> str:
    done = run_at_real_paths(sys.executable, "-c", LIFT + script, *words, env=env, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_optimum_habana_reads_the_driver_version_with_an_empty_environment(client: Client, tmp_path: Path) -> None:
    path = client("optimum-habana==1.21.2") / "optimum/habana/utils/misc.py"
    script = """
import subprocess
from packaging import version
(get_driver_version,) = lift(sys.argv[1], "get_driver_version")
found = get_driver_version()
print(found.major, found.minor)
"""
    pytest.importorskip("packaging")
    assert run(tmp_path, script, path) == "1 24\n"


def test_lightning_habana_reads_the_synapse_version(client: Client, tmp_path: Path, box: PrivateBox) -> None:
    path = client("lightning-habana==1.6.0") / "lightning_habana/utils/resources.py"
    script = """
import re, subprocess
from typing import Tuple
(get, _) = lift(sys.argv[1], "get_hpu_synapse_version", "_parse_hpu_synapse_versions")
print(get())
"""
    assert run(tmp_path, script, path, GAUDI_BOX=str(box.path), PATH="/usr/bin:/bin") == "1.24.1\n"


BACKEND_AI = """
import asyncio, types
from pathlib import Path
import pyhlml
DeviceId = str
class Gaudi2Device(types.SimpleNamespace):
    pass
(list_devices,) = lift(sys.argv[1], "list_devices")
plugin = types.SimpleNamespace(enabled=True, _all_devices=None, device_mask=[1])
pyhlml.hlmlInit()
for device in asyncio.run(list_devices(plugin)):
    print(device.dev_idx, device.hw_location, device.model_name, device.memory_size >> 20, device.unique_id)
pyhlml.hlmlShutdown()
"""


def test_backend_ai_lists_the_cards(client: Client, tmp_path: Path, box: PrivateBox) -> None:
    folder = client("backend-ai-accelerator-habana==26.4.16")
    path = folder / "ai/backend/accelerator/habana/gaudi2/plugin.py"
    lines = run(tmp_path, BACKEND_AI, path, GAUDI_BOX=str(box.path)).splitlines()
    assert [line.split()[0] for line in lines] == ["0", "2", "3", "4", "5", "6", "7"]
    assert all(line.split()[2:4] == ["HL-225", "98304"] for line in lines)
    assert len({line.split()[4] for line in lines}) == len(lines)
