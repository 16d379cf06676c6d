"""What the chain says was opened, read by raw JSON-RPC: no projection and no line of the marketplace in between."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final

from eth_hash.auto import keccak

from bootstrap.doctor.abi import MEMBERS, SHAPES, WORD, fields_of, raw, read_word
from contracts.eip712 import digest
from tests.faults.books import Node, address_in

_OPENED: Final = next(topic for topic, shape in SHAPES.items() if shape.name == "Opened")
_TRANSFER: Final = keccak(b"Transfer(address,address,uint256)")


@dataclass(frozen=True)
class Opening:
    """An agreement that the factory says it has opened: its terms by their Solidity names."""

    id: str
    agreement: str
    terms: Mapping[str, int | str]


@dataclass(frozen=True)
class FirmQuote:
    """What a customer was shown and signed: the typed data, and price and day as the quote said them in words."""

    order: str
    typed: Mapping[str, Any]
    total_minor: int
    deliver_by: str

    @property
    def id(self) -> str:
        """The delivery's id: the digest of what was signed."""
        return "0x" + digest(dict(self.typed)).hex()


def opening_of(log: Mapping[str, Any]) -> Opening:
    """Read a log of the factory."""
    topics, data = [raw(topic) for topic in log["topics"]], raw(log["data"])
    fields = fields_of(SHAPES[topics[0]], topics[1:], data)
    words = fields["terms"]
    terms = {
        name: read_word(name, kind, words[index * WORD : (index + 1) * WORD])
        for index, (name, kind) in enumerate(MEMBERS)
    }
    return Opening(str(fields["id"]), str(fields["agreement"]), terms)


@dataclass
class Chain:
    """A node, the factory and the money."""

    node: Node
    factory: str
    token: str
    _seen: int = -1
    found: dict[str, Opening] = field(default_factory=dict)

    def look(self) -> list[str]:
        """Ids of what was opened since the last look."""
        head = int(self.node.ask("eth_blockNumber"), 16)
        if head <= self._seen:
            return []
        wanted = {"address": self.factory, "topics": ["0x" + _OPENED.hex()], "fromBlock": hex(self._seen + 1)}
        logs = self.node.ask("eth_getLogs", wanted | {"toBlock": hex(head)})
        self._seen = head
        new = [opening_of(log) for log in logs]
        self.found |= {one.id: one for one in new}
        return [one.id for one in new]

    def sent_by(self, address: str) -> int:
        """Token units that left an address for agreements that were opened."""
        padded = "0x" + bytes(12).hex() + address[2:].lower()
        logs = self.node.logs(address=self.token, topics=["0x" + _TRANSFER.hex(), padded])
        agreements = {one.agreement for one in self.found.values()}
        return sum(int(log["data"], 16) for log in logs if address_in(log["topics"][2]) in agreements)

    def has_code(self, address: str) -> bool:
        """Whether there is a contract."""
        return len(str(self.node.ask("eth_getCode", address, "latest"))) > 2


def supplies_of(found: Mapping[str, Opening], delivery: str) -> list[Opening]:
    """The supplies that were opened under a delivery."""
    return [one for one in found.values() if one.terms["parent"] == delivery]


def is_as_signed(quote: FirmQuote, found: Mapping[str, Opening], signed: Mapping[str, set[str]]) -> str | None:
    """What is wrong with the opening of a firm quote, or None: everything that was signed, and nothing else.

    `signed` has the roles in which organisations promised each agreement, by their own signers' logs.
    """
    opening = found.get(quote.id)
    if opening is None:
        return "it was not opened"
    message = {name.lower(): value for name, value in quote.typed["message"].items()}
    for name, value in opening.terms.items():
        told = message[name.lower()]
        if str(told).lower() != str(value).lower():
            return f"{name} is {value}, and {told} was signed"
    terms = opening.terms
    if terms["amount"] != quote.total_minor * int(terms["unit"]):
        return f"{terms['amount']} units are not the {quote.total_minor} cents that were shown"
    day = datetime.fromtimestamp(int(terms["deliverBy"]), UTC).date().isoformat()
    if day != quote.deliver_by:
        return f"it is due on {day}, and {quote.deliver_by} was shown"
    supplies = supplies_of(found, quote.id)
    if len(supplies) != terms["supplyCount"]:
        return f"{len(supplies)} supplies were opened, and {terms['supplyCount']} belong to it"
    wanted = {opening.id: {"payee"}} | {one.id: {"payee", "payer"} for one in supplies}
    unsigned = [one for one, roles in wanted.items() if signed.get(one) != roles]
    return f"organisations have not signed {', '.join(unsigned)}" if unsigned else None


def supplies_units(found: Mapping[str, Opening], quotes: Sequence[FirmQuote]) -> int:
    """Token units that the supplies of these quotes cost."""
    return sum(int(one.terms["amount"]) for quote in quotes for one in supplies_of(found, quote.id))
