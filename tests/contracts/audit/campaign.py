"""The long campaign, slice by slice: `python -m tests.contracts.audit.campaign` goes on where it was ended.

Each slice has a seed of its own, which follows from its number and from what is examined, and leaves a line behind.
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import reduce
from itertools import count
from pathlib import Path
from typing import Final

from contracts import artifacts
from tests.contracts.audit.walks import JOURNALS, Walked, digest_of, walk

SEQUENCES: Final = 100_000
CALLS: Final = 1_000_000
_DEPTHS: Final = (5, 8, 12, 16)
"""Calls in a sequence, slice by slice: short ones reach more beginnings, long ones more ends."""
_SLICE: Final = 1_000
"""Sequences in a slice: a quarter of a minute, so that little is lost when a run is ended."""


@dataclass(frozen=True)
class Slice:
    """What one slice was, and what happened in it."""

    number: int
    seed: str
    depth: int
    walked: Walked


class Campaign:
    """The slices so far, of the contracts and suites as they are now."""

    def __init__(self, folder: Path = JOURNALS) -> None:
        self.digest = digest_of(artifacts.FOLDER, rules=False)
        self._path = folder / f"walks-{self.digest}.jsonl"
        lines = self._path.read_text("utf-8").splitlines() if self._path.is_file() else []
        self.slices = [_slice(line) for line in lines]

    @property
    def total(self) -> Walked:
        """All slices together."""
        return reduce(Walked.__add__, (one.walked for one in self.slices), Walked())

    @property
    def is_done(self) -> bool:
        """Whether both goals are reached."""
        return self.total.sequences >= SEQUENCES and self.total.calls >= CALLS

    def play_one(self, sequences: int = _SLICE) -> Slice:
        """Plays the next slice and keeps it; a failure is raised, names the seed, and is not kept."""
        done = {one.number for one in self.slices}
        number = next(number for number in count() if number not in done)
        seed = "0x" + hashlib.sha256(f"{self.digest} {number}".encode()).hexdigest()[:16]
        depth = _DEPTHS[number % len(_DEPTHS)]
        played = Slice(number, seed, depth, walk(sequences, depth, profile="campaign", seed=seed, timeout_s=1200))
        self.slices.append(played)
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(asdict(played)) + "\n")
        return played

    def go_on(self, say: Callable[[str], object], slices: int | None = None) -> None:
        """Plays until the goals are reached, or so many slices; one at least, so that each night sees new seeds."""
        for played in count(1):
            one = self.play_one()
            total = self.total
            took = f"{one.walked.seconds:.0f} s"
            say(f"slice {one.number} ({took}): {total.sequences:,} sequences, {total.calls:,} calls so far")
            if played == slices or (slices is None and self.is_done):
                return


def report(campaign: Campaign) -> list[str]:
    """What the slices show, as lines of Markdown."""
    total = campaign.total
    seeds = len({one.seed for one in campaign.slices})
    lines = [
        f"{total.calls:,} calls in {total.sequences:,} sequences of {len(campaign.slices)} slices ({seeds} seeds), "
        f"{total.seconds:,.0f} s; {total.agreements:,} agreements; {total.asked:,} calls of the contracts, "
        f"{total.refused:,} of them refused as foretold; 0 violations, 0 units unaccounted",
        "",
        "| move | calls | made |",
        "|---|---|---|",
    ]
    names = sorted(total.by_function, key=lambda name: (name not in total.made, name))
    return lines + [f"| {name} | {total.by_function[name]:,} | {_made(total, name)} |" for name in names]


def _made(total: Walked, name: str) -> str:
    return f"{total.made[name]:,}" if name in total.made else ""


def _slice(line: str) -> Slice:
    said = json.loads(line)
    return Slice(**{**said, "walked": Walked(**said["walked"])})


def main(arguments: Sequence[str] | None = None) -> int:
    """The command line; 0 once the goals are reached."""
    parser = argparse.ArgumentParser(prog="python -m tests.contracts.audit.campaign", description=__doc__)
    parser.add_argument("--slices", type=int, metavar="N", help="stop after so many; 0 only reports")
    options = parser.parse_args(arguments)
    campaign = Campaign()
    if options.slices != 0:
        campaign.go_on(lambda line: print(line, flush=True), options.slices)
    print("\n".join(report(campaign)))
    return 0 if campaign.is_done else 1


if __name__ == "__main__":
    sys.exit(main())
