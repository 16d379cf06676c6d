"""The recipient showed the handover code; whoever scanned it presents the secret."""

from marketplace.application.access import order_for
from marketplace.application.apply import apply
from marketplace.application.context import Context
from marketplace.application.present import present
from marketplace.application.views import OrderView
from marketplace.domain.commands import PresentHandover
from marketplace.domain.errors import InvalidInput
from marketplace.domain.parties import Account


async def hand_over(ctx: Context, caller: Account, order_id: str, *, secret: str) -> OrderView:
    """Present the secret. Raises NotFound, InvalidTransition, InvalidInput for a code of another order."""
    async with ctx.uow.write() as tx:
        order = await order_for(tx, caller, order_id)
        if _hash(ctx, secret) != order.handover_hash:
            raise InvalidInput("secret", "is not the handover code of this order")
        name = caller.organisation.name if caller.organisation else caller.display_name
        await apply(ctx, tx, order_id, PresentHandover(name, secret))
    async with ctx.uow.read() as tx:
        return await present(ctx, tx, order_id, caller)


def _hash(ctx: Context, secret: str) -> str | None:
    try:
        return ctx.chain.keccak(bytes.fromhex(secret.removeprefix("0x")))
    except ValueError:
        return None
