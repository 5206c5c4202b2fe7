"""What lies where: the paths that real clients and runbooks use."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pytest

from device.install.layout import Sources, below, layout
from device.install.packages import package_files

SOURCES = Sources(
    library_dir=Path("/lib"),
    header=Path("/h/hlml.h"),
    manual_pages=(Path("/m/hl-smi.1"), Path("/m/hlml_power.3")),
    manual_aliases={"hlml_device_get_power_usage": "hlml_power.3"},
    network_script=Path("/s/manage_network_ifs.sh"),
    python="/usr/bin/python3",
    version="1.2.3",
    completions={("hl-smi", "bash"): "b", ("hl-smi", "zsh"): "z", ("gaudi-box", "fish"): "f"},
)


def paths(prefix: str) -> set[str]:
    return {str(entry.path) for entry in layout(SOURCES, PurePosixPath(prefix))}


def test_real_paths() -> None:
    assert {
        "/usr/lib/habanalabs/libhlml.so",
        "/usr/lib/habanalabs/libhlml.so.1",
        "/usr/lib/habanalabs/libhlml.a",
        "/usr/lib/habanalabs/abi-1.12/libhlml.so",
        "/usr/include/habanalabs/hlml.h",
        "/etc/ld.so.conf.d/habanalabs.conf",
        "/etc/profile.d/habanalabs-emulated.sh",
        "/usr/bin/hl-smi",
        "/opt/habanalabs/qual/gaudi2/bin/hl_qual",
        "/opt/habanalabs/qual/gaudi3/bin/runner",
        "/opt/habanalabs/qual/gaudi3/bin/monitor",
        "/opt/habanalabs/qual/gaudi2/bin/manage_network_ifs.sh",
        "/usr/share/man/man1/hl-smi.1",
        "/usr/share/man/man3/hlml_power.3",
        "/usr/share/man/man3/hlml_device_get_power_usage.3",
        "/usr/share/bash-completion/completions/hl-smi",
        "/usr/share/zsh/site-functions/_hl-smi",
        "/usr/share/fish/vendor_completions.d/gaudi-box.fish",
    } <= paths("/usr")


def test_another_prefix_holds_everything() -> None:
    assert all(path.startswith("/home/me/x/") for path in paths("/home/me/x"))
    assert "/home/me/x/opt/habanalabs/qual/gaudi2/bin/hl_qual" in paths("/home/me/x")
    # What only works at its real place is not placed elsewhere.
    assert not any("ld.so.conf.d" in path for path in paths("/home/me/x"))


@pytest.mark.parametrize(
    ("prefix", "path", "expected"),
    [
        ("/usr", "/opt/a", "/opt/a"),
        ("/usr", "/usr/bin/a", "/usr/bin/a"),
        ("/usr/local", "/usr/bin/a", "/usr/local/bin/a"),
        ("/usr/local", "/etc/a", "/usr/local/etc/a"),
    ],
)
def test_prefix(prefix: str, path: str, expected: str) -> None:
    assert below(PurePosixPath(prefix), PurePosixPath(path)) == PurePosixPath(expected)


def test_packages_are_those_that_the_tools_import() -> None:
    names = {file.path.parts[0] for file in package_files()}
    assert {"hlml", "hl_smi", "hl_qual", "device", "click", "rich", "numpy", "cffi"} <= names
    assert not names & {"pytest", "mypy", "hypothesis"}
