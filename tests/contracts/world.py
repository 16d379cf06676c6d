"""A small world to test agreements in: a chain without a server, its people, and an order that could be theirs."""

import dataclasses
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from contracts import events
from contracts.bindings import agreement, factory, token
from contracts.bindings.agreement import Authorisation, Books, Evidence, Party, State
from contracts.bindings.call import Call
from contracts.bindings.factory import Entry, Permit
from contracts.deployer import AddressBook
from contracts.devchain.errors import RpcError
from contracts.devchain.methods import Methods
from contracts.devchain.node import Node
from contracts.errors import NodeRefused, Reverted, from_revert
from contracts.evidence import leaf, merkle_proof, merkle_root
from contracts.signers import LocalSigner
from contracts.terms import (
    NEVER,
    OPENED,
    RETAINED,
    ZERO_ADDRESS,
    ZERO_WORD,
    Kind,
    Milestone,
    Terms,
    What,
    Witnessed,
    action_typed_data,
    agreement_address,
    evidence_root_typed_data,
    handover_hash,
    number_word,
    pack_milestones,
    permit_typed_data,
    split_typed_data,
    terms_id,
    typed_data,
    unpack_milestones,
)
from contracts.transactions import Fees, sign_call

CHAIN_ID = 31337
START = 1_900_000_000
"""The first block's stamp, in seconds since 1970."""
DAY = 86_400
CENT = token.UNITS_PER_CENT
EURO = 100 * CENT
PRODUCTION_FINISHED = 600
INSPECTION_PASSED = 400
SHIPPED = 700
SECRET = bytes(range(32))
SECOND_SECRET = bytes(range(32, 64))
"""A successor's: the old terms' secret may be known to a stranger by then."""
SECRETS = {handover_hash(secret): secret for secret in (SECRET, SECOND_SECRET)}
AMPLE_GAS = 8_000_000
"""More than any move needs: a batch with 31 supplies takes some four million."""

PEOPLE = [
    *("deployer", "relayer", "customer", "maker", "supplier_a", "supplier_b", "attestor"),
    *("attestor_a", "attestor_b", "witness", "carrier", "arbiter", "fees", "stranger"),
]
SIGNERS = {name: LocalSigner((index + 1).to_bytes(32, "big")) for index, name in enumerate(PEOPLE)}
ADDRESS = {name: signer.address for name, signer in SIGNERS.items()}

DELIVERY_MILESTONES = (
    Milestone(2_000, OPENED),
    Milestone(1_000, PRODUCTION_FINISHED, Witnessed.ATTESTOR),
    Milestone(1_500, INSPECTION_PASSED, Witnessed.BOTH),
    Milestone(500, SHIPPED, Witnessed.PAYER),
    Milestone(500, RETAINED),
)
SUPPLY_MILESTONES = (Milestone(3_000, PRODUCTION_FINISHED, Witnessed.ATTESTOR),)


class LocalRpc:
    """A node in this process; a transaction is mined as it comes, one second after the last block."""

    def __init__(self, folder: Path) -> None:
        genesis = {bytes.fromhex(address[2:]): 10**24 for address in ADDRESS.values()}
        self.node = Node(folder, CHAIN_ID, genesis, START)
        self._table = Methods(self.node, lambda: self.node.head_timestamp + 1).table

    async def call(self, method: str, *params: object) -> Any:
        try:
            result = self._table[method](*params)
        except RpcError as error:
            if error.data is not None:
                raise from_revert(bytes.fromhex(error.data[2:])) from error
            raise NodeRefused(error.code, error.message) from error
        if method == "eth_sendRawTransaction":
            self.node.mine(self.node.head_timestamp + 1)
        return result

    def warp(self, timestamp: int) -> None:
        """An empty block stamped `timestamp`: the next transaction runs one second later."""
        self.node.mine(timestamp)


