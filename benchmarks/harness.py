"""What every benchmark prints: one JSON object, last, whose ratios were measured in the same run."""

import argparse
import json
import platform
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Result:
    """`figures` are ours, `beside` the same work done barely, `bounds` what could be reached; keys name their unit.

    `ratios` divide ours by what stands beside it, so that a noisy machine matters less.
    """

    figures: dict[str, float]
    beside: dict[str, float] = field(default_factory=dict)
    bounds: dict[str, float] = field(default_factory=dict)
    ratios: dict[str, float] = field(default_factory=dict)


def per_second(work: Callable[[], object], times: int) -> float:
    """How often `work` is done in a second."""
    started = time.perf_counter()
    for _ in range(times):
        work()
    return times / (time.perf_counter() - started)


def main(name: str, run: Callable[[], Result]) -> None:
    """Run one benchmark: `python -m benchmarks.NAME [--json]`."""
    parser = argparse.ArgumentParser(prog=f"benchmarks.{name}")
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    options = parser.parse_args()
    show(name, run(), quiet=options.json)
    sys.exit(0)


def show(name: str, result: Result, *, quiet: bool) -> None:
    """Print the result: lines for people unless `quiet`, and last the JSON object."""
    if not quiet:
        for kind, values in asdict(result).items():
            for key, value in values.items():
                print(f"{kind:<8} {key:<36} {value:>14,.3f}")
    machine = {"python": platform.python_version(), "machine": platform.machine()}
    print(json.dumps({"benchmark": name, **asdict(result), "machine": machine}))
