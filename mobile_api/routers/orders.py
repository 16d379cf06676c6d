"""Placing, following and finishing orders."""

from typing import Annotated

from fastapi import Query
from pydantic import AfterValidator

from marketplace.application import accept_delivery as accepting
from marketplace.application import cancel_order as cancelling
from marketplace.application import confirm_quote, hand_over, view_orders, view_timeline
from marketplace.application import decide_order as deciding
from marketplace.application import place_order as placing
from marketplace.application import ship_order as shipping
from marketplace.application.views import AcceptanceView, ConfirmationView, OrderView, Page
from marketplace.ports import activity
from mobile_api import pagination
from mobile_api.conditional import unless_changed
from mobile_api.dependencies import Anyone, Ctx, Customer, Deliverer, Manufacturer
from mobile_api.routers.paths import Id, NoBody, router
from mobile_api.schemas.base import DIGITS
from mobile_api.schemas.orders import (
    Acceptance,
    Confirmation,
    ConfirmRequest,
    Decision,
    Handover,
    Order,
    OrderCreate,
    OrderPage,
    ReasonBody,
    SignatureBody,
    Timeline,
)

orders = router("orders")

Limit = Annotated[int, Query(ge=1, le=100), DIGITS]
Cursor = Annotated[str | None, Query(max_length=pagination.LONGEST), AfterValidator(pagination.plain_or_none)]


@orders.post("/orders", status_code=201, response_model=Order)
async def place_order(ctx: Ctx, caller: Customer, body: OrderCreate) -> OrderView:
    """Order a configured product for a day. The same client_reference gives the order that is there.

    Where `expected_total_minor` is given, nothing is ordered at another price.
    """
    order = await placing.place_order(
        ctx,
        caller,
        product_id=body.product_id,
        configuration=body.configuration,
        deliver_by=body.deliver_by,
        payer_address=body.payer_address,
        handover_hash=body.handover_hash,
        client_reference=body.client_reference,
        expected_total_minor=body.expected_total_minor,
    )
    activity.order_id.set(order.id)
    return order


@orders.get("/orders", response_model=OrderPage)
async def list_orders(ctx: Ctx, caller: Anyone, limit: Limit = 20, cursor: Cursor = None) -> Page:
    """The caller's orders, newest first: own, received, or those the caller has agreements in."""
    return await view_orders.list_orders(ctx, caller, limit=limit, cursor=cursor)


@orders.get("/orders/{id}", response_model=Order)
async def read_order(ctx: Ctx, caller: Anyone, order_id: Id) -> OrderView:
    """An order, as the caller may see it."""
    return await view_orders.order(ctx, caller, order_id)


AS_SEEN = unless_changed(orders, read_order)
"""What changes an order takes the ETag of the order as If-Match."""


@orders.get("/orders/{id}/timeline", response_model=Timeline)
async def read_timeline(ctx: Ctx, caller: Anyone, order_id: Id) -> dict[str, object]:
    """All that happened to an order, and who vouches for it."""
    return {"items": await view_timeline.timeline(ctx, caller, order_id)}


@orders.get("/orders/{id}/confirmation", response_model=Confirmation)
async def read_confirmation(ctx: Ctx, caller: Customer, order_id: Id) -> ConfirmationView:
    """What to sign to order and pay."""
    return await confirm_quote.confirmation(ctx, caller, order_id)


@orders.post("/orders/{id}/confirm", response_model=Order, dependencies=[AS_SEEN])
async def confirm_order(ctx: Ctx, caller: Customer, order_id: Id, body: ConfirmRequest) -> OrderView:
    """Order and pay: the customer signs last, and all agreements open together."""
    return await confirm_quote.confirm_quote(
        ctx, caller, order_id, terms_signature=body.terms_signature, permit_signature=body.permit_signature
    )


@orders.post("/orders/{id}/cancel", response_model=Order, dependencies=[AS_SEEN])
async def cancel_order(ctx: Ctx, caller: Customer, order_id: Id, body: ReasonBody | None = None) -> OrderView:
    """Take an order back before it is confirmed."""
    return await cancelling.cancel_order(ctx, caller, order_id, reason=body.reason if body else "")


@orders.get("/orders/{id}/acceptance", response_model=Acceptance)
async def read_acceptance(ctx: Ctx, caller: Customer, order_id: Id) -> AcceptanceView:
    """What to sign to accept the goods."""
    return await accepting.acceptance(ctx, caller, order_id)


@orders.post("/orders/{id}/accept-delivery", response_model=Order, dependencies=[AS_SEEN])
async def accept_delivery(ctx: Ctx, caller: Customer, order_id: Id, body: SignatureBody) -> OrderView:
    """Accept the goods: what is left of the money is released."""
    return await accepting.accept_delivery(ctx, caller, order_id, signature=body.signature)


@orders.post("/orders/{id}/decision", response_model=Order, dependencies=[AS_SEEN])
async def decide_order(ctx: Ctx, caller: Manufacturer, order_id: Id, body: Decision) -> OrderView:
    """Accept or reject an order that the rule leaves to a person."""
    accepted = body.decision == "accept"
    return await deciding.decide_order(ctx, caller, order_id, accept=accepted, reason=body.reason)


@orders.post("/orders/{id}/ship", response_model=Order, dependencies=[AS_SEEN])
async def ship_order(ctx: Ctx, caller: Manufacturer, order_id: Id, _body: NoBody = None) -> OrderView:
    """Say that the goods are on their way."""
    return await shipping.ship_order(ctx, caller, order_id)


@orders.post("/orders/{id}/handover", response_model=Order, dependencies=[AS_SEEN])
async def hand_over_order(ctx: Ctx, caller: Deliverer, order_id: Id, body: Handover) -> OrderView:
    """Prove the delivery with the secret from the recipient's phone."""
    return await hand_over.hand_over(ctx, caller, order_id, secret=body.secret)
