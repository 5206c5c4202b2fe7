"""monitor: the live view of hl_qual by itself, for cards that somebody else loads. Ends with Ctrl-C and statistics."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from hl_qual.errors import ExitStatus, NotExecutedError, UsageError

if TYPE_CHECKING:
    from hl_qual.monitor import MonitorRow, Sampler
    from hlml.types import DeviceSnapshot

__all__ = ["main"]

_SAMPLE_PERIOD_S = 0.25


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        print(f"monitor: {message}; --help lists the switches", file=sys.stderr)
        raise SystemExit(int(ExitStatus.USAGE))


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="monitor",
        allow_abbrev=False,
        description="Temperature, power, clock, utilisation and ECC errors of all cards, live on a terminal.",
        epilog="example: monitor -mon_cfg monitor.ini -t 60",
    )
    parser.add_argument("-mon_cfg", metavar="INI", help="bounds to watch: outside values are marked and counted")
    parser.add_argument("-t", metavar="SECONDS", type=float, help="end after so many seconds of wall time")
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Exit status 0; 2 wrong arguments; 3 no driver or no cards."""
    options = _parser().parse_args(None if words is None else list(words))
    from hl_qual.machine import HlmlMachine
    from hl_qual.monitor import Sampler
    from hl_qual.monitor_ini import parse_bounds

    try:
        text = None if options.mon_cfg is None else Path(options.mon_cfg).read_text(encoding="utf-8")
        bounds = {} if text is None else parse_bounds(text, options.mon_cfg)
        machine = HlmlMachine()
    except OSError as error:
        return _complain(f"-mon_cfg {options.mon_cfg!r} ({error.strerror})", ExitStatus.USAGE)
    except UsageError as error:
        return _complain(str(error), ExitStatus.USAGE)
    except NotExecutedError as error:
        return _complain(str(error), ExitStatus.NOT_EXECUTED)
    found = [machine.snapshot(index) for index in range(machine.device_count())]
    cards = [card for card in found if card is not None]
    if not cards:
        return _complain("no Gaudi card answers", ExitStatus.NOT_EXECUTED)
    sampler = Sampler([partial(machine.snapshot, card.index) for card in cards], cards, _SAMPLE_PERIOD_S, bounds)
    _watch(sampler, cards, options.t)
    return int(ExitStatus.PASSED)


def _complain(text: str, status: ExitStatus) -> int:
    print(f"monitor: {text}", file=sys.stderr)
    return int(status)


def _watch(sampler: Sampler, cards: Sequence[DeviceSnapshot], limit_s: float | None) -> None:
    for position in range(len(cards)):
        sampler.begin(position)
    sampler.start()
    try:
        with _view(sampler):
            end_s = float("inf") if limit_s is None else time.monotonic() + limit_s
            while time.monotonic() < end_s:
                time.sleep(min(_SAMPLE_PERIOD_S, max(0.0, end_s - time.monotonic())))
    except KeyboardInterrupt:
        pass
    finally:
        sampler.stop()
    _print_statistics(sampler, cards)


def _view(sampler: Sampler) -> AbstractContextManager[object]:
    """On a terminal only; elsewhere the statistics at the end are all."""
    if not sys.stdout.isatty():
        return nullcontext()
    from hl_qual.live import LiveView

    return LiveView("monitor (emulated devices), Ctrl-C ends it", lambda: _rows(sampler))


def _rows(sampler: Sampler) -> Sequence[MonitorRow]:
    from hl_qual.monitor import CardProgress

    states = ["running" if snapshot is not None and snapshot.processes else "idle" for snapshot in sampler.now()]
    return sampler.rows([CardProgress(state, 0.0, None) for state in states])


def _print_statistics(sampler: Sampler, cards: Sequence[DeviceSnapshot]) -> None:
    from hl_qual.report.closing import statistics_lines

    pairs = [(card.pci.bus_id, telemetry) for card, telemetry in zip(cards, sampler.telemetry(), strict=True)]
    print("\n".join(statistics_lines(pairs)))


if __name__ == "__main__":
    sys.exit(main())
