"""Reverts and node errors as Python types, by a code → class registry.

ContractsError
├── NodeError
│   ├── NodeUnavailable      no answer: ask again
│   │   └── NodeDistrusted   an answer that cannot be believed: stop, and tell somebody
│   └── NodeRefused          the node's error object
└── Reverted                 the contract said no
    ├── NotYet               its time has not come: ask again then
    ├── Past                 its time is over
    ├── AlreadyDone          there is nothing left to do
    ├── WrongState           the move does not exist in this state
    ├── CostsMore            dearer than the payer agreed to
    ├── BadSignature         somebody's signature is missing, wrong or expired
    ├── BadProof             evidence or secret does not fit
    ├── BadTerms             terms that no factory opens
    └── UnknownRevert        not one of our errors
"""

from functools import cache
from typing import Any, Final

from contracts.abi import Fragment, fragments
from contracts.artifacts import CONTRACTS


class ContractsError(Exception):
    """Anything that this package raises about a chain."""


class NodeError(ContractsError):
    """The node, not the contract."""


class NodeUnavailable(NodeError):
    """No answer in time. Whether a transaction went out is for the chain to say."""


class NodeDistrusted(NodeUnavailable):
    """It answers, and cannot be believed: another chain, a stale head, garbled, or a second node disagrees."""


class NodeRefused(NodeError):
    """The node's error object."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(f"{message} ({code})")
        self.code = code
        self.message = message
        self.data = data


class Reverted(ContractsError):
    """The contract refused; `name` and `arguments` are those of its custom error."""

    def __init__(self, name: str, arguments: dict[str, Any]) -> None:
        shown = ", ".join(f"{key}={_shown(value)}" for key, value in arguments.items())
        super().__init__(f"{name}({shown})")
        self.name = name
        self.arguments = arguments


class NotYet(Reverted):
    """Possible once the head's time is past `arguments["opensAfter"]`."""


class Past(Reverted):
    """The clock decided otherwise."""


class AlreadyDone(Reverted):
    """The effect is there already, or there is nothing to move."""


class WrongState(Reverted):
    """The agreement is elsewhere in its life."""


class CostsMore(Reverted):
    """It would cost the payer more than the payer agreed to: show the new figure and ask again."""


class BadSignature(Reverted):
    """A party, carrier or gateway did not sign this."""


class BadProof(Reverted):
    """Evidence or secret does not prove it."""


class BadTerms(Reverted):
    """The factory opens no such agreement or batch."""


class UnknownRevert(Reverted):
    """A revert with data that is none of our errors."""


_CLASSES: Final[dict[str, type[Reverted]]] = {
    "TooEarly": NotYet,
    "TooLate": Past,
    "FundingExpired": Past,
    "AlreadyClaimed": AlreadyDone,
    "NothingToContest": AlreadyDone,
    "NothingDue": AlreadyDone,
    # CREATE2 at an address that has code: the agreement is open.
    "FailedDeployment": AlreadyDone,
    "WrongState": WrongState,
    "NotOpen": WrongState,
    "NotCancellable": WrongState,
    "CostsMore": CostsMore,
    "CarriesLess": CostsMore,
    "NotSigned": BadSignature,
    "Unauthorised": BadSignature,
    "SignatureExpired": BadSignature,
    "RootNotSigned": BadSignature,
    "ERC2612InvalidSigner": BadSignature,
    "ERC2612ExpiredSignature": BadSignature,
    "NotIncluded": BadProof,
    "WrongSecret": BadProof,
    "WrongEvidenceCount": BadProof,
    "WrongTerms": BadProof,
    "WrongMilestone": BadProof,
    "WrongBatchSize": BadTerms,
    "WrongKind": BadTerms,
    "WrongSupplyCount": BadTerms,
    "ForeignParent": BadTerms,
    "ForeignPayer": BadTerms,
    "MixedMoney": BadTerms,
    "ForeignPredecessor": BadTerms,
    "ForeignPayee": BadTerms,
    "UnexpectedAdvance": BadTerms,
    "HandoverReused": BadTerms,
    "CapRestarted": BadTerms,
    "TokenNotListed": BadTerms,
    "DirtyTerms": BadTerms,
    "ChainRenumbered": BadTerms,
    "PartyMissing": BadTerms,
    "RoleConflict": BadTerms,
    "NoDeliveryProof": BadTerms,
    "BadAmount": BadTerms,
    "BadWindow": BadTerms,
    "BadDeadlines": BadTerms,
    "RateTooHigh": BadTerms,
    "SharesTooHigh": BadTerms,
    "SelfAttestedTooHigh": BadTerms,
    "FeeTooHigh": BadTerms,
    "SignerMissing": BadTerms,
    "BadEventCode": BadTerms,
    "BadCancelUntil": BadTerms,
}


def from_revert(data: bytes) -> Reverted:
    """The exception of a revert's data; the caller raises it."""
    fragment = _registry().get(data[:4])
    if fragment is None:
        return UnknownRevert("unknown revert", {"data": "0x" + data.hex()})
    kind = _CLASSES.get(fragment.name, Reverted)
    return kind(fragment.name, fragment.decode_arguments(data[4:]))


@cache
def _registry() -> dict[bytes, Fragment]:
    """Selector → error of any of our contracts."""
    return {fragment.selector: fragment for contract in CONTRACTS for fragment in fragments(contract, "error")}


def _shown(value: object) -> str:
    return "0x" + value.hex() if isinstance(value, bytes) else str(value)
