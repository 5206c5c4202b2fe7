"""Library, header and tools for the real paths, made below a directory of ours. What they are, not where they mount."""

from __future__ import annotations

import importlib.util
import shutil
import sys
from pathlib import Path

from device.install.layout import NETWORK_SCRIPT, QUAL_FAMILIES, QUAL_PROGRAMS

__all__ = ["place_library", "place_qual", "place_tools"]

_TOOLS = {"hl-smi": "hl_smi.cli", "hl_qual": "hl_qual.cli", "gaudi-box": "device.cli"}
_MODULE_TOOLS = ("lsmod", "modprobe", "rmmod")
# kmod has lsmod in both; whichever comes first in a PATH has to be ours.
_MODULE_TOOL_FOLDERS = ("usr/sbin", "usr/bin")


def place_library(package: Path, root: Path) -> None:
    """`package` is that of hlml. Clients name the library by its path or by either of two bare names."""
    home = root / "usr/lib/habanalabs"
    home.mkdir(parents=True)
    shutil.copyfile(package / "lib/libhlml.so", home / "libhlml.so")
    (home / "libhlml.so").chmod(0o755)
    (home / "libhlml.so.1").symlink_to("libhlml.so")
    for name in ("libhlml.so", "libhlml.so.1"):  # where every loader looks without being told
        (root / "usr/lib" / name).symlink_to("habanalabs/libhlml.so")
    include = root / "usr/include/habanalabs"
    include.mkdir(parents=True)
    shutil.copyfile(package / "include/hlml.h", include / "hlml.h")


def place_tools(root: Path) -> None:
    """Scripts that run this installation with this interpreter, whatever the environment is."""
    for name, module in _TOOLS.items():
        _script(root / "usr/bin" / name, f"from {module} import main\nsys.exit(main())\n")
    for name in _MODULE_TOOLS:
        body = f"from device.exec.module_tools import main\nsys.exit(main({name!r}, sys.argv[1:]))\n"
        for folder in _MODULE_TOOL_FOLDERS:
            _script(root / folder / name, body)


def place_qual(root: Path) -> None:
    """/opt/habanalabs/qual, where hl_qual is installed; this room knows it only as a program."""
    spec = importlib.util.find_spec("hl_qual")
    if spec is None or not spec.submodule_search_locations:
        return
    script = Path(spec.submodule_search_locations[0]) / NETWORK_SCRIPT
    for family in QUAL_FAMILIES:
        folder = root / "opt/habanalabs/qual" / family / "bin"
        for name, module in QUAL_PROGRAMS.items():
            _script(
                folder / name, f"import runpy\n\nrunpy.run_module({module!r}, run_name='__main__', alter_sys=True)\n"
            )
        shutil.copyfile(script, folder / NETWORK_SCRIPT)
        (folder / NETWORK_SCRIPT).chmod(0o755)


def _script(path: Path, body: str) -> None:
    """-P: the folder in which a tool is started is not searched for modules."""
    path.parent.mkdir(parents=True, exist_ok=True)
    search = [entry for entry in sys.path if entry and Path(entry).is_dir()]
    text = f"#!{sys.executable} -P\nimport sys\n\nsys.path[:] = {search!r}\n{body}"
    path.write_text(text, encoding="utf-8")
    path.chmod(0o755)
