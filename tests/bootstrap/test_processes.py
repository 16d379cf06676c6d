"""A process of ours ends with the one that started it, however that ended."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from bootstrap.processes import native_words_aside

ROOT = Path(__file__).parents[2]
CHILD = """
import sys, time
from bootstrap.processes import end_with_parent, run_until_stopped
{guard}
async def work(stop):
    print("up", flush=True)
    await stop.wait()
run_until_stopped(work)
"""
PARENT = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", sys.argv[1]])
time.sleep(60)
"""


@contextmanager
def orphaned(guard: str) -> Iterator[int]:
    """A child whose parent was killed -9, as the pipe whose other end the child holds."""
    command = [sys.executable, "-c", PARENT, CHILD.format(guard=guard)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, process_group=0) as parent:
        assert parent.stdout is not None
        try:
            assert parent.stdout.readline() == b"up\n"
            parent.kill()
            parent.wait(10)
            yield parent.stdout.fileno()
        finally:
            with suppress(ProcessLookupError):
                os.killpg(parent.pid, signal.SIGKILL)


def has_ended(pipe: int, within_s: float) -> bool:
    """Whether the child lets go of the pipe within the time."""
    readable, _, _ = select.select([pipe], [], [], within_s)
    return bool(readable) and os.read(pipe, 1) == b""


def test_a_child_ends_when_its_parent_is_killed() -> None:
    with orphaned("end_with_parent()") as pipe:
        assert has_ended(pipe, 10.0)


def test_without_the_guard_it_would_go_on() -> None:
    """Negative control."""
    with orphaned("") as pipe:
        assert not has_ended(pipe, 2.0)


def test_native_words_do_not_mix_with_what_a_command_prints(capfd: pytest.CaptureFixture[str]) -> None:
    with native_words_aside():
        os.write(1, b"a library speaks\n")
    print("the answer")
    said = capfd.readouterr()
    assert (said.out, said.err) == ("the answer\n", "a library speaks\n")
