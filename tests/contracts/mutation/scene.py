"""One agreement under watch: what each move logs and transfers is compared word by word, the books to the last unit.

A receipt becomes lines that people can read, transfers of the token among them, in their order:

    credited Acceptance: payee 914.83, fee 23.45, payer 0.00
    Delivered → Retained
    agreement → maker 914.83
    withdrawn Payee 914.83

The books are compared with a ledger of the scene's own, which knows nothing but these lines.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import pytest
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from contracts import events
from contracts.bindings import agreement, factory
from contracts.bindings.agreement import CONTESTED, Authorisation, Books, Evidence, Party, State
from contracts.bindings.call import Call
from contracts.errors import Reverted
from contracts.terms import ZERO_ADDRESS, ZERO_WORD, Milestone, Terms, What, Witnessed, pack_milestones, part
from contracts.transactions import Fees, sign_call
from tests.contracts.world import ADDRESS, AMPLE_GAS, CENT, DAY, SIGNERS, START, World

TRANSFER: Final = "0x" + keccak(b"Transfer(address,address,uint256)").hex()
ADVANCE, MACHINE, INSPECTION, SHIPPING, GOODS_IN, RETENTION = range(6)
"""The lanes of `LANES`."""
LANES: Final = (
    Milestone(2_000, 1),
    Milestone(1_000, 600, Witnessed.ATTESTOR),
    Milestone(1_500, 400, Witnessed.BOTH),
    Milestone(500, 700, Witnessed.PAYER),
    Milestone(700, 800, Witnessed.WITNESS),
    Milestone(400, 2),
)
ORDER: Final[dict[str, Any]] = {
    "amount": 1_234_57 * CENT,
    "milestones": pack_milestones(LANES),
    "deliver_by": START + 7 * DAY,
    "grace": 14 * DAY,
    "contest_window": 600,
    "accept_window": 3_600,
    "retention_window": 2 * DAY,
    "arbiter_window": DAY,
    "penalty_bps_per_day": 100,
    "penalty_cap_bps": 500,
    "fee_bps": 250,
    "cancel_bps": 1_000,
    "cancel_until": INSPECTION,
    "timeout_bps": 6_000,
}
"""1,234.57 €, an amount that no share divides evenly, and no two clocks or rates alike.

| lane | share | fee in it | to the payee |
|---|---|---|---|
| 0 advance | 246.91 | 6.17 | 240.74 |
| 1 machine | 123.45 | 3.08 | 120.37 |
| 2 inspection | 185.18 | 4.62 | 180.56 |
| 3 shipping | 61.72 | 1.54 | 60.18 |
| 4 goods-in | 86.41 | 2.16 | 84.25 |
| 5 retention | 49.38 | 1.23 | 48.15 |

