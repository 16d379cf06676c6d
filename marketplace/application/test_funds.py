"""Test money for a new signing key, in development only."""

from marketplace.application.context import Context
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.errors import InvalidInput, NotFound
from marketplace.domain.parties import Account


async def test_funds(ctx: Context, caller: Account) -> int:
    """Ask for test money, once for each key; returns its amount in cents. Raises NotFound outside development."""
    if not ctx.policy.development:
        raise NotFound("test money")
    if caller.address is None:
        raise InvalidInput("address", "register a signing key first")
    amount = ctx.policy.test_funds_minor
    effect = Effect(EffectKind.FUND_TEST_ACCOUNT, f"fund:{caller.address}", caller.address, str(amount))
    async with ctx.uow.write() as tx:
        await tx.outbox.add("", [effect], ctx.clock.now())
    return amount
