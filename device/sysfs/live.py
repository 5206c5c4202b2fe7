"""A living tree: the view of now into a directory, and writes to its files back into the box."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from device.sysfs.control import WRITABLE, apply_write, parse_number
from device.sysfs.hwmon import RESET_HISTORY, Peaks, sensor_values
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
        self._writable = self._writable_paths(box)
        return box

    def close(self) -> None:
        self.mirror.clear()
        self.source.close()

    def _carry_out(self, index: int, attribute: str, data: bytes) -> None:
        try:
            if attribute.endswith(RESET_HISTORY):
                parse_number(data)
                channels = dict(self._peaks.get(index, {}))
                channels.pop(attribute.removesuffix(RESET_HISTORY), None)
                self._peaks[index] = channels
            elif (box := self.source.box()) is not None:
                apply_write(box, index, attribute, data)
        except OSError as error:
            text = data.decode("utf-8", "replace").strip()[:40]
            self.report(f"writing {text!r} to {attribute} of card {index}: {error.strerror}")

    def _writable_paths(self, box: BoxView) -> dict[str, tuple[int, str]]:
        """What acts when it is written: the card, and the attribute."""
        if not box.is_driver_loaded:
            return {}
        found: dict[str, tuple[int, str]] = {}
        for card in box.cards:
            index, home = card.facts.index, pci_path(card.facts)
            attributes = f"{home}/habanalabs/hl{index}" if box.is_legacy else home
            found |= {f"{attributes}/{name}": (index, name) for name in WRITABLE}
            sensors = f"{home}/hwmon/hwmon{self.hwmon_base + index}"
            names = (channel + RESET_HISTORY for channel in sensor_values(card))
            found |= {f"{sensors}/{name}": (index, name) for name in names}
        return found
