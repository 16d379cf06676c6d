"""The reckoning at the end of a run, by SQL and raw JSON-RPC: what was lost, what happened twice, what does not agree.

It shares no line with the product and none with `lotsizeone doctor`, so each is a witness against the other.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_hash.auto import keccak

from tests.faults.books import Database, Node, Row, address_in, plain

STATES = ("open", "delivered", "retained", "disputed", "settled", "refunded", "resolved")
"""By the number that the contract gives them."""
NOBODY = "0x" + "0" * 40
ENDED = frozenset({"settled", "refunded", "resolved"})


def _topic(signature: str) -> str:
    return "0x" + keccak(signature.encode()).hex()


TRANSFER = _topic("Transfer(address,address,uint256)")
CLAIMED = _topic("Claimed(bytes32,uint256,uint256,bytes32)")
STATE_CHANGED = _topic("StateChanged(bytes32,uint8,uint8)")
DELIVERED = _topic("Delivered(bytes32,uint256,uint256)")
TO_SUPPLY = _topic("AdvanceToSupply(bytes32,bytes32,uint256)")
TO_PAYEE = _topic("AdvanceToPayee(bytes32,address,uint256,uint256)")
Move = tuple[str, str, int]
"""Who gave whom how many token units."""


@dataclass
class Reckoning:
    """What was found; each a line that says what and where. All empty: the house is in order."""

    lost: list[str] = field(default_factory=list)
    double: list[str] = field(default_factory=list)
    unreconciled: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing was found."""
        return not (self.lost or self.double or self.unreconciled)

    def lines(self) -> list[str]:
        """Everything, for people."""
        kinds = {"lost": self.lost, "double": self.double, "unreconciled": self.unreconciled}
        return [f"{kind}: {line}" for kind, found in kinds.items() for line in found]


@dataclass(frozen=True)
class Contracts:
    """Where the money and the agreements are, and who signs for the platform."""

    token: str
    factory: str
    relayer: str


def reckon(database: Database, node: Node, contracts: Contracts, acknowledged: Sequence[str]) -> Reckoning:
    """Compare database and chain, and both with the orders that people were told are placed."""
    found = Reckoning()
    orders = {row["id"]: row["status"] for row in database.rows("SELECT id, status FROM orders")}
    found.lost += [
        f"order {one} is {orders.get(one, 'gone')}, not settled" for one in acknowledged if orders.get(one) != "settled"
    ]
    transfers = [
        (address_in(log["topics"][1]), address_in(log["topics"][2]), int(log["data"], 16))
        for log in node.logs(address=contracts.token, topics=[TRANSFER])
    ]
    found.double += _minted_twice(database, transfers)
    found.double += _claimed_twice(node)
    for line in _agreements(database, node, transfers):
        (found.double if "more than" in line else found.unreconciled).append(line)
    found.unreconciled += _transactions(database, node, contracts.relayer)
    found.unreconciled += _effects(database)
    return found


def _minted_twice(database: Database, transfers: Sequence[Move]) -> list[str]:
    """Test money: one grant for each key that asked, whatever happened on the way."""
    asked = Counter(
        row["subject"].lower() for row in database.rows("SELECT subject FROM outbox WHERE kind = 'fund_test_account'")
    )
    given = Counter(taker for giver, taker, _ in transfers if giver == NOBODY)
    return [f"{one} was funded {times} times" for one, times in given.items() if times > asked[one]]


def _claimed_twice(node: Node) -> list[str]:
    once = Counter((log["topics"][1], log["topics"][2]) for log in node.logs(topics=[CLAIMED]))
    once.update((log["topics"][1], "the delivery") for log in node.logs(topics=[DELIVERED]))
    return [f"{what} of {agreement} was proved {times} times" for (agreement, what), times in once.items() if times > 1]


