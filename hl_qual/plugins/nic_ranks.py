"""The runners of a NIC test among themselves: who is there, what the others must know, and meeting in between.

One small JSON file a rank in the run's directory, written whole before the start gate opens; the meeting itself is the
barrier of the EDP test, which does not wait for the dead.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from hl_qual.findings import Finding
from hl_qual.plugins.edp_barrier import Barrier

if TYPE_CHECKING:
    from hl_qual.plugins.api import RunContext
    from hl_qual.plugins.nic_links import Links

__all__ = ["Endpoint", "Ranks", "join"]


@dataclass(frozen=True, slots=True)
class Endpoint:
    """What a card tells the card at the other end of a cable: queue pair, and the buffer to write into."""

    qp_num: int
    psn: int
    rkey: int
    address: int


class Ranks:
    """Of one runner."""

    def __init__(self, ctx: RunContext) -> None:
        self._directory = Path(ctx.job.directory)
        self.rank = ctx.job.rank
        self.ranks = ctx.job.ranks
        self.module = ctx.job.device.module_id
        self._barrier = Barrier(self._directory, self.rank, self.ranks)
        self._edge = 0
        self._modules: dict[int, int] = {}

    def publish(self, endpoints: Mapping[int, Endpoint]) -> None:
        """By port; in the init phase, so that all files are there when anybody runs."""
        told = {port: [point.qp_num, point.psn, point.rkey, point.address] for port, point in endpoints.items()}
        path = self._directory / f"nic{self.rank}.json"
        aside = path.with_suffix(".new")
        aside.write_text(json.dumps({"module": self.module, "ports": told}), encoding="ascii")
        aside.rename(path)

    def peers(self) -> dict[tuple[int, int], Endpoint]:
        """By module and port, of all ranks that came through their init phase."""
        found: dict[tuple[int, int], Endpoint] = {}
        for rank in range(self.ranks):
            try:
                told = json.loads((self._directory / f"nic{rank}.json").read_text(encoding="ascii"))
            except FileNotFoundError:
                continue
            self._modules[rank] = told["module"]
            for port, words in told["ports"].items():
                found[told["module"], int(port)] = Endpoint(*words)
        return found

    @property
    def modules(self) -> list[int]:
        """Module ids of the ranks, in their order; after `peers`."""
        return [self._modules[rank] for rank in sorted(self._modules)]

    def meet(self, while_waiting: Callable[[], None]) -> None:
        """Until all that live are here too."""
        self._barrier.wait(self._edge, while_waiting)
        self._edge += 1

    def close(self) -> None:
        """Nobody waits for this rank any more."""
        self._barrier.close()


def join(ctx: RunContext, links: Links, ranks: Ranks, look: Callable[[], None]) -> list[Finding]:
    """Connect the links with the cards of this run, and meet them. What stays without a peer is said."""
    wanted = {link.port for link in links.links}
    links.connect(ranks.peers())
    missing = sorted(wanted - {link.port for link in links.links})
    ranks.meet(look)
    found = []
    if len(ranks.modules) < ranks.ranks:
        absent = ranks.ranks - len(ranks.modules)
        text = f"{absent} of {ranks.ranks} cards of this run did not come through their init phase"
        found.append(Finding("NIC_NO_ANSWER", text, engine="NIC"))
    if missing:
        ctx.log(f"ports without a card of this run at the other end: {', '.join(map(str, missing))}")
    if not links.links:
        text = "no port of this card leads to another card of this run"
        found.append(Finding("NIC_NO_PEER", text, engine="NIC"))
    return found
