"""Negative controls: a worker with one rule of the house broken. A laboratory that does not see it is blind."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sqlalchemy import text

from contracts.bindings.call import Call
from contracts.errors import NodeUnavailable
from contracts.sending.memory import FAILED
from contracts.sending.writer import Writer
from contracts.transactions import broadcast, sign_call
from marketplace.application import chain_sync
from marketplace.application.chain_reading import Window
from marketplace.application.handlers import HANDLERS
from marketplace.persistence.repositories.chain import SqlChainCursor
from marketplace.ports.chain_cursor import Mark
from tests.faults.points import Points


def send_then_record(_points: Points) -> None:
    """The sender takes the node's nonce, sends, and writes down afterwards that it has sent."""

    async def write(self: Any, name: str, call: Call) -> Any:
        known = await self._memory.find(name)
        if known is not None:
            return known
        gas, _, market = await self._prepare(call)
        async with self._writing:
            nonce = int(await self._rpc.call("eth_getTransactionCount", self.address, "pending"), 16)
            fees = market.offer(self._policy.max_fee_wei)
            signed = await sign_call(self._signer, call, nonce=nonce, gas=gas, fees=fees, chain_id=self._chain_id)
            await broadcast(self._rpc, signed.raw)
            await self._memory.reserve([name], self.address, nonce, self.now())
            entry = name, 1, "0x" + signed.raw.hex(), signed.hash, fees.max_fee, fees.max_priority_fee, self.now()
            return (await self._memory.signed([entry]))[0]

    Writer.write = write  # type: ignore[method-assign]


def done_before_do(_points: Points) -> None:
    """The relay notes an effect as done and then does it, with nothing to fence it."""
    for kind, handler in list(HANDLERS.items()):
        HANDLERS[kind] = _noted_first(handler)


def _noted_first(handler: Callable[..., Any]) -> Callable[..., Any]:
    async def handle(ctx: Any, order_id: str, effect: Any) -> None:
        async with ctx.uow.write() as tx:
            done = text("UPDATE outbox SET status = 'done' WHERE order_id = :o AND kind = :k AND key = :key")
            await tx.outbox._connection.execute(done, {"o": order_id, "k": effect.kind.value, "key": effect.key})
        await handler(replace(ctx, uow=ctx.uow._uow), order_id, effect)

    return handle


def no_inbox(_points: Points) -> None:
    """The reader of the chain notes in another transaction than their effect which events it has applied."""
    mark, due = SqlChainCursor.mark_applied, SqlChainCursor.due
    late: list[Any] = []

    async def mark_later(self: Any, events: Any) -> None:
        late.extend(events)

    async def mark_and_read(self: Any, up_to: int) -> Any:
        await mark(self, late)
        late.clear()
        return await due(self, up_to)

    SqlChainCursor.mark_applied = mark_later  # type: ignore[method-assign]
    SqlChainCursor.due = mark_and_read  # type: ignore[method-assign]


def blind_to_forks(_points: Points) -> None:
    """The reader of the chain never looks back: what it has read was there, so it is there."""

    async def has_forked(ctx: Any, state: Any, head: Any) -> bool:
        return False

    async def read_window(ctx: Any, before: Any, first: int, last: int, head: Any) -> Window:
        end = await ctx.chain.block_hash(last)
        return Window(before, Mark(last, end or head.hash), await ctx.chain.events(first, last))

    chain_sync.has_forked = has_forked  # type: ignore[attr-defined]
    chain_sync.read_window = read_window  # type: ignore[attr-defined]


def outcome_from_exceptions(_points: Points) -> None:
    """The sender takes a broken connection for a transaction that failed, and sends another."""
    hand_in = Writer.hand_in

    async def believe(self: Any, stored: Any) -> Any:
        try:
            return await hand_in(self, stored)
        except NodeUnavailable:
            await self._memory.settle(stored.key, FAILED)
            raise

    Writer.hand_in = believe  # type: ignore[method-assign]


CONTROLS: dict[str, Callable[[Points], None]] = {
    "send-then-record": send_then_record,
    "done-before-do": done_before_do,
    "no-inbox": no_inbox,
    "blind-to-forks": blind_to_forks,
    "outcome-from-exceptions": outcome_from_exceptions,
}
"""By name."""

WEAKNESSES = {
    "send-then-record": "after HttpRpc.call(eth_sendRawTransaction)",
    "done-before-do": "before ChainAdapter.",
    "no-inbox": "chain_events+order_events",
}
"""Where a worker with this rule broken must die for it to show."""

TEMPTATIONS = {
    "blind-to-forks": ("reorg", "repeated messages"),
    "outcome-from-exceptions": ("node cut", "repeated messages"),
}
"""What must happen to a house with this rule broken for it to show."""
