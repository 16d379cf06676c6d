"""A customer orders a configured product for a date."""

from collections.abc import Mapping
from datetime import date

from marketplace.application.browse_products import template_of
from marketplace.application.configure_product import makeable
from marketplace.application.context import Context
from marketplace.application.design_files import digests_in
from marketplace.application.indicative_quote import check_date
from marketplace.application.planned import maker_of, plan
from marketplace.application.present import present, present_new
from marketplace.application.views import OrderView
from marketplace.domain.commands import PlaceOrder
from marketplace.domain.errors import Conflict, DomainError, Forbidden, InvalidInput, NotFound, PriceChanged
from marketplace.domain.lifecycle import place
from marketplace.domain.money import spell
from marketplace.domain.parties import Account, Role
from marketplace.domain.pricing import Price


async def place_order(
    ctx: Context,
    caller: Account,
    *,
    product_id: str,
    configuration: Mapping[str, object],
    deliver_by: date,
    payer_address: str,
    handover_hash: str,
    client_reference: str,
    expected_total_minor: int | None = None,
) -> OrderView:
    """A new order; the same `client_reference` from the same customer gives the order that is there.

    Raises NotFound, InvalidInput (naming the field), NotMakeable, Forbidden, and PriceChanged unless it costs what
    was expected, if anything was.
    """
    if caller.role is not Role.CUSTOMER:
        raise Forbidden("only customers place orders")
    if caller.address is None or caller.address.lower() != payer_address.lower():
        raise InvalidInput("payer_address", "must be the signing key that is registered for this account")
    template = template_of(ctx, product_id)
    found = await makeable(ctx, template, configuration, caller.id)
    configured, now = found.configuration, ctx.clock.now()
    # The id follows from customer and reference, so that a repeat after a lost answer finds the first order.
    order_id = "ord_" + ctx.chain.keccak(f"{caller.id}|{client_reference}".encode())[2:26]
    maker = manufacturer_id, _ = await maker_of(ctx, template)
    if not manufacturer_id:
        raise NotFound("product")
    quoted = (await plan(ctx, found, maker, fee_bps=0)).quotation
    try:
        check_date(quoted, deliver_by, now.date())
        _check_price(quoted.at(deliver_by).price, expected_total_minor)  # what has no price is not ordered
    except (InvalidInput, PriceChanged) as refusal:
        # Day and price are a new order's: whoever asks again for one that is there, its answer lost, gets it.
        return await _placed(ctx, caller, order_id, refusal)
    command = PlaceOrder(
        order_id=order_id,
        customer_id=caller.id,
        manufacturer_id=manufacturer_id,
        product_id=template.id,
        product_version=template.version,
        configuration=dict(configured.values),
        amount=configured.amount,
        deliver_by=deliver_by,
        payer_address=payer_address.lower(),
        handover_hash=handover_hash.lower(),
        client_reference=client_reference,
    )
    decision = place(command, now)
    try:
        async with ctx.uow.write() as tx:
            await tx.designs.use(order_id, tuple(digests_in(template, configured.values)))
            await tx.orders.save(decision.order, decision.events, decision.effects, now)
    except Conflict as taken:
        return await _placed(ctx, caller, order_id, taken)
    return present_new(ctx, decision.order, configured, maker, caller)


def _check_price(price: Price, expected_total_minor: int | None) -> None:
    if expected_total_minor is not None and price.total_minor != expected_total_minor:
        raise PriceChanged(spell(expected_total_minor, price.currency), spell(price.total_minor, price.currency))


async def _placed(ctx: Context, caller: Account, order_id: str, refusal: DomainError) -> OrderView:
    """The order of this id. Raises `refusal` where there is none."""
    async with ctx.uow.read() as tx:
        if await tx.orders.get(order_id) is None:
            raise refusal
        return await present(ctx, tx, order_id, caller)