def _agreements(database: Database, node: Node, transfers: Sequence[Move]) -> Iterable[str]:
    """Each agreement: money in, money out, state, and the payouts and proofs that the database remembers."""
    states = {log["topics"][1]: STATES[int(log["data"][66:130], 16)] for log in node.logs(topics=[STATE_CHANGED])}
    claims = Counter(log["topics"][1] for log in node.logs(topics=[CLAIMED]))
    came: dict[str, int] = defaultdict(int)
    went: dict[str, Counter[str]] = defaultdict(Counter)
    for giver, taker, units in transfers:
        came[taker] += units
        went[giver][taker] += units
    for delivery, taker, units in _advances(database, node):
        came[delivery] += units
        went[delivery][taker] += units
    proved: Counter[str] = Counter()
    for agreement in database.rows("SELECT * FROM agreements WHERE status NOT IN ('drafted', 'void')"):
        terms, address = plain(agreement["terms"]), agreement["address"].lower()
        proved[agreement["order_id"]] += claims[agreement["id"]]
        amount, unit = int(terms["amount"]), int(terms["unit"])
        out = sum(went[address].values())
        if max(came[address], out) > amount:
            yield f"{address} took {came[address]} and gave {out}, more than its {amount}"
        known = states.get(agreement["id"], "open" if came[address] else "signed")
        if known != agreement["status"]:
            yield f"{address} is {known} on chain, {agreement['status']} in the database"
        if known in ENDED and (came[address], out) != (amount, amount):
            yield f"{address} has ended, took {came[address]} and gave {out} of {amount}"
        yield from _payouts(address, went[address], plain(agreement["payouts"]), unit)
    told = "SELECT order_id, count(*) AS n FROM order_events WHERE name = 'MilestoneProved' GROUP BY order_id"
    events = {row["order_id"]: row["n"] for row in database.rows(told)}
    for order_id, number in proved.items():
        if events.get(order_id, 0) != number:
            yield f"order {order_id} has {number} claims on chain, {events.get(order_id, 0)} in the database"


def _advances(database: Database, node: Node) -> Iterable[Move]:
    """What an opening moved past a delivery: it came from the payer and went on, though it never lay there.

    The transfers from payer to supplier and to payee count by themselves, at the address where they arrived.
    """
    at = {row["id"]: row["address"].lower() for row in database.rows("SELECT id, address FROM agreements")}
    for log in node.logs(topics=[[TO_SUPPLY, TO_PAYEE]]):
        to = at[log["topics"][2]] if log["topics"][0] == TO_SUPPLY else address_in(log["topics"][2])
        yield at[log["topics"][1]], to, int(log["data"][2:66], 16)


def _payouts(address: str, went: Mapping[str, int], payouts: Sequence[Mapping[str, Any]], unit: int) -> Iterable[str]:
    remembered: Counter[str] = Counter()
    for payout in payouts:
        if payout["paid"]:
            remembered[payout["address"].lower()] += int(payout["amount_minor"]) * unit
    for party in went.keys() | remembered.keys():
        if went.get(party, 0) != remembered[party]:
            yield f"{address} gave {party} {went.get(party, 0)} on chain, {remembered[party]} in the database"


def _transactions(database: Database, node: Node, relayer: str) -> Iterable[str]:
    """Every nonce of the relayer is remembered with what became of it, and nothing was sent that nobody remembers."""
    used = int(node.ask("eth_getTransactionCount", relayer, "latest"), 16)
    known = {row["nonce"]: row for row in database.rows("SELECT nonce, outcome, key FROM chain_transactions")}
    signed: dict[str, set[str]] = defaultdict(set)
    for attempt in database.rows("SELECT key, hash FROM chain_attempts"):
        signed[attempt["key"]].add(attempt["hash"])
    mined = _sent_by(node, relayer)
    for nonce in range(used):
        row: Row | None = known.pop(nonce) if nonce in known else None
        if row is None or mined.get(nonce) not in signed[row["key"]]:
            yield f"nonce {nonce} was used by {mined.get(nonce)}, the database has {row and row['key']} there"
        elif row["outcome"] not in ("mined", "failed"):
            yield f"{row['key']} at nonce {nonce} is mined, the database does not know"
    for left in known.values():
        yield f"{left['key']} at nonce {left['nonce']} is remembered and not mined"


def _sent_by(node: Node, sender: str) -> dict[int, str]:
    """Nonce → hash of all that a key has sent: read block by block, as a node forgets old states and keeps blocks."""
    found: dict[int, str] = {}
    for number in range(int(node.ask("eth_blockNumber"), 16) + 1):
        for sent in node.ask("eth_getBlockByNumber", hex(number), True)["transactions"]:
            if sent["from"].lower() == sender.lower():
                found[int(sent["nonce"], 16)] = sent["hash"]
    return found


def _effects(database: Database) -> Iterable[str]:
    for row in database.rows("SELECT kind, key, status, reason FROM outbox WHERE status NOT IN ('waiting', 'done')"):
        yield f"effect {row['kind']} {row['key']} is {row['status']}: {row['reason']}"
