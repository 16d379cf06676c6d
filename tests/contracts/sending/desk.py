"""A sender at its desk: a line to a node that fails as it is told, a memory, and a clock in the test's hands."""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from contracts.bindings import token
from contracts.bindings.call import Call
from contracts.devchain.errors import RpcError
from contracts.errors import NodeRefused, NodeUnavailable
from contracts.sender import DEFAULT_POLICY, OnceSender
from contracts.sending.memory import Memory, Stored
from contracts.sending.policy import SendingPolicy
from marketplace.ports.fakes.stores import FakeChainTransactionStore
from tests.contracts.world import ADDRESS, CHAIN_ID, SIGNERS, World

NOW = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
SENDER = "deployer"
"""The test money's minter: a mint is a payment that the chain would make twice if it were asked twice."""


@dataclass
class Clock:
    """The wall, which stands still unless it is told."""

    at: datetime = NOW

    def now(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class Line:
    """The way to the node: it may break, swallow or hold what is sent. `sent` is every broadcast, in order."""

    world: World
    fails: set[str] = field(default_factory=set)
    swallows: bool = False
    refuses: dict[str, str] = field(default_factory=dict)
    """Raw bytes → what the node says to them; "*" for all."""
    answers: dict[str, Any] = field(default_factory=dict)
    """Method → what the node says instead."""
    pause_s: float = 0.0
    sent: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    async def call(self, method: str, *params: object) -> Any:
        await asyncio.sleep(self.pause_s)
        self.asked.append(method)
        if method in self.fails:
            raise NodeUnavailable(method)
        if method in self.answers:
            return self.answers[method]
        if method != "eth_sendRawTransaction":
            return await self.world.rpc.call(method, *params)
        raw = str(params[0])
        self.sent.append(raw)
        words = self.refuses.get(raw, self.refuses.get("*"))
        if words is not None:
            raise NodeRefused(-32_000, words)
        if self.swallows:
            return None
        # As the adapter's node does it: the block comes later than the answer.
        try:
            return "0x" + self.world.rpc.node.submit(bytes.fromhex(raw[2:])).hex()
        except RpcError as error:
            raise NodeRefused(error.code, error.message) from error

    def mine(self) -> None:
        self.world.rpc.node.mine(self.world.rpc.node.head_timestamp + 1)


@dataclass
class Desk:
    """A sender with its line and memory."""

    line: Line
    memory: Memory = field(default_factory=FakeChainTransactionStore)
    clock: Clock = field(default_factory=Clock)
    policy: SendingPolicy = DEFAULT_POLICY

    def __post_init__(self) -> None:
        self.restart()

    def restart(self, signer: Any = None) -> OnceSender:
        """A new object on the same chain and memory: the process began anew."""
        self.sender = self.colleague(signer)
        return self.sender

    def colleague(self, signer: Any = None) -> OnceSender:
        """Another process of the same account."""
        key = signer or SIGNERS[SENDER]
        return OnceSender(self.line, key, self.memory, CHAIN_ID, self.policy, now=self.clock.now)

    def mint(self, amount: int) -> Call:
        euro = self.line.world.book.test_euro
        assert euro is not None
        return token.mint(euro, ADDRESS["stranger"], amount)

    async def minted(self) -> int:
        return await self.line.world.balance("stranger")

    async def stored(self, key: str) -> Stored:
        found = await self.memory.find(key)
        assert found is not None
        return found

    async def settle_all(self) -> None:
        """Rounds and blocks until nothing waits; holes have their time too."""
        for _ in range(12):
            await self.sender.reconcile()
            self.line.mine()
            self.clock.advance(self.policy.hole_after_s)
            if not await self.memory.pending(ADDRESS[SENDER]):
                return
        raise AssertionError(f"still waiting: {await self.memory.pending(ADDRESS[SENDER])}")


def alarms(caplog: pytest.LogCaptureFixture) -> list[str]:
    """The codes of what operators were told, in order."""
    return [record.alarm for record in caplog.records if hasattr(record, "alarm") and record.levelno == logging.ERROR]


async def used(desk: Desk) -> int:
    """The account's next nonce at the head."""
    return int(await Line.call(desk.line, "eth_getTransactionCount", ADDRESS[SENDER], "latest"), 16)
