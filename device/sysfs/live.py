"""A living tree: the view of now into a directory, and writes to its files back into the box."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from device.sysfs.control import WRITABLE, apply_write
from device.sysfs.hwmon import Peaks
from device.sysfs.mirror import Mirror
from device.sysfs.render import Surface, pci_path, render_tree, seen_peaks
from device.sysfs.source import BoxSource
from device.sysfs.tree import Node
from device.sysfs.view import BoxView

__all__ = ["REFRESH_S", "LiveTree"]

# How often a tree is refreshed: a quarter of the second with which the driver filters power. Assumed.
REFRESH_S = 0.25


@dataclass
class LiveTree:
    """`refresh` once a period. `report` gets one line for a write that was refused: the writer cannot be told, since a
    plain file takes everything. `amend` may add to a tree before it is shown."""

    source: BoxSource
    mirror: Mirror
    report: Callable[[str], None]
    hwmon_base: int = 0
    parameters: Mapping[str, str] = field(default_factory=dict)
    amend: Callable[[BoxView, dict[str, Node]], None] = lambda box, tree: None
    _peaks: dict[int, Peaks] = field(default_factory=dict)
    _writable: dict[str, tuple[int, str]] = field(default_factory=dict)

    def refresh(self) -> BoxView:
        """Carry out what was written, then show the state of now."""
        for path, data in self.mirror.foreign_content(self._writable).items():
            self._carry_out(*self._writable[path], data)
            self.mirror.restore(path)
        box = self.source.view()
        self._peaks = seen_peaks(box, self._peaks)
        tree = render_tree(box, Surface(self.hwmon_base, self.parameters, self._peaks))
        self.amend(box, tree)
        self.mirror.update(tree)
        self._writable = _writable_paths(box)
        return box

    def close(self) -> None:
        self.mirror.clear()
        self.source.close()

    def _carry_out(self, index: int, attribute: str, data: bytes) -> None:
        box = self.source.box()
        try:
            if box is not None:
                apply_write(box, index, attribute, data)
        except OSError as error:
            text = data.decode("utf-8", "replace").strip()[:40]
            self.report(f"writing {text!r} to {attribute} of card {index}: {error.strerror}")


def _writable_paths(box: BoxView) -> dict[str, tuple[int, str]]:
    if not box.is_driver_loaded:
        return {}
    homes = {
        card.facts.index: pci_path(card.facts) + (f"/habanalabs/hl{card.facts.index}" if box.is_legacy else "")
        for card in box.cards
    }
    return {f"{home}/{name}": (index, name) for index, home in homes.items() for name in WRITABLE}
