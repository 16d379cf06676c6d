"""Calldata, results, events and errors by the artifacts' ABI, with eth-abi and eth-utils: the codec inside web3.

Not `web3.eth.Contract` itself: it needs a connection object, and whoever only decodes a log or a revert would load all
of web3 (0.6 s, 16 MB). A test compares every fragment of every contract with web3's.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from eth_abi.abi import decode, encode
from eth_hash.auto import keccak
from eth_utils.abi import collapse_if_tuple

from contracts.artifacts import load


@dataclass(frozen=True)
class Fragment:
    """One function, event or error of a contract."""

    name: str
    inputs: tuple[tuple[str, str, bool], ...]
    outputs: tuple[str, ...]

    @property
    def types(self) -> list[str]:
        """Types of the inputs."""
        return [kind for _, kind, _ in self.inputs]

    @property
    def hash(self) -> bytes:
        """keccak256 of the signature: an event's first topic."""
        return keccak(f"{self.name}({','.join(self.types)})".encode())

    @property
    def selector(self) -> bytes:
        """First four bytes of it: a function's or an error's name on the wire."""
        return self.hash[:4]

    def encode(self, arguments: Sequence[Any]) -> bytes:
        """Calldata."""
        return self.selector + encode(self.types, arguments)

    def decode_arguments(self, data: bytes) -> dict[str, Any]:
        """An error's arguments by name; `data` without the selector."""
        values = decode(self.types, data)
        return {name: value for (name, _, _), value in zip(self.inputs, values, strict=True)}

    def decode_result(self, data: bytes) -> Any:
        """What a function returned: one value, or a tuple of several."""
        values = decode(list(self.outputs), data)
        return values[0] if len(values) == 1 else values

    def decode_log(self, topics: Sequence[bytes], data: bytes) -> dict[str, Any]:
        """An event's arguments by name; `topics` without the first."""
        indexed = [(name, kind) for name, kind, is_indexed in self.inputs if is_indexed]
        plain = [(name, kind) for name, kind, is_indexed in self.inputs if not is_indexed]
        found = {name: decode([kind], topic)[0] for (name, kind), topic in zip(indexed, topics, strict=True)}
        values = decode([kind for _, kind in plain], data)
        return found | {name: value for (name, _), value in zip(plain, values, strict=True)}


@cache
def function(contract: str, name: str) -> Fragment:
    """A function by name; ours has no overloads."""
    return next(fragment for fragment in fragments(contract, "function") if fragment.name == name)


def fragments(contract: str, kind: str) -> Iterator[Fragment]:
    """All functions, events or errors of a contract."""
    for entry in load(contract).abi:
        if entry["type"] == kind:
            inputs = tuple(
                (item["name"], collapse_if_tuple(item), bool(item.get("indexed"))) for item in entry.get("inputs", [])
            )
            outputs = tuple(collapse_if_tuple(item) for item in entry.get("outputs", []))
            yield Fragment(entry["name"], inputs, outputs)


def encode_constructor(contract: str, arguments: Sequence[Any]) -> bytes:
    """Creation code with its arguments behind it."""
    artifact = load(contract)
    inputs: list[dict[str, Any]] = next(
        (entry["inputs"] for entry in artifact.abi if entry["type"] == "constructor"), []
    )
    return artifact.creation + encode([collapse_if_tuple(item) for item in inputs], arguments)
