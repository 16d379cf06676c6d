"""forge and anvil as native binaries: found, run within a limit, and believed only by what they report.

The npm launchers are not used: forge's exits 0 on failing tests, and anvil's process is not anvil's.
"""

import fcntl
import json
import os
import platform
import re
import secrets
import shutil
import signal
import subprocess
import time
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from contracts import compiler
from tests.tooling.commands import Finished, run_bounded

CONTRACTS: Final = Path(compiler.__file__).parent
"""The root of the forge project; `foundry.toml` is here."""
AUDIT: Final = CONTRACTS / "audit"
VERSION: Final = "1.7.1"
_UNITS_S: Final = {"h": 3600, "m": 60, "s": 1, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}
_LISTENING: Final = re.compile(r"Listening on 127\.0\.0\.1:(\d+)")


class ForgeError(Exception):
    """forge gave no verdict: nothing compiled, nothing ran, or the answer could not be read."""


@dataclass(frozen=True)
class Verdict:
    """One test of one suite."""

    suite: str
    test: str
    status: str
    reason: str
    kind: str
    """`Unit`, `Fuzz` or `Invariant`."""
    figures: Mapping[str, Any] = field(repr=False)
    """forge's own: `runs`, and for invariants `calls`, `reverts` and `metrics` by function."""
    counterexample: object = None
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """A skipped test has not passed."""
        return self.status == "Success"

    def __str__(self) -> str:
        example = f"; counterexample {json.dumps(self.counterexample)[:1500]}" if self.counterexample else ""
        return f"{self.suite} {self.test}: {self.status} {self.reason}{example}"


class ForgeFailure(AssertionError):
    """Tests did not pass; `failures` says which and why."""

    def __init__(self, failures: Sequence[Verdict], seed: str) -> None:
        super().__init__("\n".join([*map(str, failures), f"fuzz seed: {seed}"]))
        self.failures = failures


def missing_tools() -> str | None:
    """Why forge and anvil cannot run here, or None if they can."""
    reason = compiler.missing_tools()
    if reason is not None:
        return reason
    return next((found for found in map(_find, ("forge", "anvil")) if isinstance(found, str)), None)


def binary(tool: str) -> Path:
    """The native `forge` or `anvil`.

    Raises:
        ForgeError: there is none for this machine.
    """
    found = _find(tool)
    if isinstance(found, str):
        raise ForgeError(found)
    return found


def environment(profile: str) -> dict[str, str]:
    """What forge, and tools that call it, need around them."""
    path = os.pathsep.join([str(binary("forge").parent), os.environ["PATH"]])
    return {"PATH": path, "FOUNDRY_PROFILE": profile, "NO_COLOR": "1"}


@contextmanager
def exclusive(profile: str, root: Path = CONTRACTS) -> Iterator[None]:
    """Holds the build folders of a profile: two compilations at once would spoil each other's cache."""
    folder = root / "audit" / "cache"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / f"{profile}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def forge_test(
    match_path: str,
    *,
    profile: str = "default",
    timeout_s: float = 120,
    match_test: str = "",
    seed: str | None = None,
    root: Path = CONTRACTS,
    settings: Mapping[str, str] = MappingProxyType({}),
) -> list[Verdict]:
    """Run the suites whose path below `root` matches a glob, such as `audit/test/Smoke.t.sol`.

    Args:
        match_path: which files; at least one test must be in them.
        profile: of `foundry.toml`: `default` is short, `nightly` is long.
        timeout_s: for compiling and running; waiting for another run is not counted.
        match_test: a regular expression for the names of tests, all if empty.
        seed: hexadecimal; if None the profile `default` repeats its cases, every other takes new ones.
        root: another project with a `foundry.toml`, for planted suites.
        settings: environment variables on top, such as `FOUNDRY_INVARIANT_RUNS`; with another `FOUNDRY_CONFIG` the
            profile is one of that file.

    Raises:
        ForgeFailure: a test failed or was skipped.
        ForgeError: there is no verdict.
        TimeIsUpError: forge took too long.
    """
    if seed is None and profile != "default":
        seed = f"{secrets.randbits(64):#x}"
    command = [str(binary("forge")), "test", "--json", "--root", str(root), "--match-path", match_path]
    command += ["--match-test", match_test] if match_test else []
    command += ["--fuzz-seed", seed] if seed is not None else []
    builds = "-".join([*Path(settings.get("FOUNDRY_CONFIG", "")).parent.parts, profile])
    with exclusive(builds, root):
        finished = run_bounded(command, cwd=root, timeout_s=timeout_s, env={**environment(profile), **settings})
    verdicts = _verdicts(finished)
    failures = [verdict for verdict in verdicts if not verdict.passed]
    if failures:
        raise ForgeFailure(failures, seed or f"that of profile {profile}")
    if finished.code != 0:
        raise ForgeError(f"every test passed and forge exited {finished.code}:\n{finished.tail[:4000]}")
    return verdicts


