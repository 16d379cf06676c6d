"""A devchain in this process with the contracts on it, its people, and what they sign."""

import dataclasses
from pathlib import Path
from typing import Any, Final

from eth_hash.auto import keccak

from benchmarks.gas_model.trace import Trace, traced
from contracts.bindings import token
from contracts.bindings.agreement import Authorisation, Evidence
from contracts.bindings.call import Call
from contracts.bindings.factory import Entry, Permit
from contracts.deployer import AddressBook, deploy
from contracts.devchain.methods import Methods
from contracts.devchain.node import Node
from contracts.eip712 import TypedData
from contracts.evidence import leaf, merkle_proof, merkle_root
from contracts.signers import LocalSigner
from contracts.terms import (
    NEVER,
    OPENED,
    ZERO_ADDRESS,
    ZERO_WORD,
    Kind,
    Milestone,
    Terms,
    What,
    action_typed_data,
    agreement_address,
    evidence_root_typed_data,
    handover_hash,
    pack_milestones,
    permit_typed_data,
    split_typed_data,
    terms_id,
    typed_data,
)
from contracts.transactions import Fees, sign_call

CHAIN_ID: Final = 31337
START: Final = 1_900_000_000
HOUR, DAY = 3_600, 86_400
CENT: Final = token.UNITS_PER_CENT
EURO: Final = 100 * CENT
SECRET: Final = keccak(b"handover")
LEAVES: Final = 256
"""Events in one signed tree: a proof has eight steps."""
FINISHED, PACKED, SHIPPED = 600, 650, 700
"""Event codes of the three milestones that a machine proves."""

PEOPLE: Final = (
    *("deployer", "relayer", "payer", "walk-in", "payee", "supplier a", "supplier b", "supplier c"),
    *("attestor", "witness", "carrier", "arbiter", "fee receiver"),
)
_PAID: Final = ("payer", "walk-in", "payee", "supplier a", "supplier b", "supplier c", "fee receiver")
SIGNERS: Final = {name: LocalSigner(keccak(name.encode())) for name in PEOPLE}
ADDRESS: Final = {name: signer.address for name, signer in SIGNERS.items()}
_BY_ADDRESS: Final = {signer.address: signer for signer in SIGNERS.values()}


@dataclasses.dataclass(frozen=True)
class Sent:
    """A transaction that succeeded: `gas` as the receipt has it, `raw` the signed bytes."""

    gas: int
    calldata: bytes
    raw: bytes
    trace: Trace


