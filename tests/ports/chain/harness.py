"""The two chains of the conformance suite, and what a test must be able to do to both.

The real one is the adapter on our devchain's own method table (no socket), its clock in the test's hands, and the
database's store. Everybody's keys are those of `tests.contracts.world`.
"""

import asyncio
import contextlib
import shutil
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address
from starlette.applications import Starlette

from contracts import terms as contract_terms
from contracts.adapter import ChainAdapter
from contracts.bindings import agreement as moves
from contracts.bindings import factory, token
from contracts.bindings.call import Call
from contracts.deployer import AddressBook, deploy
from contracts.devchain import create_app
from contracts.devchain.errors import RpcError
from contracts.errors import NodeRefused, NodeUnavailable, from_revert
from contracts.guard import Expected, GuardedNode
from contracts.sending.policy import SendingPolicy
from contracts.transactions import Fees, sign_call, wait_for_receipt
from marketplace.domain.agreement import Agreement
from marketplace.ports.chain import Chain, TypedData
from marketplace.ports.fakes.chain import RELAYER, FakeChain
from marketplace.ports.fakes.chain_ledger import START
from marketplace.ports.fakes.chain_messages import sign
from marketplace.ports.stores import ChainTransactionStore
from tests.contracts.world import ADDRESS, CHAIN_ID, SIGNERS, LocalRpc

FEE_BPS = 250


class Harness(Protocol):
    """A chain under test and its strings. `relayer` sends all its transactions."""

    chain: Chain
    relayer: str

    async def sign(self, who: str, typed: TypedData) -> str: ...

    def root_to_sign(self, root: str, sequence: int, previous: str) -> TypedData: ...

    def set_time(self, timestamp: int) -> None:
        """The wall clock; no block comes of it."""
        ...

    async def warp(self, timestamp: int) -> None:
        """An empty block stamped `timestamp`."""
        ...

    def away(self, *, is_away: bool) -> None: ...

    def poor(self, *, is_poor: bool) -> None:
        """Whether the account that pays for gas is empty."""
        ...

    def losing(self, *, loses: bool) -> None:
        """Whether the node forgets the transactions that it is sent."""
        ...

    def restart(self) -> Chain:
        """A new object on the same chain and memory: the process began anew."""
        ...

    async def approve(self, who: str, amount: int) -> None:
        """A standing allowance in token units."""
        ...

    async def balance_minor(self, who: str) -> int:
        """Cents of a person; of the fee receiver under any other name."""
        ...

    async def open_from_outside(self, delivery: Agreement) -> None:
        """Somebody else than our account opens a signed delivery without supplies."""
        ...

    async def finalise_from_outside(self, agreement: Agreement) -> None:
        """Somebody else settles it: anyone may."""
        ...


