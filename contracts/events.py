"""Logs as frozen dataclasses. Together they rebuild every agreement without anybody's database.

Money: for each agreement the `Credited`, `AdvanceToSupply`, `AdvanceToPayee` and `Replaced` amounts of its id sum to
what it has given away so far, and at its end to `terms.amount`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from eth_utils.address import to_checksum_address

from contracts.abi import Fragment, fragments
from contracts.bindings.agreement import Party, Reason, State
from contracts.terms import Terms

NO_MILESTONE: Final = 255
"""`Credited.milestone` where no single milestone is meant."""


@dataclass(frozen=True)
class LogPlace:
    """Where a log stands; (block_hash, log_index) is its identity."""

    block_number: int
    block_hash: str
    tx_hash: str
    log_index: int
    address: str


@dataclass(frozen=True)
class Opened:
    """The factory created and funded an agreement. Trust logs only from addresses named here."""

    place: LogPlace
    id: bytes
    agreement: str
    parent: bytes
    terms: Terms


@dataclass(frozen=True)
class AdvanceToSupply:
    """Part of a delivery's advance went into a supply."""

    place: LogPlace
    delivery_id: bytes
    supply_id: bytes
    amount: int


@dataclass(frozen=True)
class AdvanceToPayee:
    """The rest of an advance went to the payee when the agreement opened; `fee` became the fee receiver's due."""

    place: LogPlace
    id: bytes
    to: str
    amount: int
    fee: int


@dataclass(frozen=True)
class StateChanged:
    """An agreement moved on."""

    place: LogPlace
    id: bytes
    before: State
    after: State


@dataclass(frozen=True)
class Claimed:
    """A milestone was proved; unless contested its share is paid once the head is past `matures_after`."""

    place: LogPlace
    id: bytes
    milestone: int
    matures_after: int
    payload_hash: bytes


@dataclass(frozen=True)
class Contested:
    """The payer refused a claim."""

    place: LogPlace
    id: bytes
    milestone: int


@dataclass(frozen=True)
class Delivered:
    """The goods were handed over; `penalty` in token units is what lateness will cost at most."""

    place: LogPlace
    id: bytes
    at: int
    penalty: int


@dataclass(frozen=True)
class Disputed:
    """A party disputes what is left, which stood in `before`; the arbiter has until the second `decide_by`."""

    place: LogPlace
    id: bytes
    by: str
    before: State
    decide_by: int


@dataclass(frozen=True)
class Credited:
    """Money became somebody's due."""

    place: LogPlace
    id: bytes
    reason: Reason
    milestone: int
    to_payee: int
    fee: int
    to_payer: int


@dataclass(frozen=True)
class Withdrawn:
    """A due was paid out."""

    place: LogPlace
    id: bytes
    party: Party
    to: str
    amount: int


@dataclass(frozen=True)
class Kept:
    """The token refused to move a due: it waits for a withdrawal."""

    place: LogPlace
    id: bytes
    party: Party
    amount: int


@dataclass(frozen=True)
class Replaced:
    """What was left went to a successor that both parties signed."""

    place: LogPlace
    id: bytes
    successor: bytes
    carried: int


FromFactory = Opened | AdvanceToSupply | AdvanceToPayee
FromAgreement = StateChanged | Claimed | Contested | Delivered | Disputed | Credited | Withdrawn | Kept | Replaced
Event = FromFactory | FromAgreement

_BUILDERS: Final[dict[str, Callable[[LogPlace, dict[str, Any]], Event]]] = {
    "Opened": lambda p, a: Opened(
        p, a["id"], to_checksum_address(a["agreement"]), a["parent"], Terms.from_tuple(a["terms"])
    ),
    "AdvanceToSupply": lambda p, a: AdvanceToSupply(p, a["deliveryId"], a["supplyId"], a["amount"]),
    "AdvanceToPayee": lambda p, a: AdvanceToPayee(p, a["id"], to_checksum_address(a["to"]), a["amount"], a["fee"]),
    "StateChanged": lambda p, a: StateChanged(p, a["id"], State(a["from"]), State(a["to"])),
    "Claimed": lambda p, a: Claimed(p, a["id"], a["milestone"], a["maturesAfter"], a["payloadHash"]),
    "Contested": lambda p, a: Contested(p, a["id"], a["milestone"]),
    "Delivered": lambda p, a: Delivered(p, a["id"], a["at"], a["penalty"]),
    "Disputed": lambda p, a: Disputed(p, a["id"], to_checksum_address(a["by"]), State(a["from"]), a["decideBy"]),
    "Credited": lambda p, a: Credited(
        p, a["id"], Reason(a["reason"]), a["milestone"], a["toPayee"], a["fee"], a["toPayer"]
    ),
    "Withdrawn": lambda p, a: Withdrawn(p, a["id"], Party(a["party"]), to_checksum_address(a["to"]), a["amount"]),
    "Kept": lambda p, a: Kept(p, a["id"], Party(a["party"]), a["amount"]),
    "Replaced": lambda p, a: Replaced(p, a["id"], a["successor"], a["carried"]),
}


def topics() -> list[str]:
    """First topics of all our events: `eth_getLogs` with `[topics()]` gives everything that `decode` knows."""
    return ["0x" + topic.hex() for topic in _registry()]


def decode(log: Mapping[str, Any]) -> Event | None:
    """The event of a JSON-RPC log; None where it is none of ours."""
    raw_topics = [bytes.fromhex(topic[2:]) for topic in log["topics"]]
    fragment = _registry().get(raw_topics[0]) if raw_topics else None
    if fragment is None:
        return None
    place = LogPlace(
        int(log["blockNumber"], 16),
        str(log["blockHash"]),
        str(log["transactionHash"]),
        int(log["logIndex"], 16),
        to_checksum_address(log["address"]),
    )
    arguments = fragment.decode_log(raw_topics[1:], bytes.fromhex(log["data"][2:]))
    return _BUILDERS[fragment.name](place, arguments)


@cache
def _registry() -> dict[bytes, Fragment]:
    found = [*fragments("AgreementFactory", "event"), *fragments("DeliveryAgreement", "event")]
    return {fragment.hash: fragment for fragment in found if fragment.name in _BUILDERS}