class Chain:
    """The node and the contracts. Every party holds money already, payer and payee gave a standing allowance."""

    book: AddressBook

    def __init__(self, folder: Path) -> None:
        """A new chain in an empty folder; `prepare` puts the contracts on it."""
        genesis = {bytes.fromhex(address[2:]): 10**24 for address in ADDRESS.values()}
        self._node = Node(folder, CHAIN_ID, genesis, START)
        self._methods = Methods(self._node, lambda: self._node.head_timestamp + 1).table
        self._salts = 0

    async def prepare(self) -> None:
        """Deploys, mints and allows."""
        self.book = await deploy(
            self, SIGNERS["deployer"], fee_receiver=ADDRESS["fee receiver"], minter=ADDRESS["deployer"]
        )
        for who in _PAID:
            await self.send(token.mint(self.token, ADDRESS[who], 100_000 * EURO), "deployer")
        for who in ("payer", "payee"):
            await self.send(token.approve(self.token, self.book.factory, 2**256 - 1), who)

    def close(self) -> None:
        """Gives the file back."""
        self._node.close()

    @property
    def token(self) -> str:
        """TestEuro's address."""
        assert self.book.test_euro is not None
        return self.book.test_euro

    @property
    def now(self) -> int:
        """The head's stamp, in seconds since 1970."""
        return self._node.head_timestamp

    async def call(self, method: str, *params: object) -> Any:
        """A JSON-RPC method; a transaction is mined as it comes, one second after the last block."""
        result = self._methods[method](*params)
        if method == "eth_sendRawTransaction":
            self._node.mine(self.now + 1)
        return result

    def wait(self, seconds: int) -> None:
        """Lets time pass in an empty block."""
        self._node.mine(self.now + seconds)

    async def send(self, call: Call, who: str = "relayer") -> Sent:
        """Sends and traces; what fails is a mistake of the benchmark."""
        signer = SIGNERS[who]
        nonce = int(await self.call("eth_getTransactionCount", signer.address, "latest"), 16)
        signed = await sign_call(signer, call, nonce=nonce, gas=8_000_000, fees=Fees(10**11, 10**9), chain_id=CHAIN_ID)
        with traced() as trace:
            await self.call("eth_sendRawTransaction", "0x" + signed.raw.hex())
        receipt = await self.call("eth_getTransactionReceipt", signed.hash)
        if receipt["status"] != "0x1":
            message = {"from": signer.address, "to": call.to, "data": "0x" + call.data.hex()}
            await self.call("eth_call", message, "pending")
        return Sent(int(receipt["gasUsed"], 16), call.data, signed.raw, trace)

    # ── terms ────────────────────────────────────────────────────────────────────────────────────

    def delivery(self, **changes: Any) -> Terms:
        """1,000.00 € for one piece: three milestones that the maker's machines prove, no advance, no supplies."""
        milestones = (Milestone(1_000, FINISHED), Milestone(1_500, PACKED), Milestone(500, SHIPPED))
        base = Terms(
            kind=Kind.DELIVERY,
            supply_count=0,
            payer=ADDRESS["payer"],
            payee=ADDRESS["payee"],
            attestor=ADDRESS["attestor"],
            witness=ADDRESS["witness"],
            carrier=ADDRESS["carrier"],
            arbiter=ADDRESS["arbiter"],
            token=self.token,
            unit=CENT,
            amount=1_000 * EURO,
            milestones=pack_milestones(milestones),
            fund_by=self.now + HOUR,
            deliver_by=self.now + 7 * DAY,
            grace=14 * DAY,
            contest_window=600,
            accept_window=HOUR,
            retention_window=2 * DAY,
            arbiter_window=DAY,
            penalty_bps_per_day=100,
            penalty_cap_bps=500,
            fee_bps=250,
            cancel_bps=1_000,
            cancel_until=2,
            timeout_bps=10_000,
            handover=handover_hash(SECRET),
            parent=ZERO_WORD,
            replaces=ZERO_WORD,
            spec_hash=keccak(b"specification"),
            salt=self._salt(),
        )
        return dataclasses.replace(base, **changes)

    def funded(self, supplies: int) -> Terms:
        """A delivery with three claims whose advance of 20 % pays for its supplies, and a little more."""
        lanes = (Milestone(2_000, OPENED), Milestone(400, FINISHED), Milestone(300, PACKED), Milestone(300, SHIPPED))
        return self.delivery(supply_count=supplies, milestones=pack_milestones(lanes))

    def supply(self, delivery: Terms, which: str) -> Terms:
        """60.00 € for material: one milestone, and the carrier signs the delivery."""
        return dataclasses.replace(
            delivery,
            kind=Kind.SUPPLY,
            supply_count=0,
            payer=delivery.payee,
            payee=ADDRESS[f"supplier {which}"],
            witness=ZERO_ADDRESS,
            amount=60 * EURO,
            milestones=pack_milestones([Milestone(3_000, FINISHED)]),
            cancel_until=NEVER,
            handover=ZERO_WORD,
            parent=self.id(delivery),
            replaces=ZERO_WORD,
            salt=self._salt(),
        )

    def order(self, supplies: int) -> list[Terms]:
        """A delivery and its supplies."""
        delivery = self.funded(supplies)
        return [delivery, *(self.supply(delivery, which) for which in "abc"[:supplies])]

    def id(self, terms: Terms) -> bytes:
        """The agreement's id."""
        return terms_id(terms, CHAIN_ID, self.book.factory)

    def address(self, terms: Terms) -> str:
        """Where the agreement is or will be."""
        book = self.book
        code = book.delivery_implementation if terms.kind is Kind.DELIVERY else book.supply_implementation
        return agreement_address(self.id(terms), factory=book.factory, implementation=code)

    def roles(self) -> dict[bytes, str]:
        """Who is who; an address that is not here is an agreement's."""
        book = self.book
        contracts = {
            "token": self.token,
            "factory": book.factory,
            "delivery code": book.delivery_implementation,
            "supply code": book.supply_implementation,
        }
        return {bytes.fromhex(address[2:]): name for name, address in (ADDRESS | contracts).items()}

    def _salt(self) -> bytes:
        self._salts += 1
        return keccak(self._salts.to_bytes(32, "big"))

    # ── signatures ───────────────────────────────────────────────────────────────────────────────

    async def entry(self, terms: Terms, permit: Permit | None = None) -> Entry:
        """The terms with both signatures."""
        message = typed_data(terms, CHAIN_ID, self.book.factory)
        return Entry(terms, await _sign(terms.payer, message), await _sign(terms.payee, message), permit)

    async def permit(self, owner: str, value: int) -> Permit:
        """The owner's next permit for the factory."""
        nonce, deadline = await token.permit_nonce(self, self.token, owner), self.now + HOUR
        message = permit_typed_data(
            owner=owner,
            spender=self.book.factory,
            value=value,
            nonce=nonce,
            deadline=deadline,
            token=self.token,
            token_name=token.NAME,
            chain_id=CHAIN_ID,
        )
        return Permit(value, deadline, await _sign(owner, message))

    async def consent(self, who: str, terms: Terms, what: What, data: bytes = ZERO_WORD) -> Authorisation:
        """An `Action` of the party at an address."""
        deadline = self.now + DAY
        message = action_typed_data(self.id(terms), what, data, deadline, chain_id=CHAIN_ID, factory=self.book.factory)
        return Authorisation(deadline, await _sign(who, message))

    async def split(self, who: str, terms: Terms, payee_bps: int) -> Authorisation:
        """A `Split` of the party at an address."""
        deadline = self.now + DAY
        message = split_typed_data(self.id(terms), payee_bps, deadline, chain_id=CHAIN_ID, factory=self.book.factory)
        return Authorisation(deadline, await _sign(who, message))

    async def evidence(self, terms: Terms, code: int) -> Evidence:
        """One of 256 events under the attestor's signed root."""
        at_ms, payload = self.now * 1_000, keccak(code.to_bytes(2, "big"))
        leaves = [keccak(bytes([number])) for number in range(LEAVES)]
        leaves[77] = leaf(self.id(terms), terms.spec_hash, code, at_ms, payload)
        root, previous = merkle_root(leaves), keccak(b"the root before")
        message = evidence_root_typed_data(root, 41, previous, chain_id=CHAIN_ID, factory=self.book.factory)
        return Evidence(
            at_ms, payload, merkle_proof(leaves, 77), root, 41, previous, await _sign(terms.attestor, message)
        )


async def _sign(address: str, message: TypedData) -> bytes:
    return await _BY_ADDRESS[address].sign_typed_data(message)


def calldata_gas(calldata: bytes) -> int:
    """4 for a zero byte, 16 for any other (EIP-2028)."""
    return 4 * _tokens(calldata)


def calldata_floor(calldata: bytes) -> int:
    """What calldata costs at least if little is done with it: 10 for a zero byte, 40 for any other (EIP-7623)."""
    return 10 * _tokens(calldata)


def _tokens(calldata: bytes) -> int:
    return 4 * len(calldata) - 3 * calldata.count(b"\0")