class FakeHarness:
    """The fake, with the chain's own digest so that evidence trees are the same for both."""

    relayer = RELAYER

    def __init__(self, *, development: bool = True) -> None:
        self.chain = FakeChain(digest=keccak, fee_bps=FEE_BPS, development=development)

    async def sign(self, who: str, typed: TypedData) -> str:
        return sign(ADDRESS[who], typed)

    def root_to_sign(self, root: str, sequence: int, previous: str) -> TypedData:
        return self.chain.evidence_root_to_sign(root, sequence, previous)

    def set_time(self, timestamp: int) -> None:
        self.chain.node.time = timestamp

    async def warp(self, timestamp: int) -> None:
        self.chain.node.mine(timestamp)

    def away(self, *, is_away: bool) -> None:
        self.chain.node.is_away = is_away

    def poor(self, *, is_poor: bool) -> None:
        self.chain.node.is_poor = is_poor

    def losing(self, *, loses: bool) -> None:
        self.chain.node.loses_transactions = loses

    def restart(self) -> Chain:
        return self.chain

    async def approve(self, who: str, amount: int) -> None:
        self.chain.approve(ADDRESS[who], amount // 10_000)

    async def balance_minor(self, who: str) -> int:
        known = await self.chain.parameters()
        return self.chain.balance_minor(ADDRESS.get(who, known.fee_receiver))

    async def open_from_outside(self, delivery: Agreement) -> None:
        self.chain.strangers.add(delivery.id)
        await self.chain.open_batch("somebody else", delivery, [])

    async def finalise_from_outside(self, agreement: Agreement) -> None:
        loses, self.chain.node.loses_transactions = self.chain.node.loses_transactions, False
        await self.chain.finalise("somebody else", agreement)
        self.chain.node.loses_transactions = loses


class TableRpc:
    """The devchain's methods without HTTP. `sent` counts what it was given to broadcast."""

    def __init__(self, app: Starlette, wall: list[float]) -> None:
        self._app = app
        self._wall = wall
        self.is_away = False
        self.loses = False
        self.is_poor = False
        self.sent: list[str] = []

    async def call(self, method: str, *params: object) -> Any:
        if self.is_away:
            raise NodeUnavailable("away")
        if self.is_poor and method == "eth_getBalance":
            return "0x0"
        is_sending = method == "eth_sendRawTransaction"
        if is_sending:
            self.sent.append(str(params[0]))
            if self.loses:
                return "0x" + keccak(bytes.fromhex(str(params[0])[2:])).hex()
            self._wall[0] = max(self._wall[0], await self.head_time() + 1.0)
        try:
            result = await self._app.state.table[method](*params)
        except RpcError as error:
            if error.data is not None:
                raise from_revert(bytes.fromhex(error.data[2:])) from error
            raise NodeRefused(error.code, error.message) from error
        return result

    async def head_time(self) -> int:
        block = await self._app.state.table["eth_getBlockByNumber"]("latest", False)
        return int(block["timestamp"], 16)

    async def idle(self) -> None:
        """Until nothing that could be mined waits."""
        table = self._app.state.table
        async with asyncio.timeout(5):
            while True:
                counts = [
                    [await table["eth_getTransactionCount"](address, tag) for tag in ("latest", "pending")]
                    for address in (ADDRESS["relayer"], ADDRESS["stranger"], ADDRESS["customer"], ADDRESS["maker"])
                ]
                if all(latest == pending for latest, pending in counts):
                    return
                await asyncio.sleep(0.01)
                self._wall[0] = max(self._wall[0], await self.head_time() + 1.0)


class MinedAdapter(ChainAdapter):
    """The adapter, returning from every move once the devchain has mined it."""

    rpc: TableRpc

    async def _submit(self, key: str, call: Call) -> None:
        await super()._submit(key, call)
        await self.rpc.idle()

    async def reconcile(self) -> None:
        await super().reconcile()
        await self.rpc.idle()
        await super().reconcile()


@dataclass
class RealHarness:
    """The adapter on the devchain."""

    relayer = ADDRESS["relayer"]

    chain: ChainAdapter
    rpc: TableRpc
    book: AddressBook
    store: ChainTransactionStore
    wall: list[float]
    development: bool = True

    async def sign(self, who: str, typed: TypedData) -> str:
        return "0x" + (await SIGNERS[who].sign_typed_data(typed)).hex()

    def root_to_sign(self, root: str, sequence: int, previous: str) -> TypedData:
        words = bytes.fromhex(root[2:]), sequence, bytes.fromhex(previous[2:])
        return contract_terms.evidence_root_typed_data(*words, chain_id=CHAIN_ID, factory=self.book.factory)

    def set_time(self, timestamp: int) -> None:
        self.wall[0] = float(timestamp)

    async def warp(self, timestamp: int) -> None:
        self.set_time(timestamp)
        await self.rpc.call("devchain_waitUntil", timestamp)
        async with asyncio.timeout(5):
            while True:
                if await self.rpc.head_time() >= timestamp:
                    return
                await asyncio.sleep(0.005)

    def away(self, *, is_away: bool) -> None:
        self.rpc.is_away = is_away

    def poor(self, *, is_poor: bool) -> None:
        self.rpc.is_poor = is_poor

    def losing(self, *, loses: bool) -> None:
        self.rpc.loses = loses

    def restart(self) -> Chain:
        self.chain = adapter(self.rpc, self.book, self.store, development=self.development)
        return self.chain

    async def approve(self, who: str, amount: int) -> None:
        assert self.book.test_euro is not None
        await self._send(who, token.approve(self.book.test_euro, self.book.factory, amount))

    async def balance_minor(self, who: str) -> int:
        assert self.book.test_euro is not None
        address = ADDRESS.get(who, ADDRESS["fees"])
        return await token.balance_of(self.rpc, self.book.test_euro, address) // token.UNITS_PER_CENT

    async def open_from_outside(self, delivery: Agreement) -> None:
        await self._send("stranger", factory.open_batch(self.book.factory, [self.chain._entry(delivery)]))

    async def finalise_from_outside(self, agreement: Agreement) -> None:
        loses, self.rpc.loses = self.rpc.loses, False
        typed = await self.chain.terms_to_sign(agreement.terms)
        agreed = contract_terms.Terms.from_message(typed["message"])
        await self._send("stranger", moves.finalise(str(to_checksum_address(agreement.address)), agreed))
        self.rpc.loses = loses

    async def _send(self, who: str, call: Call) -> None:
        nonce = int(await self.rpc.call("eth_getTransactionCount", ADDRESS[who], "latest"), 16)
        fees = Fees(10**11, 10**9)
        signed = await sign_call(SIGNERS[who], call, nonce=nonce, gas=500_000, fees=fees, chain_id=CHAIN_ID)
        await self.rpc.call("eth_sendRawTransaction", "0x" + signed.raw.hex())
        await wait_for_receipt(self.rpc, signed.hash, poll_s=0.01)


def adapter(rpc: TableRpc, book: AddressBook, store: ChainTransactionStore, *, development: bool) -> ChainAdapter:
    """A fresh adapter, as a process makes it."""
    assert book.test_euro is not None
    made = MinedAdapter(
        rpc,
        GuardedNode(rpc, Expected(book.chain_id, book.genesis), lambda: datetime.now(UTC)),
        book,
        SIGNERS["relayer"],
        store,
        money=book.test_euro,
        arbiter=ADDRESS["arbiter"],
        fee_bps=FEE_BPS,
        development=development,
        now=lambda: datetime.now(UTC),
        sending=SendingPolicy(reserve_wei=1),
    )
    made.rpc = rpc
    return made


async def deploy_chain(folder: Path) -> AddressBook:
    """The contracts on a chain in `folder`; the relayer mints."""
    rpc = LocalRpc(folder)
    try:
        return await deploy(rpc, SIGNERS["deployer"], fee_receiver=ADDRESS["fees"], minter=ADDRESS["relayer"])
    finally:
        rpc.node.close()


@contextlib.asynccontextmanager
async def open_real(
    template: Path, book: AddressBook, store: ChainTransactionStore, folder: Path, *, development: bool = True
) -> AsyncIterator[RealHarness]:
    """A copy of the chain in `template`, running in this process."""
    shutil.copytree(template, folder / "chain")
    wall = [float(START)]
    app = create_app(folder / "chain", clock=lambda: wall[0], chain_id=CHAIN_ID)
    async with app.router.lifespan_context(app):
        rpc = TableRpc(app, wall)
        yield RealHarness(
            adapter(rpc, book, store, development=development), rpc, book, store, wall, development=development
        )


async def signed(harness: Harness, agreement: Agreement, *, permit: bool = False) -> Agreement:
    """The agreement with both signatures, and the payer's permit over its amount."""
    names = {address.lower(): name for name, address in ADDRESS.items()}
    payer, payee = (names[party.lower()] for party in (agreement.terms.payer, agreement.terms.payee))
    typed = await harness.chain.terms_to_sign(agreement.terms)
    found = replace(
        agreement, payer_signature=await harness.sign(payer, typed), payee_signature=await harness.sign(payee, typed)
    )
    if not permit:
        return found
    deadline = agreement.terms.fund_by
    asked = await harness.chain.permit_to_sign(agreement.terms.payer, agreement.terms.amount, deadline)
    signature = await harness.sign(payer, asked)
    return replace(
        found, permit={"value": str(agreement.terms.amount), "deadline": str(deadline), "signature": signature}
    )
