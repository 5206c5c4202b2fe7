"""`gaudi-box install`: gathers what there is in this environment and places it. Called by `cli`."""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path, PurePosixPath

from device.errors import BoxError
from device.install.layout import NETWORK_SCRIPT, PYTHON_HOME, Entry, Sources, below, layout
from device.install.packages import PackageFile, package_files
from device.install.placing import Outcome, install, remove

__all__ = ["Target", "install_below", "remove_below"]

# How a page of the library (docs/gen_hlml_man.py) begins the part of a function.
_FUNCTION = re.compile(r"^\\fB(hlml_\w+)\\fR$", re.MULTILINE)
_SHELLS = ("bash", "zsh", "fish")
# Modules that print a completion script of their own, and the switch with which they do.
_COMPLETING = {"hl-smi": ("hl_smi", "--completion"), "gaudi-box": ("device", "completion")}


@dataclass(frozen=True, slots=True)
class Target:
    """Where to: a root (of this machine, an image, a container) and a prefix in it."""

    root: Path
    prefix: PurePosixPath

    @property
    def manifest(self) -> PurePosixPath:
        return below(self.prefix, PYTHON_HOME).parent / "manifest"


def install_below(target: Target, python: str | None = None) -> Outcome:
    """Everything; `python` is the interpreter that the tools start with, by default the one below this environment."""
    files = package_files()
    entries = [*layout(_sources(files, python or _base_python()), target.prefix)]
    home = below(target.prefix, PYTHON_HOME)
    entries += [Entry(home / file.path, 0o755 if ".so" in file.path.name else 0o644, file.source) for file in files]
    return install(entries, target.root, target.manifest)


def remove_below(target: Target) -> Outcome:
    """What install_below placed and nobody changed."""
    return remove(target.root, target.manifest)


def _base_python() -> str:
    """Not that of a virtual environment, which may go away."""
    return str(getattr(sys, "_base_executable", sys.executable))


def _sources(files: tuple[PackageFile, ...], python: str) -> Sources:
    found = {str(file.path): file.source for file in files}

    def source(path: str) -> Path:
        if path not in found:
            raise BoxError(f"{path} is missing in the installed package; install gaudi-box with pip anew")
        return found[path]

    manual_pages = tuple(found[path] for path in sorted(found) if path.startswith("device/man/"))
    return Sources(
        library_dir=source("hlml/lib/libhlml.so").parent,
        header=source("hlml/include/hlml.h"),
        manual_pages=manual_pages,
        manual_aliases={
            name: page.name for page in manual_pages for name in _FUNCTION.findall(page.read_text("utf-8"))
        },
        network_script=source(f"hl_qual/{NETWORK_SCRIPT}"),
        python=python,
        version=version("gaudi-box"),
        completions={
            (tool, shell): _completion(*command, shell) for tool, command in _COMPLETING.items() for shell in _SHELLS
        },
    )


def _completion(module: str, switch: str, shell: str) -> str:
    """What the tool itself prints: this room knows the tools only as programs."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", module, switch, shell], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise BoxError(f"{module} prints no completion for {shell}: {done.stderr.strip()}")
    return done.stdout
