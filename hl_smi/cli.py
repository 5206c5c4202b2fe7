"""The program hl-smi: words -> options -> pages -> standard output. The only file that writes or reads the environment.

Exit statuses: 0 done, 1 anything else, as the reference has it: no AIPs, driver, box, output, a wrong command line.
Errors are one line on standard error that begins with "hl-smi: ". A reader that closes the pipe ends the program
quietly with 0; SIGINT and SIGTERM end it by the signal, so a shell sees 130 or 143 and leaves its own loop.
ENABLE_CONSOLE=false silences both streams and changes no status.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

from hl_smi import log_file
from hl_smi.argv import parse
from hl_smi.errors import HlSmiError, RunError
from hl_smi.moment import Moment
from hl_smi.options import Action, Options
from hl_smi.pages import page

TYPE_CHECKING = False  # the name that type checkers know; `typing` itself costs start-up time
if TYPE_CHECKING:
    from hlml import Device
    from hlml.types import BoxInfo, DeviceSnapshot

__all__ = ["main"]

_NO_CARDS = "no AIPs available"
_TIMESTAMP = "%a %b %e %H:%M:%S %Z %Y"
_INTERRUPTED = 130


class _Output:
    """Standard output, standard error and the log of one run."""

    def __init__(self) -> None:
        self.is_silent = os.environ.get("ENABLE_CONSOLE", "").strip().lower() == "false"
        self._log_directory = os.environ.get("HABANA_LOGS")
        self._path: str | None = None

    def turn_to(self, path: str | None) -> None:
        """From now on append to the file of -o, which is written also if the console is off."""
        self._path = path

    def write(self, text: str) -> None:
        """All of `text`, now: programs read a loop line by line. BrokenPipeError if the reader is gone."""
        log_file.append(self._log_directory, text)
        if self._path is not None:
            from hl_smi.output_file import append_whole

            append_whole(self._path, text)
            return
        if self.is_silent:
            return
        try:
            if sys.stdout is None:
                raise OSError("it is closed")
            sys.stdout.write(text)
            sys.stdout.flush()
        except BrokenPipeError:
            raise
        except (OSError, ValueError) as error:
            _forget_output()
            reason = getattr(error, "strerror", None) or error
            raise RunError(f"can not write to standard output: {reason}") from error

    def complain(self, text: str) -> None:
        """One line on standard error. That it can not be written is no further error."""
        line = f"hl-smi: {' '.join(text.split())}\n"
        log_file.append(self._log_directory, line)
        if self.is_silent or sys.stderr is None:
            return
        try:
            sys.stderr.write(line)
            sys.stderr.flush()
        except (OSError, ValueError):
            pass


def main(argv: Sequence[str] | None = None) -> int:
    """Run with `argv`, by default the words of this process. The exit status."""
    words = sys.argv[1:] if argv is None else list(argv)
    output = _Output()
    try:
        return _guarded(words, output)
    except BrokenPipeError:
        _forget_output()
        return 0
    except KeyboardInterrupt:
        if argv is None:
            _die_of_interrupt()
        return _INTERRUPTED


def _guarded(words: Sequence[str], output: _Output) -> int:
    try:
        return _run(parse(words), output)
    except HlSmiError as error:
        output.complain(str(error))
        return error.exit_status
    except BrokenPipeError:
        raise
    except Exception as error:  # the last guard: no traceback in front of a user, and no silence either
        output.complain(
            f"unexpected {type(error).__name__}{_place_of(error)}: {error}; this is a defect of hl-smi, please report"
            " this line and the command as an issue of the project"
        )
        return 1


def _place_of(error: Exception) -> str:
    place = error.__traceback__
    while place is not None and place.tb_next is not None:
        place = place.tb_next
    return "" if place is None else f" in {place.tb_frame.f_code.co_name}, line {place.tb_lineno}"


def _run(options: Options, output: _Output) -> int:
    output.turn_to(options.output_path)
    if options.action in (Action.HELP, Action.HELP_FIELDS, Action.COMPLETION):
        output.write(_own_text(options))
        return 0
    import hlml

    try:
        return _answer(options, output)
    except hlml.DriverNotLoadedError as error:
        if options.action is Action.VERSION and _show_installed_version(output):
            return 0
        if not options.is_json:  # whoever reads JSON gets a document or nothing
            output.write(f"{_NO_CARDS}\n")
        raise RunError(str(error)) from error
    except hlml.HlmlError as error:
        raise RunError(str(error)) from error


def _own_text(options: Options) -> str:
    """What needs no box."""
    if options.action is Action.HELP_FIELDS:
        from hl_smi.help_fields import help_fields_text

        return help_fields_text()
    if options.action is Action.COMPLETION:
        from hl_smi.completion import completion_text

        return completion_text(options.shell or "")
    from hl_smi.help import help_text

    return help_text()


def _answer(options: Options, output: _Output) -> int:
    import hlml

    hlml.init()
    box = hlml.box_info()
    if options.is_debug:
        _introduce(box, output)
    if options.action is Action.VERSION:
        return _show_version(box, output)
    devices = _visible(hlml.devices())
    if not devices:
        output.write(_without_cards(options, box))
        return 1
    if options.action in (Action.RESET, Action.POWER_LIMIT):
        return _control(options, devices, output)
    if options.action is Action.EVENTS:
        return _follow(options, devices, output)
    if options.action is Action.MONITOR:
        return _serve_consoles(options, devices, output)
    if options.action is Action.TOP:
        return _top(options, box, devices, output)
    return _show(options, box, devices, output)


def _without_cards(options: Options, box: BoxInfo) -> str:
    """The vendor's line; in JSON the document that a server with cards would give, without any."""
    if options.is_json and options.action is not Action.EVENTS:
        return page(options, Moment(box, (), 0, _timestamp, _clock), 0)
    return f"{_NO_CARDS}\n"


