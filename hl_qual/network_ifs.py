"""manage_network_ifs.sh: the external ports of all cards up or down, and which ones are down.

The real script drives the host's network interfaces, which are the ports that leave the server; the links between the
cards are not its business. A port with an injected fault stays down, as one without a cable does.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn

from hl_qual.errors import ExitStatus

__all__ = ["main"]

_DOWN_FAULTS = ("link-down",)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"{self.prog}: {message}; --help lists the switches", file=sys.stderr)
        raise SystemExit(int(ExitStatus.USAGE))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="manage_network_ifs.sh",
        allow_abbrev=False,
        description="External ports of all cards. Status prints a line with the word down for each card that has some.",
        epilog="example: manage_network_ifs.sh --up && manage_network_ifs.sh --status | grep down | wc -l",
    )
    action = parser.add_mutually_exclusive_group(required=True)
    action.add_argument("--up", action="store_true", help="take the ports up (owner of the box or root)")
    action.add_argument("--down", action="store_true", help="take the ports down")
    action.add_argument("--status", action="store_true", help="which ports are down")
    for name in ("set", "unset", "check"):
        text = "priority flow control: the emulated ports have none"
        action.add_argument(f"--{name}-pfc", action="store_true", help=text)
    parser.add_argument("--no-progbar", action="store_true", help="accepted; there is no progress bar")
    parser.add_argument("-v", dest="is_verbose", action="store_true", help="name every port that changes")
    return parser


def main(words: Sequence[str]) -> int:
    """Exit status 0; 1 if a port did not follow; 2 wrong arguments; 3 no driver, no right, or nothing to do it with."""
    options = _parser().parse_args(list(words))
    if options.set_pfc or options.unset_pfc or options.check_pfc:
        return _refuse("the emulated ports have no priority flow control")
    from device.errors import DeviceError
    from hl_qual.errors import NotExecutedError
    from hl_qual.machine import HlmlMachine

    try:
        machine = HlmlMachine()
        if options.status:
            return _status(machine)
        return _change(machine, is_up=options.up, is_verbose=options.is_verbose)
    except (NotExecutedError, DeviceError) as error:
        return _refuse(str(error))


def _refuse(text: str) -> int:
    print(f"manage_network_ifs.sh: {text}", file=sys.stderr)
    return int(ExitStatus.NOT_EXECUTED)


def _externals(machine: object, is_wanted: Callable[[bool], bool]) -> list[tuple[int, list[int]]]:
    """(accel number, external ports whose state is wanted) of every card that answers."""
    from hl_qual.machine import HlmlMachine

    assert isinstance(machine, HlmlMachine)
    found = []
    for index in range(machine.device_count()):
        card = machine.snapshot(index)
        if card is not None:
            ports = [port for port in card.ports if port.is_external and port.is_connected]
            found.append((card.index, [port.port for port in ports if is_wanted(port.is_up)]))
    return found


def _status(machine: object) -> int:
    for index, down in _externals(machine, lambda is_up: not is_up):
        print(f"accel{index}")
        print(f"{len(down)} ports down ({', '.join(str(port) for port in down)})" if down else "all ports are up")
    return int(ExitStatus.PASSED)


def _change(machine: object, is_up: bool, is_verbose: bool) -> int:
    from device.card import Box
    from device.faults import find_fault

    kinds = {find_fault(name).number for name in _DOWN_FAULTS}
    stuck = []
    with Box.open() as box:
        for index, ports in _externals(machine, lambda is_now_up: is_now_up != is_up):
            broken = {int(record.degree) for record in box.card(index).faults() if record.kind in kinds}
            for port in ports:
                if is_up and port in broken:
                    stuck.append(f"accel{index} port {port}")
                    continue
                box.set_link(index, port, is_up)
                if is_verbose:
                    print(f"accel{index} port {port} is {'up' if is_up else 'down'}")
    if stuck:
        print(f"manage_network_ifs.sh: without a link: {', '.join(stuck)}", file=sys.stderr)
    return int(ExitStatus.FAILED if stuck else ExitStatus.PASSED)