Behind the advance 987.66 are left; on acceptance 938.28 are earned, 23.45 of them fee.
"""


@dataclass
class Ledger:
    """The scene's own books, from the events alone."""

    terms: Terms
    state: State = State.OPEN
    released: int = 0
    delivered_at: int = 0
    disputed_at: int = 0
    disputed_in: State = State.OPEN
    credited: dict[str, int] = field(default_factory=lambda: dict.fromkeys(("payee", "payer", "fee", "elsewhere"), 0))
    paid: dict[Party, int] = field(default_factory=lambda: dict.fromkeys(Party, 0))
    claimed_at: list[int] = field(default_factory=lambda: [0] * 8)

    def enter(self, event: events.Event, now: int) -> None:
        """Books one event of a block stamped `now`."""
        match event:
            case events.Credited():
                self.credited["payee"] += event.to_payee
                self.credited["fee"] += event.fee
                self.credited["payer"] += event.to_payer
                if event.milestone != events.NO_MILESTONE:
                    self.released |= 1 << event.milestone
            case events.Withdrawn():
                self.paid[event.party] += event.amount
            case events.Replaced():
                self.credited["elsewhere"] += event.carried
            case events.StateChanged():
                self.state = event.after
            case events.Claimed():
                self.claimed_at[event.milestone] = now
            case events.Contested():
                self.claimed_at[event.milestone] = CONTESTED
            case events.Delivered():
                self.delivered_at = now
            case events.Disputed():
                self.disputed_at, self.disputed_in = now, event.before
            case _:
                pass

    def advance_paid(self) -> None:
        """Books the advance, if there is one: the payee and the batch's supplies have had it."""
        if self.terms.milestones >> 2 & 0xFFFF == 1:
            gross = part(self.terms.amount, self.terms.milestones >> 18 & 0x3FFF, self.terms.unit)
            fee = part(gross, self.terms.fee_bps, self.terms.unit)
            self.credited["fee"] += fee
            self.credited["elsewhere"] += gross - fee
            self.released |= 1

    @property
    def books(self) -> Books:
        """As the contract should give them."""
        return Books(
            state=self.state,
            released=self.released,
            delivered_at=self.delivered_at,
            left=self.terms.amount - sum(self.credited.values()),
            fee_due=self.credited["fee"] - self.paid[Party.FEE_RECEIVER],
            payee_due=self.credited["payee"] - self.paid[Party.PAYEE],
            payer_due=self.credited["payer"] - self.paid[Party.PAYER],
            disputed_at=self.disputed_at,
            disputed_in=self.disputed_in,
        )


