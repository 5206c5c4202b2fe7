"""Every documented command line is understood, and any slip is a usage error that names the word."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hl_qual.argv import HelpRequest, Options, parse
from hl_qual.errors import UsageError
from hl_qual.switches import COMMON, FAMILIES, OWN, SELECTORS

TESTS = ("matmul_stress", "hbm_bandwidth", "rdma_loopback")

# As scripts in the field write them.
FIELD = [
    # Intel cloud, Gaudi 2 and Gaudi 3
    "-dmesg -dis_mon -gaudi2 -c all -pciOnly -rmod serial -mb -b -gen gen4",
    "-dmesg -dis_mon -gaudi2 -c all -e2e_concurrency -rmod parallel -t 30 -disable_ports 8,22,23",
    "-dmesg -dis_mon -gaudi2 -c all -f2 -rmod parallel -l extreme -t 420 -serdes int",
    "-gaudi3 -c all -p -rmod serial -t 5 -b -gen gen4",
    "-gaudi3 -c all -p -rmod serial -t 5 -gen gen4",
    "-gaudi3 -c all -rmod parallel -f2 -l extreme -t 240",
    "-gaudi3 -c all -rmod parallel -f2 -l high -d -t 60",
    "-gaudi3 -c all -rmod parallel -hbm_tpc_stress read -i 3",
    "-gaudi3 -c all -rmod parallel -hbm_tpc_stress write -i 4",
    "-gaudi3 -c all -rmod parallel -hbm_tpc_stress full_rw -i 1 -skip_rst",
    "-hbm_tpc_stress read_write -i 3 -skip_rst -gaudi3 -c all -rmod parallel",
    "-hbm_tpc_stress -i 3 -gaudi3 -c all -rmod parallel",
    "-full_hbm_data_check_test -i 1 -gaudi3 -c all -rmod parallel",
    "-gaudi3 -c all -rmod parallel -dis_mon -hbm_dma_stress -i 1",
    "-gaudi3 -c all -rmod parallel -e -t 120",
    "-gaudi3 -c all -rmod parallel -e -t 60 -sync -Tw 2 -Ts 3",
    "-gaudi3 -c all -rmod parallel -s -t 180",
    "-gaudi3 -c all -rmod parallel -f2 -l extreme -t 420 -serdes -enable_ports_check int",
    # Dell Omnia
    "-gaudi3 -c all -rmod parallel -f2 -l extreme -t 60",
    "-gaudi2 -c all -rmod serial -mb -memOnly",
    "-gaudi2 -c all -rmod parallel -sramOnly -mb",
    "-gaudi3 -c all -rmod parallel -i 50 -nic_base -test_type pairs",
    "-gaudi3 -c all -rmod parallel -i 50 -ep 100 -nic_base -test_type allreduce",
    "-gaudi3 -c all -rmod parallel -i 40 -ep 40 -nic_base -test_type allgather",
    "-gaudi3 -c all -rmod parallel -i 40 -ep 40 -nic_base -test_type dir_bw",
    "-gaudi3 -c all -rmod parallel -e -sync -t 120 -Tw 2 -Ts 3",
    "-ser -ber_enable -check_all -gaudi2 -c all -rmod parallel",
    # Supermicro
    "-c all -rmod parallel -i 100 -sensors 10 -ep 50 -sz 134217728 -nic_base -test_type pairs -gaudi2",
    "-s -l extreme -t 180 -Tw 1 -Ts 1 -sync -c all -rmod serial",
    "-gaudi2 -c all -rmod parallel -t 20 -p -b -gen gen5",
    "-gaudi2 -c all -rmod parallel -full_hbm_data_check_test -i 3",
    "-gaudi2 -c all -rmod parallel -f2 -l simple -t 30 -dis_val -enable_serr",
    "-gaudi2 -c all -rmod parallel -e -l extreme -inc_power -Tw 20 -Ts 1 -toggle",
    # Gaudi 2E manual
    "-gaudi2 -c all -rmod parallel -p -b -t 20 -size 2147483648 -lanes 8",
    "-gaudi2 -c quad_0 -rmod parallel -f2 -l extreme -serdes int -t 300",
    "-gaudi2 -c quad_1 -rmod parallel -f2 -l extreme -serdes int -t 300",
    "-gaudi2 -c all -rmod parallel -mb -pciall -skip_aer_detection -disable_pipe_red",
    "-gaudi -c all -rmod serial -s -l high",
]


def words(text: str) -> list[str]:
    return text.split()


def options(text: str) -> Options:
    parsed = parse(words(text), TESTS)
    assert isinstance(parsed, Options)
    return parsed


def error(text: str) -> str:
    with pytest.raises(UsageError) as caught:
        parse(words(text), TESTS)
    return str(caught.value)


@pytest.mark.parametrize("line", FIELD)
def test_command_lines_of_the_field_are_accepted(line: str) -> None:
    assert options(line).selector is not None


def test_short_form_alone_means_all_cards_in_parallel() -> None:
    found = options("-t matmul_stress")
    assert (found.test, found.family, found.devices, found.is_parallel) == ("matmul_stress", None, ("all",), True)


@pytest.mark.parametrize(
    "line", ["-t matmul_stress -t 120", "-t 120 -t matmul_stress", "-t 120 -gaudi2 -t matmul_stress"]
)
def test_both_meanings_of_t_in_one_command(line: str) -> None:
    assert (options(line).test, options(line).duration_s) == ("matmul_stress", 120.0)


@pytest.mark.parametrize(
    "ids", ["0000:19:00.0,0000:1a:00.0", "0000:19:00.0 0000:1a:00.0", "0000:19:00.0, 0000:1A:00.0", "19:00.0 1a:00.0"]
)
def test_card_lists_are_separated_by_commas_or_blanks(ids: str) -> None:
    assert options(f"-c {ids} -t matmul_stress").devices == ("0000:19:00.0", "0000:1a:00.0")


@pytest.mark.parametrize("ids", ["0,3", "0 3", "0, 03", "0, 3 -gaudi2"])
def test_cards_may_be_given_by_number(ids: str) -> None:
    assert options(f"-c {ids} -t matmul_stress").devices == ("0", "3")


def test_numbers_and_bus_ids_mix() -> None:
    assert options("-t matmul_stress -c 3,1a:00.0 -t 5").devices == ("3", "0000:1a:00.0")


@pytest.mark.parametrize(
    ("line", "named"),
    [
        ("", "no test"),
        ("-gaudi2", "no test"),
        ("-t matmul_stres", "matmul_stres"),
        ("-t", "-t"),
        ("-t 0", "'0'"),
        ("-t -5", "-t"),
        ("-t120 -t matmul_stress", "-t120"),
        ("-t 1 -t 2 -t matmul_stress", "-t <seconds>"),
        ("-t matmul_stress -t hbm_bandwidth", "-t <test name>"),
        ("-t matmul_stress -f2 -c all -rmod serial", "-f2"),
        ("-gaudi2 -gaudi3 -t matmul_stress", "-gaudi3"),
        ("-gaud2 -t matmul_stress", "-gaud2"),
        ("-hbm_dma_stress -full_hbm_data_check_test -c all -rmod serial", "-full_hbm_data_check_test"),
        ("-f2 -rmod serial", "-c"),
        ("-f2 -c all", "-rmod"),
        ("-f2 -c all -r mod_serial", "'-r'"),
        ("-f2 -c all -rmod paralel", "paralel"),
        ("-f2 -c al -rmod serial", "'al'"),
        ("-f2 -c 0000:19:00.0,0000:19:00.0 -rmod serial", "0000:19:00.0"),
        ("-f2 -c 0000:19:00.0, -rmod serial", "0000:19:00.0,"),
        ("-f2 -c 1,01 -rmod serial", "'1' twice"),
        ("-f2 -c 1000 -rmod serial", "'1000'"),
        ("-f2 -c all -rmod serial -i 3", "-i"),
        ("-mb -c all -rmod serial -t 3", "-t"),
        ("-mb -c all -rmod serial -l high", "-l"),
        ("-s -c all -rmod serial -l inc_power", "inc_power"),
        ("-f2 -c all -rmod serial -l inc_power", "inc_power"),
        ("-hbm_dma_stress -i 1025 -c all -rmod serial", "1025"),
        ("-t matmul_stress -i 3", "-i"),
        ("-t matmul_stress --expected-devices=8", "--expected-devices=8"),
        ("-t matmul_stress a.ini b.ini", "b.ini"),
        ("-t matmul_stress -sensors x", "'x'"),
        ("-e2e_concurrency -disable_ports 8,,9 -c all -rmod serial", "8,,9"),
    ],
)
def test_a_slip_is_named(line: str, named: str) -> None:
    assert named in error(line)


def test_help_wins_and_carries_the_family() -> None:
    assert parse(["-gaudi2", "-h"], TESTS) == HelpRequest("gaudi2")
    assert parse(["--help", "-nonsense"], TESTS) == HelpRequest(None)


PIECES = [
    ["-gaudi2"],
    ["-c", "all"],
    ["-rmod", "parallel"],
    ["-f2"],
    ["-l", "extreme"],
    ["-t", "240"],
    ["-serdes", "int"],
]


@given(st.permutations(PIECES))
def test_order_never_matters(pieces: list[list[str]]) -> None:
    shuffled = [word for piece in pieces for word in piece]
    found, expected = parse(shuffled, TESTS), parse([word for piece in PIECES for word in piece], TESTS)
    assert isinstance(found, Options) and isinstance(expected, Options)
    assert dict(found.own) == dict(expected.own)
    fields = ("family", "devices", "is_parallel", "duration_s", "selector")
    assert [getattr(found, name) for name in fields] == [getattr(expected, name) for name in fields]


SWITCHES = sorted({*FAMILIES, *SELECTORS, *COMMON, *OWN, "-c", "-t", "-i"})


@given(st.sampled_from(SWITCHES), st.data())
def test_any_one_letter_slip_in_a_switch_is_an_error(switch: str, data: st.DataObject) -> None:
    position = data.draw(st.integers(1, len(switch) - 1))
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz_0123456789"))
    slip = switch[:position] + letter + switch[position + 1 :]
    if slip in SWITCHES or slip == "-h":
        return
    assert slip in error(f"-t matmul_stress {slip}")


@given(st.lists(st.one_of(st.sampled_from([*SWITCHES, "all", "5", "serial", "matmul_stress"]), st.text(max_size=6))))
def test_parse_gives_options_or_a_usage_error_and_nothing_else(line: list[str]) -> None:
    try:
        parsed = parse(line, TESTS)
    except UsageError as found:
        assert "\n" not in str(found).replace("\\n", "")
    else:
        if not isinstance(parsed, HelpRequest) and parsed.plan is None:
            assert (parsed.test is None) != (parsed.selector is None)
