"""The chain is read twice: up to its head, for what may still change, and up to its final block, for what counts.

What is final has its effect in the transaction that moves the final mark. A fork above the mark touches rows without
effect only. One that reaches below it is a broken promise of the chain: the orders that acted on it are frozen.
"""

import logging
from dataclasses import replace

from marketplace.application.catch_up import settle_held, why_held
from marketplace.application.chain_events import apply_event
from marketplace.application.chain_forks import freeze_orders, thaw_what_came_back
from marketplace.application.chain_reading import Window, common_ancestor, has_forked, read_window
from marketplace.application.context import Context
from marketplace.application.lost_agreements import find_lost, follow_lost, remember_lost
from marketplace.domain.errors import Conflict
from marketplace.ports.chain import ChainDistrusted, ChainUnavailable, Head
from marketplace.ports.chain_cursor import Freeze, Mark, ReadingState, RememberedEvent
from marketplace.ports.restores import Restore
from marketplace.ports.unit_of_work import StoreUnavailable, Transaction

log = logging.getLogger(__name__)

BLOCKS_AT_ONCE = 200
LEAST_RING = 256
"""Blocks whose hashes are remembered at least: forks of public chains are a few blocks deep."""
RING_PER_CONFIRMATION = 4


PASSING = (StoreUnavailable, ChainUnavailable, Conflict, OSError)
"""Failures that say nothing about an order: the same is tried again."""


class _Overtaken(Exception):
    """Another process has read the chain meanwhile."""


async def sync_chain(ctx: Context) -> int:
    """Read what is new, apply what is final, and return how many events had their effect.

    Raises ChainUnavailable, and ChainDistrusted, which is noted where operators look.
    """
    try:
        return await _Pass(ctx).run()
    except _Overtaken:
        return 0
    except ChainDistrusted as distrusted:
        await _note_distrust(ctx, str(distrusted))
        raise


