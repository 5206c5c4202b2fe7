"""Completion scripts for bash, zsh and fish, made from the tables that `argv` reads. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from hl_smi.fields import FIELDS
from hl_smi.switches import (
    COMMANDS,
    DMON_SWITCHES,
    EVENTS_SWITCHES,
    NIC_VIEWS,
    PROCESS_FIELDS,
    ROW_FIELDS,
    SECTIONS,
    SHELLS,
    STREAM_SWITCHES,
    SWITCHES,
    TOP_SWITCHES,
    TOPO_SWITCHES,
    Argument,
    Switch,
)

__all__ = ["completion_text"]

# What may follow a switch. Those in _LISTS are comma lists; _INDICES asks the tool itself.
_VALUES: dict[str, Sequence[str]] = {
    "display": SECTIONS,
    "query-aip": tuple(FIELDS),
    "query-row-replacement": ROW_FIELDS,
    "query-compute-apps": PROCESS_FIELDS,
    "format": ("csv", "csv,noheader", "csv,nounits", "csv,noheader,nounits"),
    "nic": NIC_VIEWS,
    "completion": SHELLS,
}
_LISTS = ("query-aip", "query-row-replacement", "query-compute-apps")
_INDICES = "hl-smi -Q index -f csv,noheader 2>/dev/null"
_SWITCHES_OF = {
    "topo": TOPO_SWITCHES,
    "dmon": DMON_SWITCHES,
    "stream": STREAM_SWITCHES,
    "top": TOP_SWITCHES,
    "events": EVENTS_SWITCHES,
}


def completion_text(shell: str) -> str:
    """The script; how to use it is its first line."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]()


def _words(switches: Sequence[Switch]) -> list[str]:
    letters = [f"-{switch.letter}" for switch in switches if switch.letter]
    return letters + [f"--{name}" for switch in switches for name in switch.names]


def _bash() -> str:
    cases = []
    for switch in SWITCHES:
        if switch.argument is Argument.NONE:
            continue
        pattern = "|".join(_words((switch,)))
        cases.append(f"    {pattern}) {_bash_values(switch)} ;;")
    commands = [f"    {name}) words='{' '.join(_words(switches))}' ;;" for name, switches in _SWITCHES_OF.items()]
    return _BASH.format(
        cases="\n".join(cases),
        commands="\n".join(commands),
        words=" ".join([*COMMANDS, *_words(SWITCHES)]),
    )


def _bash_values(switch: Switch) -> str:
    if switch.key == "output":
        return 'COMPREPLY=($(compgen -f -- "$cur")); compopt -o filenames 2>/dev/null; return'
    if switch.key == "device":
        return f'COMPREPLY=($(compgen -W "$({_INDICES})" -- "$cur")); return'
    values = " ".join(_VALUES.get(switch.key, ()))
    if switch.key in _LISTS:
        return f"_hl_smi_list '{values}'; return"
    if not values:
        return "[[ $cur == -* ]] || return" if switch.argument is Argument.OPTIONAL else "return"
    return f"COMPREPLY=($(compgen -W '{values}' -- \"$cur\")); return"


_BASH = """\
# hl-smi: source <(hl-smi --completion bash), or write it to /etc/bash_completion.d/hl-smi
_hl_smi_list() {{
    local head=
    [[ $cur == *,* ]] && head=${{cur%,*}},
    COMPREPLY=($(compgen -P "$head" -W "$1" -- "${{cur##*,}}"))
    compopt -o nospace 2>/dev/null
}}
_hl_smi() {{
    local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} words
    COMPREPLY=()
    if [[ $cur == = ]]; then cur=; elif [[ $prev == = ]]; then prev=${{COMP_WORDS[COMP_CWORD-2]}}; fi
    case $prev in
{cases}
    esac
    case ${{COMP_WORDS[1]}} in
{commands}
    *) words='{words}' ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$cur"))
}}
complete -F _hl_smi hl-smi
"""


def _zsh() -> str:
    commands = " ".join(_zsh_quoted(f"{name}:{_zsh_text(purpose)}") for name, purpose in COMMANDS.items())
    cases = [
        f"    {name}) shift words; (( CURRENT-- )); _arguments {' '.join(_zsh_specs(switches))} ;;"
        for name, switches in _SWITCHES_OF.items()
    ]
    return _ZSH.format(commands=commands, cases="\n".join(cases), specs=" \\\n        ".join(_zsh_specs(SWITCHES)))


def _zsh_specs(switches: Sequence[Switch]) -> list[str]:
    return [
        _zsh_quoted(f"{word}[{_zsh_text(switch.purpose)}]{_zsh_values(switch)}")
        for switch in switches
        for word in _words((switch,))
    ]


def _zsh_text(text: str) -> str:
    """A description: brackets and colons have a meaning in a specification."""
    return text.replace("[", "(").replace("]", ")").replace(":", "\\:")


def _zsh_quoted(text: str) -> str:
    return "'" + text.replace("'", "'\\''") + "'"


def _zsh_values(switch: Switch) -> str:
    if switch.argument is Argument.NONE:
        return ""
    colon = "::" if switch.argument is Argument.OPTIONAL else ":"
    if switch.key == "output":
        return f"{colon}file:_files"
    if switch.key == "device":
        return f"{colon}aip:{{compadd -- $({_INDICES})}}"
    values = " ".join(_VALUES.get(switch.key, ()))
    if switch.key in _LISTS:
        return f"{colon}fields:_values -s , field {values}"
    return f"{colon}{switch.key}:({values})" if values else f"{colon}{switch.key}: "


_ZSH = """\
#compdef hl-smi
# write it to a file named _hl-smi in a directory of $fpath: hl-smi --completion zsh > ~/.zfunc/_hl-smi
_hl_smi() {{
    local -a commands=({commands})
    case $words[2] in
{cases}
    *)
        (( CURRENT == 2 )) && _describe command commands
        _arguments \\
        {specs} ;;
    esac
}}
_hl_smi "$@"
"""


def _fish() -> str:
    known = " ".join(_SWITCHES_OF)
    lines = [
        "# hl-smi --completion fish > ~/.config/fish/completions/hl-smi.fish",
        "complete -c hl-smi -f",
    ]
    lines += [
        f"complete -c hl-smi -n 'not __fish_seen_subcommand_from {known}' -a {name} -d {_fish_text(purpose)}"
        for name, purpose in COMMANDS.items()
    ]
    lines += [_fish_line(f"not __fish_seen_subcommand_from {known}", switch) for switch in SWITCHES]
    for name, switches in _SWITCHES_OF.items():
        lines += [_fish_line(f"__fish_seen_subcommand_from {name}", switch) for switch in switches]
    return "".join(f"{line}\n" for line in lines)


def _fish_line(condition: str, switch: Switch) -> str:
    names = [f"-s {switch.letter}"] if switch.letter else []
    names += [f"-l {name}" for name in switch.names]
    return (
        f"complete -c hl-smi -n '{condition}' {' '.join(names)}{_fish_values(switch)} -d {_fish_text(switch.purpose)}"
    )


def _fish_values(switch: Switch) -> str:
    if switch.argument is not Argument.REQUIRED:
        return ""
    if switch.key == "output":
        return " -r -F"
    if switch.key == "device":
        return f" -x -a '({_INDICES})'"
    values = " ".join(_VALUES.get(switch.key, ()))
    if switch.key in _LISTS:
        return f" -x -a '(__fish_append , {values})'"
    return f" -x -a '{values}'" if values else " -x"


def _fish_text(text: str) -> str:
    return "'" + text.replace("'", "\\'") + "'"
