"""A tree in a directory: refreshed in place, writes of others found, nothing left, nothing of others touched."""

from __future__ import annotations

import os
from pathlib import Path

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device.sysfs.mirror import Mirror
from device.sysfs.tree import File, Link


def shown(root: Path) -> dict[str, bytes | str]:
    """What is there: content of files, targets of links."""
    found: dict[str, bytes | str] = {}
    for path in root.rglob("*"):
        name = path.relative_to(root).as_posix()
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_file():
            found[name] = path.read_bytes()
    return found


names = st.sampled_from(["a", "b", "d/a", "d/b", "d/e/f", "x/y/z"])
nodes = st.one_of(
    st.builds(File, st.binary(max_size=12), st.sampled_from([0o444, 0o644])), st.builds(Link, st.just("../a"))
)
trees = st.dictionaries(names, nodes)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.lists(trees, min_size=1, max_size=5))
def test_after_any_sequence_of_trees_the_directory_shows_the_last_one(tmp_path, sequence):
    mirror = Mirror(tmp_path)
    for tree in sequence:
        mirror.update(tree)
    expected = {path: node.content if isinstance(node, File) else node.target for path, node in sequence[-1].items()}
    assert shown(tmp_path) == expected
    mirror.clear()
    assert list(tmp_path.iterdir()) == []


def test_an_open_descriptor_sees_the_new_value(tmp_path):
    mirror = Mirror(tmp_path)
    mirror.update({"v": File(b"100000\n")})
    with (tmp_path / "v").open("rb") as file:
        mirror.update({"v": File(b"9000\n")})
        assert file.read() == b"9000\n"
        mirror.update({"v": File(b"123456789\n")})
        file.seek(0)
        assert file.read() == b"123456789\n"


def test_a_file_that_did_not_change_is_not_touched(tmp_path):
    mirror = Mirror(tmp_path)
    mirror.update({"v": File(b"1\n"), "w": File(b"2\n")})
    before = (tmp_path / "v").stat().st_mtime_ns
    assert mirror.update({"v": File(b"1\n"), "w": File(b"3\n")}) == 1
    assert (tmp_path / "v").stat().st_mtime_ns == before


def test_modes_are_those_of_the_tree_whatever_the_umask(tmp_path):
    old = os.umask(0o077)
    try:
        mirror = Mirror(tmp_path)
        mirror.update({"r": File(b"1\n", 0o444), "w": File(b"", 0o200)})
        mirror.update({"r": File(b"2\n", 0o444), "w": File(b"", 0o200)})
    finally:
        os.umask(old)
    assert (tmp_path / "r").stat().st_mode & 0o777 == 0o444
    assert (tmp_path / "w").stat().st_mode & 0o777 == 0o200


def test_what_somebody_else_wrote_is_found_once_and_taken_back(tmp_path):
    mirror = Mirror(tmp_path)
    mirror.update({"max_power": File(b"550000\n", 0o644), "hard_reset": File(b"", 0o200)})
    watched = ("max_power", "hard_reset", "absent")
    assert mirror.foreign_content(watched) == {}
    (tmp_path / "max_power").write_bytes(b"400000\n")
    (tmp_path / "hard_reset").write_bytes(b"1")
    assert mirror.foreign_content(watched) == {"max_power": b"400000\n", "hard_reset": b"1"}
    for path in ("max_power", "hard_reset"):
        mirror.restore(path)
    assert mirror.foreign_content(watched) == {}
    assert (tmp_path / "max_power").read_bytes() == b"550000\n"


def test_what_others_put_into_the_directory_stays(tmp_path):
    mirror = Mirror(tmp_path)
    mirror.update({"d/a": File(b"1")})
    (tmp_path / "d" / "theirs").write_text("keep")
    mirror.clear()
    assert shown(tmp_path) == {"d/theirs": b"keep"}
