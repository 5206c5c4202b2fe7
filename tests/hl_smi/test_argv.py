"""The vendor's command-line syntax: examples that are in use, and laws that hold for every command line."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl_smi.argv import parse
from hl_smi.errors import UsageError
from hl_smi.fields import FIELDS
from hl_smi.options import Action, Options
from hl_smi.query.select import Selector, SelectorKind
from hl_smi.switches import SWITCHES, Argument

LETTERS = "".join(switch.letter for switch in SWITCHES)
NAMES = [name for switch in SWITCHES for name in switch.names]


def at(bus_id: str) -> Selector:
    """The card at an address."""
    return Selector(SelectorKind.BUS_ID, bus_id)


def index(number: str) -> Selector:
    """The card with an index."""
    return Selector(SelectorKind.INDEX, number)


ARGUMENT_OF = {
    "display": "POWER",
    "device": "0000:43:00.0",
    "query-aip": "index",
    "format": "csv",
    "nic": "ports",
    "ports": "0",
    "power-max": "500",
    "query-row-replacement": "uuid",
    "query-compute-apps": "pid",
    "loop-ms": "100",
    "count": "3",
    "output": "file",
    "completion": "bash",
}


COMPANIONS_OF = {
    "display": ["-q"],
    "format": ["-Q", "index"],
    "reset-aip": ["-i", "43:00.0"],
    "ports": ["-n", "link"],
    "count": ["-l"],
}


def test_nothing_given_is_the_table() -> None:
    assert parse([]) == Options()


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("-L", Options(Action.REPORT)),
        ("--list", Options(Action.REPORT)),
        ("-q -L", Options(Action.REPORT)),
        ("-q", Options(Action.REPORT)),
        ("--query", Options(Action.REPORT)),
        ("-q -d PRODUCT", Options(Action.REPORT, section="PRODUCT")),
        ("-qd PRODUCT", Options(Action.REPORT, section="PRODUCT")),
        ("-qdPRODUCT", Options(Action.REPORT, section="PRODUCT")),
        ("-q -d POWER -i 43:00.0", Options(Action.REPORT, section="POWER", selector=at("0000:43:00.0"))),
        ("-i 0000:B3:00.0", Options(selector=at("0000:b3:00.0"))),
        ("--device=0001:b3:00.0 -D", Options(selector=at("0001:b3:00.0"), is_debug=True)),
        ("-Q index -f csv", Options(Action.CSV, fields=("index",))),
        ("--query-aip=index --format=csv,noheader", Options(Action.CSV, fields=("index",), has_header=False)),
        (
            "--format=csv,nounits,noheader --query-aip index,Name",
            Options(Action.CSV, fields=("index", "name"), has_header=False, has_units=False),
        ),
        ("--query-gpu=name", Options(Action.CSV, fields=("name",))),
        ("--query-a=name", Options(Action.CSV, fields=("name",))),
        ("-Q index -l", Options(Action.CSV, fields=("index",), loop_ms=5000)),
        ("-Q index -l 1 -d 0", Options(Action.CSV, fields=("index",), loop_ms=1000, run_time_s=0)),
        ("-l 10 -Q index", Options(Action.CSV, fields=("index",), loop_ms=10000)),
        ("-l10", Options(loop_ms=10000)),
        ("-l", Options(loop_ms=5000)),
        ("--loop=2", Options(loop_ms=2000)),
        ("--loop 2", Options(loop_ms=2000)),
        ("-lq", Options(Action.REPORT, loop_ms=5000)),
        ("-ql 3", Options(Action.REPORT, loop_ms=3000)),
        ("--fw-version", Options(Action.FIRMWARE)),
        ("-n ports -i 43:00.0", Options(Action.NIC, nic_view="ports", selector=at("0000:43:00.0"))),
        ("-n link -P 0,1,23", Options(Action.NIC, nic_view="link", ports=(0, 1, 23))),
        ("-r -i 0000:19:00.0", Options(Action.RESET, selector=at("0000:19:00.0"))),
        ("--power 450", Options(Action.POWER_LIMIT, power_limit_w=450)),
        ("--power-limit=450", Options(Action.POWER_LIMIT, power_limit_w=450)),
        ("topo -c -N", Options(Action.TOPOLOGY, is_cpu_affinity_shown=True, is_numa_affinity_shown=True)),
        ("topo -cN", Options(Action.TOPOLOGY, is_cpu_affinity_shown=True, is_numa_affinity_shown=True)),
        ("-N topo", Options(Action.TOPOLOGY, is_numa_affinity_shown=True)),
        ("topo -h", Options(Action.HELP)),
        ("dmon -i 43:00.0", Options(Action.MONITOR, selector=at("0000:43:00.0"))),
        ("topo -m", Options(Action.TOPOLOGY, is_matrix_shown=True)),
        (
            "topo -c --json -o topo",
            Options(Action.TOPOLOGY, is_cpu_affinity_shown=True, is_json=True, output_path="topo"),
        ),
        ("-q -o topo", Options(Action.REPORT, output_path="topo")),
        ("-q -o stream", Options(Action.REPORT, output_path="stream")),
        ("stream", Options(Action.STREAM, loop_ms=1000)),
        ("stream --loop-ms 50 --count 3 -i 2", Options(Action.STREAM, index("2"), loop_ms=50, count=3)),
        ("stream -l", Options(Action.STREAM, loop_ms=5000)),
        ("top --loop-ms 250 -i module:3", Options(Action.TOP, Selector(SelectorKind.MODULE, "3"), loop_ms=250)),
        ("top", Options(Action.TOP, loop_ms=500)),
        ("events --json", Options(Action.EVENTS, is_json=True)),
        ("events --past --no-follow", Options(Action.EVENTS, is_past_shown=True, is_followed=False)),
        ("stream -h", Options(Action.HELP)),
        ("-i 0", Options(selector=index("0"))),
        ("-i 007", Options(selector=index("7"))),
        ("-i am99123400", Options(selector=Selector(SelectorKind.SERIAL, "AM99123400"))),
        (
            "-i 01p0-HL2080A0-15-TF8A81-09-07-06",
            Options(selector=Selector(SelectorKind.UUID, "01P0-HL2080A0-15-TF8A81-09-07-06")),
        ),
        ("--json", Options(is_json=True)),
        ("-q --json -d POWER", Options(Action.REPORT, section="POWER", is_json=True)),
        ("--query-compute-apps PID,used_memory", Options(Action.PROCESSES, fields=("pid", "used_memory"))),
        ("--loop-ms 1", Options(loop_ms=1)),
        ("--loop-ms 100 --count 4", Options(loop_ms=100, count=4)),
        ("--loo 2", Options(loop_ms=2000)),
        ("-l --count 2", Options(loop_ms=5000, count=2)),
        ("-Q index --output=x", Options(Action.CSV, fields=("index",), output_path="x")),
        (
            "--query-row-replacement=uuid,Replaced_rows.address -f csv,noheader",
            Options(Action.ROW_REPLACEMENT, fields=("uuid", "replaced_rows.address"), has_header=False),
        ),
        ("--help-query-aip", Options(Action.HELP_FIELDS)),
        ("--hel", Options(Action.HELP)),
        ("--completion zsh", Options(Action.COMPLETION, shell="zsh")),
        ("-v", Options(Action.VERSION)),
        ("-q -v", Options(Action.VERSION)),
        ("-v -h", Options(Action.HELP)),
        ("--help", Options(Action.HELP)),
    ],
)
def test_command_line(line: str, expected: Options) -> None:
    assert parse(line.split()) == expected


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("-x", "'-x'"),
        ("-qx", "'-x' in '-qx'"),
        ("--lisst", "'--lisst'"),
        ("--query-", "--query-aip, --query-gpu, --query-row-replacement"),
        ("--l", "--list-aips, --loop"),
        ("--d", "--display, --device"),
        ("--query=now", "'--query=now'"),
        ("-d", "-d needs an argument"),
        ("-q -d", "-d needs an argument"),
        ("-i", "-i needs an argument"),
        ("-i 43:00", "'43:00'"),
        ("-i 0000:43:00.8", "'0000:43:00.8'"),
        ("-i POWER", "'POWER'"),
        ("-i -1", "'-1'"),
        ("-i module:x", "'module:x'"),
        ("-i \N{ARABIC-INDIC DIGIT ONE}", "index"),
        ("-i 0000:43:00.0,1", "module:3"),
        ("--loop-ms 0", "'0'"),
        ("--query-compute-apps rows", "used_memory"),
        ("--loop-ms", "--loop-ms needs an argument"),
        ("-l 1 --loop-ms 100", "can not be combined"),
        ("--count 3", "needs -l or --loop-ms"),
        ("-l --count 0", "'0'"),
        ("-Q index -f csv --json", "can not be combined"),
        ("-r -i 0 --json", "--json"),
        ("--query-row-replacement rows", "replaced_rows.pending"),
        ("--completion csh", "'csh'"),
        ("-o", "-o needs an argument"),
        ("stream -Q index", "'-Q'"),
        ("stream -x", "'-x'"),
        ("top --json", "'--json'"),
        ("events --no-follow", "needs --past"),
        ("-D stream", "'stream'"),
        ("--help=query", "takes no argument"),
        ("-q -d POWR", "'POWR'"),
        ("-q -d power", "'power'"),
        ("-q -d POWER,CLOCK", "'POWER,CLOCK'"),
        ("-Q indx", "'indx'"),
        ("-Q index,", "''"),
        ("-Q index -d POWER", "'POWER'"),
        ("-Q index -d -1", "'-1'"),
        ("-Q index -f json", "'json'"),
        ("-Q index -f csv,noheder", "'noheder'"),
        ("-Q index -f noheader", "'noheader'"),
        ("-l 0", "'0'"),
        ("-l 0.5", "'0.5'"),
        ("-l 5s", "'5s'"),
        ("--loop=x", "'x'"),
        ("-l x", "'x'"),
        ("extra", "'extra'"),
        ("-q -- -L", "'--'"),
        ("-q -", "'-'"),
        ("-n prts", "'prts'"),
        ("-n link -P 1,x", "'x'"),
        ("-n link -P 100", "'100'"),
        ("-p many", "'many'"),
        ("-p 0", "'0'"),
        ("-f csv", "belongs to -Q"),
        ("-d POWER", "belongs to -q or -Q"),
        ("-P 1", "belongs to -n"),
        ("-r", "needs -i"),
        ("-q -Q index", "-q/--query and -Q"),
        ("-r -p 450 -i 43:00.0", "can not be combined"),
        ("-r -i 43:00.0 -l", "-l/--loop"),
        ("-i 43:00.0 -i 44:00.0", "given twice"),
        ("topo", "-c"),
        ("topo -x", "'-x'"),
        ("topo -i 43:00.0", "'-i'"),
        ("-l \N{ARABIC-INDIC DIGIT ONE}", "\N{ARABIC-INDIC DIGIT ONE}"),
    ],
)
def test_word_that_does_not_fit_is_named_on_one_line(line: str, named: str) -> None:
    with pytest.raises(UsageError) as raised:
        parse(line.split())
    assert named in str(raised.value)
    assert "\n" not in str(raised.value)
    assert raised.value.exit_status == 1


@pytest.mark.parametrize(
    ("line", "allowed"),
    [
        ("-x", [switch.spelling for switch in SWITCHES]),
        ("-q -d X", ["PRODUCT", "ROW_REPLACEMENT"]),
        ("-Q x", list(FIELDS)),
        ("-n x", ["ports", "link", "stats"]),
    ],
)
def test_error_lists_what_is_allowed(line: str, allowed: list[str]) -> None:
    with pytest.raises(UsageError) as raised:
        parse(line.split())
    assert all(word in str(raised.value) for word in allowed)


def test_same_switch_twice_with_the_same_argument_is_fine() -> None:
    assert parse(["-q", "-q", "-d", "POWER", "-d", "POWER"]) == Options(Action.REPORT, section="POWER")


GROUPS = st.sampled_from(
    [
        [["-q"], ["-d", "POWER"], ["-i", "43:00.0"], ["-l", "2"], ["-D"]],
        [["--query-aip=index,name"], ["--format", "csv,nounits"], ["--loop=3"], ["-d", "9"]],
        [["-Qindex"], ["-fcsv,noheader"], ["-l"], ["--device=43:00.0"]],
        [["-n", "link"], ["-P", "1,2"], ["-i", "0000:43:00.0"], ["-l4"]],
        [["topo"], ["-c"], ["-N"], ["-D"]],
        [["-p", "500"], ["-i", "43:00.0"], ["-D"]],
    ]
)


@given(GROUPS.flatmap(lambda group: st.tuples(st.just(group), st.permutations(group))))
def test_order_of_switches_does_not_matter(groups: tuple[list[list[str]], list[list[str]]]) -> None:
    written, shuffled = ([word for words in group for word in words] for group in groups)
    assert parse(written) == parse(shuffled)


@given(letter=st.sampled_from([c for c in string.printable if c not in LETTERS and c not in string.whitespace + "-"]))
def test_any_unknown_letter_is_a_usage_error(letter: str) -> None:
    for word in (f"-{letter}", f"-q{letter}", f"-{letter}q"):
        with pytest.raises(UsageError):
            parse([word])


@given(name=st.sampled_from(NAMES), data=st.data())
def test_prefix_is_the_option_or_ambiguous(name: str, data: st.DataObject) -> None:
    prefix = name[: data.draw(st.integers(min_value=1, max_value=len(name)))]
    switch = next(switch for switch in SWITCHES if name in switch.names)
    matches = [other for other in SWITCHES for known in other.names if known.startswith(prefix)]
    vendors = [other for other in matches if not other.is_extension]
    candidates = {other.key for other in vendors or matches}
    if switch.key not in candidates:
        return  # the prefix of one of our own options, which stays the vendor's
    is_exact = prefix in NAMES
    argument = ["43:00.0" if switch.key == "device" else ARGUMENT_OF.get(switch.key, "")]
    extra = argument if switch.argument is Argument.REQUIRED else []
    companions = COMPANIONS_OF.get(switch.key, [])
    if is_exact and prefix != name:
        return  # the prefix is another option's own name, such as --query of --query-aip
    if len(candidates) > 1 and not is_exact:
        with pytest.raises(UsageError, match="ambiguous"):
            parse([f"--{prefix}", *extra, *companions])
    else:
        assert parse([f"--{prefix}", *extra, *companions]) == parse([f"--{name}", *extra, *companions])


@given(name=st.sampled_from(NAMES), data=st.data())
def test_one_letter_slip_in_a_long_name_is_a_usage_error(name: str, data: st.DataObject) -> None:
    at = data.draw(st.integers(min_value=0, max_value=len(name) - 1))
    letter = data.draw(st.sampled_from(string.ascii_lowercase))
    slip = name[:at] + letter + name[at:] if data.draw(st.booleans()) else name[:at] + letter + name[at + 1 :]
    if any(known.startswith(slip) for known in NAMES):
        return
    with pytest.raises(UsageError):
        parse([f"--{slip}"])


@given(st.lists(st.text(max_size=8), max_size=6))
def test_any_words_give_options_or_a_usage_error_of_one_line(words: list[str]) -> None:
    try:
        options = parse(words)
    except UsageError as error:
        assert "\n" not in str(error)
    else:
        assert isinstance(options, Options)


@given(
    st.lists(
        st.sampled_from(
            ["-q", "-L", "-Q", "index", "-l", "3", "-d", "POWER", "-i", "43:00.0", "-n", "link", "-r", "-p"]
        ),
        max_size=7,
    )
)
def test_known_words_in_any_mixture_never_fail_otherwise(words: list[str]) -> None:
    try:
        parse(words)
    except UsageError as error:
        assert "\n" not in str(error)
