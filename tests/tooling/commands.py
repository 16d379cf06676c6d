"""Runs a tool that starts further processes, and ends all of them when its time is up."""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class TimeIsUpError(Exception):
    """A command did not end in time; it and its children were killed."""


@dataclass(frozen=True)
class Finished:
    """What a command left behind."""

    code: int
    stdout: str
    stderr: str

    @property
    def tail(self) -> str:
        """The end of what it said, for an error message."""
        return "\n".join((self.stdout + "\n" + self.stderr).strip().splitlines()[-40:])


def run_bounded(command: Sequence[str], *, cwd: Path, timeout_s: float, env: Mapping[str, str]) -> Finished:
    """Run `command` with `env` on top of this process's environment, in a process group of its own.

    Killing the tool alone would leave its compiler or solvers behind, and their open pipes would be waited for.

    Raises:
        TimeIsUpError: after `timeout_s` seconds.
    """
    process = subprocess.Popen(
        command,
        cwd=cwd,
        env={**os.environ, **env},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        stdout, stderr = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        raise TimeIsUpError(f"{Path(command[0]).name} did not end within {timeout_s:g} s") from None
    finally:
        if process.poll() is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
    return Finished(process.returncode, stdout, stderr)
