"""What a transaction asked a contract of ours to do, read from its calldata."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from contracts.abi import Fragment, fragments
from contracts.bindings.agreement import Authorisation, Evidence
from contracts.terms import Terms
from contracts.verification.reader import Transaction, same


@dataclass(frozen=True)
class Asked:
    """A function and its arguments by name."""

    name: str
    arguments: Mapping[str, Any]

    def terms(self, name: str = "terms") -> Terms:
        """An argument that is terms. Raises ValueError, TypeError."""
        return Terms.from_tuple(self.arguments[name])

    def consent(self, name: str = "consent") -> Authorisation:
        """An argument that is somebody's consent."""
        deadline, signature = self.arguments[name]
        return Authorisation(deadline, bytes(signature))

    def evidence(self) -> list[Evidence]:
        """A claim's evidence."""
        return [
            Evidence(at_ms, bytes(payload), tuple(map(bytes, proof)), bytes(root), sequence, bytes(before), bytes(sig))
            for at_ms, payload, proof, root, sequence, before, sig in self.arguments["evidence"]
        ]


@dataclass(frozen=True)
class Signed:
    """An entry of an opening: terms with both signatures."""

    terms: Terms
    payer: bytes
    payee: bytes

    @classmethod
    def from_tuple(cls, entry: Any) -> "Signed":
        """As eth-abi decodes it. Raises ValueError, TypeError."""
        terms, payer, payee, _permit = entry
        return cls(Terms.from_tuple(terms), bytes(payer), bytes(payee))


def asked(transaction: Transaction, address: str, contract: str) -> Asked | None:
    """What the transaction asked the contract at `address`; None where it was sent to another address.

    Raises:
        ValueError: the calldata is none of the contract's functions.
    """
    if not transaction.to or not same(transaction.to, address):
        return None
    fragment = _functions(contract).get(transaction.data[:4])
    if fragment is None:
        raise ValueError(f"{contract} has no such function")
    try:
        return Asked(fragment.name, fragment.decode_arguments(transaction.data[4:]))
    except Exception as error:  # eth-abi's family of errors has no common root that is public
        raise ValueError(f"the arguments of {fragment.name} cannot be read") from error


@cache
def _functions(contract: str) -> dict[bytes, Fragment]:
    return {fragment.selector: fragment for fragment in fragments(contract, "function")}
