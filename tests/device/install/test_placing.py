"""Placing and removing: nothing of others is touched, and nothing of ours stays behind."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path, PurePosixPath

import pytest

from device.errors import BoxError
from device.install.layout import Entry
from device.install.manifest import parse_manifest, render_manifest
from device.install.placing import install, remove

MANIFEST = PurePosixPath("/usr/lib/gaudi-box/manifest")
TOOL = Entry(PurePosixPath("/usr/bin/tool"), 0o755, text="#!/bin/sh\n")
LINK = Entry(PurePosixPath("/usr/lib/habanalabs/lib.so.1"), link_to="lib.so")
OTHER = Entry(PurePosixPath("/opt/a/b/c"), text="c")


def tree(root: Path) -> set[str]:
    return {str(path.relative_to(root)) for path in root.rglob("*")}


def test_install_and_remove_leave_the_root_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "usr/bin").mkdir(parents=True)
    (tmp_path / "etc/empty").mkdir(parents=True)
    before = tree(tmp_path)
    assert install([TOOL, LINK, OTHER], tmp_path, MANIFEST).count == 3
    assert (tmp_path / "usr/bin/tool").stat().st_mode & 0o777 == 0o755
    assert (tmp_path / "usr/lib/habanalabs/lib.so.1").readlink() == Path("lib.so")
    assert remove(tmp_path, MANIFEST).count == 3
    assert tree(tmp_path) == before


def test_manifest_has_hashes_that_sha256sum_checks(tmp_path: Path) -> None:
    install([TOOL, LINK], tmp_path, MANIFEST)
    text = (tmp_path / "usr/lib/gaudi-box/manifest").read_text()
    digest = hashlib.sha256(b"#!/bin/sh\n").hexdigest()
    assert f"{digest}  usr/bin/tool" in text.splitlines()
    assert parse_manifest(text)[LINK.path] == "link:lib.so"
    assert render_manifest(parse_manifest(text)) == text


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
def test_what_is_not_ours_is_named_and_nothing_is_changed(tmp_path: Path, kind: str) -> None:
    theirs = tmp_path / "opt/a/b/c"
    theirs.parent.mkdir(parents=True)
    if kind == "file":
        theirs.write_text("theirs")
    elif kind == "link":
        theirs.symlink_to("/nonexistent")
    else:
        theirs.mkdir()
    before = tree(tmp_path)
    with pytest.raises(BoxError, match=rf"{theirs}: there already and not of ours; nothing was changed"):
        install([TOOL, OTHER], tmp_path, MANIFEST)
    assert tree(tmp_path) == before


def test_file_that_was_changed_is_neither_replaced_nor_removed(tmp_path: Path) -> None:
    install([TOOL, OTHER], tmp_path, MANIFEST)
    (tmp_path / "opt/a/b/c").write_text("changed")
    with pytest.raises(BoxError, match="not of ours"):
        install([TOOL, OTHER], tmp_path, MANIFEST)
    outcome = remove(tmp_path, MANIFEST)
    assert outcome.kept == (tmp_path / "opt/a/b/c",)
    assert tree(tmp_path) == {"opt", "opt/a", "opt/a/b", "opt/a/b/c"}


def test_newer_installation_takes_away_what_it_no_longer_has(tmp_path: Path) -> None:
    install([TOOL, OTHER], tmp_path, MANIFEST)
    install([Entry(TOOL.path, 0o755, text="#!/bin/sh\nexit\n")], tmp_path, MANIFEST)
    assert (tmp_path / "usr/bin/tool").read_text() == "#!/bin/sh\nexit\n"
    assert not (tmp_path / "opt/a/b/c").exists()
    remove(tmp_path, MANIFEST)
    assert tree(tmp_path) == set()


def test_interrupted_installation_can_be_removed_or_done_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class InterruptedRunError(Exception):
        pass

    rename = Path.replace

    def replace(self: Path, target: Path) -> Path:
        if target.name == "c":
            raise InterruptedRunError
        return rename(self, target)

    monkeypatch.setattr(Path, "replace", replace)
    with pytest.raises(InterruptedRunError):
        install([TOOL, OTHER], tmp_path, MANIFEST)
    monkeypatch.undo()
    assert (tmp_path / "usr/bin/tool").exists()
    install([TOOL, OTHER], tmp_path, MANIFEST)
    remove(tmp_path, MANIFEST)
    assert tree(tmp_path) == set()


def test_removing_nothing_says_so(tmp_path: Path) -> None:
    with pytest.raises(BoxError, match="nothing of gaudi-box is installed below"):
        remove(tmp_path, MANIFEST)


@pytest.mark.parametrize("text", ["abc\n", "abc  ../../etc/passwd\n", "\n"])
def test_damaged_manifest_removes_nothing(tmp_path: Path, text: str) -> None:
    install([TOOL], tmp_path, MANIFEST)
    (tmp_path / "usr/lib/gaudi-box/manifest").write_text(text)
    for action in (lambda: remove(tmp_path, MANIFEST), lambda: install([TOOL], tmp_path, MANIFEST)):
        with pytest.raises(BoxError, match="is no line of a manifest"):
            action()
    assert (tmp_path / "usr/bin/tool").exists()


def test_right_that_is_missing_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "usr").write_text("a file in the way")
    with pytest.raises(BoxError, match="installing needs"):
        install([TOOL], tmp_path, MANIFEST)
    assert os.listdir(tmp_path) == ["usr"]  # noqa: PTH208