def _verdicts(finished: Finished) -> list[Verdict]:
    suites = next(filter(None, map(_suites, finished.stdout.splitlines())), {})
    verdicts = [
        Verdict(
            suite=suite,
            test=test,
            status=result["status"],
            reason=result["reason"] or "",
            kind=next(iter(result["kind"])),
            figures=next(iter(result["kind"].values())),
            counterexample=result["counterexample"],
            seconds=_seconds(result["duration"]),
        )
        for suite, run in suites.items()
        for test, result in run["test_results"].items()
    ]
    if not verdicts:
        raise ForgeError(f"no test ran:\n{finished.tail[:4000]}")
    return verdicts


def _seconds(duration: str) -> float:
    """From forge's way to write one, such as `1m 2s 250ms 114µs 935ns`."""
    return sum(float(number) * _UNITS_S[unit] for number, unit in re.findall(r"([\d.]+)([a-zµ]+)", duration))


def _suites(line: str) -> dict[str, Any]:
    """The report, if this line is it. Events and the compiler's messages may stand around it."""
    try:
        read = json.loads(line)
    except ValueError:
        return {}
    good = isinstance(read, dict) and all(isinstance(run, dict) and "test_results" in run for run in read.values())
    return read if good else {}


@dataclass(frozen=True)
class Anvil:
    """A node that runs."""

    url: str
    port: int
    pid: int
    log: Path


@contextmanager
def anvil(
    folder: Path,
    *,
    chain_id: int = 31337,
    port: int = 0,
    options: Sequence[str] = (),
    deadline_s: float = 20,
) -> Iterator[Anvil]:
    """An anvil on loopback, ready to answer, until the block ends; a test that uses it is marked `integration`.

    Args:
        folder: where its log goes.
        chain_id: what `eth_chainId` must answer.
        port: 0 takes a free one; a number lets a test start it again at the same address.
        options: further arguments, such as `["--block-time", "1"]` or `["--state", path, "--state-interval", "1"]`.
        deadline_s: seconds until it must answer.

    Raises:
        ForgeError: it ended early, or did not answer in time.
    """
    command = [str(binary("anvil")), "--host", "127.0.0.1", "--port", str(port), "--chain-id", str(chain_id)]
    command += [] if "--hardfork" in options else ["--hardfork", "cancun"]
    log = folder / f"anvil-{time.monotonic_ns()}.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, *options], stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        listening = _wait_until_ready(process, log, deadline_s)
        url = f"http://127.0.0.1:{listening}"
        answered = _ask_chain_id(url)
        if answered != chain_id:
            raise ForgeError(f"anvil runs chain {answered}, not {chain_id}")
        yield Anvil(url, listening, process.pid, log)
    finally:
        _end(process)


def _wait_until_ready(process: subprocess.Popen[bytes], log: Path, deadline_s: float) -> int:
    """The port, once the log names it: by then the socket is open."""
    end = time.monotonic() + deadline_s
    while time.monotonic() < end:
        found = _LISTENING.search(log.read_text("utf-8", "replace"))
        if found:
            return int(found[1])
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise ForgeError(f"anvil did not start (exit code {process.poll()}):\n{log.read_text('utf-8', 'replace')[-2000:]}")


def _ask_chain_id(url: str) -> int:
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": "eth_chainId", "params": []}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return int(json.load(answer)["result"], 16)


def _end(process: subprocess.Popen[bytes]) -> None:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()  # a test may have stopped it, and a stopped process answers to nothing else
    process.wait(10)


@lru_cache
def _find(tool: str) -> Path | str:
    """The binary of our npm package, else one on the PATH if it is the same version; or why there is none."""
    system = platform.system().lower()
    machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    packaged = AUDIT / "node_modules" / "@foundry-rs" / f"{tool}-{system}-{machine}" / "bin" / tool
    if packaged.is_file():
        return packaged
    other = shutil.which(tool)
    if other is None:
        return f"no {tool} for {system}-{machine}: run `make setup-audit`, or put {tool} {VERSION} on the PATH"
    said = subprocess.run([other, "--version"], capture_output=True, text=True, timeout=20, check=False).stdout
    return Path(other) if VERSION in said else f"{tool} on the PATH is not {VERSION}: {said.splitlines()[:1]}"
