"""A shop-floor gateway joins: the address that signs its evidence, and the secret that opens the door."""

from marketplace.application.context import Context
from marketplace.application.views import GatewayView
from marketplace.domain.errors import Forbidden
from marketplace.domain.parties import Account, Role
from marketplace.ports.unit_of_work import Gateway


async def register_gateway(
    ctx: Context, caller: Account, *, name: str, address: str, secret: str, secret_hash: str
) -> GatewayView:
    """Add a gateway to the caller's organisation. Raises Forbidden, Conflict if the address is known already."""
    if caller.role not in (Role.MANUFACTURER, Role.SUPPLIER):
        raise Forbidden("only manufacturers and suppliers have machines")
    gateway = Gateway(f"gw_{ctx.new_id()}", caller.party_id, name, address.lower(), secret_hash)
    async with ctx.uow.write() as tx:
        await tx.parties.add_gateway(gateway)
    return GatewayView(gateway.id, gateway.name, gateway.address, secret)


async def gateway(ctx: Context, gateway_id: str) -> Gateway | None:
    """The gateway, or None."""
    async with ctx.uow.glance() as tx:
        return await tx.parties.gateway(gateway_id)
