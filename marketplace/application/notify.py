"""An order event makes exactly one message: into the inbox, and from there to the devices that asked for it."""

from marketplace.application.browse_products import template_of
from marketplace.application.context import Context
from marketplace.application.wording import message_for, message_for_supplier
from marketplace.domain.agreement import AgreementStatus
from marketplace.domain.effects import Effect, EffectKind
from marketplace.domain.reactions import CUSTOMER, SUPPLIER
from marketplace.ports.push import PushGone, PushInvalid, PushMessage
from marketplace.ports.unit_of_work import InboxMessage


async def notify(ctx: Context, order_id: str, effect: Effect) -> None:
    """Write the inbox message and ask for its pushes, in one transaction; a repeat writes nothing."""
    async with ctx.uow.write() as tx:
        order = await tx.orders.get(order_id)
        if order is None:
            return
        if effect.detail.startswith(SUPPLIER):
            agreement = await tx.agreements.get(effect.detail.removeprefix(SUPPLIER))
            if agreement is None or agreement.status is not AgreementStatus.DRAFTED or order.firm_by is None:
                return  # it has answered meanwhile, or nobody asks any more
            party_id = agreement.payee_id
            title, body = message_for_supplier(agreement, order.firm_by)
        else:
            party_id = order.customer_id if effect.detail == CUSTOMER else order.manufacturer_id
            product = template_of(ctx, order.product_id).name
            title, body = message_for(effect.subject, order, product, effect.detail)
        message_id = f"{order_id}:{effect.key}"
        now = ctx.clock.now()
        if not await tx.inbox.add(InboxMessage(message_id, party_id, order_id, title, body, now)):
            return
        devices = await tx.inbox.devices_of(party_id)
        pushes = [Effect(EffectKind.PUSH, f"{message_id}:{device}", message_id, device) for device in devices]
        await tx.outbox.add(order_id, pushes, now)


async def push(ctx: Context, order_id: str, effect: Effect) -> None:
    """Hand one message to one device; a dead device is forgotten. Raises PushUnavailable."""
    async with ctx.uow.read() as tx:
        message = await tx.inbox.get(effect.subject)
        address = await tx.inbox.device(effect.detail)
    if message is None or address is None:
        return
    try:
        await ctx.push.send(
            address,
            # The push names no amounts and no persons: the app shows them after sign-in.
            PushMessage(message.id, message.title, "Open the app to see more.", f"/orders/{order_id}", order_id),
        )
    except (PushGone, PushInvalid):
        async with ctx.uow.write() as tx:
            await tx.inbox.remove_device(effect.detail)
