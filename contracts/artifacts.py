"""The compiled contracts as committed: nobody who runs them needs a compiler."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

FOLDER: Final = Path(__file__).parent / "artifacts"
STANDARD_INPUT: Final = FOLDER / "standard-input.json"

CONTRACTS: Final = ("AgreementFactory", "DeliveryAgreement", "SupplyAgreement", "TestEuro")
"""Every contract that is deployed."""


class ArtifactError(Exception):
    """An artifact is missing or is not what the compiler wrote."""


@dataclass(frozen=True)
class Artifact:
    """One compiled contract.

    `immutable_references` lists (start, length) of the bytes of `runtime` that the constructor fills in.
    """

    name: str
    source: str
    abi: tuple[dict[str, Any], ...]
    creation: bytes
    runtime: bytes
    immutable_references: tuple[tuple[int, int], ...]
    compiler: str

    def masked(self, code: bytes) -> bytes:
        """The code with every immutable zeroed, so that deployed and compiled code compare equal."""
        masked = bytearray(code)
        for start, length in self.immutable_references:
            masked[start : start + length] = bytes(length)
        return bytes(masked)

    def matches(self, deployed: bytes) -> bool:
        """Whether `deployed` is this contract, whatever its immutables say."""
        return len(deployed) == len(self.runtime) and self.masked(deployed) == self.masked(self.runtime)


@cache
def load(name: str) -> Artifact:
    """One artifact by the contract's name.

    Raises:
        ArtifactError: there is none, or it is damaged.
    """
    if name not in CONTRACTS:
        raise ArtifactError(f"no contract is called {name!r}; there are {', '.join(CONTRACTS)}")
    try:
        raw = json.loads((FOLDER / f"{name}.json").read_text("utf-8"))
        spans = [span for group in raw["immutableReferences"].values() for span in group]
        return Artifact(
            name=raw["contractName"],
            source=raw["sourceName"],
            abi=tuple(raw["abi"]),
            creation=bytes.fromhex(raw["bytecode"].removeprefix("0x")),
            runtime=bytes.fromhex(raw["deployedBytecode"].removeprefix("0x")),
            immutable_references=tuple(sorted((span["start"], span["length"]) for span in spans)),
            compiler=raw["compiler"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError(f"the artifact of {name} cannot be read: {error}") from error
