"""Outbox → port → the answer comes back as a command: at least once here, once in the world by each effect's key.

A relay works at several orders at a time, and at one effect of an order at a time. The transaction that claims the next
effects also notes what became of those before: a busy relay commits once for a handful of effects.
"""

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from datetime import timedelta

from marketplace.application.attempt import LEASE_S, TRY_S, Note, attempt, given_back
from marketplace.application.context import Context
from marketplace.domain.effects import ALONGSIDE
from marketplace.ports.unit_of_work import StoredEffect, Transaction

log = logging.getLogger(__name__)

AT_ONCE = 16
"""A worker that dies keeps only these from the others, and only until their lease runs out."""


async def relay_due(ctx: Context, at_once: int = AT_ONCE) -> int:
    """Claim effects that are due and do them to the end; returns how many were claimed."""
    relay = Relay(ctx, at_once)
    try:
        claimed = await relay.turn()
        await relay.settle()
    except BaseException:
        await relay.abandon()
        raise
    return claimed


class Relay:
    """The effects that one process works at. Whoever drives it calls one method after the other."""

    def __init__(self, ctx: Context, at_once: int = AT_ONCE) -> None:
        self._ctx = ctx
        self._at_once = at_once
        self._lanes: dict[asyncio.Task[None], str] = {}
        self._begun: dict[int, StoredEffect] = {}
        self._notes: dict[int, Note] = {}

    @property
    def room(self) -> int:
        """How many more effects it can begin."""
        return self._at_once - len(self._begun)

    async def turn(self, only: Collection[int] | None = None) -> int:
        """Note what became of effects, claim as many as there is room for, and begin them; returns how many.

        With `only` it claims none but these: somebody has said that they are due.
        """
        room = self.room if only is None else min(self.room, len(only))
        if not self._notes and not (room and (only or await self._is_something_due())):
            return 0  # nobody else's write has to wait for our finding nothing
        async with self._ctx.uow.write() as tx:
            noted = await self._note(tx)
            claimed = await self._claim(tx, room, only) if room else ()
        self._forget(noted)
        for lane in _lanes(claimed):
            self._begin(lane)
        return len(claimed)

    async def rest(self, longest_s: float, called: asyncio.Event | None = None) -> None:
        """Wait until there is something to note, or `called` is set, but not longer than this."""
        if self._notes:
            return
        if not self._lanes and called is None:
            await asyncio.sleep(longest_s)
            return
        call = [asyncio.create_task(called.wait())] if called is not None else []
        await asyncio.wait({*self._lanes, *call}, timeout=longest_s, return_when=asyncio.FIRST_COMPLETED)
        for waiting in call:
            waiting.cancel()

    async def settle(self) -> None:
        """Wait for everything that has begun, and note it. Nothing more is claimed."""
        await asyncio.gather(*self._lanes)
        if self._notes:
            async with self._ctx.uow.write() as tx:
                noted = await self._note(tx)
            self._forget(noted)

    async def abandon(self) -> None:
        """Stop everything where it is; its leases run out."""
        lanes = [*self._lanes]
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)

    async def close(self, patience_s: float) -> None:
        """Stop in order: what does not end in time is given back, so that nobody has to wait for its lease."""
        if self._lanes:
            await asyncio.wait({*self._lanes}, timeout=patience_s)
        unfinished = [*self._begun.values()]
        await self.abandon()
        for stored in unfinished:
            self._notes.setdefault(stored.id, given_back(self._ctx, stored, "its relay was stopped"))
        await self.settle()

    async def _is_something_due(self) -> bool:
        async with self._ctx.uow.glance() as tx:
            due = await tx.outbox.next_due()
        return due is not None and due <= self._ctx.clock.now()

    async def _claim(self, tx: Transaction, room: int, only: Collection[int] | None) -> Sequence[StoredEffect]:
        now = self._ctx.clock.now()
        if not self._begun and only is None:
            # If it ends this process, it takes nobody else along, and is known for what it is.
            alone = await tx.outbox.claim(now, LEASE_S, 1, suspects=True)
            if alone:
                return alone
        busy = {order_id for order_id in self._lanes.values() if order_id}
        return await tx.outbox.claim(now, LEASE_S, room, busy, only=only)

    async def _note(self, tx: Transaction) -> dict[int, Note]:
        """Write the notes there are, in one order for all relays: two that hold stale claims cannot hold each other."""
        notes = dict(sorted(self._notes.items()))
        for effect_id, note in notes.items():
            if not await note(tx.outbox):
                log.warning("effect %d: another relay has claimed it since, our outcome counts no more", effect_id)
        return notes

    def _forget(self, noted: dict[int, Note]) -> None:
        """These are written. A note may have come in meanwhile, on the next claim of the same effect."""
        self._notes = {key: note for key, note in self._notes.items() if noted.get(key) is not note}

    def _begin(self, effects: Sequence[StoredEffect]) -> None:
        self._begun |= {stored.id: stored for stored in effects}
        lane = asyncio.create_task(self._work(effects))
        self._lanes[lane] = "" if effects[0].effect.kind in ALONGSIDE else effects[0].order_id
        lane.add_done_callback(self._lanes.pop)

    async def _work(self, effects: Sequence[StoredEffect]) -> None:
        """One effect after the other. One whose lease could end before it does is given back."""
        latest = self._ctx.clock.now() + timedelta(seconds=LEASE_S - TRY_S)
        for stored in effects:
            if self._ctx.clock.now() > latest:
                note: Note | None = given_back(self._ctx, stored, "its turn came too late")
            else:
                note = await attempt(self._ctx, stored)
            del self._begun[stored.id]
            if note is not None:
                self._notes[stored.id] = note


def _lanes(claimed: Iterable[StoredEffect]) -> list[list[StoredEffect]]:
    """Effects of one order follow one another; those that may be done alongside have nobody to follow."""
    lanes: dict[str, list[StoredEffect]] = {}
    for stored in claimed:
        alone = stored.effect.kind in ALONGSIDE
        lanes.setdefault(f"effect {stored.id}" if alone else stored.order_id, []).append(stored)
    return [*lanes.values()]
