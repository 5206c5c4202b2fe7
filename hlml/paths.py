"""Where the C library, its header and its pkg-config file lie inside this package."""

from __future__ import annotations

from pathlib import Path

from hlml import _hlml

__all__ = ["include_dir", "libdir", "pkgconfig_dir"]

_PACKAGE = Path(_hlml.__file__).resolve().parent


def libdir() -> Path:
    """The directory with libhlml.so."""
    return _PACKAGE / "lib"


def include_dir() -> Path:
    """The directory with hlml.h."""
    return _PACKAGE / "include"


def pkgconfig_dir() -> Path:
    """The directory with hlml.pc, for PKG_CONFIG_PATH."""
    return _PACKAGE / "lib" / "pkgconfig"