def _show_version(box: BoxInfo, output: _Output) -> int:
    from hl_smi.render.version import render_version

    output.write(render_version(box.hlml_version))
    return 0


def _show_installed_version(output: _Output) -> bool:
    """The tool has a version also while the driver is unloaded."""
    import hlml

    version = hlml.installed_version()
    if version is None:
        return False
    from hl_smi.render.version import render_version

    output.write(render_version(version))
    return True


def _introduce(box: BoxInfo, output: _Output) -> None:
    output.complain(
        f"emulated box {box.name!r} ({box.box_type}, {box.device_count} cards, release {box.release}) at {box.path}"
    )


def _visible(devices: Sequence[Device]) -> tuple[Device, ...]:
    from hl_smi.query.select import visible_indices

    indices = visible_indices(os.environ.get("HABANA_VISIBLE_DEVICES"))
    if indices is None:
        return tuple(devices)
    return tuple(device for device in devices if device.index in indices)


def _timestamp(box_time_ns: int) -> str:
    return time.strftime(_TIMESTAMP, time.localtime(box_time_ns // 1_000_000_000))


def _clock(box_time_ns: int) -> str:
    whole_s, rest_ns = divmod(box_time_ns, 1_000_000_000)
    return time.strftime("%H:%M:%S", time.localtime(whole_s)) + f".{rest_ns // 1_000_000:03d}"


def _date_and_clock(box_time_ns: int) -> str:
    date = time.strftime("%Y-%m-%d", time.localtime(box_time_ns // 1_000_000_000))
    return f"{date} {_clock(box_time_ns)}"


def _moment(options: Options, box: BoxInfo, devices: Sequence[Device]) -> Moment:
    from hl_smi.query.select import matching

    snapshots = tuple(device.snapshot() for device in devices)
    return Moment(box, matching(snapshots, options.selector), len(snapshots), _timestamp, _clock)


def _show(options: Options, box: BoxInfo, devices: Sequence[Device], output: _Output) -> int:
    start_s = time.monotonic()
    iteration = 0
    while True:
        output.write(page(options, _moment(options, box, devices), iteration))
        iteration += 1
        if options.loop_ms is None or iteration == options.count:
            return 0
        # Counted from the start, so that the time of an iteration does not add up.
        next_s = iteration * options.loop_ms / 1000
        if options.run_time_s and next_s > options.run_time_s:
            return 0
        time.sleep(max(start_s + next_s - time.monotonic(), 0.0))


def _chosen(options: Options, devices: Sequence[Device]) -> tuple[tuple[Device, ...], tuple[DeviceSnapshot, ...]]:
    """The devices of -i with a reading of each."""
    from hl_smi.query.select import matching

    by_index = {device.index: device for device in devices}
    cards = matching(tuple(device.snapshot() for device in devices), options.selector)
    return tuple(by_index[card.index] for card in cards), cards


def _follow(options: Options, devices: Sequence[Device], output: _Output) -> int:
    from hl_smi.follow import Follower, follow

    chosen, cards = _chosen(options, devices)
    follow(options, chosen, cards, Follower(output.write, output.complain, _date_and_clock))
    return 0


def _serve_consoles(options: Options, devices: Sequence[Device], output: _Output) -> int:
    from hl_smi.consoles import serve_consoles

    serve_consoles(*_chosen(options, devices), output.write)
    return 0


def _top(options: Options, box: BoxInfo, devices: Sequence[Device], output: _Output) -> int:
    from hl_smi.top.run import run_top

    return run_top(options, lambda: _moment(options, box, devices), output.write, output.is_silent)


def _control(options: Options, devices: Sequence[Device], output: _Output) -> int:
    for device, card in zip(*_chosen(options, devices), strict=True):
        where = f"AIP {card.index} ({card.pci.bus_id})"
        if options.power_limit_w is None:
            device.reset()
            output.write(f"{where}: reset done\n")
        else:
            device.set_power_limit_mw(options.power_limit_w * 1000)
            output.write(f"{where}: power limit set to {options.power_limit_w} W\n")
    return 0


def _forget_output() -> None:
    """Let the interpreter flush into nothing at its end, instead of complaining about a reader that is gone."""
    try:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.close(null)
    except OSError:
        pass


def _die_of_interrupt() -> None:
    """End by SIGINT itself: a shell that sees a plain status would go on with its loop."""
    import signal

    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)
