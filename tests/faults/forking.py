"""A marketplace in this process on a chain that can be forked: real contracts on Anvil, real database, real keys.

Nothing is mined unless it is asked for, and the marketplace's clock is the chain's, so one seed gives one schedule.
"""

import hashlib
import secrets
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any, cast

import rfc8785
from eth_account import Account as EthAccount
from sqlalchemy import event

from contracts.adapter import ChainAdapter
from contracts.deployer import AddressBook, deploy
from contracts.guard import Expected, GuardedNode
from contracts.rpc import HttpRpc
from marketplace.application.context import Context, Policy
from marketplace.domain.evidence import SignedBatch
from marketplace.persistence.database import Database
from marketplace.ports.fakes.chain import FakeChain
from marketplace.ports.fakes.clock import FakeClock
from marketplace.ports.fakes.job_dispatch import FakeJobDispatch
from marketplace.ports.fakes.push import FakePushSender
from marketplace.ports.fakes.selection import FakeSelection
from marketplace.ports.fakes.supplier_directory import FakeSupplierDirectory
from tests.application.example import LISTINGS, catalogue
from tests.application.world import World, forget_power_cuts, populate
from tests.contracts.world import ADDRESS, CHAIN_ID, SIGNERS
from tests.persistence.databases import postgresql_database
from tests.shopfloor.ingesting import Machine
from tests.tooling.foundry import anvil

FEE_BPS = 200
PURSE_MINOR = 100_000_000
"""What the customer begins with: enough for every order of a house."""
ETHER_WEI = 10**24


class Fork:
    """Anvil's own calls: blocks come and go as they are asked to."""

    def __init__(self, rpc: HttpRpc) -> None:
        self._rpc = rpc

    async def height(self) -> int:
        """Number of the newest block."""
        return int(await self._rpc.call("eth_blockNumber"), 16)

    async def hash_of(self, number: int) -> str | None:
        """Hash of a block; None where the chain is shorter."""
        block = await self._rpc.call("eth_getBlockByNumber", hex(number), False)
        return None if block is None else str(block["hash"])

    async def stamp(self) -> int:
        """The newest block's second."""
        return int((await self._rpc.call("eth_getBlockByNumber", "latest", False))["timestamp"], 16)

    async def mine(self, blocks: int = 1) -> None:
        """What waits is mined into the first of them."""
        await self._rpc.call("anvil_mine", hex(blocks))

    async def reorganise(self, depth: int) -> None:
        """Empty blocks take the place of the newest ones; their transactions do not return by themselves."""
        await self._rpc.call("anvil_reorg", depth, [])

    async def roll_back(self, depth: int) -> None:
        """The chain is shorter."""
        await self._rpc.call("anvil_rollback", depth)


@dataclass
class ForkingWorld(World):
    """The people of the example with real keys."""

    @property
    def fork(self) -> Fork:
        """The strings of its chain."""
        return Fork(cast(Any, self.chain)._rpc)

    def address(self, name: str) -> str:
        return str(EthAccount.from_key(_key(name)).address)

    def signed_by(self, name: str, typed: dict[str, Any]) -> str:
        return "0x" + EthAccount.sign_typed_data(_key(name), full_message=typed).signature.hex().removeprefix("0x")

    def sealed(self, machine: Machine, batch: SignedBatch) -> SignedBatch:
        return batch  # the machine's own key has signed it

    async def follow_clock(self) -> None:
        """The wall clock here is the chain's; it never goes back."""
        now = datetime.fromtimestamp(await self.fork.stamp(), UTC)
        if now > self.clock.now():
            self.clock.set(now)


def _key(name: str) -> bytes:
    return hashlib.sha256(f"person {name}".encode()).digest()


@dataclass(frozen=True)
class House:
    """What runs, and where a stranger would look for it."""

    world: ForkingWorld
    book: AddressBook
    chain_url: str
    database_url: str
    confirmations: int


@asynccontextmanager
async def open_house(folder: Path, random: Random, *, confirmations: int, db: str = "sqlite") -> AsyncIterator[House]:
    """A chain with the contracts on it, a database in which the people have joined, money in the customer's purse."""
    folder.mkdir(parents=True, exist_ok=True)  # noqa: ASYNC240 - nothing else runs yet
    async with AsyncExitStack() as stack:
        node = stack.enter_context(anvil(folder, chain_id=CHAIN_ID))
        rpc = await stack.enter_async_context(HttpRpc(node.url))
        book = await _deployed(rpc)
        book.save(folder / "contracts.json")
        url = f"sqlite:///{folder / 'marketplace.db'}" if db == "sqlite" else stack.enter_context(postgresql_database())
        database = Database(url)
        stack.push_async_callback(database.close)
        if db == "sqlite":
            event.listen(database._engines.write.sync_engine, "connect", forget_power_cuts)
        await database.migrate()
        world = _world(rpc, book, database, random, confirmations)
        await world.follow_clock()
        await populate(world)
        await rpc.call("evm_setAutomine", True)
        await world.chain.fund_test_account("purse", world.address("customer"), PURSE_MINOR)
        await rpc.call("evm_setAutomine", False)
        yield House(world, book, node.url, url, confirmations)


async def _deployed(rpc: HttpRpc) -> AddressBook:
    for name in ("deployer", "relayer"):
        await rpc.call("anvil_setBalance", ADDRESS[name], hex(ETHER_WEI))
    book = await deploy(rpc, SIGNERS["deployer"], fee_receiver=ADDRESS["fees"], minter=ADDRESS["relayer"])
    await rpc.call("evm_setAutomine", False)
    return book


def _world(rpc: HttpRpc, book: AddressBook, database: Database, random: Random, confirmations: int) -> ForkingWorld:
    clock = FakeClock(datetime.fromtimestamp(0, UTC))
    chain = ChainAdapter(
        rpc,
        GuardedNode(rpc, Expected(book.chain_id, book.genesis, 0.0, confirmations), clock.now),
        book,
        SIGNERS["relayer"],
        database.chain_transactions(),
        money=str(book.test_euro),
        arbiter=ADDRESS["arbiter"],
        fee_bps=FEE_BPS,
        development=True,
        now=clock.now,
    )
    directory, push, dispatch = FakeSupplierDirectory(LISTINGS), FakePushSender(), FakeJobDispatch()
    ctx = Context(
        uow=database.unit_of_work(),
        clock=clock,
        chain=chain,
        directory=directory,
        selection=FakeSelection(),
        push=push,
        dispatch=dispatch,
        catalogue=catalogue(),
        policy=Policy(development=True),
        new_id=lambda: secrets.token_hex(8),
        random_hash=lambda: "0x" + secrets.token_hex(32),
        canonical=rfc8785.dumps,
        random=random.random,
    )
    return ForkingWorld(ctx, database, clock, cast(FakeChain, chain), directory, push, dispatch)
