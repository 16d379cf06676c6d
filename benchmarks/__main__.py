"""Runs every `benchmarks/bench_*.py` and prints one table, or JSON with `--json`.

A benchmark is a module with `REQUIREMENTS: tuple[int, ...]` (numbers of docs/requirements.md) and
`run() -> dict[str, float]`, whose keys name a figure with its unit (`messages_per_s`, `p95_ms`).
"""

import argparse
import importlib
import json
import platform
import sys
from pathlib import Path


def names() -> list[str]:
    """The benchmarks that are here, by module name without `bench_`."""
    return sorted(path.stem.removeprefix("bench_") for path in Path(__file__).parent.glob("bench_*.py"))


def main() -> int:
    """Run the chosen benchmarks one after the other."""
    parser = argparse.ArgumentParser(prog="benchmarks", description="Measure, one machine, one run each.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"any of: {', '.join(names())} (default: all)")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if unknown := set(options.names) - set(names()):
        parser.error(f"no such benchmark: {', '.join(sorted(unknown))}")
    figures: dict[str, dict[str, float]] = {}
    for name in options.names or names():
        figures[name] = importlib.import_module(f"benchmarks.bench_{name}").run()
        if not options.json:
            for figure, value in figures[name].items():
                print(f"{name:<20} {figure:<36} {value:>14,.2f}")
    if options.json:
        machine = {"python": platform.python_version(), "machine": platform.machine()}
        print(json.dumps({"machine": machine, "figures": figures}, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
