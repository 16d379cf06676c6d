"""How many Web Push messages one core encrypts and signs in a second, beside the bare encryption. No network."""

import json

import http_ece
from cryptography.hazmat.primitives.asymmetric import ec

from benchmarks.harness import Result, main, per_second
from notifications.mailbox import Mailroom
from notifications.messages import PushMessage
from notifications.vapid import generate_vapid_key
from notifications.web_push import Subscription, _encrypt

REQUIREMENTS = (46, 163)
MESSAGES = 300


def run() -> Result:
    """Encrypt and sign for one subscription, then only encrypt the same text."""
    key = generate_vapid_key()
    address = Subscription("https://push.example/x", **Mailroom().subscribe().keys())
    message = PushMessage("1", "Your quote is ready", "Open the app to see more.", "/orders/x", "x")

    def ours() -> None:
        _encrypt(address, message)
        key.authorization("https://push.example", "mailto:ops@example.org", 1_800_000_000.0)

    receiver = ec.generate_private_key(ec.SECP256R1())
    text = json.dumps({"title": message.title, "body": message.body}).encode()

    def bare() -> None:
        sender = ec.generate_private_key(ec.SECP256R1())
        http_ece.encrypt(text, private_key=sender, dh=_point(receiver), auth_secret=bytes(16), version="aes128gcm")

    rate, beside = per_second(ours, MESSAGES), per_second(bare, MESSAGES)
    return Result(
        figures={"messages_per_s": rate},
        beside={"encryptions_per_s": beside},
        ratios={"messages_to_encryptions": rate / beside},
    )


def _point(key: ec.EllipticCurvePrivateKey) -> bytes:
    numbers = key.public_key().public_numbers()
    return b"\x04" + numbers.x.to_bytes(32, "big") + numbers.y.to_bytes(32, "big")


if __name__ == "__main__":
    main("push", run)
