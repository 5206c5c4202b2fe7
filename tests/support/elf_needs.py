"""What an ELF file asks of the system, read by binutils' objdump (which comes with every C compiler)."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from pathlib import Path

__all__ = ["ElfNeeds", "needs_of"]


@dataclass(frozen=True, slots=True)
class ElfNeeds:
    """Libraries and versioned symbols that have to be there, and the functions that are offered."""

    libraries: frozenset[str]
    versions: dict[str, tuple[int, ...]]  # of each undefined symbol that has a GLIBC version
    exports: frozenset[str]

    def newest_glibc(self) -> tuple[int, ...]:
        return max(self.versions.values(), default=(0,))


def _objdump(*arguments: str | Path) -> str:
    return subprocess.run(["objdump", *arguments], check=True, capture_output=True, text=True).stdout


def needs_of(file: Path) -> ElfNeeds:
    libraries = re.findall(r"^  NEEDED +(\S+)$", _objdump("-p", file), re.MULTILINE)
    symbols = _objdump("-T", file)
    undefined = re.findall(r"\*UND\*\s+\w+\s+\(?GLIBC_([\d.]+)\)?\s+(\S+)", symbols)
    versions = {name: tuple(int(part) for part in version.split(".")) for version, name in undefined}
    exports = re.findall(r" DF \.text\s+\w+\s+(?:\S+\s+)?(\S+)$", symbols, re.MULTILINE)
    return ElfNeeds(frozenset(libraries), versions, frozenset(exports))
