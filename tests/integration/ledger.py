"""The money as the chain tells it: JSON-RPC by hand, no line of the product. A reconciler must not share its bugs."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, NamedTuple

import httpx

BALANCE_OF = "0x70a08231"
"""The first four bytes of keccak256("balanceOf(address)") (ERC-20)."""
TRANSFER = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef"
"""keccak256("Transfer(address,address,uint256)") (ERC-20)."""
NOBODY = "0x" + "0" * 40
DOCUMENT = {
    "order_id",
    "status",
    "events",
    "quote",
    "agreements",
    "nets",
    "manufacturer_own_money_minor",
    "token",
    "chain",
    "timings_s",
}


class Transfer(NamedTuple):
    """Money that moved, in token units, and the transaction that moved it."""

    giver: str
    taker: str
    units: int
    transaction: str


class Node:
    """A JSON-RPC node."""

    def __init__(self, http: httpx.Client) -> None:
        self._http = http
        self._ids = count(1)

    def ask(self, method: str, *params: object) -> Any:
        """The method's result; an error of the node fails the test."""
        request = {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": params}
        answer = self._http.post("/", json=request).json()
        assert "error" not in answer, answer
        return answer["result"]

    def balance(self, token: str, owner: str, block: str = "latest") -> int:
        """Token units of an owner; none before the token is there."""
        calldata = BALANCE_OF + owner.removeprefix("0x").lower().rjust(64, "0")
        answer = self.ask("eth_call", {"to": token, "data": calldata}, block)
        return int(answer[2:] or "0", 16)

    def transfers(self, token: str) -> list[Transfer]:
        """Every one since the first block."""
        logs = self.ask(
            "eth_getLogs", {"address": token, "topics": [TRANSFER], "fromBlock": "0x0", "toBlock": "latest"}
        )
        return [
            Transfer(
                _address(log["topics"][1]), _address(log["topics"][2]), int(log["data"], 16), log["transactionHash"]
            )
            for log in logs
        ]


@contextmanager
def node_at(url: str) -> Iterator[Node]:
    """The node behind a URL."""
    with httpx.Client(base_url=url, timeout=10.0, trust_env=False) as http:
        yield Node(http)


def _address(topic: str) -> str:
    return "0x" + topic[-40:]


def money_faults(documents: Sequence[Mapping[str, Any]], node: Node) -> list[str]:
    """What the documents of all demonstrations on a chain say that the chain does not; empty: every cent is right."""
    token = documents[0]["token"]
    unit = 10 ** (token["decimals"] - 2)
    moved = node.transfers(token["address"])
    faults = _nets_against_chain(documents, node, moved, unit)
    for document in documents:
        faults += _within_the_document(document)
        for agreement in document["agreements"]:
            faults += _payouts_against_chain(agreement, node, token["address"], moved, unit)
        faults += _own_money(document, moved, unit)
    return faults


def _nets_against_chain(
    documents: Sequence[Mapping[str, Any]], node: Node, moved: list[Transfer], unit: int
) -> list[str]:
    faults = []
    token = documents[0]["token"]["address"]
    said: dict[str, int] = defaultdict(int)
    for document in documents:
        for net in document["nets"]:
            said[net["address"].lower()] += net["amount_minor"]
    minted: Counter[str] = Counter()
    for giver, taker, units, _ in moved:
        if giver == NOBODY:
            minted[taker] += units
    for address, minor in said.items():
        changed = node.balance(token, address) - node.balance(token, address, "0x1") - minted[address]
        if changed != minor * unit:
            faults.append(f"{address} changed by {changed} units, not by {minor} cents")
    if holders := sum(node.balance(token, address) for address in said) - sum(minted.values()):
        faults.append(f"{-holders} units are with nobody who was named")
    return faults


def _within_the_document(document: Mapping[str, Any]) -> list[str]:
    faults = []
    quote, agreements = document["quote"], document["agreements"]
    if sum(line["amount_minor"] for line in quote["lines"]) != quote["total_minor"]:
        faults.append("the lines do not sum to the total")
    if sum(net["amount_minor"] for net in document["nets"]):
        faults.append("the nets do not sum to nothing")
    if [one["amount_minor"] for one in agreements if one["kind"] == "delivery"] != [quote["total_minor"]]:
        faults.append("the delivery agreement is not over the quote's total")
    for one in agreements:
        if sum(payout["amount_minor"] for payout in one["payouts"]) != one["amount_minor"]:
            faults.append(f"the payouts of {one['address']} do not sum to its amount")
    return faults


def _payouts_against_chain(
    agreement: Mapping[str, Any], node: Node, token: str, moved: list[Transfer], unit: int
) -> list[str]:
    """What left the contract, to whom: a second payout would be here whatever the balances look like.

    The advance goes from the payer's hand straight to the payee and into the supply agreements, in the transaction
    that opens them all.
    """
    own = agreement["address"].lower()
    parties = {payout["address"].lower() for payout in agreement["payouts"] if payout["party"] == "payee"}
    fundings = {(one.giver, one.transaction) for one in moved if one.taker == own}
    left, received = Counter[str](), Counter[str]()
    for one in moved:
        received[one.taker] += one.units
        advanced = one.taker in parties and (one.giver, one.transaction) in fundings
        if one.giver == own or advanced:
            left[one.taker] += one.units
    said, funded = Counter[str](), Counter[str]()
    for payout in agreement["payouts"]:
        (funded if payout["party"] == "supply" else said)[payout["address"].lower()] += payout["amount_minor"] * unit
    faults = [] if left == said else [f"{own} paid {dict(left)}, not {dict(said)}"]
    faults += [
        f"{supply} was funded with {received[supply]}" for supply in funded if received[supply] != funded[supply]
    ]
    if node.balance(token, own):
        faults.append(f"{own} still holds money")
    return faults


def _own_money(document: Mapping[str, Any], moved: list[Transfer], unit: int) -> list[str]:
    maker = next(
        payout["address"].lower()
        for agreement in document["agreements"]
        for payout in agreement["payouts"]
        if agreement["kind"] == "delivery" and payout["party"] == "payee"
    )
    spent = sum(units for giver, _, units, _ in moved if giver == maker)
    said = document["manufacturer_own_money_minor"]
    return [] if spent == said * unit == 0 else [f"the manufacturer spent {spent} units of its own, {said} cents said"]


def shape_faults(document: Mapping[str, Any]) -> list[str]:
    """Keys and types that differ from the documented ones; money is a whole number of cents."""
    faults = [] if set(document) == DOCUMENT else [f"keys: {set(document) ^ DOCUMENT}"]
    wanted = {
        "quote": {"total_minor", "currency", "lines"},
        "token": {"address", "decimals"},
        "chain": {"chain_id", "height"},
    }
    faults += [f"{name}: {set(document[name]) ^ keys}" for name, keys in wanted.items() if set(document[name]) != keys]
    for agreement in document["agreements"]:
        if set(agreement) != {"kind", "id", "address", "status", "amount_minor", "payouts"}:
            faults.append(f"an agreement has {set(agreement)}")
    payouts = [payout for agreement in document["agreements"] for payout in agreement["payouts"]]
    if any(set(payout) != {"party", "address", "amount_minor"} for payout in payouts):
        faults.append("a payout has other keys")
    if any(not set(net) >= {"party", "address", "amount_minor"} for net in document["nets"]):
        faults.append("a net lacks keys")
    unlike = [path for path, value in _leaves(document) if path.endswith("_minor") and type(value) is not int]
    floats = [path for path, value in _leaves(document) if type(value) is float and not path.startswith("timings_s")]
    return faults + [f"{path} is no whole number" for path in unlike + floats]


def _leaves(value: object, path: str = "") -> Iterator[tuple[str, object]]:
    match value:
        case dict():
            for name, inner in value.items():
                yield from _leaves(inner, f"{path}.{name}" if path else name)
        case list():
            for number, inner in enumerate(value):
                yield from _leaves(inner, f"{path}.{number}")
        case _:
            yield path, value
