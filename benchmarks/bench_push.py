"""How many Web Push messages one core encrypts and signs in a second (no network)."""

import time

from notifications.mailbox import Mailroom
from notifications.templates import order_message
from notifications.vapid import generate_vapid_key
from notifications.web_push import Subscription, _encrypt

REQUIREMENTS = (46, 163)
MESSAGES = 300


def run() -> dict[str, float]:
    """Encrypt and sign `MESSAGES` messages for one subscription."""
    key = generate_vapid_key()
    address = Subscription("https://push.example/x", **Mailroom().subscribe().keys())
    started = time.perf_counter()
    for number in range(MESSAGES):
        _encrypt(address, order_message("quote_issued", message_id=str(number), order_id="x"))
        key.authorization("https://push.example", "mailto:ops@example.org", 1_800_000_000.0)
    return {"messages_per_s": MESSAGES / (time.perf_counter() - started)}
