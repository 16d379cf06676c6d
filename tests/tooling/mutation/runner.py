"""Runs tests on mutants: pytest collects once, then each mutant has a fork of that process to itself.

So a mutant costs the seconds of the tests that it takes to notice it, and neither imports nor collection.
"""

import contextlib
import gc
import json
import os
import resource
import select
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NoReturn

import pytest

from contracts import abi, artifacts

CPU_LIMIT_S: Final = 90
"""A mutant on which the tests compute for so long loops, or as good as: the whole suite needs half of it."""
_PATIENCE_S: Final = 20 * CPU_LIMIT_S
"""Other work on the machine slows the tests down; it does not make them compute more."""


class RunnerError(Exception):
    """The tests gave no verdict, or fail without any mistake."""


@dataclass(frozen=True)
class Outcome:
    """What the tests said: `killer` is the test that noticed, None if none did."""

    killer: str | None
    seconds: float
    message: str = ""
    timed_out: bool = False


class Child:
    """A fork that runs tests on one folder of artifacts."""

    def __init__(self, pid: int, pipe: int) -> None:
        self.pid = pid
        self._pipe = pipe
        self._started = time.monotonic()
        self._heard = b""
        self._ended = False

    def wait(self, seconds: float = _PATIENCE_S) -> Outcome | None:
        """Its verdict, or None if there is none that soon."""
        end = time.monotonic() + seconds
        while select.select([self._pipe], [], [], max(0.0, end - time.monotonic()))[0]:
            heard = os.read(self._pipe, 65_536)
            if not heard:
                return self._outcome()
            self._heard += heard
        return None

    def stop(self) -> None:
        """Ends it, if it still runs."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        os.close(self._pipe)
        if not self._ended:
            os.waitpid(self.pid, 0)

    @property
    def seconds(self) -> float:
        """For how long it has run."""
        return time.monotonic() - self._started

    def _outcome(self) -> Outcome:
        _, status = os.waitpid(self.pid, 0)
        self._ended = True
        if os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGXCPU:
            return Outcome(None, self.seconds, timed_out=True)
        try:
            said = json.loads(self._heard)
        except ValueError:
            raise RunnerError(f"a fork ended without a verdict: {status}") from None
        return Outcome(said["killer"], self.seconds, said["message"])


class Runner:
    """The plugin: `work` is called with it once everything is collected."""

    def __init__(self, folder: Path, work: Callable[["Runner"], None]) -> None:
        self._folder = folder
        self._work = work
        self._items: dict[str, pytest.Item] = {}
        self._failure: pytest.TestReport | None = None
        self._seconds: dict[str, float] = {}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """In the place of pytest's own loop."""
        if session.testsfailed:
            raise session.Interrupted("the suite does not load")
        session.config.option.basetemp = self._folder / "tests"
        self._items = {item.nodeid: item for item in session.items}
        gc.freeze()
        self._work(self)
        return True

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """In a fork: keeps the first failure."""
        self._seconds[report.nodeid] = self._seconds.get(report.nodeid, 0.0) + report.duration
        if report.failed and self._failure is None:
            self._failure = report

    @property
    def tests(self) -> list[str]:
        """Node ids."""
        return list(self._items)

    def baseline(self, artifacts_folder: Path) -> dict[str, float]:
        """Runs everything on contracts without a mistake; gives each test's seconds.

        Raises:
            RunnerError: a test fails.
        """
        with self.started(artifacts_folder, self.tests) as child:
            outcome = child.wait()
        if outcome is None or outcome.killer is not None:
            raise RunnerError(f"the suite fails on the contracts as they are: {outcome}")
        found: dict[str, float] = json.loads(outcome.message)
        return found

    @contextlib.contextmanager
    def started(self, artifacts_folder: Path, order: Sequence[str]) -> Iterator[Child]:
        """A fork that runs the tests in that order until one fails."""
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(read)
            self._be_child(artifacts_folder, order, write)
        os.close(write)
        child = Child(pid, read)
        try:
            yield child
        finally:
            child.stop()

    def _be_child(self, artifacts_folder: Path, order: Sequence[str], pipe: int) -> NoReturn:
        code = 1
        try:
            os.setsid()
            resource.setrlimit(resource.RLIMIT_CPU, (CPU_LIMIT_S, CPU_LIMIT_S + 10))
            null = os.open(os.devnull, os.O_RDWR)
            for stream in (0, 1, 2):
                os.dup2(null, stream)
            artifacts.FOLDER = artifacts_folder  # type: ignore[misc]
            artifacts.load.cache_clear()
            abi.function.cache_clear()
            os.write(pipe, json.dumps(self._run([self._items[name] for name in order])).encode())
            code = 0
        finally:
            # Neither pytest's nor this process's other endings are the fork's business.
            os._exit(code)

    def _run(self, items: Sequence[pytest.Item]) -> dict[str, Any]:
        following: list[pytest.Item | None] = [*items[1:], None]
        for item, next_item in zip(items, following, strict=True):
            item.config.hook.pytest_runtest_protocol(item=item, nextitem=next_item)
            if self._failure is not None:
                crash = getattr(self._failure.longrepr, "reprcrash", None)
                message = str(getattr(crash, "message", self._failure.longrepr))[:300]
                return {"killer": self._failure.nodeid, "message": message}
        return {"killer": None, "message": json.dumps(self._seconds)}
