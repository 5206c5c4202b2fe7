"""A program under `gaudi-box exec`: what it sees, what its writes do, and what is left of it on the host: nothing."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from private_box import PrivateBox
from under_exec import UNPRIVILEGED, gaudi_box, require_namespaces, run_under_exec

from device.box_control import create_box
from device.box_spec import load_box_spec
from device.card import Box

WAYS = pytest.mark.parametrize("prefix", [(), UNPRIVILEGED], ids=["root", "user-namespace"])
CARD = "/sys/class/accel/accel0/device"

LOOK = """
set -e
cat /sys/class/accel/accel3/device/pci_addr
cat /sys/class/hwmon/hwmon*/name | grep -c HL225
test -c /dev/accel/accel7 && test -c /dev/accel/accel_controlD7
test -d /sys/devices/system/cpu && test -e /dev/null && test -w /dev/shm
env -i /usr/bin/hl-smi -Q index --format=csv,noheader | tail -1
ls /usr/lib/habanalabs/libhlml.so.1 /usr/include/habanalabs/hlml.h
cat /sys/module/habanalabs/parameters/sim_mode
lsmod | grep -c habanalabs
"""


def host_state() -> tuple[str, ...]:
    """What exec must not change outside."""
    places = ("/dev", "/run", "/sys/class", "/sys/fs", "/usr/bin")
    listing = tuple(" ".join(sorted(path.name for path in Path(place).iterdir())) for place in places)
    return (Path("/proc/self/mounts").read_text(), *listing)


@WAYS
def test_everything_is_at_its_real_path_and_the_host_stays_as_it_is(box: PrivateBox, prefix):
    before = host_state()
    done = run_under_exec(box, "sh", "-c", LOOK, prefix=prefix)
    assert done.stderr == "" and done.returncode == 0
    assert done.stdout.split() == [
        "0000:43:00.0", "8", "7", "/usr/include/habanalabs/hlml.h", "/usr/lib/habanalabs/libhlml.so.1", "1", "1",
    ]  # fmt: skip
    assert host_state() == before


@WAYS
def test_writes_act_and_are_seen_by_the_box(box, prefix):
    script = f"""
    cd {CARD}
    echo 400000 > max_power
    echo lots > /sys/class/accel/accel1/device/max_power
    echo 1 > /sys/class/accel/accel2/device/hard_reset
    third=/sys/class/accel/accel2/device
    for n in $(seq 100); do grep -q 400000 max_power && grep -q 1 $third/hard_reset_cnt && break; sleep 0.1; done
    cat max_power $third/status
    """
    done = run_under_exec(box, "sh", "-c", script, prefix=prefix)
    assert done.stdout == "400000\nIn reset\n"
    with Box.open(box.path) as opened:
        assert opened.cards[0].read().limit_mw == 400_000
        assert opened.cards[1].read().limit_mw == 550_000
        assert opened.cards[2].read().reset_count == 1


@WAYS
def test_the_driver_can_be_unloaded_and_loaded(box, prefix):
    script = """
    rmmod habanalabs; ls -d /dev/accel/* /sys/class/accel/* 2>/dev/null; lsmod | grep habanalabs; echo "unloaded $?"
    rmmod habanalabs; echo $?
    modprobe habanalabs timeout_locked=0 && test -c /dev/accel/accel7
    cat /sys/module/habanalabs/parameters/timeout_locked
    modprobe -r habanalabs && modprobe habanalabs && cat /sys/module/habanalabs/parameters/timeout_locked
    """
    done = run_under_exec(box, "sh", "-c", script, prefix=prefix)
    assert done.stdout == "unloaded 1\n1\n0\n30\n"
    assert done.stderr == "rmmod: ERROR: Module habanalabs is not currently loaded\n"


def test_a_driver_whose_card_is_held_stays_loaded(box):
    script = "rmmod habanalabs; echo $?; modprobe -r habanalabs; echo $?; lsmod | grep -c 'habanalabs.* 1'"
    with Box.open(box.path) as opened:
        opened.cards[5].acquire()
        done = run_under_exec(box, "sh", "-c", script)
    assert done.stdout == "1\n1\n1\n"
    assert done.stderr.splitlines() == [
        "rmmod: ERROR: Module habanalabs is in use",
        "modprobe: FATAL: Module habanalabs is in use.",
    ]


def test_other_modules_are_the_hosts_business(box):
    done = run_under_exec(box, "modprobe", "no_such_module_at_all")
    assert done.returncode != 0 and "no_such_module_at_all" in done.stderr


@WAYS
def test_only_chosen_cards_are_seen_under_their_own_numbers(box, prefix):
    script = """
    ls /dev/accel /sys/class/accel; ls /sys/bus/pci/drivers/habanalabs | grep -c :
    echo $HABANA_VISIBLE_MODULES; hl-smi -Q index --format=csv,noheader
    """
    done = run_under_exec(box, "sh", "-c", script, options=("--devices", "0,3"), prefix=prefix)
    with Box.open(box.path, for_writing=False) as opened:
        modules = f"{opened.cards[0].identity.module_id},{opened.cards[3].identity.module_id}"
    nodes = ["accel0", "accel3", "accel_controlD0", "accel_controlD3"]
    assert done.stdout.split() == ["/dev/accel:", *nodes, "/sys/class/accel:", *nodes, "2", modules, "0", "3"]


def test_no_card_at_all_can_be_shown(box):
    done = run_under_exec(box, "sh", "-c", "ls /sys/class/accel /dev/accel | wc -l; hl-smi", HABANA_VISIBLE_DEVICES="")
    assert "no AIPs available" in done.stdout and done.returncode == 1


def test_nodes_of_cards_differ_in_number_and_inode_and_end_at_once_when_read(box):
    script = "stat -c '%t:%T %i' /dev/accel/*; cat /dev/accel/accel0; head -c 4 < /dev/accel/accel_controlD3"
    lines = run_under_exec(box, "sh", "-c", script).stdout.splitlines()
    assert len(lines) == 16
    assert len({line.split()[0] for line in lines}) == len({line.split()[1] for line in lines}) == 16


def test_a_box_that_is_replaced_is_followed(box):
    script = """
    echo ready; read line
    for n in $(seq 100); do grep -qs GAUDI3 /sys/class/accel/accel0/device/device_type && break; sleep 0.1; done
    cat /sys/class/accel/accel0/device/device_type; hl-smi -Q name --format=csv,noheader | head -1
    """
    require_namespaces()
    with subprocess.Popen(
        [gaudi_box(), "exec", "--", "sh", "-c", script], env=box.env, text=True, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        create_box(box.path, load_box_spec("hls3"), "box")
        out, _ = process.communicate("go\n", timeout=60)
        assert out == "GAUDI3\nHL-325L\n"


@pytest.mark.parametrize(
    ("command", "status"), [(["true"], 0), (["sh", "-c", "exit 7"], 7), (["sh", "-c", "kill -9 $$"], 137)]
)
def test_the_exit_status_is_that_of_the_program(box, command, status):
    done = run_under_exec(box, *command)
    assert (done.returncode, done.stdout, done.stderr) == (status, "", "")


def test_a_program_that_cannot_be_started_is_named(box, tmp_path):
    done = run_under_exec(box, "no-such-program")
    assert done.returncode == 127 and done.stderr == "gaudi-box: no-such-program: there is no such program\n"
    script = tmp_path / "plain"
    script.write_text("text")
    done = run_under_exec(box, str(script))
    assert done.returncode == 126 and done.stderr.count("\n") == 1


def test_the_working_directory_and_the_words_of_the_command_stay(box):
    done = run_under_exec(box, "sh", "-c", 'pwd; printf "[%s]" "$@"', "sh", "--devices", "a b", "")
    assert done.stdout == f"{Path.cwd()}\n[--devices][a b][]"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP])
def test_signals_reach_the_program(box, number):
    require_namespaces()
    name = number.name.removeprefix("SIG")
    script = f"trap 'echo got {name}; exit 5' {name}; echo ready; while :; do sleep 0.05; done"
    with subprocess.Popen(
        [gaudi_box(), "exec", "--", "sh", "-c", script], env=box.env, text=True, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(number)
        out, _ = process.communicate(timeout=60)
        assert out == f"got {name}\n" and process.returncode == 5


TERMINAL = """
import os, pty, sys
child, terminal = pty.fork()
if child == 0:
    os.execv(sys.argv[1], sys.argv[1:])
text = b""
while b"ready" not in text:
    text += os.read(terminal, 100)
os.write(terminal, b"\\x03")
_, status = os.waitpid(child, 0)
print(os.waitstatus_to_exitcode(status))
"""


def test_control_c_on_a_terminal_ends_the_program_once(box):
    require_namespaces()
    script = "trap 'echo $$ >> $COUNT; exit 9' INT; echo ready; while :; do sleep 0.05; done"
    count = box.logs / "count"
    done = subprocess.run(
        [sys.executable, "-c", TERMINAL, gaudi_box(), "exec", "--", "sh", "-c", script],
        env={**box.env, "COUNT": str(count)}, capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    assert done.stdout == "9\n"
    assert len(count.read_text().splitlines()) == 1


def test_a_program_has_terminals_of_its_own(box):
    code = "import os; m, s = os.openpty(); print(os.isatty(s), os.stat(os.ttyname(s)).st_rdev == os.fstat(s).st_rdev)"
    for prefix in ((), UNPRIVILEGED):
        assert run_under_exec(box, sys.executable, "-c", code, prefix=prefix).stdout == "True True\n"


def test_the_program_ends_when_its_parent_is_killed(box):
    require_namespaces()
    with subprocess.Popen(
        [gaudi_box(), "exec", "--", "sh", "-c", "echo started; exec sleep 600"], env=box.env, text=True,
        stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stdout.readline() == "started\n"
        process.kill()
        assert process.stdout.read() == ""  # its end of the pipe is closed: it is gone


def test_shared_memory_is_private_and_as_large_as_the_hosts(box):
    done = run_under_exec(box, "sh", "-c", "echo > /dev/shm/mine; df --output=size /dev/shm | tail -1")
    host = os.statvfs("/dev/shm")
    assert int(done.stdout) == host.f_blocks * host.f_frsize // 1024
    assert not Path("/dev/shm/mine").exists()


def test_a_right_that_is_missing_is_named_and_nothing_runs(box):
    require_namespaces(UNPRIVILEGED)
    script = f"echo 0 > /proc/sys/user/max_user_namespaces; {' '.join(UNPRIVILEGED)} {gaudi_box()} exec -- echo ran"
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "sh", "-c", script], env=box.env, capture_output=True, text=True,
        check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 4 and done.stdout == ""
    assert "user and mount namespaces" in done.stderr and "max_" in done.stderr and "gaudi-box sysfs" in done.stderr
    assert done.stderr.count("\n") == 1


GRAFT = """
import os, sys
from pathlib import Path
from device.exec.graft import expose
from device.exec.namespace import enter_namespace
host, ours = Path(sys.argv[1]), Path(sys.argv[2])
enter_namespace()
expose(host, ours, can_overlay=sys.argv[3] == "overlay")
for path in sorted(host.rglob("*")):
    text = os.readlink(path) if path.is_symlink() else path.read_text() if path.is_file() else "/"
    print(path.relative_to(host), text)
"""


@pytest.mark.parametrize("way", ["overlay", "binds"])
def test_our_files_lie_among_the_hosts_whichever_way_the_kernel_allows(tmp_path, way):
    require_namespaces()
    host, ours = tmp_path / "host", tmp_path / "ours"
    for path, text in {"a": "host", "b": "host", "d/x": "host", "e/y": "host"}.items():
        (host / path).parent.mkdir(parents=True, exist_ok=True)
        (host / path).write_text(text)
    (host / "link").symlink_to("a")
    for path in ("b", "d/z", "new/w"):
        (ours / path).parent.mkdir(parents=True, exist_ok=True)
        (ours / path).write_text("ours")
    done = subprocess.run(
        [sys.executable, "-P", "-c", GRAFT, str(host), str(ours), way], capture_output=True, text=True, check=False
    )
    if way == "overlay" and "y host" not in done.stdout:
        pytest.skip("no overlay of this file system")
    assert done.stderr == ""
    assert done.stdout.splitlines() == [
        "a host", "b ours", "d /", "d/x host", "d/z ours", "e /", "e/y host", "link a", "new /", "new/w ours",
    ]  # fmt: skip
    assert (host / "b").read_text() == "host"


def test_one_exec_inside_another_shows_its_own_cards_only(box):
    script = """
    ls /dev/accel; hl-smi -Q index --format=csv,noheader; ls /sys/class/hwmon | wc -l
    ls /sys/bus/pci/drivers/habanalabs | grep -c 0000:; ls -d /sys/devices/pci0000:43 /sys/devices/pci0000:b3
    python3 -c 'import os; m, s = os.openpty(); print(os.isatty(s), os.path.exists(os.ttyname(s)))'
    """
    inner = (gaudi_box(), "exec", "--devices", "3", "--", "sh", "-c", script)
    done = run_under_exec(box, *inner, options=("--devices", "1,3"))
    assert done.stdout.split() == [
        "accel3",
        "accel_controlD3",
        "3",
        "1",
        "1",
        "/sys/devices/pci0000:43",
        "True",
        "True",
    ]


def test_runbook_enters_the_qual_tree(box: PrivateBox) -> None:
    script = "cd /opt/habanalabs/qual/gaudi2/bin && ls && ./hl_qual -h | head -n 1 && ./manage_network_ifs.sh --status"
    done = run_under_exec(box, "sh", "-c", script)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[:4] == ["hl_qual", "manage_network_ifs.sh", "monitor", "runner"]
    assert lines[4].startswith("hl_qual - qualification")
    assert lines[5:7] == ["accel0", "3 ports down (8, 22, 23)"]
