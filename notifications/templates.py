"""The words people read when an order moves.

A push message passes through somebody else's service and lights up on a locked screen, so no text names a
person, a product, a price or an address: only that something happened and where to look.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import quote

from notifications.messages import PushMessage

DEFAULT_LANGUAGE = "en"
FALLBACK_EVENT = "order_updated"


@dataclass(frozen=True, slots=True)
class Words:
    """Title and body of one event in one language."""

    title: str
    body: str


_ENGLISH = {
    FALLBACK_EVENT: Words("Your order was updated", "Open the app to see what changed."),
    "order_placed": Words("A new order arrived", "Open the app to look at it."),
    "order_matched": Words("Looking for makers", "Offers for your order are being compared."),
    "order_accepted": Words("Order accepted", "The maker took your order. Suppliers are being asked now."),
    "order_rejected": Words("Order declined", "The maker cannot take this order. Nothing was charged."),
    "order_expired": Words("Order expired", "The time to confirm has passed. Nothing was charged."),
    "quote_issued": Words("Your quote is ready", "The price and the date are firm. Open the app to confirm."),
    "signature_requested": Words("A signature is needed", "Terms are waiting for your decision."),
    "order_confirmed": Words("Order confirmed", "Thank you. The contracts are being opened."),
    "order_contracted": Words("Payment secured", "The contracts are open and the money is held safely."),
    "production_started": Words("Production has started", "The first machine is working on your order."),
    "production_paused": Words("Production is paused", "Open the app to see the reason and the new date."),
    "production_finished": Words("Production finished", "Your order is made and will be shipped."),
    "inspection_failed": Words("An inspection failed", "Open the app to see what happens next."),
    "milestone_claimed": Words("A milestone was claimed", "You may contest it until the time shown in the app."),
    "order_shipped": Words("Your order is on its way", "Keep the handover code ready."),
    "order_delivered": Words("Delivered", "Check your order. You can accept it or raise a dispute in the app."),
    "order_settled": Words("Order completed", "Everything is paid out. The receipt is in the app."),
    "invoice_issued": Words("An invoice is ready", "You find it with your order in the app."),
    "order_cancelled": Words("Order cancelled", "Open the app to see what was returned."),
    "order_changed": Words("The order was changed", "New terms are waiting for your signature."),
    "order_disputed": Words("A dispute was opened", "The arbiter has until the date shown in the app."),
    "order_refunded": Words("Money returned", "The held amount went back to the payer."),
    "batch_alert": Words("A test keeps failing", "The same test failed several times. Look at the line."),
    "task_assigned": Words("A new task", "A task is waiting for you in the worklist."),
}
CATALOGUE: Mapping[str, Mapping[str, Words]] = MappingProxyType({"en": MappingProxyType(_ENGLISH)})
EVENTS = frozenset(_ENGLISH)


def words_for(event: str, language: str = DEFAULT_LANGUAGE) -> Words:
    """Title and body for `event`; an unknown event or language falls back and never fails.

    `language` is a BCP 47 tag of which the first part decides (`en-GB` reads `en`).
    """
    primary = language.partition("-")[0].lower()
    texts = CATALOGUE.get(primary, CATALOGUE[DEFAULT_LANGUAGE])
    return texts.get(event, texts[FALLBACK_EVENT])


def order_message(event: str, *, message_id: str, order_id: str, language: str = DEFAULT_LANGUAGE) -> PushMessage:
    """The message about one event of one order, which opens that order in the app.

    `message_id` is the effect's id, by which a repeat is recognised. `order_id` is a random id and the
    only thing in the message that tells one order from another.

    Raises:
        PushInvalid: an id is empty, too long or carries control characters.
    """
    words = words_for(event, language)
    path = "/orders/" + quote(order_id, safe="", errors="replace")
    return PushMessage(id=message_id, title=words.title, body=words.body, url=path, topic=f"order-{order_id}")