class Scene:
    """One agreement, its chain, and the ledger that it is compared with."""

    def __init__(self, world: World, terms: Terms, label: str = "agreement") -> None:
        self.world = world
        self.terms = terms
        self.id = world.id(terms)
        self.address = world.address(terms)
        self.names = {address: name for name, address in ADDRESS.items()}
        self.names |= {self.address: label, ZERO_ADDRESS: "nobody"}
        self.ids = {self.id: label, ZERO_WORD: "nobody"}
        self.ledger = Ledger(terms)
        self.last = terms.deliver_by + terms.grace
        """The last second of a delivery."""

    @property
    def now(self) -> int:
        """The stamp of the newest block."""
        return int(self.world.rpc.node.head_timestamp)

    def until(self, moment: int) -> None:
        """The next transaction is stamped `moment`."""
        if moment - 1 > self.now:
            self.world.rpc.warp(moment - 1)
        assert moment == self.now + 1, "time does not run backwards"

    def knows(self, *others: "Scene") -> None:
        """Names other agreements in this one's lines as they name themselves."""
        for other in others:
            self.names[other.address], self.ids[other.id] = other.names[other.address], other.ids[other.id]

    async def move(self, who: str, build: Callable[..., Call], *arguments: Any, log: Sequence[str]) -> None:
        """A move that must work, log exactly these lines, and leave the books that follow from them."""
        await self.send(who, build(self.address, self.terms, *arguments), log=log)

    async def send(self, who: str, call: Call, *, log: Sequence[str]) -> None:
        """The same with any call."""
        receipt = await self.world.force(who, call)
        if receipt["status"] != "0x1":
            await self.world.send(who, call)
        assert self.read(receipt) == list(log)
        await self.compare()

    async def in_one_block(self, *calls: tuple[str, Call], log: Sequence[str]) -> None:
        """The same with several senders' calls in one second, in their order."""
        rpc, hashes = self.world.rpc, []
        for place, (who, call) in enumerate(calls):
            nonce = int(await rpc.call("eth_getTransactionCount", ADDRESS[who], "latest"), 16)
            fees = Fees(10**11, 10**9 * (len(calls) - place))
            chain_id = self.world.chain_id
            signed = await sign_call(SIGNERS[who], call, nonce=nonce, gas=AMPLE_GAS, fees=fees, chain_id=chain_id)
            hashes.append(rpc.node.submit(signed.raw))
        rpc.node.mine(self.now + 1)
        receipts = [await rpc.call("eth_getTransactionReceipt", "0x" + one.hex()) for one in hashes]
        assert [receipt["status"] for receipt in receipts] == ["0x1"] * len(calls)
        assert [line for receipt in receipts for line in self.read(receipt)] == list(log)
        await self.compare()

    async def refuses(
        self, who: str, build: Callable[..., Call], *arguments: Any, because: str, **details: object
    ) -> None:
        """A move that must fail in the next block with this error and, where they are named, these arguments."""
        call = build(self.address, self.terms, *arguments)
        await self.refuses_call(who, call, because=because, **details)

    async def refuses_call(self, who: str, call: Call, *, because: str, **details: object) -> None:
        """The same with any call."""
        message = {"from": ADDRESS[who], "to": call.to, "data": "0x" + call.data.hex()}
        with pytest.raises(Reverted) as caught:
            await self.world.rpc.call("eth_call", message, "pending")
        assert caught.value.name == because, caught.value
        found = {name: _plain(caught.value.arguments[name]) for name in details}
        assert found == {name: _plain(value) for name, value in details.items()}

    def read(self, receipt: dict[str, Any]) -> list[str]:
        """A receipt's lines; what they say of this agreement is booked."""
        now = self.now
        lines = []
        for log in receipt["logs"]:
            event = events.decode(log)
            if event is None:
                if log["topics"][0] == TRANSFER:
                    lines.append(self._transfer(log))
                continue
            if event.place.address == self.address:
                assert getattr(event, "id") == self.id  # noqa: B009 - every event of a clone has one
                self.ledger.enter(event, now)
            lines.append(self._line(event, now))
        return lines

    async def compare(self) -> None:
        """The contract's books, its claims and its balance against the scene's."""
        rpc = self.world.rpc
        books = self.ledger.books
        assert await agreement.books(rpc, self.address, self.terms) == books
        assert await agreement.claimed_at(rpc, self.address, self.terms) == tuple(self.ledger.claimed_at)
        held = books.left + books.fee_due + books.payee_due + books.payer_due
        balance = await rpc.call("eth_call", {"to": self.terms.token, "data": _balance_of(self.address)}, "latest")
        assert int(balance, 16) == held

    # ── what people sign ─────────────────────────────────────────────────────────────────────────

    async def says(self, who: str, what: What, number: int = 0, deadline: int | None = None) -> Authorisation:
        """Somebody's signed consent."""
        until = START + 365 * DAY if deadline is None else deadline
        return await self.world.consent(who, self.terms, what, number.to_bytes(32, "big"), until)

    async def proof(self, lane: int, *signers: str) -> list[Evidence]:
        """Evidence of a lane's event by these gateways."""
        code = self.terms.milestones >> (32 * lane + 2) & 0xFFFF
        return [await self.world.evidence(signer, self.terms, code) for signer in signers]

    # ── words ────────────────────────────────────────────────────────────────────────────────────

    def _transfer(self, log: dict[str, Any]) -> str:
        sender, receiver = (to_checksum_address(topic[-40:]) for topic in log["topics"][1:])
        return f"{self._name(sender)} → {self._name(receiver)} {euros(int(log['data'], 16))}"

    def _name(self, address: str) -> str:
        return self.names.get(address, address)

    def _line(self, event: events.Event, now: int) -> str:
        if isinstance(event, events.FromFactory):
            return self._opening(event)
        match event:
            case events.StateChanged():
                return f"{word(event.before)} → {word(event.after)}"
            case events.Claimed():
                after, payload = event.matures_after - now, event.payload_hash[:2].hex()
                return f"claimed {event.milestone}, paid after {after} s, {payload}"
            case events.Contested():
                return f"contested {event.milestone}"
            case events.Delivered():
                return f"delivered {event.at - now} s ago, penalty {euros(event.penalty)}"
            case events.Disputed():
                who, within = self._name(event.by), event.decide_by - now
                return f"{who} disputes in {word(event.before)}, decision within {within} s"
        return self._payment(event)

    def _opening(self, event: events.FromFactory) -> str:
        match event:
            case events.Opened():
                return f"opened {self._name(event.agreement)} under {self.ids[event.parent]}"
            case events.AdvanceToSupply():
                return f"{self.ids[event.delivery_id]}'s advance to {self.ids[event.supply_id]} {euros(event.amount)}"
            case events.AdvanceToPayee():
                words = f"{euros(event.amount)}, fee {euros(event.fee)}"
                return f"{self.ids[event.id]}'s advance to {self._name(event.to)} {words}"

    def _payment(self, event: events.Credited | events.Withdrawn | events.Kept | events.Replaced) -> str:
        match event:
            case events.Credited():
                lane = "" if event.milestone == events.NO_MILESTONE else f" {event.milestone}"
                shares = f"payee {euros(event.to_payee)}, fee {euros(event.fee)}, payer {euros(event.to_payer)}"
                return f"credited {word(event.reason)}{lane}: {shares}"
            case events.Withdrawn():
                return f"withdrawn {word(event.party)} {euros(event.amount)} to {self._name(event.to)}"
            case events.Kept():
                return f"kept {word(event.party)} {euros(event.amount)}"
            case events.Replaced():
                return f"replaced by {self.ids[event.successor]} with {euros(event.carried)}"


