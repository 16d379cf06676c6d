"""Devices that want to be told."""

from marketplace.application.context import Context
from marketplace.domain.errors import NotFound
from marketplace.domain.parties import Account
from marketplace.ports.push import PushAddress


async def add_device(ctx: Context, caller: Account, address: PushAddress) -> str:
    """Register a device of the caller; the same endpoint keeps its id."""
    async with ctx.uow.write() as tx:
        return await tx.inbox.add_device(f"dev_{ctx.new_id()}", caller.id, address)


async def remove_device(ctx: Context, caller: Account, device_id: str) -> None:
    """Forget a device. Raises NotFound."""
    async with ctx.uow.write() as tx:
        if not await tx.inbox.remove_device(device_id, caller.id):
            raise NotFound("device")
