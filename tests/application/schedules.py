"""Random schedules of a chain that forks: what is said, mined, replaced, sent again and read, in any order.

A schedule judges by what it did itself: every amount that the chain credits is another one, so what arrived in the
database, and how often, can be read off the agreement.
"""

import random
from dataclasses import dataclass, field, replace

from marketplace.application.chain_sync import sync_chain
from marketplace.application.relay import relay_due
from marketplace.domain.agreement import Agreement
from marketplace.ports.fakes.chain_ledger import Ledger
from tests.application.world import World

Place = tuple[str, int]
"""(block hash, log index) of an event."""


@dataclass
class Outcome:
    """What schedules have shown. `false_finals` counted and did not stay; `deep` forks reached what had counted."""

    schedules: int = 0
    forks: int = 0
    events: int = 0
    false_finals: int = 0
    deep: int = 0
    thawed: int = 0
    violations: list[str] = field(default_factory=list)


class Schedule:
    """One schedule on `world`, whose chain is final under `depth` blocks; forks reach at most `deepest` beyond that."""

    def __init__(self, world: World, order: list[Agreement], seed: int, depth: int, deepest: int) -> None:
        self._world, self._order, self._depth, self._deepest = world, order, depth, deepest
        self._random = random.Random(seed)
        self._node = world.chain.node
        self._name = f"schedule {seed}"
        self._sent = 0
        self._seen_head = self._node.head.number
        self._counted: set[Place] = set()
        self._begun = self._seen_head
        self.outcome = Outcome(schedules=1)

    async def run(self) -> Outcome:
        """Do something random some times, then let the chain come to rest and judge."""
        await self._begin()
        if self._deepest:
            await self._count_something()
        for _ in range(self._random.randrange(6, 14)):
            await self._random.choice([self._say, self._say, self._mine, self._fork, self._resend, self._sync])()
        await self._sync()
        self._node.reconcile()
        for _ in range(self._depth + 1):
            self._node.mine(self._node.head.timestamp + 1)
        await self._sync()
        await self._judge()
        return self.outcome

    async def _begin(self) -> None:
        async with self._world.ctx.uow.write() as tx:
            for agreement in self._order:
                await tx.agreements.save(replace(agreement, payouts=()))

    async def _count_something(self) -> None:
        """So that a deep fork finds something to take away."""
        await self._say()
        for _ in range(self._depth + 1):
            self._node.mine(self._node.head.timestamp + 1)
        await self._sync()

    async def _say(self) -> None:
        agreement, self._sent = self._random.choice(self._order), self._sent + 1
        amount = self._sent

        def change(ledger: Ledger, _: int) -> None:
            ledger.say(agreement.id, "credited", party="payee", amount_minor=amount)

        self._node.submit(f"{self._name}: {amount}", change)

    async def _mine(self) -> None:
        for _ in range(self._random.randrange(1, self._depth + 2)):
            self._node.mine(self._node.head.timestamp + 1)

    async def _fork(self) -> None:
        lowest = max(self._seen_head - self._depth - self._deepest, self._begun, 1)
        most = self._node.head.number - lowest
        if most > 0:
            depth = self._random.randrange(1, most + 1)
            self._node.reorganise(depth, self._random.randrange(depth + 3))
            self.outcome.forks += 1

    async def _resend(self) -> None:
        self._node.reconcile()

    async def _sync(self) -> None:
        canonical = self._canonical()
        is_broken = bool(self._counted - canonical)
        await sync_chain(self._world.ctx)
        self._seen_head = max(self._seen_head, self._node.head.number)
        rows = await self._world.rows("SELECT block_hash, log_index, orphaned FROM chain_events WHERE applied")
        applied = {(row.block_hash, row.log_index) for row in rows if not row.orphaned}
        if not applied <= canonical:
            self._violated("something counts that is not on the chain")
        frozen = bool(await self._world.rows("SELECT 1 FROM order_freezes WHERE thawed_at IS NULL"))
        if frozen != any(row.orphaned for row in rows):
            self._violated(f"frozen: {frozen}, and orphans say otherwise")
        if is_broken:
            self.outcome.deep += 1
            if not await self._world.rows("SELECT 1 FROM order_freezes"):
                self._violated("a deep fork was not noticed")
        self._counted |= {place for place in applied if place in canonical}

    def _canonical(self) -> set[Place]:
        return {(event.block_hash, event.log_index) for event in self._node.events}

    async def _judge(self) -> None:
        outcome, canonical = self.outcome, self._canonical()
        outcome.false_finals = len(self._counted - canonical)
        said = sorted(event.fields["amount_minor"] for event in self._node.events if event.block > self._begun)
        outcome.events = len(said)
        if said != list(range(1, self._sent + 1)):
            self._violated(f"the chain says {said} after {self._sent} transactions")  # the schedule itself is wrong
        payouts = [
            payout.amount_minor
            for agreement in await self._world.agreements(self._order[0].order_id)
            for payout in agreement.payouts
        ]
        if sorted(payouts) != said:
            self._violated(f"counted {sorted(payouts)}, and the chain says {said}")
        rows = await self._world.rows("SELECT thawed_at FROM order_freezes")
        if any(row.thawed_at is None for row in rows):
            self._violated("an order stays frozen, and everything is on the chain again")
        outcome.thawed = len(rows)

    def _violated(self, what: str) -> None:
        self.outcome.violations.append(f"{self._name}: {what}")


async def run_schedules(world: World, count: int, *, seed: int, depth: int, deepest: int = 0) -> Outcome:
    """`count` schedules one after the other on an order of `world`; forks reach `deepest` below what is final."""
    order_id = await world.quoted()
    await world.confirm(order_id)
    while await relay_due(world.ctx):
        pass
    for _ in range(depth + 1):
        world.chain.node.mine(world.chain.node.head.timestamp + 1)
    await sync_chain(world.ctx)
    order, total = list(await world.agreements(order_id)), Outcome()
    for number in range(count):
        found = await Schedule(world, order, seed * 1_000_000 + number, depth, deepest).run()
        for name in ("schedules", "forks", "events", "false_finals", "deep", "thawed"):
            setattr(total, name, getattr(total, name) + getattr(found, name))
        total.violations += found.violations
        await _forget_freezes(world)
    return total


async def _forget_freezes(world: World) -> None:
    """The next schedule counts its own; one that failed leaves nothing for the next to stumble over."""
    async with world.database._engines.write.begin() as connection:
        for statement in ("DELETE FROM order_freezes", "DELETE FROM chain_events WHERE orphaned"):
            await connection.exec_driver_sql(statement)