@dataclasses.dataclass
class World:
    """The chain, the contracts on it, and the moves of the story."""

    rpc: Any
    book: AddressBook
    chain_id: int = CHAIN_ID

    # ── terms ────────────────────────────────────────────────────────────────────────────────────

    def delivery_terms(self, supplies: int = 2, **changes: Any) -> Terms:
        """An order of 1,000.00 € without carrier's signature: the customer's secret counts."""
        assert self.book.test_euro is not None
        base = Terms(
            kind=Kind.DELIVERY,
            supply_count=supplies,
            payer=ADDRESS["customer"],
            payee=ADDRESS["maker"],
            attestor=ADDRESS["attestor"],
            witness=ADDRESS["witness"],
            carrier=ADDRESS["carrier"],
            arbiter=ADDRESS["arbiter"],
            token=self.book.test_euro,
            unit=CENT,
            amount=1_000 * EURO,
            milestones=pack_milestones(DELIVERY_MILESTONES),
            fund_by=START + DAY,
            deliver_by=START + 7 * DAY,
            grace=14 * DAY,
            contest_window=600,
            accept_window=3_600,
            retention_window=2 * DAY,
            arbiter_window=DAY,
            penalty_bps_per_day=100,
            penalty_cap_bps=500,
            fee_bps=250,
            cancel_bps=1_000,
            cancel_until=1,
            timeout_bps=10_000,
            handover=handover_hash(SECRET),
            parent=ZERO_WORD,
            replaces=ZERO_WORD,
            spec_hash=b"\x51" * 32,
            salt=b"\x01" * 32,
        )
        return dataclasses.replace(base, **changes)

    def supply_terms(self, delivery: Terms, which: str = "a", **changes: Any) -> Terms:
        """120.00 € from supplier a, 80.00 € from b; both bring their goods by the carrier."""
        supply: dict[str, Any] = {
            "kind": Kind.SUPPLY,
            "supply_count": 0,
            "payer": delivery.payee,
            "payee": ADDRESS[f"supplier_{which}"],
            "attestor": ADDRESS[f"attestor_{which}"],
            "witness": ZERO_ADDRESS,
            "amount": (120 if which == "a" else 80) * EURO,
            "milestones": pack_milestones(SUPPLY_MILESTONES),
            "cancel_until": NEVER,
            "retention_window": 0,
            "handover": ZERO_WORD,
            "parent": self.id(delivery),
            "replaces": ZERO_WORD,
            "salt": (b"\x0a" if which == "a" else b"\x0b") * 32,
        }
        return dataclasses.replace(delivery, **(supply | changes))

    def successor_terms(self, old: Terms, **changes: Any) -> Terms:
        """New terms for the same two parties, without an advance: it was paid under the old ones."""
        lanes = [lane for lane in unpack_milestones(old.milestones) if lane is not None and lane.event_code != OPENED]
        successor: dict[str, Any] = {
            "supply_count": 0,
            "milestones": pack_milestones(lanes),
            "cancel_until": NEVER,
            "replaces": self.id(old),
            "handover": handover_hash(SECOND_SECRET),
            "salt": b"\x5a" * 32,
        }
        return dataclasses.replace(old, **(successor | changes))

    def batch(self) -> list[Terms]:
        """A delivery with two supplies."""
        delivery = self.delivery_terms()
        return [delivery, self.supply_terms(delivery, "a"), self.supply_terms(delivery, "b")]

    def id(self, terms: Terms) -> bytes:
        return terms_id(terms, self.chain_id, self.book.factory)

    def address(self, terms: Terms) -> str:
        implementation = (
            self.book.delivery_implementation if terms.kind is Kind.DELIVERY else self.book.supply_implementation
        )
        return agreement_address(self.id(terms), factory=self.book.factory, implementation=implementation)

    # ── signatures ───────────────────────────────────────────────────────────────────────────────

    async def entry(self, terms: Terms, permit: Permit | None = None) -> Entry:
        """The terms signed by the two that they name."""
        message = typed_data(terms, self.chain_id, self.book.factory)
        by = {signer.address: signer for signer in SIGNERS.values()}
        return Entry(
            terms,
            await by[terms.payer].sign_typed_data(message),
            await by[terms.payee].sign_typed_data(message),
            permit,
        )

    async def permit(self, owner: str, value: int, *, nonce: int = 0) -> Permit:
        assert self.book.test_euro is not None
        deadline = START + DAY
        message = permit_typed_data(
            owner=ADDRESS[owner],
            spender=self.book.factory,
            value=value,
            nonce=nonce,
            deadline=deadline,
            token=self.book.test_euro,
            token_name=token.NAME,
            chain_id=self.chain_id,
        )
        return Permit(value, deadline, await SIGNERS[owner].sign_typed_data(message))

    async def consent(
        self, who: str, terms: Terms, what: What, data: bytes = ZERO_WORD, deadline: int = START + 365 * DAY
    ) -> Authorisation:
        message = action_typed_data(
            self.id(terms), what, data, deadline, chain_id=self.chain_id, factory=self.book.factory
        )
        return Authorisation(deadline, await SIGNERS[who].sign_typed_data(message))

    async def consent_number(self, who: str, terms: Terms, what: What, number: int) -> Authorisation:
        """Consent to a move that names a milestone, an amount or a share."""
        return await self.consent(who, terms, what, number_word(number))

    async def verdict(self, terms: Terms, payee_bps: int) -> Authorisation:
        """The arbiter's, on the dispute as it stands now."""
        disputed_at = (await self.books(terms)).disputed_at
        return await self.consent_number("arbiter", terms, What.RESOLVE, disputed_at << 16 | payee_bps)

    async def split_consent(
        self, who: str, terms: Terms, payee_bps: int, deadline: int = START + 365 * DAY
    ) -> Authorisation:
        message = split_typed_data(
            self.id(terms), payee_bps, deadline, chain_id=self.chain_id, factory=self.book.factory
        )
        return Authorisation(deadline, await SIGNERS[who].sign_typed_data(message))

    async def evidence(self, signer: str, terms: Terms, code: int, **changes: Any) -> Evidence:
        """Evidence as a gateway gives it: the event is the third of five in its tree."""
        facts = {"agreement_id": self.id(terms), "spec_hash": terms.spec_hash, "event_code": code} | changes
        at_ms, payload = (START + 60) * 1_000, b"\x77" * 32
        leaves = [bytes([number]) * 32 for number in range(5)]
        leaves[2] = leaf(**facts, at_ms=at_ms, payload_hash=payload)
        root = merkle_root(leaves)
        message = evidence_root_typed_data(root, 1, ZERO_WORD, chain_id=self.chain_id, factory=self.book.factory)
        signature = await SIGNERS[signer].sign_typed_data(message)
        return Evidence(at_ms, payload, merkle_proof(leaves, 2), root, 1, ZERO_WORD, signature)

    # ── moves ────────────────────────────────────────────────────────────────────────────────────

    async def send(self, who: str, call: Call) -> dict[str, Any]:
        """Sends as `who`; gives the receipt. Raises Reverted without sending where it would fail."""
        message = {"from": ADDRESS[who], "to": call.to, "data": "0x" + call.data.hex(), "value": hex(call.value)}
        await self.rpc.call("eth_call", message, "pending")
        receipt = await self.force(who, call)
        assert receipt["status"] == "0x1"
        return receipt

    async def force(self, who: str, call: Call, gas: int = AMPLE_GAS) -> dict[str, Any]:
        """Sends without asking first; the receipt says whether it failed."""
        signer = SIGNERS[who]
        nonce = int(await self.rpc.call("eth_getTransactionCount", signer.address, "latest"), 16)
        fees = Fees(10**11, 10**9)
        signed = await sign_call(signer, call, nonce=nonce, gas=gas, fees=fees, chain_id=self.chain_id)
        await self.rpc.call("eth_sendRawTransaction", "0x" + signed.raw.hex())
        receipt: dict[str, Any] = await self.rpc.call("eth_getTransactionReceipt", signed.hash)
        return receipt

    async def act(self, who: str, move: Callable[..., Call], terms: Terms, *arguments: Any) -> dict[str, Any]:
        """A move of an agreement, sent by `who`: `act("maker", agreement.revoke, terms)`."""
        return await self.send(who, move(self.address(terms), terms, *arguments))

    async def tries(self, who: str, call: Call) -> bool:
        """Sends as `who`; says whether the contracts let it pass."""
        try:
            await self.send(who, call)
        except Reverted:
            return False
        return True

    async def open(self, terms: Sequence[Terms], sender: str = "relayer") -> dict[str, Any]:
        entries = [await self.entry(one) for one in terms]
        return await self.send(sender, factory.open_batch(self.book.factory, entries))

    async def open_lone(self, **changes: Any) -> Terms:
        """Opens a delivery without supplies and gives its terms."""
        terms = self.delivery_terms(supplies=0, **changes)
        await self.open([terms])
        return terms

    async def claim(self, terms: Terms, index: int, *evidence: Evidence) -> dict[str, Any]:
        return await self.send("stranger", agreement.claim(self.address(terms), terms, index, evidence))

    async def hand_over(self, terms: Terms) -> dict[str, Any]:
        secret = SECRETS.get(terms.handover, SECRET)
        return await self.send("stranger", agreement.delivered_by_secret(self.address(terms), terms, secret))

    async def open_supply(self, terms: Terms, *lineage: Terms, sender: str = "relayer") -> dict[str, Any]:
        """One more supply under the delivery that it names, whose last successor is still open."""
        return await self.send(sender, factory.open_supply(self.book.factory, await self.entry(terms), lineage))

    async def novate(self, old: Terms, *successors: Terms, least: int = 0) -> dict[str, Any]:
        """Replaces `old` by the first of `successors`, the others are its new supplies; sent by the relayer."""
        name = {address: name for name, address in ADDRESS.items()}
        payer = await self.consent_number(name[old.payer], successors[0], What.NOVATE, least)
        state = (await self.books(old)).state
        payee = await self.consent_number(name[old.payee], successors[0], What.NOVATE, state)
        entries = [await self.entry(terms) for terms in successors]
        return await self.send("relayer", factory.novate(self.book.factory, old, entries, least, payer, payee))

    async def pay_out(self, terms: Terms) -> None:
        """Pushes everything that is due, as a stranger."""
        for party in Party:
            await self.tries("stranger", agreement.withdraw(self.address(terms), terms, party))

    async def bring_to(self, terms: Terms, state: State) -> None:
        """From Open to another state, by what the parties may do at once."""
        if state in {State.DELIVERED, State.RETAINED}:
            await self.hand_over(terms)
        if state is State.RETAINED:
            await self.act("customer", agreement.accept, terms)
        elif state is State.DISPUTED:
            await self.act("customer", agreement.dispute, terms, Party.PAYER)
        elif state is State.REFUNDED:
            await self.act("maker", agreement.revoke, terms)
        assert (await self.books(terms)).state is state

    async def leave_to_strangers(self, terms: Terms) -> None:
        """Time passes, strangers call what anyone may call, and push every due."""
        for move in (agreement.refund, agreement.timeout, agreement.finalise, agreement.release):
            self.rpc.warp(self.rpc.node.head_timestamp + 40 * DAY)
            await self.tries("stranger", move(self.address(terms), terms))
        await self.pay_out(terms)

    # ── what is so ───────────────────────────────────────────────────────────────────────────────

    async def books(self, terms: Terms) -> Books:
        return await agreement.books(self.rpc, self.address(terms), terms)

    async def balance(self, who: str) -> int:
        """Token units of a person or an address."""
        assert self.book.test_euro is not None
        return await token.balance_of(self.rpc, self.book.test_euro, ADDRESS.get(who, who))

    async def balances(self) -> dict[str, int]:
        return {name: await self.balance(name) for name in PEOPLE}

    async def is_open(self, terms: Terms) -> bool:
        return bool(await self.rpc.call("eth_getCode", self.address(terms), "latest") != "0x")

    async def events(self) -> list[events.Event]:
        query = {"fromBlock": "0x0", "toBlock": "latest", "topics": [events.topics()]}
        decoded = [events.decode(log) for log in await self.rpc.call("eth_getLogs", query)]
        return [event for event in decoded if event is not None]

    async def payouts(self) -> dict[bytes, dict[str, int]]:
        """From the logs alone: per agreement, token units to each party, into supplies and to a successor."""
        totals: dict[bytes, dict[str, int]] = defaultdict(lambda: defaultdict(int))
        for event in await self.events():
            match event:
                case events.Withdrawn():
                    totals[event.id][event.party.name] += event.amount
                case events.AdvanceToPayee():
                    totals[event.id][Party.PAYEE.name] += event.amount
                case events.AdvanceToSupply():
                    totals[event.delivery_id]["supplies"] += event.amount
                case events.Replaced():
                    totals[event.id]["successor"] += event.carried
                case _:
                    pass
        return {key: dict(value) for key, value in totals.items()}

    async def paid(self, terms: Terms) -> dict[str, int]:
        """What one agreement has paid so far, by the logs, without what came to nothing."""
        found = (await self.payouts()).get(self.id(terms), {})
        return {name: amount for name, amount in found.items() if amount}
