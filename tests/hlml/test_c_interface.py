"""The C interface: header at every ABI level, exported names, and a program that links -lhlml as users do."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from private_box import PrivateBox

import hlml
from hlml.paths import pkgconfig_dir

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
ABI: dict[str, Any] = json.loads((HERE / "hlml_abi.json").read_text(encoding="utf-8"))
LEVELS = {"1.6": 106, "1.12": 112, "1.18": 118, "1.19": 119}
FUNCTIONS = [function["name"] for function in ABI["functions"]]
STRICT = ["-std=c11", "-Wall", "-Wextra", "-Werror", "-pedantic"]


def compile_c(source: str, *flags: str, language: str = "c") -> None:
    command = [
        "cc" if language == "c" else "c++",
        *flags,
        f"-I{hlml.include_dir()}",
        "-x",
        language,
        "-c",
        "-",
        "-o",
        os.devnull,
    ]
    done = subprocess.run(command, input=source, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("level", LEVELS)
def test_structs_have_the_layout_of_the_level(level: str) -> None:
    lines = [f"#define HLML_ABI_LEVEL {LEVELS[level]}", "#include <hlml.h>", "#include <stddef.h>"]
    for name, struct in ABI["abi_levels"][level]["structs"].items():
        tag = f"struct {struct['tag']}"
        lines.append(f'_Static_assert(sizeof({tag}) == {struct["size"]}, "{name}");')
        lines.append(f'_Static_assert(_Alignof({tag}) == {struct["align"]}, "{name}");')
        for field in struct["fields"]:
            where = f"{tag}, {field['name']}"
            lines.append(f'_Static_assert(offsetof({where}) == {field["offset"]}, "{where}");')
    for name, value in ABI["abi_levels"][level]["defines"].items():
        lines.append(f'_Static_assert({name} == {value}, "{name}");')
    compile_c("\n".join(lines), *STRICT)


def test_enums_have_the_published_values() -> None:
    lines = ["#include <hlml.h>"]
    for name, members in ABI["enums"].items():
        tag = ABI["enum_info"][name]["tag"]
        lines.append(f'_Static_assert(sizeof(enum {tag}) == 4, "{name}");')
        lines += [f'_Static_assert({member} == {value}, "{member}");' for member, value in members.items()]
    lines += [f'_Static_assert({name} == {value}, "{name}");' for name, value in ABI["defines"].items()]
    compile_c("\n".join(lines), *STRICT)


def test_prototypes_are_the_published_ones() -> None:
    lines = ["#include <hlml.h>"]
    for number, function in enumerate(ABI["functions"]):
        arguments = ", ".join(kind for kind, _ in function["args"]) or "void"
        lines.append(f"hlml_return_t (*const p{number})({arguments}) = {function['name']};")
    compile_c("\n".join(lines), *STRICT)


@pytest.mark.parametrize("level", LEVELS.values())
def test_header_is_fit_for_cpp(level: int) -> None:
    compile_c(
        f"#define HLML_ABI_LEVEL {level}\n#include <hlml.h>\n",
        "-Wall",
        "-Wextra",
        "-Werror",
        "-pedantic",
        language="c++",
    )


def test_exactly_the_api_is_exported() -> None:
    shown = subprocess.run(
        ["nm", "-D", "--defined-only", hlml.libdir() / "libhlml.so"], capture_output=True, text=True, check=True
    )
    names = {line.split()[-1] for line in shown.stdout.splitlines()}
    assert names == set(FUNCTIONS)


def test_map_and_function_table_name_the_same_functions() -> None:
    exported = re.findall(r"^\s+(hlml_\w+);", (ROOT / "csrc" / "libhlml.map").read_text(encoding="utf-8"), re.MULTILINE)
    table = tomllib.loads((ROOT / "csrc" / "hlml_functions.toml").read_text(encoding="utf-8"))
    assert sorted(exported) == sorted(FUNCTIONS)
    assert set(table) == set(FUNCTIONS)
    assert {row["status"] for row in table.values()} <= {"answered", "not-supported", "not-yet"}


def test_library_needs_only_libc_and_libm() -> None:
    shown = subprocess.run(["readelf", "-d", hlml.libdir() / "libhlml.so"], capture_output=True, text=True, check=True)
    needed = set(re.findall(r"NEEDED.*\[(.*)\]", shown.stdout))
    assert needed <= {"libc.so.6", "libm.so.6"}


# Functions that are older than glibc 2.28 and only got a new version since, so that a build against 2.28 has them too.
REVERSIONED = {"exp", "log", "pow", "stat", "fstat", "lstat", "fstatat", "stat64", "fstat64", "lstat64", "fstatat64"}


def test_library_calls_nothing_younger_than_glibc_2_28() -> None:
    shown = subprocess.run(["objdump", "-T", hlml.libdir() / "libhlml.so"], capture_output=True, text=True, check=True)
    used = re.findall(r"GLIBC_(\d+)\.(\d+)\)? +(\w+)", shown.stdout)
    young = {name for major, minor, name in used if (int(major), int(minor)) > (2, 28)}
    assert {name for name in young if not name.startswith("pthread_")} <= REVERSIONED


def test_header_declares_no_other_function() -> None:
    header = (hlml.include_dir() / "hlml.h").read_text(encoding="utf-8")
    declared = re.findall(r"^hlml_return_t (\w+)\(", header, re.MULTILINE)
    assert sorted(declared) == sorted(FUNCTIONS)


def build_program(tmp_path: Path) -> Path:
    env = {**os.environ, "PKG_CONFIG_PATH": str(pkgconfig_dir())}
    flags = subprocess.run(
        ["pkg-config", "--cflags", "--libs", "hlml"], env=env, capture_output=True, text=True, check=True
    )
    program = tmp_path / "print_cards"
    source = ROOT / "tests" / "c" / "print_cards.c"
    rpath = f"-Wl,-rpath,{hlml.libdir()}"
    subprocess.run(["cc", *STRICT, source, *flags.stdout.split(), rpath, "-o", program], check=True)
    return program


def test_c_program_prints_every_card_in_an_empty_environment_but_the_box(box: PrivateBox, tmp_path: Path) -> None:
    program = build_program(tmp_path)
    done = subprocess.run([program], env={"GAUDI_BOX": str(box.path)}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 8
    assert re.match(
        r"0 HL-225 AM99\d{6} 01P0-\S+ 0000:19:00\.0 16GT/s x16: \d+ C, \d+ mW, 1650 MHz, 0 %, 768 of 98304 MiB",
        lines[0],
    )


def test_c_program_says_so_when_the_box_is_corrupt(box: PrivateBox, tmp_path: Path) -> None:
    (box.path / "box").write_bytes(b"x" * 2000)
    env = {"GAUDI_BOX": str(box.path), "HLML_DEBUG": "1"}
    done = subprocess.run([build_program(tmp_path)], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "not a file of an emulated box" in done.stderr


@pytest.mark.parametrize("generator", ["gen_hlml_table.py", "gen_hlml_man.py"])
def test_function_table_and_manual_are_up_to_date(generator: str) -> None:
    done = subprocess.run([sys.executable, ROOT / "docs" / generator, "--check"], check=False)
    assert done.returncode == 0, "run `make docs`"


def test_no_function_is_left_for_later() -> None:
    table = tomllib.loads((ROOT / "csrc/hlml_functions.toml").read_text(encoding="utf-8"))
    assert [name for name, row in table.items() if row["status"] == "not-yet"] == []
    assert all(row["meaning"] and row["state"] for row in table.values())
