"""The help text of hl_qual. Pure; `cli` prints it."""

from __future__ import annotations

from collections.abc import Collection

from hl_qual.switches import COMMON, OWN, SELECTORS, Selector, Switch

__all__ = ["help_text"]

_HEAD = """\
hl_qual - qualification of Intel Gaudi cards (this one tests emulated cards)

  ./hl_qual -t <test name> [-t <seconds>] [common switches]
  ./hl_qual -gaudi | -gaudi2 | -gaudi3 -c <all or PCI bus id list> -rmod <serial | parallel> <test switch>
      [-dis_mon] [-mon_cfg <monitor INI path>] [<plugin INI config path>] [-enable_serr] [-dmesg]
      [-disable_pipe_red] [-skip_aer_detection] [-sensors <time in sec>] [--expected-devices N] [--seed N]
  ./hl_qual --plan quick | medium | long | <TOML file> [common switches]
  ./hl_qual merge --html rack.html */*.json      reports of many servers as one
  ./hl_qual --self-test [--only <fault>]         every fault of the emulated cards must be found
  ./hl_qual monitor [-mon_cfg <INI>]             the live view alone
  ./hl_qual network-ifs --up | --down | --status external ports, as manage_network_ifs.sh

Switches come in any order. With -t <test name> alone the family is that of the cards found, -c all -rmod parallel."""

_COLUMN = 36
_DEVICES = (
    "  -c all|quad_0|quad_1|<card>[,<card>...]\n"
    + " " * (_COLUMN + 2)
    + "cards: PCI bus ids or accel numbers; blanks separate too"
)

_TAIL = """\
Report: $HABANA_LOGS/qual (/var/log/habana_logs/qual if unset): a .log; of the same name .json, .xml (JUnit), .html with
plots, and a .txt per card.
Exit status: 0 passed; 1 a card did not pass; 2 wrong arguments; 3 not executed (a card is absent, busy or not
operational); 4 interrupted; 5 internal error, or passed but the report file could not be written."""


def help_text(family: str | None, available: Collection[str], tests: Collection[str]) -> str:
    """Usage of the whole tool; `family` only adds what is special about it."""
    blocks = [_HEAD, _tests(available, tests), _selectors(available)]
    blocks += [_switches("Common switches", COMMON.values()) + "\n" + _DEVICES]
    blocks += [_switches("Switches of single tests", OWN.values())]
    if family == "gaudi3":
        blocks.append("Gaudi 3 has no SRAM: -sramOnly and -pciall measure nothing there.")
    blocks.append(_TAIL)
    return "\n\n".join(blocks)


def _tests(available: Collection[str], tests: Collection[str]) -> str:
    lines = [_entry(f"-t {name}", _mark(name, available)).rstrip() for name in sorted(tests)]
    lines.append(_entry("-t <seconds>", "duration in seconds of box time"))
    return "\n".join(["Tests by name", *lines])


def _selectors(available: Collection[str]) -> str:
    return "\n".join(["Test switches (one per run)", *[_selector(s, available) for s in SELECTORS.values()]])


def _selector(selector: Selector, available: Collection[str]) -> str:
    word = selector.word + (f" [{'|'.join(selector.modes)}]" if selector.modes else "")
    measure = " -t <seconds>" if selector.is_time_based else ""
    if selector.iterations is not None:
        measure = " -i {}..{}".format(*selector.iterations)
    own = f"; takes {' '.join(selector.own)}" if selector.own else ""
    return _entry(word + measure, f"{selector.help}{own} {_mark(selector.plugin, available)}".rstrip())


def _switches(title: str, switches: Collection[Switch]) -> str:
    return "\n".join([title, *[_entry(switch.synopsis, switch.help) for switch in switches]])


def _entry(synopsis: str, text: str) -> str:
    """One switch: on one line, or on two when the synopsis is wider than its column."""
    if len(synopsis) < _COLUMN:
        return f"  {synopsis:<{_COLUMN}}{text}"
    return f"  {synopsis}\n  {'':<{_COLUMN}}{text}"


def _mark(name: str, available: Collection[str]) -> str:
    return "" if name in available else "(not available yet)"
