"""Holding a card: exclusive, freed by any death, seen across processes and PID namespaces."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from private_box import PrivateBox

from device._device import ffi, lib
from device.card import Box, CardState
from device.errors import CardBusyError

HOLDER = """
import sys, time
from device.card import Box
box = Box.open()
card = box.card(0)
card.acquire()
card.publish_memory(5 << 30)
card.publish_activity((1.0, 0.0, 0.0, 0.1, 0.0, 0.0), 3.0)
card.start_lease()
print("held", flush=True)
time.sleep(60)
"""
RESERVED = 768 << 20
LEASE_S = 0.5


@pytest.fixture
def holder(box: PrivateBox) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen([sys.executable, "-c", HOLDER], env=box.env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    yield process
    process.kill()
    process.wait()
    process.stdout.close()


def wait_until(condition: object, seconds: float) -> None:
    """Wait for a state that must come; a deadline far beyond the lease bounds a failure."""
    end = time.monotonic() + seconds
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.01)


def can_acquire(card: CardState) -> bool:
    try:
        card.acquire()
    except CardBusyError:
        return False
    return True


def test_second_process_is_told_who_holds_the_card(holder: subprocess.Popen[str]) -> None:
    with Box.open() as box, pytest.raises(CardBusyError) as caught:
        box.card(0).acquire()
    assert caught.value.pid == holder.pid
    assert caught.value.comm.startswith("python")


def test_activity_and_memory_of_a_holder_are_seen(holder: subprocess.Popen[str]) -> None:
    with Box.open(for_writing=False) as box:
        reading = box.card(0).read()
        assert reading.memory_used_bytes == RESERVED + (5 << 30)
        assert reading.activity.mme == 1.0
        wait_until(lambda: box.card(0).read().power_w > 300, 20)
        assert box.card(1).read().activity.mme == 0.0


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_death_frees_the_card_at_once_and_its_load_within_the_lease(
    holder: subprocess.Popen[str], how: signal.Signals
) -> None:
    with Box.open() as box:
        card = box.card(0)
        holder.send_signal(how)
        holder.wait()
        wait_until(lambda: card.read().activity.mme == 0.0, 10 * LEASE_S)
        wait_until(lambda: card.read().memory_used_bytes == RESERVED, 10 * LEASE_S)
        card.acquire()
        assert card.read().memory_used_bytes == RESERVED
        card.release()


def test_stopped_holder_loses_its_load_but_keeps_its_card(holder: subprocess.Popen[str]) -> None:
    with Box.open() as box:
        card = box.card(0)
        holder.send_signal(signal.SIGSTOP)
        wait_until(lambda: card.read().activity.mme == 0.0, 10 * LEASE_S)
        with pytest.raises(CardBusyError):
            card.acquire()
        holder.send_signal(signal.SIGCONT)
        wait_until(lambda: card.read().activity.mme == 1.0, 10 * LEASE_S)


def test_card_is_exclusive_across_pid_namespaces(box: PrivateBox) -> None:
    command = ["unshare", "--pid", "--fork", "--kill-child", sys.executable, "-c", HOLDER]
    process = subprocess.Popen(command, env=box.env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    with Box.open() as opened:
        with pytest.raises(CardBusyError):
            opened.card(0).acquire()
        wait_until(lambda: opened.card(0).read().power_w > 200, 20)
        process.kill()
        process.wait()
        process.stdout.close()
        wait_until(lambda: opened.card(0).read().activity.mme == 0.0, 10 * LEASE_S)
        opened.card(0).acquire()
        opened.card(0).release()


def test_child_of_a_holder_does_not_keep_the_card(box: PrivateBox) -> None:
    forks = "import os\nif os.fork() == 0:\n    time.sleep(60)\n"
    command = [sys.executable, "-c", HOLDER.replace("print(", forks + "print(")]
    process = subprocess.Popen(command, env=box.env, stdout=subprocess.PIPE, text=True, start_new_session=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "held\n"
        process.kill()
        process.wait()
        with Box.open() as opened:
            # The child gives the lock up in its own time after fork, which may be after its parent's death.
            wait_until(lambda: can_acquire(opened.card(0)), 10)
            opened.card(0).release()
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()


def test_parent_and_child_that_share_an_open_box_do_not_share_a_card(box: PrivateBox) -> None:
    with Box.open() as opened:
        read, write = os.pipe()
        child = os.fork()
        if child == 0:
            opened.card(0).acquire()
            os.write(write, b"held")
            time.sleep(60)
            os._exit(0)
        try:
            assert os.read(read, 4) == b"held"
            with pytest.raises(CardBusyError, match=f"process {child}"):
                opened.card(0).acquire()
            opened.card(1).acquire()
            opened.card(1).release()
        finally:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            os.close(read)
            os.close(write)
        wait_until(lambda: can_acquire(opened.card(0)), 10)
        opened.card(0).release()


def test_child_of_a_holder_without_a_lease_neither_holds_nor_keeps_the_card(box: PrivateBox) -> None:
    with Box.open() as opened:
        opened.card(0).acquire()
        child = os.fork()
        if child == 0:
            try:
                opened.card(0).acquire()
                os._exit(1)
            except CardBusyError as error:
                os._exit(0 if error.pid == os.getppid() else 2)
        _, status = os.waitpid(child, 0)
        assert os.waitstatus_to_exitcode(status) == 0
        opened.card(0).release()
        opened.card(0).acquire()
        opened.card(0).release()


def test_a_pid_of_another_container_is_called_so(box: PrivateBox) -> None:
    command = ["unshare", "--pid", "--fork", "--kill-child", "--mount-proc", sys.executable, "-c", HOLDER]
    process = subprocess.Popen(command, env=box.env, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "held\n"
        with Box.open() as opened:
            error = ffi.new("gaudi_error *")
            assert lib.gaudi_card_acquire(opened.card(0).c_object, ffi.NULL, error) < 0
            assert b" of another container); wait for it or end it" in ffi.string(error.text)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
