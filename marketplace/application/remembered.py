"""Answers kept under an Idempotency-Key."""

from marketplace.application.context import Context
from marketplace.ports.unit_of_work import StoredAnswer


async def find(ctx: Context, principal: str, route: str, key: str) -> StoredAnswer | None:
    """The answer given before, or None."""
    async with ctx.uow.read() as tx:
        return await tx.idempotency.get(principal, route, key)


async def keep(ctx: Context, principal: str, route: str, key: str, answer: StoredAnswer) -> None:
    """Keep an answer; the first one stays."""
    async with ctx.uow.write() as tx:
        await tx.idempotency.put(principal, route, key, answer, ctx.clock.now())
