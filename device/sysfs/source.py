"""A box that is looked at again and again: its view of now, whatever happens to it meanwhile.

A box that is replaced is attached anew; without driver the cards stay on the PCI bus; a box that was taken down has
nothing to show.
"""

from __future__ import annotations

import errno
import os
from dataclasses import replace
from pathlib import Path

from device._device import ffi, lib
from device.card import Box
from device.errors import BoxError, CardLostError
from device.sysfs.view import BoxView, read_box

__all__ = ["BoxSource"]


class BoxSource:
    """The box at a path; `only` leaves these cards. One thread."""

    def __init__(self, path: Path, only: frozenset[int] | None = None) -> None:
        self.path = path
        self._only = only
        self._box: Box | None = None
        self._last: BoxView | None = None

    def view(self) -> BoxView:
        """The view of now. BoxError only if there never was a box."""
        for _ in range(2):  # a box that was replaced is attached anew
            box = self.box()
            if box is None:
                break
            try:
                self._last = read_box(box, self._only)
                return self._last
            except (CardLostError, BoxError):
                self.close()
        return self._absent()

    def box(self) -> Box | None:
        """The attached box, open for writing where the caller may write; None if it is down or has no driver."""
        if self._box is not None and lib.gaudi_box_alive(self._box.c_object) == 0:
            return self._box
        self.close()
        error = ffi.new("gaudi_error *")
        raw = ffi.new("gaudi_box **")
        code = lib.gaudi_box_open_path(raw, os.fsencode(self.path), True, error)
        if code == 0:
            self._box = Box(raw[0])
        elif code == -errno.ENODEV and self._last is not None:
            self._last = replace(self._last, is_driver_loaded=False)
        elif self._last is not None:
            self._last = replace(self._last, is_driver_loaded=False, cards=())
        else:
            raise BoxError(bytes(ffi.string(error.text)).decode("utf-8", "backslashreplace"))
        return self._box

    def close(self) -> None:
        if self._box is not None:
            self._box.close()
            self._box = None

    def _absent(self) -> BoxView:
        if self._last is None:
            raise BoxError(f"the box at {self.path} cannot be read; take it up again with 'gaudi-box up'")
        return self._last
