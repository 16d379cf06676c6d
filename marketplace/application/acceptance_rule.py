"""The manufacturer's rule for orders that nobody needs to look at."""

from marketplace.application.context import Context
from marketplace.domain.acceptance import AcceptanceRule
from marketplace.domain.errors import Forbidden
from marketplace.domain.parties import Account, Role


async def rule(ctx: Context, caller: Account) -> AcceptanceRule:
    """The rule in force. Raises Forbidden."""
    _check(caller)
    async with ctx.uow.read() as tx:
        return await tx.parties.rule(caller.party_id)


async def set_rule(ctx: Context, caller: Account, rule: AcceptanceRule) -> AcceptanceRule:
    """Replace the rule. Raises Forbidden."""
    _check(caller)
    async with ctx.uow.write() as tx:
        await tx.parties.hold(caller.party_id)
        await tx.parties.set_rule(caller.party_id, rule)
    return rule


def _check(caller: Account) -> None:
    if caller.role is not Role.MANUFACTURER:
        raise Forbidden("only manufacturers accept orders")
