"""Random schedules of a chain that forks under a marketplace at work.

A schedule is an order that is confirmed, opened on the chain and claimed, while blocks are mined, replaced and taken
away at random; transactions that a fork dropped do not return by themselves. What the database takes for final is read
by SQL after every reading of the chain, and compared with the node's own blocks by raw JSON-RPC.

`run` is the whole of it: no fork deeper than `depth` may make a false final; with `deeper`, every fork that takes away
what had counted must be noticed, its orders frozen, and named by `lotsizeone doctor`.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from bootstrap.doctor.examine import Question, examine
from bootstrap.doctor.failures import CouldNotLook
from marketplace.application.chain_sync import sync_chain
from marketplace.application.relay import relay_due
from marketplace.application.thaw_order import thaw_order
from marketplace.domain.errors import Conflict
from marketplace.ports.chain import ChainUnavailable
from tests.application.example import key_of
from tests.faults.forking import ForkingWorld, House, open_house
from tests.shopfloor.ingesting import Machine

A_HOUSE = 25
"""Schedules on one chain and database; then others are made, or everything would grow with every schedule."""
MOST_TURNS = 120
FORKS = (1, 4)
"""How many forks a schedule has, at least and at most."""
NEVER_S = 1e9
IMPATIENT = 0.4
"""How often a turn that may fork does."""

Say = Callable[[str], None]


@dataclass
class Outcome:
    """What schedules have shown.

    `false_finals` counts events that had counted and were not on the chain in the end, or not all the time; `deep`
    forks took away what had counted; `unnoticed` of these froze nothing, `unnamed` the doctor did not name.
    """

    schedules: int = 0
    forks: int = 0
    deepest: int = 0
    finals: int = 0
    false_finals: int = 0
    deep: int = 0
    frozen: int = 0
    thawed_alone: int = 0
    thawed_by_word: int = 0
    unnoticed: int = 0
    unnamed: int = 0
    violations: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def add(self, other: "Outcome") -> None:
        """Sum up."""
        for name in vars(self):
            mine, theirs = getattr(self, name), getattr(other, name)
            setattr(self, name, max(mine, theirs) if name == "deepest" else mine + theirs)

    def good(self, *, deeper: bool) -> bool:
        """Whether all is as it must be: without deeper forks nothing false, with them nothing unseen."""
        unseen = self.unnoticed + self.unnamed + len(self.violations)
        if deeper:
            return unseen == 0 and self.deep >= self.schedules > 0
        return unseen == 0 and self.false_finals + self.deep + self.frozen == 0

    def figures(self) -> dict[str, Any]:
        """For the last line of JSON."""
        return vars(self) | {"violations": self.violations[:20], "seconds": round(self.seconds, 1)}


async def run(
    folder: Path,
    *,
    schedules: int,
    seed: int,
    depth: int,
    policy: int | None = None,
    deeper: int = 0,
    db: str = "sqlite",
    keep: bool = False,
    say: Say = lambda _: None,
) -> Outcome:
    """`schedules` of them, on a marketplace that waits for `policy` blocks (else `depth`), in houses below `folder`.

    Forks reach at most `depth` blocks below the highest head that was read, and `deeper` more; with `deeper` every
    schedule has one at least that takes away what counts. `db` is sqlite or postgres. The same seed gives the same
    schedules. Databases and logs stay in `folder` if they are to be kept.
    """
    total, begun = Outcome(), time.monotonic()
    for first in range(0, schedules, A_HOUSE):
        random = Random(f"{seed} {first} {depth} {deeper}")
        waits = depth if policy is None else policy
        async with open_house(folder / f"house-{first}", random, confirmations=waits, db=db) as house:
            for number in range(first, min(schedules, first + A_HOUSE)):
                total.add(await Schedule(house, f"schedule {number}", random, depth, deeper).run())
            if policy is None:
                total.violations += [f"{house_name(first)}: {words}" for words in _doctor(house)[1]]
        if not keep:
            shutil.rmtree(folder / f"house-{first}", ignore_errors=True)
        total.seconds = time.monotonic() - begun
        say(f"{total.schedules} schedules, {total.forks} forks, {total.false_finals} false, {total.seconds:.0f} s")
    return total


def house_name(first: int) -> str:
    """How a house is called in what is told."""
    return f"house of schedules {first} to {first + A_HOUSE - 1}"


class Schedule:
    """One order on its way through forks."""

    def __init__(self, house: House, name: str, random: Random, depth: int, deeper: int) -> None:
        self._house, self._world, self._fork = house, house.world, house.world.fork
        self._name, self._random, self._depth, self._deeper = name, random, depth, deeper
        self._seen_head = 0
        self._left = 0
        self._counted: dict[tuple[str, int], int] = {}
        self._frozen: set[str] = set()
        self.outcome = Outcome(schedules=1)

    async def run(self) -> Outcome:
        """Live it, and judge."""
        world = self._world
        self._seen_head = await self._fork.height()
        self._counted = await self._applied()
        known = set(self._counted)
        try:
            await self._live(world)
        except _Stuck as stuck:
            self._violated(str(stuck))
        await self._look()
        gone = [place for place, number in self._counted.items() if await self._fork.hash_of(number) != place[0]]
        self.outcome.false_finals += len(gone)
        self.outcome.finals = len(set(self._counted) - known)
        return self.outcome

    async def _live(self, world: ForkingWorld) -> None:
        await world.follow_clock()
        world.work = self._quietly  # type: ignore[method-assign]
        order_id = await world.quoted()
        self._left = self._random.randint(*FORKS)
        await world.confirm(order_id)
        await self._work()
        await self._expect(order_id, "AgreementsOpened", 1)
        if self._deeper:
            await self._take_away_what_counts()
            await self._work()
            await self._heal()
        # The machine begins a new lane, else it would send everything again that it has ever said.
        world.machines["amp"] = Machine(key_of("amp"), epoch=order_id.removeprefix("ord_"))
        queued = world.dispatch.queued(world.gateways["amp"].id)
        await world.make("amp", *[job for job, _ in queued if job.order_id == order_id])
        await self._work()
        await self._heal()
        told = await world.events(order_id)
        if told.count("MilestoneProved") < 1:
            self._violated(f"{order_id} has no proof: {told}")
        await self._expect(order_id, "AgreementsOpened", 1)

    async def _expect(self, order_id: str, name: str, times: int) -> None:
        found = (await self._world.events(order_id)).count(name)
        if found != times:
            self._violated(f"{order_id} has {found} events {name}, not {times}")

    # ── what happens ─────────────────────────────────────────────────────────────────────────────

    async def _quietly(self, _: object = None) -> None:
        """The worker's part while no money moves."""
        while await relay_due(self._world.ctx):
            await sync_chain(self._world.ctx)

    async def _work(self) -> None:
        """The worker's part, with forks in between, until nothing more is to be done."""
        depth = self._house.confirmations
        for _ in range(MOST_TURNS):
            busy = await self._turn(self._random.randint(1, 2))
            if not busy and not self._left and not await self._unfinished():
                return
            if not busy and not self._left:
                await self._turn(depth + 1)
        raise _Stuck(f"it does not come to rest: {await self._unfinished()}")

    async def _turn(self, blocks: int) -> int:
        """Effects, transactions, blocks, perhaps a fork, and the reading of it all."""
        ctx = self._world.ctx
        busy = await relay_due(ctx)
        try:
            await ctx.chain.reconcile()
            await self._fork.mine(blocks)
            if self._left and self._random.random() < IMPATIENT:
                await self._happen()
            await self._world.follow_clock()
            busy += await self._read()
        except ChainUnavailable as failure:
            self._violated(f"the chain: {failure}")
        return busy

    async def _happen(self) -> None:
        """A fork; at most as deep as this schedule may."""
        self._left -= 1
        height = await self._fork.height()
        lowest = max(self._seen_head - self._depth - self._deeper, self._house.book.deployed_block + 2)
        if height <= lowest:
            return
        depth = self._random.randint(1, height - lowest)
        self.outcome.forks += 1
        self.outcome.deepest = max(self.outcome.deepest, depth)
        if self._random.random() < 0.3:
            await self._fork.roll_back(depth)
        else:
            await self._fork.reorganise(depth)

    async def _take_away_what_counts(self) -> None:
        """A fork that is deep enough for certain: down to the last block that had an effect, or below it."""
        last = max((await self._applied()).values())
        depth = await self._fork.height() - last + self._random.randint(1, 2)
        self.outcome.forks += 1
        self.outcome.deepest = max(self.outcome.deepest, depth)
        await (self._fork.roll_back if self._random.random() < 0.3 else self._fork.reorganise)(depth)
        await self._read()

    async def _read(self) -> int:
        """The reading of the chain, watched: what had counted and is gone must freeze its orders."""
        broken = await self._broken()
        found = await sync_chain(self._world.ctx)
        self._seen_head = max(self._seen_head, await self._fork.height())
        await self._look()
        if broken:
            await self._judge_deep_fork(broken)
        return found

    async def _look(self) -> None:
        self._counted |= await self._applied()
        now = await self._frozen_orders()
        self.outcome.frozen += len(now - self._frozen)
        self.outcome.thawed_alone += len(self._frozen - now)
        self._frozen = now

    async def _broken(self) -> set[str]:
        """Orders of which an event counts now whose block is no longer there."""
        rows = await self._world.rows(
            "SELECT DISTINCT e.block, e.block_hash, a.order_id FROM chain_events e JOIN agreements a"
            " ON a.id = e.agreement_id WHERE e.applied AND NOT e.orphaned ORDER BY e.block DESC"
        )
        broken = set()
        for row in rows:
            if await self._fork.hash_of(row.block) == row.block_hash:
                break  # and so is everything below it
            broken.add(str(row.order_id))
        return broken

    async def _judge_deep_fork(self, broken: set[str]) -> None:
        self.outcome.deep += 1
        # What counted for a moment is false, even if the same bytes are mined again.
        self.outcome.false_finals += len(broken)
        if not broken <= self._frozen:
            self.outcome.unnoticed += 1
            self._violated(f"a fork took final events of {sorted(broken - self._frozen)}, and they are not frozen")
        named, words = _doctor(self._house)
        if not broken <= named:
            self.outcome.unnamed += 1
            self._violated(f"the doctor does not name {sorted(broken - named)}, but says {words}")

    async def _heal(self) -> None:
        """Frozen orders whose events stand on the chain again, at another time, go on by an operator's word."""
        for order_id in sorted(await self._frozen_orders()):
            try:
                await thaw_order(self._world.ctx, order_id)
            except Conflict as missing:
                self._violated(f"{order_id} stays frozen: {missing}")
            else:
                self.outcome.thawed_by_word += 1
                self._frozen.discard(order_id)
        if self.outcome.thawed_by_word:
            await self._work()

    # ── what can be seen ─────────────────────────────────────────────────────────────────────────

    async def _applied(self) -> dict[tuple[str, int], int]:
        rows = await self._world.rows(
            "SELECT block, block_hash, log_index FROM chain_events WHERE applied AND NOT orphaned"
        )
        return {(row.block_hash, row.log_index): row.block for row in rows}

    async def _frozen_orders(self) -> set[str]:
        rows = await self._world.rows("SELECT order_id FROM order_freezes WHERE thawed_at IS NULL")
        return {row.order_id for row in rows}

    async def _unfinished(self) -> list[str]:
        """Transactions without an outcome, and events that were read and do not count yet."""
        sent = await self._world.rows("SELECT key FROM chain_transactions WHERE outcome IS NULL")
        said = await self._world.rows(
            "SELECT name FROM chain_events e JOIN agreements a ON a.id = e.agreement_id WHERE NOT applied"
            " AND a.order_id NOT IN (SELECT order_id FROM order_freezes WHERE thawed_at IS NULL)"
        )
        return [row.key for row in sent] + [row.name for row in said]

    def _violated(self, what: str) -> None:
        self.outcome.violations.append(f"{self._name}: {what}")


class _Stuck(Exception):
    """A schedule that does not end."""


def _doctor(house: House) -> tuple[set[str], list[str]]:
    """(orders that the doctor names, its findings in words). Nothing is overdue: the clock here is the chain's."""
    question = Question(
        database=house.database_url,
        rpc=house.chain_url,
        factory=house.book.factory,
        chain_id=house.book.chain_id,
        start_block=house.book.deployed_block,
        now=time.time(),
        confirmations=house.confirmations,
        genesis=house.book.genesis,
        overdue_s=NEVER_S,
    )
    try:
        report = examine(question)
    except CouldNotLook as failure:
        return set(), [f"the doctor could not look: {failure}"]
    named = {found.order for found in report.findings if found.order is not None}
    return named, [f"doctor, {found.check}: {found.what} ({found.order})" for found in report.findings]
