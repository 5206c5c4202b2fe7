"""What an installation consists of, as paths of a real server. Pure.

Paths: reference `hlml.md` (packaging of the vendor's library) and `hl_qual.md` (prefix and files of the qual tree).
With a prefix other than /usr everything hangs below the prefix, so that nothing outside of it is touched.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

__all__ = [
    "ABI_LEVELS",
    "NETWORK_SCRIPT",
    "PYTHON_HOME",
    "QUAL_FAMILIES",
    "QUAL_PROGRAMS",
    "Entry",
    "Sources",
    "below",
    "layout",
]

ABI_LEVELS = ("1.6", "1.12", "1.18", "1.19")
PYTHON_HOME = PurePosixPath("/usr/lib/gaudi-box/python")
_LIBRARY = PurePosixPath("/usr/lib/habanalabs")
_QUAL = PurePosixPath("/opt/habanalabs/qual")
# The qual tree: its folders, the programs in each with their modules, and the one file that is a script.
QUAL_FAMILIES = ("gaudi", "gaudi2", "gaudi3")
QUAL_PROGRAMS = {"hl_qual": "hl_qual", "runner": "hl_qual.runner", "monitor": "hl_qual.monitor_program"}
NETWORK_SCRIPT = "manage_network_ifs.sh"


@dataclass(frozen=True, slots=True)
class Entry:
    """One file or link to place. Exactly one of `source`, `text` and `link_to` is given."""

    path: PurePosixPath
    mode: int = 0o644
    source: Path | None = None
    text: str | None = None
    link_to: str | None = None


@dataclass(frozen=True, slots=True)
class Sources:
    """Where the pieces come from: the installed packages, and the interpreter that the tools shall run with."""

    library_dir: Path
    header: Path
    manual_pages: tuple[Path, ...]
    manual_aliases: Mapping[str, str]
    network_script: Path
    python: str
    version: str
    completions: Mapping[tuple[str, str], str]


def below(prefix: PurePosixPath, path: PurePosixPath) -> PurePosixPath:
    """Where a path of a real server lies under a prefix: /usr/x is PREFIX/x, the rest PREFIX/opt/... and so on."""
    if prefix == PurePosixPath("/usr"):
        return path
    try:
        return prefix / path.relative_to("/usr")
    except ValueError:
        return prefix / path.relative_to("/")


def layout(sources: Sources, prefix: PurePosixPath) -> tuple[Entry, ...]:
    """Everything but the Python packages."""
    entries = [*_library(sources, prefix), *_tools(sources, prefix), *_qual(sources, prefix), *_texts(sources, prefix)]
    return tuple(
        Entry(below(prefix, entry.path), entry.mode, entry.source, entry.text, entry.link_to) for entry in entries
    )


def _library(sources: Sources, prefix: PurePosixPath) -> list[Entry]:
    shown = below(prefix, _LIBRARY)
    entries = [
        Entry(_LIBRARY / "libhlml.so", 0o755, sources.library_dir / "libhlml.so"),
        Entry(_LIBRARY / "libhlml.so.1", link_to="libhlml.so"),
        Entry(_LIBRARY / "libhlml.a", 0o644, sources.library_dir / "libhlml-archive.a"),
        Entry(PurePosixPath("/usr/include/habanalabs/hlml.h"), 0o644, sources.header),
        Entry(PurePosixPath("/usr/lib/pkgconfig/hlml.pc"), text=_pkg_config(sources, prefix)),
    ]
    for level in ABI_LEVELS:
        # For images that can not set HLML_ABI: the same library, which speaks this level whatever the box says.
        folder = _LIBRARY / f"abi-{level}"
        entries.append(Entry(folder / "libhlml.so", 0o755, sources.library_dir / f"libhlml-abi-{level}.so"))
        entries.append(Entry(folder / "libhlml.so.1", link_to="libhlml.so"))
    if prefix == PurePosixPath("/usr"):
        entries.append(Entry(PurePosixPath("/etc/ld.so.conf.d/habanalabs.conf"), text=f"{shown}\n"))
    return entries


def _pkg_config(sources: Sources, prefix: PurePosixPath) -> str:
    return (
        f"prefix={prefix}\n"
        f"libdir={below(prefix, _LIBRARY)}\n"
        f"includedir={below(prefix, PurePosixPath('/usr/include/habanalabs'))}\n\n"
        "Name: hlml\n"
        "Description: HLML over emulated Gaudi cards\n"
        f"Version: {sources.version}\n"
        "Libs: -L${libdir} -lhlml\n"
        "Libs.private: -lm\n"
        "Cflags: -I${includedir}\n"
    )


def _wrapper(sources: Sources, prefix: PurePosixPath, module: str, *words: str) -> str:
    """A shell script that starts a module whatever the environment, as hl-smi is started with an empty one."""
    home = below(prefix, PYTHON_HOME)
    command = " ".join((sources.python, "-P", "-m", module, *words))
    return f'#!/bin/sh\nPYTHONPATH="{home}" exec {command} "$@"\n'


def _tools(sources: Sources, prefix: PurePosixPath) -> list[Entry]:
    bin_dir = PurePosixPath("/usr/bin")
    return [
        Entry(bin_dir / "hl-smi", 0o755, text=_wrapper(sources, prefix, "hl_smi")),
        Entry(bin_dir / "hl_qual", 0o755, text=_wrapper(sources, prefix, "hl_qual")),
        Entry(bin_dir / "gaudi-box", 0o755, text=_wrapper(sources, prefix, "device")),
    ]


def _qual(sources: Sources, prefix: PurePosixPath) -> list[Entry]:
    entries = []
    for family in QUAL_FAMILIES:
        folder = _QUAL / family / "bin"
        for name, module in QUAL_PROGRAMS.items():
            entries.append(Entry(folder / name, 0o755, text=_wrapper(sources, prefix, module)))
        entries.append(Entry(folder / NETWORK_SCRIPT, 0o755, sources.network_script))
    return entries


def _texts(sources: Sources, prefix: PurePosixPath) -> list[Entry]:
    entries = []
    for page in sources.manual_pages:
        section = page.suffix[1:]
        entries.append(Entry(PurePosixPath(f"/usr/share/man/man{section}/{page.name}"), 0o644, page))
    for name, of_page in sorted(sources.manual_aliases.items()):
        # `man hlml_device_get_name` finds the page of its group.
        entries.append(Entry(PurePosixPath(f"/usr/share/man/man3/{name}.3"), text=f".so man3/{of_page}\n"))
    folders = {
        "bash": "/usr/share/bash-completion/completions/{tool}",
        "zsh": "/usr/share/zsh/site-functions/_{tool}",
        "fish": "/usr/share/fish/vendor_completions.d/{tool}.fish",
    }
    for (tool, shell), text in sorted(sources.completions.items()):
        entries.append(Entry(PurePosixPath(folders[shell].format(tool=tool)), text=text))
    entries.append(Entry(PurePosixPath("/etc/profile.d/habanalabs-emulated.sh"), text=_profile(prefix)))
    return entries


def _profile(prefix: PurePosixPath) -> str:
    """The variables of a real server that mean something here; those of the frameworks' own files are left out."""
    lines = [
        "# Of the emulated Gaudi server; 'gaudi-box install --remove' takes it away.",
        'export HABANA_LOGS="${HABANA_LOGS:-/var/log/habana_logs/}"',
        "export __python_cmd=python3",
    ]
    if prefix != PurePosixPath("/usr"):
        lines.append(f'export LD_LIBRARY_PATH="{below(prefix, _LIBRARY)}${{LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}}"')
        lines.append(f'export PATH="{prefix}/bin:$PATH"')
    return "\n".join(lines) + "\n"