class _Pass:
    """One reading of the chain. `state` is what the database said last; every write checks that it still does."""

    def __init__(self, ctx: Context) -> None:
        self._ctx = ctx
        self._state = ReadingState()
        self._restore: Restore | None = None
        self._applying: tuple[str, RememberedEvent] | None = None

    async def run(self) -> int:
        """As `sync_chain`."""
        ctx = self._ctx
        head = await ctx.chain.head()
        final_number = await ctx.chain.final_number(head)
        async with ctx.uow.read() as tx:
            self._state = await tx.cursor.get()
            self._restore = await tx.restores.catching_up()
        if self._state.read is None:
            await self._begin(head)
        if await has_forked(ctx, self._state, head):
            await self._walk_back(head)
        applied = await self._apply_up_to(final_number, head)
        if self._restore is not None:
            await self._catch_up(self._restore, final_number, head)
        await self._read_ahead(head)
        if self._state.distrust is not None:
            await self._trust_again()
        return applied

    async def _begin(self, head: Head) -> None:
        """The first reading: the chain is remembered by its first block, and what an older version read is read again.

        That had its effect when it was read, so here it has none.
        """
        ctx, final = self._ctx, self._state.final
        genesis = await self._genesis()
        async with ctx.uow.write() as tx:
            await self._save(tx, replace(self._state, genesis=genesis))
        first = (await ctx.chain.parameters()).start_block
        while final is not None and first <= final.number:
            last = min(final.number, first + BLOCKS_AT_ONCE - 1)
            window = await read_window(ctx, None, first, last, head)
            async with ctx.uow.write() as tx:
                await self._check(tx)
                await tx.cursor.add(window.events, applied=True)
            first = last + 1
        if final is not None:
            async with ctx.uow.write() as tx:
                await self._save(tx, replace(self._state, read=final))

    async def _genesis(self) -> str:
        found = await self._ctx.chain.block_hash(0)
        if found is None:
            raise ChainDistrusted("the chain has no block 0")
        if self._state.genesis not in (None, found):
            raise ChainDistrusted(f"this is another chain: block 0 is {found}, not {self._state.genesis}")
        return found

    async def _first(self, mark: Mark | None) -> int:
        return mark.number + 1 if mark is not None else (await self._ctx.chain.parameters()).start_block

    # ── forks ────────────────────────────────────────────────────────────────────────────────────

    async def _walk_back(self, head: Head) -> None:
        """To the last block that both branches share. What was read above it is forgotten; what had its effect is not:
        the orders concerned are frozen."""
        ctx, state = self._ctx, self._state
        await self._genesis()
        async with ctx.uow.read() as tx:
            ring = await tx.cursor.ring()
        ancestor = await common_ancestor(ctx, ring, head)
        height = ancestor.number if ancestor is not None else (await ctx.chain.parameters()).start_block - 1
        is_deep = state.final is not None and height < state.final.number
        if is_deep:
            await self._require_second_opinion(head)
        async with ctx.uow.write() as tx:
            await self._check(tx)
            orphans = await tx.cursor.forget_above(height)
            frozen = await freeze_orders(ctx, tx, orphans)
            final = ancestor if is_deep else state.final
            await self._save(tx, replace(state, read=ancestor, final=final))
        read = state.read.number if state.read is not None else height
        if is_deep:
            log.critical(
                "the chain forked below its final block: %d blocks above %d are gone, frozen orders: %s",
                read - height,
                height,
                ", ".join(frozen) or "none",
                extra={"alarm": "chain-fork"},
            )
        else:
            log.warning("the chain forked: %d blocks above %d are read again", read - height, height)

    async def _require_second_opinion(self, head: Head) -> None:
        """What was final is not given up on one node's word, where there are two."""
        ctx, final = self._ctx, self._state.final
        number = head.number if final is None else min(final.number, head.number)
        window = await read_window(ctx, None, number, number, head)
        await ctx.chain.corroborate(number, number, window.end.hash, window.events)

    # ── reading ──────────────────────────────────────────────────────────────────────────────────

    async def _apply_up_to(self, final_number: int, head: Head) -> int:
        """Read the final blocks (a second time, where they were read ahead) and let their events have their effect."""
        ctx, applied = self._ctx, 0
        while (first := await self._first(self._state.final)) <= final_number:
            last = min(final_number, first + BLOCKS_AT_ONCE - 1)
            window = await read_window(ctx, self._state.final, first, last, head)
            await ctx.chain.corroborate(first, window.end.number, window.end.hash, window.events)
            lost = await find_lost(ctx, window.events)
            try:
                async with ctx.uow.write() as tx:
                    await self._check(tx)
                    await self._confirm(tx, first, window)
                    await remember_lost(ctx, tx, lost)
                    applied += await self._apply_due(tx, window.end.number)
                    read = self._state.read
                    if read is None or read.number <= window.end.number:
                        read = window.end
                    state = replace(self._state, read=read, final=window.end)
                    await self._keep(tx, state, window, head)
            except PASSING:
                raise
            except Exception as failure:
                # Judged out here, where the failure of a database has its name: only a fault of ours freezes.
                if self._applying is None:
                    raise
                await self._freeze(*self._applying, failure)
            finally:
                self._applying = None
        return applied

    async def _freeze(self, order_id: str, event: RememberedEvent, failure: Exception) -> None:
        """One order that cannot follow the chain waits for a person; the others do not wait for it."""
        ctx, words = self._ctx, f"{type(failure).__name__}: {failure}"
        reason = f"the order cannot follow the event {event.name} of block {event.block}: {words}"
        async with ctx.uow.write() as tx:
            await self._check(tx)
            await tx.freezes.freeze(Freeze(order_id, event.block, reason, ctx.clock.now()))
        log.critical("order %s is frozen: %s", order_id, reason, exc_info=failure, extra={"alarm": "chain-event"})

    async def _confirm(self, tx: Transaction, first: int, window: Window) -> None:
        """The events of final blocks are those of this reading: what a node left out or made up before is mended."""
        said = {(event.block_hash, event.log_index) for event in window.events}
        before = await tx.cursor.between(first, window.end.number)
        wrong = [event for event in before if (event.block_hash, event.log_index) not in said and not event.applied]
        if wrong:
            log.error(
                "%d events up to block %d are not there at final depth",
                len(wrong),
                window.end.number,
                extra={"alarm": "chain-events"},
            )
            await tx.cursor.drop(wrong)
        await tx.cursor.back_again(window.events)
        await tx.cursor.add(window.events, applied=False)

    async def _apply_due(self, tx: Transaction, up_to: int) -> int:
        ctx = self._ctx
        await tx.orders.hold({event.agreement_id for event in await tx.cursor.due(up_to)})
        thawed = await thaw_what_came_back(ctx, tx, up_to)
        if self._restore is not None:
            tx.outbox.hold(why_held(self._restore))
        for order_id in thawed:
            log.warning("order %s goes on: everything that a fork took from it is on the chain again", order_id)
        frozen = {freeze.order_id for freeze in await tx.freezes.open()}
        done = []
        for remembered in await tx.cursor.due(up_to):
            agreement = await tx.agreements.get(remembered.agreement_id)
            if agreement is not None:
                if agreement.order_id in frozen:
                    continue
                self._applying = agreement.order_id, remembered
                await apply_event(ctx, tx, agreement, remembered.event)
                self._applying = None
            else:
                await follow_lost(ctx, tx, remembered.event)
            done.append(remembered)
        await tx.cursor.mark_applied(done)
        return len(done)

    async def _catch_up(self, restore: Restore, final_number: int, head: Head) -> None:
        """After a restore: whatever stood on the chain by then must be final and applied before anything is done."""
        ctx, up_to = self._ctx, restore.up_to_block
        async with ctx.uow.write() as tx:
            await self._check(tx)
            if up_to is None:
                up_to = head.number
                await tx.restores.wait_for(up_to)
            if final_number < up_to:
                return
            held = await settle_held(ctx, tx, restore)
        log.warning("the chain has been read since the restore, up to block %d: %d effects are held", up_to, held)

    async def _read_ahead(self, head: Head) -> None:
        """Read what may still change, for people to see."""
        ctx = self._ctx
        while (first := await self._first(self._state.read)) <= head.number:
            last = min(head.number, first + BLOCKS_AT_ONCE - 1)
            window = await read_window(ctx, self._state.read, first, last, head)
            async with ctx.uow.write() as tx:
                await self._check(tx)
                await tx.cursor.add(window.events, applied=False)
                await self._keep(tx, replace(self._state, read=window.end), window, head)

    # ── writing ──────────────────────────────────────────────────────────────────────────────────

    async def _keep(self, tx: Transaction, state: ReadingState, window: Window, head: Head) -> None:
        confirmations = (await self._ctx.chain.parameters()).confirmations
        ring = max(LEAST_RING, RING_PER_CONFIRMATION * confirmations)
        lowest = min(mark.number for mark in (state.read, state.final, window.end) if mark is not None)
        await tx.cursor.remember(window.marks, keep_from=min(head.number - ring, lowest))
        await self._save(tx, replace(state, head_number=head.number, head_at=head.timestamp))

    async def _save(self, tx: Transaction, state: ReadingState) -> None:
        await tx.cursor.save(state)
        self._state = state

    async def _check(self, tx: Transaction) -> None:
        if await tx.cursor.get() != self._state:
            raise _Overtaken

    async def _trust_again(self) -> None:
        async with self._ctx.uow.write() as tx:
            await self._check(tx)
            await self._save(tx, replace(self._state, distrust=None))
        log.warning("the node is believed again")


async def _note_distrust(ctx: Context, reason: str) -> None:
    async with ctx.uow.write() as tx:
        state = await tx.cursor.get()
        if state.distrust == reason:
            return
        await tx.cursor.save(replace(state, distrust=reason))
    log.critical("the chain's node is not believed: %s", reason, extra={"alarm": "chain-distrusted"})
