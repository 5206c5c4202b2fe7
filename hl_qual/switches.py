"""The switches of hl_qual as data: every one that the real tool documents, plus ours (two hyphens).

Read by `argv` (what is legal) and `usage` (what the help says). No parsing here. Ranges are the documented ones,
widened where scripts in the field go beyond them; the comment says where.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = [
    "COMMON",
    "FAMILIES",
    "OWN",
    "SELECTORS",
    "TEST_NAMES",
    "Kind",
    "Selector",
    "Switch",
]

FAMILIES = {"-gaudi": "gaudi", "-gaudi2": "gaudi2", "-gaudi3": "gaudi3"}

# Tests of the short form `-t <name>` that the product promises; plugins found by entry points come on top. What has a
# switch of its own has no name.
TEST_NAMES = ("matmul_stress", "hbm_bandwidth", "rdma_loopback")


class Kind(enum.Enum):
    """What follows a switch."""

    FLAG = "flag"
    CHOICE = "choice"
    OPTIONAL_CHOICE = "optional choice"
    INTEGER = "integer"
    TEXT = "text"
    PORTS = "ports"


@dataclass(frozen=True, slots=True)
class Switch:
    """One switch. `choices` for choices, `minimum` and `maximum` for integers."""

    word: str
    kind: Kind
    help: str
    choices: tuple[str, ...] = ()
    minimum: int = 0
    maximum: int = 0

    @property
    def synopsis(self) -> str:
        """The switch with its value, as the help shows it."""
        value = {
            Kind.FLAG: "",
            Kind.CHOICE: " " + "|".join(self.choices),
            Kind.OPTIONAL_CHOICE: " [" + "|".join(self.choices) + "]",
            Kind.INTEGER: f" {self.minimum}..{self.maximum}",
            Kind.TEXT: " <text>",
            Kind.PORTS: " <port>[,<port>...]",
        }
        return self.word + value[self.kind]


@dataclass(frozen=True, slots=True)
class Selector:
    """A switch that chooses the test of this run. `modes` are values the selector itself may take, `levels` those of
    -l."""

    word: str
    plugin: str
    help: str
    is_time_based: bool = False
    iterations: tuple[int, int] | None = None
    own: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    levels: tuple[str, ...] = ()


COMMON = {
    switch.word: switch
    for switch in (
        Switch("-rmod", Kind.CHOICE, "one card after another, or all at once", ("serial", "parallel")),
        Switch("-dis_mon", Kind.FLAG, "do not draw the monitor (data is collected all the same)"),
        Switch("-mon_cfg", Kind.TEXT, "monitor INI with the bounds to watch"),
        Switch("-enable_serr", Kind.FLAG, "corrected (single-bit) ECC errors fail a card too"),
        Switch("-dmesg", Kind.FLAG, "append the kernel log of the test period to the report file"),
        Switch("-disable_pipe_red", Kind.FLAG, "print the runners' output at once instead of in the report"),
        Switch("-skip_aer_detection", Kind.FLAG, "PCIe AER events do not fail a card"),
        Switch("-sensors", Kind.INTEGER, "print all temperature sensors every N seconds", minimum=1, maximum=86400),
        Switch("--expected-devices", Kind.INTEGER, "do not start unless N cards are present", minimum=1, maximum=64),
        Switch("--seed", Kind.INTEGER, "seed of the test data", minimum=0, maximum=2**32 - 1),
        Switch("--plan", Kind.TEXT, "several tests in a row: quick, medium, long or a TOML file"),
        Switch("--repeat", Kind.INTEGER, "the test or plan so many times", minimum=1, maximum=100000),
        Switch("--fail-early", Kind.FLAG, "end a plan after the first step that did not pass"),
        Switch("--checkpoint", Kind.TEXT, "file that notes every finished step; -i N becomes N steps"),
        Switch("--resume", Kind.TEXT, "go on where the checkpoint file ends"),
    )
}

OWN = {
    switch.word: switch
    for switch in (
        Switch("-skip_val", Kind.FLAG, "skip the ECC readout"),
        Switch("-skip_rst", Kind.FLAG, "skip the reset"),
        # Which of them a test knows is in its selector: inc_power belongs to -e, simple to -f2 (one script).
        Switch("-l", Kind.CHOICE, "level of the load", ("extreme", "high", "simple", "inc_power")),
        Switch("-inc_power", Kind.FLAG, "increasing power"),
        Switch("-Tw", Kind.INTEGER, "seconds of work", minimum=1, maximum=20),
        Switch("-Ts", Kind.INTEGER, "seconds of idling", minimum=1, maximum=20),
        Switch("-sync", Kind.FLAG, "align the rising edges of all cards"),
        Switch("-enable_ports_check", Kind.CHOICE, "check the ports", ("all", "int")),
        Switch("-toggle", Kind.FLAG, "count port toggles"),
        Switch(
            "-test_type",
            Kind.CHOICE,
            "serdes test",
            ("pairs", "allgather", "allreduce", "loopback", "bandwidth", "dir_bw", "ext_pairs"),
        ),
        Switch("-ep", Kind.INTEGER, "epochs", minimum=10, maximum=500),
        Switch("-sz", Kind.INTEGER, "buffer size in bytes", minimum=1, maximum=2**40),
        Switch("-disable_ports", Kind.PORTS, "ports to leave out"),
        Switch("-ber_enable", Kind.FLAG, "bit error rate too"),
        Switch("-check_all", Kind.FLAG, "symbol error rate before and after FEC, and bit error rate"),
        Switch("-serdes", Kind.OPTIONAL_CHOICE, "traffic on the ports too", ("int", "ext")),
        Switch("-d", Kind.FLAG, "accepted, no effect"),
        Switch("-dis_val", Kind.FLAG, "do not validate the output"),
        Switch("-memOnly", Kind.FLAG, "device memory only"),
        Switch("-pciOnly", Kind.FLAG, "host to HBM only"),
        Switch("-sramOnly", Kind.FLAG, "host to SRAM only"),
        Switch("-pciall", Kind.FLAG, "-pciOnly and -sramOnly"),
        Switch("-b", Kind.FLAG, "both directions at once"),
        Switch("-gen", Kind.CHOICE, "PCIe generation of the limits", ("gen3", "gen4", "gen5")),
        Switch("-lanes", Kind.CHOICE, "PCIe lanes of the limits", ("8", "16")),
        Switch("-size", Kind.INTEGER, "buffer size in bytes, at least 1 GB", minimum=10**9, maximum=2**40),
    )
}

_HBM = ("-skip_val", "-skip_rst")
_PORTS = ("-enable_ports_check", "-toggle")
_PCIE = ("-b", "-gen", "-lanes")
# Scripts pass the pulse switches to -s too, where they have no effect.
_POWER = ("-l", "-inc_power", "-Tw", "-Ts", "-sync", *_PORTS)

SELECTORS = {
    selector.word: selector
    for selector in (
        Selector("-hbm_dma_stress", "hbm_dma_stress", "HBM by DMA", iterations=(1, 1024), own=_HBM),
        Selector(
            "-hbm_tpc_stress",
            "hbm_tpc_stress",
            "HBM by TPC",
            iterations=(1, 1024),
            own=_HBM,
            modes=("read", "write", "read_write", "full_rw"),
        ),
        Selector(
            "-full_hbm_data_check_test",
            "full_hbm_data_check_test",
            "every HBM location",
            iterations=(1, 1024),
            own=_HBM,
        ),
        Selector("-s", "power_stress", "power stress", is_time_based=True, own=_POWER, levels=("extreme", "high")),
        Selector(
            "-e",
            "edp_stress",
            "power pulses (EDP)",
            is_time_based=True,
            own=_POWER,
            levels=("extreme", "high", "inc_power"),
        ),
        # 50 is the documented lower bound of -i; scripts use 40 with release 1.19.
        Selector(
            "-nic_base",
            "nic_base",
            "serdes base test",
            iterations=(1, 10000),
            own=("-test_type", "-ep", "-sz", "-disable_ports", *_PORTS),
        ),
        Selector(
            "-e2e_concurrency",
            "e2e_concurrency",
            "traffic on every port at once",
            is_time_based=True,
            own=("-disable_ports", *_PORTS),
        ),
        Selector("-ser", "ser", "symbol and bit error rates", own=("-ber_enable", "-check_all")),
        Selector(
            "-f2",
            "f2",
            "functional test 2 (the full chip)",
            is_time_based=True,
            own=("-l", "-serdes", "-d", "-dis_val", *_PORTS),
            levels=("extreme", "high", "simple"),
        ),
        Selector("-mb", "memory_bw", "memory bandwidth", own=("-memOnly", "-pciOnly", "-sramOnly", "-pciall", *_PCIE)),
        Selector("-p", "pci_bw", "PCI bandwidth", is_time_based=True, own=("-size", *_PCIE)),
    )
}
