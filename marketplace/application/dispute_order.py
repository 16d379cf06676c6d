"""Something is wrong with a delivery: the customer asks the arbiter, both sides say why, the chain says the outcome.

The contracts take no evidence: they see that the payer disputes, and in which state. Words and photos stay here.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from marketplace.application.apply import apply
from marketplace.application.context import Context
from marketplace.application.dispute_access import Seat, seat, side
from marketplace.application.dispute_photos import photo_view, photo_views, say_photos
from marketplace.application.dispute_views import DisputeView, OutcomeView, StatementView
from marketplace.application.dispute_words import readable
from marketplace.application.views import LabelledValue
from marketplace.domain.agreement import ActionKind, Agreement, AgreementStatus, OnChain
from marketplace.domain.commands import AnswerDispute, OpenDispute
from marketplace.domain.dispute import Dispute, last_second
from marketplace.domain.errors import InvalidInput, InvalidTransition, NotFound
from marketplace.domain.order import Order
from marketplace.domain.parties import Account
from marketplace.domain.reactions import CUSTOMER, MANUFACTURER
from marketplace.ports.unit_of_work import DisputePhoto, StoredEvent, Transaction

SINCE = {AgreementStatus.DELIVERED: OnChain.DELIVERED, AgreementStatus.RETAINED: OnChain.RETAINED}
"""What the customer may dispute here: goods that were handed over."""


@dataclass(frozen=True, slots=True)
class _Case:
    """Everything that is told of one order's dispute."""

    seat: Seat
    events: Sequence[StoredEvent]
    photos: Sequence[DisputePhoto]
    customer: str

    @property
    def order(self) -> Order:
        return self.seat.order

    def last(self, name: str) -> StoredEvent | None:
        """The newest event of this name."""
        return next((event for event in reversed(self.events) if event.name == name), None)

    @property
    def delivered_at(self) -> int:
        """Seconds, as the chain said; 0 before the delivery."""
        event = self.last("OrderDelivered")
        return 0 if event is None else int(datetime.fromisoformat(event.data["at"]).timestamp())

    @property
    def since(self) -> OnChain:
        """What is or would be disputed."""
        delivery, opened = self.seat.delivery, self.last("DisputeOpened")
        if delivery is not None and delivery.status in SINCE:
            return SINCE[delivery.status]
        return OnChain.DELIVERED if opened is None else OnChain(opened.data["since"])


async def dispute(ctx: Context, caller: Account, order_id: str) -> DisputeView:
    """The order's dispute, or what one would mean. Raises NotFound."""
    async with ctx.uow.read() as tx:
        case = await _case(tx, await seat(tx, caller, order_id))
    return await _view(ctx, caller, case)


async def open_dispute(
    ctx: Context, caller: Account, order_id: str, *, reason: str, photos: Sequence[str], signature: str
) -> DisputeView:
    """The customer has signed. Raises NotFound, InvalidTransition where it is too early, too late or done, InvalidInput
    for a signature of another key and for photos that are not there."""
    async with ctx.uow.read() as tx:
        case = await _case(tx, await side(tx, caller, order_id))
    if case.seat.role != CUSTOMER or case.seat.delivery is None:
        raise NotFound("order")
    why_not = _why_not(ctx, case)
    if why_not is not None:
        raise InvalidTransition(*why_not)
    since, deadline = SINCE[case.seat.delivery.status], _open_until(case.seat.delivery, case)
    typed = await ctx.chain.action_to_sign(case.seat.delivery.id, ActionKind.DISPUTE, deadline, since)
    signer = ctx.chain.signed_by(typed, signature)
    if signer is None or signer.lower() != case.order.payer_address.lower():
        raise InvalidInput("signature", "is not by the key that this order was placed with")
    if not reason.strip():
        raise InvalidInput("reason", "is needed: say what is wrong, the manufacturer and the arbiter read it")
    async with ctx.uow.write() as tx:
        await side(tx, caller, order_id)
        shown = await say_photos(tx, caller, order_id, photos)
        await apply(ctx, tx, order_id, OpenDispute(reason.strip(), shown, since, deadline, signature))
    return await dispute(ctx, caller, order_id)


async def answer_dispute(
    ctx: Context, caller: Account, order_id: str, *, text: str, photos: Sequence[str]
) -> DisputeView:
    """One side says more. Raises NotFound, InvalidTransition where there is no open dispute, InvalidInput."""
    if not text.strip() and not photos:
        raise InvalidInput("text", "is needed where no photo is shown")
    name = caller.organisation.name if caller.organisation else caller.display_name
    async with ctx.uow.write() as tx:
        found = await side(tx, caller, order_id)
        shown = await say_photos(tx, caller, order_id, photos)
        await apply(ctx, tx, order_id, AnswerDispute(found.role, name, text.strip(), shown))
    return await dispute(ctx, caller, order_id)


