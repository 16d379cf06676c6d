"""The words people read. They never claim more than is proved, and never speak of wallets, gas or tokens."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from marketplace.domain.agreement import Agreement, Milestone
from marketplace.domain.dispute import Dispute, Why
from marketplace.domain.evidence import EventCode, Source, Witness
from marketplace.domain.money import spell
from marketplace.domain.order import Order, Status
from marketplace.domain.reactions import MANUFACTURER, UNPLANNED

STATUS_TITLES = {
    Status.PLACED: "Looking for suppliers",
    Status.MATCHED: "Waiting for the manufacturer",
    Status.ACCEPTED: "Accepted, terms are being written",
    Status.SOURCING: "Gathering the suppliers' signatures",
    Status.QUOTED: "Your quote is ready",
    Status.CONFIRMED: "Confirmed, securing your payment",
    Status.CONTRACTED: "Payment secured, production is being prepared",
    Status.IN_PRODUCTION: "In production",
    Status.PRODUCED: "Made, waiting for shipment",
    Status.SHIPPED: "On its way",
    Status.DELIVERED: "Delivered",
    Status.SETTLED: "Completed",
    Status.REJECTED: "Not possible",
    Status.EXPIRED: "Lapsed",
    Status.CANCELLED: "Cancelled",
    Status.REFUNDED: "Refunded",
}

WAITING_FOR = {
    Status.PLACED: "We are asking the registries for suppliers.",
    Status.MATCHED: "The manufacturer is deciding.",
    Status.ACCEPTED: "The terms are being written.",
    Status.SOURCING: "Suppliers and manufacturer are signing; the price is indicative until they have.",
    Status.QUOTED: "Confirm to order. Nobody is bound before you sign.",
    Status.CONFIRMED: "Your payment is being secured; this takes seconds.",
    Status.CONTRACTED: "The suppliers are making the parts.",
    Status.SHIPPED: "Show your handover code when the parcel arrives.",
    Status.DELIVERED: "Check your goods and accept them.",
}

DISPUTE_TITLES = {
    Dispute.SENT: "Something is wrong: the arbiter is being asked",
    Dispute.OPEN: "In dispute: the arbiter decides",
    Dispute.DECIDED: "Decided, the money is on its way",
}
"""What an order is called instead while its delivery is disputed."""

DISPUTE_WAITS = {
    Dispute.SENT: "What is left of the money is being frozen; this takes seconds.",
    Dispute.OPEN: "What is left of the money is frozen until the arbiter has decided, or the time for it is over.",
    Dispute.DECIDED: "Each side gets its part.",
}

MILESTONE_LABELS = {
    EventCode.OPENED: "Advance for the suppliers",
    EventCode.RETAINED: "Held back for defects",
    EventCode.PRODUCTION_FINISHED: "Production finished",
    EventCode.INSPECTION_PASSED: "Inspection passed",
    EventCode.SHIPPED: "Shipped",
}

VOUCHERS = {
    Witness.ATTESTOR: "signed by the maker's machine",
    Witness.WITNESS: "signed by an independent witness",
    Witness.BOTH: "signed by the maker's machine and counter-signed by a witness",
    Witness.PAYER: "confirmed by you",
}


def vouched_by(milestone: Milestone) -> str:
    """Who vouches for a milestone."""
    return "paid at the start" if milestone.code is EventCode.OPENED else VOUCHERS[milestone.who]


def milestone_label(code: int) -> str:
    """What a milestone is called."""
    return MILESTONE_LABELS.get(EventCode(code), EventCode(code).name.replace("_", " ").lower())


def message_for(event: str, order: Order, product: str, audience: str) -> tuple[str, str]:
    """Title and body of the inbox message about an event of an order for `product`, for customer or manufacturer."""
    amount = spell(order.price.total_minor, order.price.currency) if order.price else ""
    what, by = f"{order.amount} × {product}", f"{order.deliver_by:%-d %B %Y}"
    words = {
        "OrderMatched": ("New order", f"{what} for {by}, {amount}."),
        "DecisionAsked": ("An order needs you", order.waiting_reason or "Accept or reject it."),
        "OrderRejected": ("We cannot make this order", order.waiting_reason or "Nobody can make it as configured."),
        "NextSupplierAsked": ("Another supplier is asked", _soon(order, "price and date stay as they are")),
        "SearchReopened": ("Looking for suppliers again", order.waiting_reason or "The price stays as it is."),
        "SupplierCountered": ("A supplier asked for other terms", _soon(order, "the customer's price and date stay")),
        "QuoteIssued": ("Your quote is ready", f"{what}: {amount}, delivered by {by}. Confirm to order."),
        "AgreementsOpened": ("Payment secured", f"{amount} is held until the work is proved."),
        UNPLANNED: (
            "An order has no slots",
            f"{what} for {by} was paid late, and no machine has time: plan it by hand.",
        ),
        "ProductionStarted": ("Production has started", "Watch it live in the app."),
        "ProductionFailed": ("Production needs you", order.waiting_reason or "A job has failed."),
        "ProductionFinished": ("Your order is made", "It is waiting for shipment."),
        "OrderShipped": ("On its way", "Show your handover code when the parcel arrives."),
        "OrderDelivered": ("Delivered", "Check the goods and accept them."),
        "DisputeOpened": ("Something is wrong", f"{what}: the customer disputes the delivery. Say what you know."),
        "DisputeAnswered": ("News of the dispute", f"{what}: the manufacturer has answered."),
        "DisputeDecided": ("The dispute is decided", f"{what}: see who gets what in the app."),
        "OrderSettled": ("Completed", "Everybody has been paid."),
        "OrderRefunded": ("Refunded", "What was held has gone back to the customer."),
        "OrderExpired": ("Lapsed", "A deadline passed; nobody owes anything."),
        "OrderCancelled": ("Cancelled", "The customer withdrew; nobody owes anything."),
    }
    if audience == MANUFACTURER:
        words |= {
            "ProductionFinished": ("An order is made", f"{what}: hand it over for shipment."),
            "OrderDelivered": ("Delivered", f"{what}: the customer is checking the goods."),
            "DisputeAnswered": ("News of a dispute", f"{what}: the customer has added something."),
            "OrderSettled": ("Completed", f"{what}: your money has been paid out."),
        }
    return words[event]


def message_for_supplier(agreement: Agreement, answer_by: datetime) -> tuple[str, str]:
    """Title and body of the message to a supplier whose signature is waited for."""
    until = f"{answer_by:%-d %B, %H:%M} UTC"
    return "You are asked to sign", f"{agreement.description}: answer by {until}, then another supplier is asked."


def _soon(order: Order, stays: str) -> str:
    """What an order in sourcing waits for, and what does not change."""
    words = order.waiting_reason or "The suppliers are signing"
    return f"{words}. {stays[0].upper()}{stays[1:]}."


def _plain(title: str, detail: str = "", voucher: str | None = None) -> Any:
    return lambda data: (title, detail.format(**data), voucher)


def _who(data: Mapping[str, Any]) -> str:
    return "signed by the maker's machine" if data["reported_by"] == Source.MACHINE else "reported by a person"


DECIDED_BY: Mapping[str, str] = {
    Why.VERDICT: "The arbiter has decided",
    Why.SILENCE: "The arbiter's time is over",
    Why.SHARE: "Both sides have agreed on a division",
}

TIMELINE: dict[str, Any] = {
    "OrderPlaced": _plain("Order placed", "For delivery by {deliver_by}"),
    "MatchPostponed": _plain("Still looking for suppliers", "{reason}"),
    "OrderMatched": lambda data: (
        "Suppliers found",
        ", ".join(f"{choice['supplier_name']} ({', '.join(choice['lines'])})" for choice in data["choices"]),
        None,
    ),
    "DecisionAsked": _plain("The manufacturer is asked", "{reason}"),
    "OrderAccepted": lambda data: (
        "Accepted by the manufacturer",
        "by its rule" if data["by"] == "rule" else f"by {data['by']}",
        None,
    ),
    "OrderRejected": _plain("Not possible", "{reason}"),
    "AgreementsDrafted": _plain("Terms written", "Suppliers and manufacturer are asked to sign"),
    "TermsSigned": lambda data: (
        f"{data['party']} signed",
        f"as the one who {_side(data['role'])}",
        "signed with its own key",
    ),
    "SupplierDeclined": lambda data: (f"{data['supplier_name']} declined", data["reason"], None),
    "SupplierSilent": lambda data: (f"{data['supplier_name']} did not answer in time", "", None),
    "SupplierCountered": lambda data: (
        f"{data['supplier_name']} asked for other terms",
        f"refused: {data['refusal']}" if data["refusal"] else "taken over; your price and date stay as they are",
        None,
    ),
    "NextSupplierAsked": lambda data: (
        f"{data['choice']['supplier_name']} is asked next",
        f"for {', '.join(data['choice']['lines'])}; price and date stay as they are",
        None,
    ),
    "SupplyDrafted": lambda data: (
        "Terms written for a supply",
        f"an answer is due by {datetime.fromisoformat(data['answer_by']):%-d %B, %H:%M} UTC",
        None,
    ),
    "SearchReopened": _plain("Looking for suppliers again", "{reason}"),
    "QuoteIssued": lambda data: (
        "Quote is firm",
        f"{spell(data['total_minor'], data['currency'])}, everybody but you has signed",
        "signed with their own keys",
    ),
    "QuoteConfirmed": _plain("You confirmed the order", "", "confirmed by you"),
    "AgreementsOpened": _plain("Payment secured", "All agreements opened together", "recorded on the ledger"),
    "ProductionStarted": _plain("Production has started", "at {station}"),
    "ProductionProgressed": lambda data: (
        f"{data['operation'].capitalize()}: {data['step'].replace('_', ' ')}",
        data["station"],
        _who(data),
    ),
    "MilestoneProved": lambda data: (
        f"Proved: {milestone_label(data['code']).lower()}",
        "The share is released when nobody contests it",
        data["vouched_by"],
    ),
    "SupplyDelivered": _plain("Parts have arrived", "from {supplier_name}", "signed by the carrier"),
    "ProductionFailed": _plain("A step failed", "{operation}: {reason}"),
    "ProductionFinished": lambda data: ("Production finished", "", _who(data)),
    "OrderShipped": _plain("Shipped", "The parcel is on its way"),
    "HandoverPresented": _plain("Handover code shown", "to {by}", "confirmed by you"),
    "OrderDelivered": _plain("Delivered", "Recorded on the ledger", "confirmed by your handover code or the carrier"),
    "DeliveryAccepted": _plain("You accepted the delivery", "", "confirmed by you"),
    "DisputeOpened": _plain("You said that something is wrong", "The arbiter is asked", "signed by you"),
    "DisputeRecorded": lambda data: (
        "What is left of the money is frozen",
        f"The arbiter decides by {datetime.fromisoformat(data['decide_by']):%-d %B, %H:%M} UTC",
        "recorded on the ledger",
    ),
    "DisputeAnswered": lambda data: (f"{data['name']} has added to the dispute", "", None),
    "DisputeDecided": lambda data: (DECIDED_BY[data["why"]], _division(data), "recorded on the ledger"),
    "OrderSettled": _plain("Completed", "Everybody has been paid", "recorded on the ledger"),
    "OrderRefunded": _plain("Refunded", "What was held has gone back", "recorded on the ledger"),
    "OrderExpired": _plain("Lapsed", "A deadline passed; nobody owes anything"),
    "OrderCancelled": _plain("Cancelled", "{reason}"),
}
"""Event name → (title, detail, who vouches); a test compares the keys with the events."""


def _division(data: Mapping[str, Any]) -> str:
    """Who got how much; the fee is part of the manufacturer's."""
    maker, customer = data["manufacturer_minor"] + data["fee_minor"], data["customer_minor"]
    return f"{spell(maker, data['currency'])} to the manufacturer, {spell(customer, data['currency'])} to the customer"


def _side(role: str) -> str:
    return "pays" if role == "payer" else "delivers"
