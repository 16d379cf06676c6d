"""Plays contracts/audit/invariants with forge: rules one by one, and random lives of several agreements at once."""

import hashlib
import json
import secrets
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import reduce
from pathlib import Path
from typing import Final

from tests.tooling.foundry import AUDIT, CONTRACTS, ForgeError, Verdict, forge_test

SUITES: Final = AUDIT / "invariants"
CONFIG: Final = "audit/invariants/foundry.toml"
RULES: Final = "audit/invariants/Rules.t.sol"
WALKS: Final = "audit/invariants/Escrow.invariants.t.sol"
JOURNALS: Final = CONTRACTS.parent / ".data" / "invariants"
"""What long runs have shown already, a file for each state of contracts and suites."""
CASES: Final = 12
"""Of a rule, where little time is to be had."""
SEQUENCES: Final = 100
DEPTH: Final = 24
MOVES: Final = (
    *("openBatch", "openSupply", "novate", "claim", "contest", "approve", "deliver", "accept", "finalise", "release"),
    *("refund", "revoke", "cancel", "dispute", "resolve", "timeout", "split", "withdraw"),
)
"""The moves that the suite counts, in its order."""


@dataclass(frozen=True)
class Walked:
    """What happened in a number of random sequences, each left to strangers and to time at its end."""

    sequences: int = 0
    calls: int = 0
    """Of the suite's functions; one of them may call a contract several times."""
    agreements: int = 0
    asked: int = 0
    """Calls of the contracts."""
    refused: int = 0
    """Calls of the contracts that reverted, as the ghost ledger had foretold."""
    by_function: Mapping[str, int] = field(default_factory=dict)
    made: Mapping[str, int] = field(default_factory=dict)
    """By move, how often it was made."""
    seconds: float = 0.0

    def __add__(self, other: "Walked") -> "Walked":
        return Walked(
            self.sequences + other.sequences,
            self.calls + other.calls,
            self.agreements + other.agreements,
            self.asked + other.asked,
            self.refused + other.refused,
            _sum(self.by_function, other.by_function),
            _sum(self.made, other.made),
            self.seconds + other.seconds,
        )


def play_rules(cases: int, *, profile: str = "default", timeout_s: float = 120) -> list[Verdict]:
    """Play each rule with so many random cases, in the profile `campaign` new ones; for errors see `forge_test`."""
    return forge_test(RULES, profile=profile, timeout_s=timeout_s, settings=_settings({"FUZZ_RUNS": str(cases)}))


def walk(
    sequences: int,
    depth: int,
    *,
    profile: str = "default",
    seed: str | None = None,
    timeout_s: float = 120,
) -> Walked:
    """Play random sequences of so many calls; for the errors see `forge_test`.

    Raises:
        ForgeError: forge's figures and the suite's own do not fit each other.
    """
    tally = AUDIT / "cache" / "tally" / secrets.token_hex(8)
    tally.parent.mkdir(parents=True, exist_ok=True)
    wanted = {"INVARIANT_RUNS": str(sequences), "INVARIANT_DEPTH": str(depth)}
    settings = {**_settings(wanted), "ESCROW_TALLY": str(tally.relative_to(CONTRACTS))}
    try:
        (verdict,) = forge_test(WALKS, profile=profile, seed=seed, timeout_s=timeout_s, settings=settings)
        lines = tally.read_text().split()
    finally:
        tally.unlink(missing_ok=True)
    # forge plays the last sequence once more, and begins with what failed an earlier time.
    if verdict.figures["runs"] != sequences or len(lines) <= sequences or lines[-1] != lines[-2]:
        raise ForgeError(f"{sequences} sequences were wanted, {len(lines)} lines written: {verdict.figures}")
    if verdict.figures["calls"] != sequences * depth or verdict.figures["reverts"] != 0:
        raise ForgeError(f"{sequences * depth} calls were wanted: {verdict.figures}")
    told = reduce(Walked.__add__, map(_read, lines[-sequences - 1 : -1]))
    by_function = {name.rpartition(".")[2]: one["calls"] for name, one in verdict.figures["metrics"].items()}
    return told + Walked(calls=verdict.figures["calls"], by_function=by_function, seconds=verdict.seconds)


def play_planted(folder: Path, scratch: Path, *, match_test: str = "") -> list[Verdict]:
    """Play rules and walks with the artifacts of another folder, which lies in `audit/cache/planted`.

    The sequences that fail are kept in `scratch`, away from those of the contracts, and not made shorter.
    """
    settings = _settings(
        {
            "FUZZ_RUNS": str(CASES),
            "INVARIANT_RUNS": str(SEQUENCES),
            "INVARIANT_DEPTH": str(DEPTH),
            "INVARIANT_SHRINK_RUN_LIMIT": "0",
            "INVARIANT_FAILURE_PERSIST_DIR": str(scratch / "sequences"),
            "FUZZ_FAILURE_PERSIST_DIR": str(scratch / "cases"),
            "TEST_FAILURES_FILE": str(scratch / "failures"),
        }
    )
    settings["ESCROW_ARTIFACTS"] = str(folder.relative_to(CONTRACTS))
    return forge_test("audit/invariants/*.t.sol", match_test=match_test, timeout_s=300, settings=settings)


def digest_of(folder: Path, *, rules: bool) -> str:
    """Changes with the code in a folder of artifacts, and with the suites: the walks, and the rules if they count."""
    digest = hashlib.sha256()
    suites = [path for path in sorted(SUITES.iterdir()) if rules or path.name != Path(RULES).name]
    for path in [*suites, AUDIT / "test" / "Test.sol", AUDIT / "test" / "Vm.sol"]:
        digest.update(path.read_bytes())
    for name in ("AgreementFactory", "DeliveryAgreement", "SupplyAgreement"):
        digest.update(json.loads((folder / f"{name}.json").read_text())["bytecode"].encode())
    return digest.hexdigest()[:16]


def _sum(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    return {name: one.get(name, 0) + other.get(name, 0) for name in {**one, **other}}


def _settings(wanted: Mapping[str, str]) -> dict[str, str]:
    return {"FOUNDRY_CONFIG": CONFIG, **{f"FOUNDRY_{name}": value for name, value in wanted.items()}}


def _read(line: str) -> Walked:
    """A line of the suite's: numbers of four bytes."""
    agreements, asked, refused, *made = struct.unpack(f">{3 + len(MOVES)}I", bytes.fromhex(line.removeprefix("0x")))
    return Walked(1, 0, agreements, asked, refused, {}, dict(zip(MOVES, made, strict=True)))
