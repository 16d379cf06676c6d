"""Are promised dates kept? Coverage on simulated one-off orders that were never seen in training.

`python -m benchmarks.promise [--json] [--seeds N] [--keep FILE]`: each seed is another shop. Figures are means over the
seeds; with `--keep` each seed's sums are appended to FILE, and a second run goes on where the first one stopped. The
jobs are synthetic (`benchmarks/one_offs`): this shows that the rule is right, not what any shop does.
"""

import argparse
import json
import statistics
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from benchmarks.harness import Result, show
from benchmarks.one_offs.coverage import KINDS, MIX, one_seed

REQUIREMENTS = (52, 146)
HISTORIES: Final = (30, 300, 3_000)
CASES: Final = {kind: 150 if kind == "like" else 60 for kind in KINDS}
NOMINAL: Final = {"p50": 0.5, "p90": 0.9}

BANDS: Final = {"p50": (0.45, 0.55), "p90": (0.87, 0.93)}
"""Where the mean over the seeds must lie, for orders like those of the history and for the mix with unseen ones."""

Rates = dict[str, float]
"""`kind.name` → mean over the cases of one seed."""


def rates(sums: Mapping[str, float]) -> Rates:
    """Shares of the cases of each kind, and `mixed`: the kinds weighted by MIX."""
    found = {}
    for key, value in sums.items():
        kind, _, name = key.partition(".")
        found[key] = value / sums[f"{kind}.cases"]
    names = {key.partition(".")[2] for key in sums}
    for name in names:
        found[f"mixed.{name}"] = sum(weight * found[f"{kind}.{name}"] for kind, weight in MIX.items())
    return found


def result_of(runs: Mapping[int, Sequence[Rates]]) -> Result:
    """Means over the seeds, by length of history."""
    result = Result({})
    for number, seeds in runs.items():
        mean = {key: statistics.mean(one[key] for one in seeds) for key in seeds[0]}
        for kind in ("mixed", *KINDS):
            for name in ("p50", "p90", "day90", "stated90", "penalty_bps", "expected_bps", "width"):
                result.figures[f"{kind}_{name}_{number}"] = mean[f"{kind}.{name}"]
            for name in ("bare_p50", "bare_p90", "summed_p90"):
                result.beside[f"{kind}_{name}_{number}"] = mean[f"{kind}.{name}"]
        if len(seeds) > 1:
            result.figures[f"like_p90_sd_{number}"] = statistics.stdev(one["like.p90"] for one in seeds)
        for name, nominal in NOMINAL.items():
            result.bounds[f"{name}_{number}"] = nominal
            bare = abs(mean[f"like.bare_{name}"] - nominal)
            result.ratios[f"like_{name}_error_to_bare_{number}"] = abs(mean[f"like.{name}"] - nominal) / max(bare, 1e-9)
        result.figures[f"seeds_{number}"] = len(seeds)
    return result


def offenders(result: Result, bands: Mapping[str, tuple[float, float]] = BANDS) -> list[str]:
    """Each coverage that is outside its band, in words."""
    return [
        f"{key} is {value:.3f}, not from {low} to {high}"
        for name, (low, high) in bands.items()
        for key, value in result.figures.items()
        if key.startswith((f"like_{name}_", f"mixed_{name}_")) and "_sd_" not in key and not low <= value <= high
    ]


def measure(seeds: int, keep: Path | None = None, histories: Sequence[int] = HISTORIES) -> dict[int, list[Rates]]:
    """All seeds of all histories; those that `keep` holds are not run again."""
    known = {}
    if keep is not None and keep.exists():
        rows = [json.loads(line) for line in keep.read_text().splitlines()]
        known = {(row["history"], row["seed"]): row["sums"] for row in rows}
    found: dict[int, list[Rates]] = defaultdict(list)
    for number in histories:
        for seed in range(seeds):
            sums = known.get((number, seed))
            if sums is None:
                sums = one_seed(seed, number, CASES)
                _append(keep, {"history": number, "seed": seed, "sums": sums})
            found[number].append(rates(sums))
    return found


def _append(keep: Path | None, row: Mapping[str, object]) -> None:
    if keep is not None:
        with keep.open("a") as rows:
            rows.write(json.dumps(row) + "\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="benchmarks.promise", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print nothing but the JSON object")
    parser.add_argument("--seeds", type=int, default=200, help="shops (200)")
    parser.add_argument("--keep", type=Path, help="a file that remembers each seed, so that a run can go on")
    options = parser.parse_args(arguments)
    result = result_of(measure(options.seeds, options.keep))
    wrong = offenders(result)
    print(*wrong, sep="\n", end="\n" if wrong else "", file=sys.stderr)
    show("promise", result, quiet=options.json)
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
