"""Rights are those of a device node. The tests drop to an unprivileged uid in a child, and fail if they cannot."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest
from private_box import PrivateBox

from device.card import Box
from device.errors import BoxError

NOBODY = 65534


def as_nobody(action: Callable[[], None]) -> None:
    """Run `action` in a child without rights; its exception is the test's."""
    if os.geteuid() != 0:
        pytest.fail("this test drops rights and has to begin as root")
    child = os.fork()
    if child == 0:
        status = 1
        try:
            os.setgroups([])
            os.setgid(NOBODY)
            os.setuid(NOBODY)
            action()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def open_to_all(path: Path) -> None:
    """pytest makes its directories private."""
    for parent in [path, *path.parents]:
        if parent != Path("/") and parent.stat().st_uid == os.geteuid():
            parent.chmod(parent.stat().st_mode | 0o055)


def refused(action: Callable[[], object], words: str) -> None:
    try:
        action()
    except BoxError as error:
        assert words in str(error), error
        assert "\n" not in str(error)
        return
    raise AssertionError("was allowed")


def test_others_read_but_may_not_change(box: PrivateBox) -> None:
    open_to_all(box.path)

    def look() -> None:
        opened = Box.open(box.path)
        card = opened.card(0)
        assert card.read().clock_soc_mhz > 0
        refused(card.acquire, "no permission")
        refused(lambda: card.publish_activity((1.0, 0, 0, 0, 0, 0), 1.0), "no permission")
        refused(lambda: card.set_limit(300_000), "only the owner")
        refused(lambda: card.reset(1), "only the owner")
        refused(lambda: opened.set_clock(2.0), "without write permission")
        os._exit(0)

    as_nobody(look)
    with Box.open(box.path) as opened:
        assert opened.card(0).read().limit_mw == 550_000


def test_file_of_a_stranger_in_ones_own_box_is_refused(box: PrivateBox) -> None:
    os.chown(box.path / "accel4", 12345, -1)
    with pytest.raises(BoxError, match="belongs to uid 12345"):
        Box.open(box.path)


def test_group_of_a_box_may_hold_cards_but_not_reset(box: PrivateBox) -> None:
    open_to_all(box.path)
    for file in box.path.iterdir():
        os.chown(file, 0, NOBODY)
        file.chmod(0o664)

    def use() -> None:
        opened = Box.open(box.path)
        opened.card(0).acquire()
        opened.card(0).release()
        refused(lambda: opened.card(0).reset(1), "only the owner")
        os._exit(0)

    as_nobody(use)