async def begin(world: World, **changes: Any) -> Scene:
    """An open order without supplies. What opening it moves is looked at elsewhere."""
    terms = world.delivery_terms(supplies=0, **(ORDER | changes))
    scene = Scene(world, terms)
    entry = await world.entry(terms)
    receipt = await world.force("relayer", factory.open_one(world.book.factory, entry))
    assert receipt["status"] == "0x1"
    scene.ledger.advance_paid()
    return scene


def cast(world: World, **roles: Terms) -> list[Scene]:
    """A scene for each agreement, named as its keyword says; each knows the others."""
    scenes = [Scene(world, terms, name) for name, terms in roles.items()]
    for scene in scenes:
        scene.knows(*scenes)
    return scenes


async def opens(scenes: Sequence[Scene], who: str, call: Call, *, log: Sequence[str]) -> None:
    """A call of the factory that must work, log exactly these lines, and leave the books of fresh agreements.

    Openings first: whether a batch opens everything before it pays anything is no figure.
    """
    world = scenes[0].world
    receipt = await world.force(who, call)
    if receipt["status"] != "0x1":
        await world.send(who, call)
    lines = scenes[0].read(receipt)
    assert sorted(lines, key=lambda line: not line.startswith("opened ")) == list(log)
    for scene in scenes:
        scene.ledger.advance_paid()
        await scene.compare()


def to_maker(amount: str) -> list[str]:
    """The lines of a move that pays the payee."""
    return [f"agreement → maker {amount}", f"withdrawn Payee {amount} to maker"]


def to_customer(amount: str) -> list[str]:
    """The lines of a move that pays the payer."""
    return [f"agreement → customer {amount}", f"withdrawn Payer {amount} to customer"]


def to_fees(amount: str) -> list[str]:
    """The lines of the fees' payment at the end."""
    return [f"agreement → fees {amount}", f"withdrawn FeeReceiver {amount} to fees"]


def taken(amount: str) -> list[str]:
    """The lines of a `withdraw` for the payee, which pays last."""
    return to_maker(amount)[::-1]


def euros(units: int) -> str:
    """Token units as euros and cents; a part of a cent would show."""
    cents, rest = divmod(units, CENT)
    return f"{cents // 100}.{cents % 100:02}" + (f"+{rest}" if rest else "")


def word(value: Any) -> str:
    """An enumeration's member as the contracts write it."""
    return "".join(part_.capitalize() for part_ in value.name.split("_"))


def _plain(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _balance_of(owner: str) -> str:
    return "0x70a08231" + "00" * 12 + owner[2:]