async def _case(tx: Transaction, found: Seat) -> _Case:
    order = found.order
    names = await tx.parties.names({order.customer_id})
    events = await tx.orders.events(order.id)
    return _Case(found, events, await tx.photos.of(order.id), names.get(order.customer_id, ""))


def _open_until(delivery: Agreement, case: _Case) -> int:
    return last_second(delivery.terms, SINCE[delivery.status], case.delivered_at)


def _why_not(ctx: Context, case: _Case) -> tuple[str, str] | None:
    """Why the customer cannot open a dispute now: what the order is, and what it cannot; None where it can."""
    delivery, order = case.seat.delivery, case.order
    if order.dispute is not Dispute.NONE:
        return "in dispute already", "be disputed again: add what is missing to the dispute"
    if delivery is None or delivery.status not in SINCE:
        ended = delivery is not None and delivery.status in (AgreementStatus.SETTLED, AgreementStatus.RESOLVED)
        wanted = "be disputed: its money has been paid out" if ended else "be disputed before it is delivered"
        return str(order.status), wanted
    if order.accepted_by_customer and delivery.status is AgreementStatus.DELIVERED:
        return "accepted by you", "be disputed: your acceptance has been sent"
    if ctx.clock.now().timestamp() > _open_until(delivery, case):
        return str(order.status), "be disputed any more: the time to check the goods has passed"
    return None


async def _view(ctx: Context, caller: Account, case: _Case) -> DisputeView:
    order, delivery, role = case.order, case.seat.delivery, case.seat.role
    why_not = _why_not(ctx, case)
    may_open = role == CUSTOMER and why_not is None
    typed, open_until = None, None
    if delivery is not None and delivery.status in SINCE and order.dispute is Dispute.NONE:
        open_until = _open_until(delivery, case)
        if may_open:
            since = SINCE[delivery.status]
            typed = await ctx.chain.action_to_sign(delivery.id, ActionKind.DISPUTE, open_until, since)
    decide_by, outcome = _decide_by(case), _outcome(case)
    mine = [photo for photo in case.photos if photo.party_id == caller.party_id and not photo.said]
    return DisputeView(
        state=order.dispute,
        may_open=may_open,
        why_not=None if may_open or why_not is None else str(InvalidTransition(*why_not)),
        may_answer=case.seat.is_side and order.dispute in (Dispute.SENT, Dispute.OPEN),
        held_minor=0 if delivery is None else _held(delivery),
        currency=order.price.currency if order.price else "",
        readable=_readable(case),
        open_until=None if open_until is None else datetime.fromtimestamp(open_until, UTC),
        decide_by=decide_by,
        typed_data=typed,
        statements=tuple(_statements(case)),
        photos=tuple(photo_view(photo) for photo in mine),
        outcome=outcome,
    )


def _readable(case: _Case) -> tuple[LabelledValue, ...]:
    delivery = case.seat.delivery
    if delivery is None:
        return ()
    return readable(case.order, delivery, case.seat.role, case.since, case.delivered_at, _held(delivery))


def _held(delivery: Agreement) -> int:
    live = delivery.status in (*SINCE, AgreementStatus.OPEN, AgreementStatus.DISPUTED)
    return delivery.terms.amount_minor - sum(payout.amount_minor for payout in delivery.payouts) if live else 0


def _decide_by(case: _Case) -> datetime | None:
    event = case.last("DisputeRecorded")
    return None if event is None else datetime.fromisoformat(event.data["decide_by"])


def _outcome(case: _Case) -> OutcomeView | None:
    event = case.last("DisputeDecided")
    if event is None:
        return None
    said = event.data
    return OutcomeView(said["why"], said["customer_minor"], said["manufacturer_minor"], said["fee_minor"])


def _statements(case: _Case) -> list[StatementView]:
    """What both have said, oldest first."""
    found = []
    for event in case.events:
        said = event.data
        if event.name == "DisputeOpened":
            photos = photo_views(case.photos, said["photos"])
            found.append(StatementView(CUSTOMER, case.customer, said["reason"], photos, event.at))
        elif event.name == "DisputeAnswered":
            by = CUSTOMER if said["by"] == CUSTOMER else MANUFACTURER
            photos = photo_views(case.photos, said["photos"])
            found.append(StatementView(by, said["name"], said["text"], photos, event.at))
    return found
