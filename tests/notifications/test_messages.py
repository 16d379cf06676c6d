"""Messages, words, keys and addresses: everything that needs no server."""

import re

import pytest

from notifications.errors import PushInvalid, parse_retry_after
from notifications.mailbox import MAX_MESSAGES, Mailroom
from notifications.messages import PushMessage
from notifications.vapid import decode_base64url, generate_vapid_key, load_vapid_key
from notifications.web_push import KNOWN_PUSH_SERVICES, Subscription, WebPushSender, _matches, _origin


@pytest.mark.parametrize(
    "changes",
    [
        {"id": ""},
        {"title": ""},
        {"title": "x" * 101},
        {"body": "nul\x00"},
        {"body": "\ud800"},
        {"id": 7},
        {"url": "https://elsewhere.example/"},
        {"url": "//elsewhere.example/"},
        {"url": "/\\elsewhere.example/"},
        {"url": "javascript:alert(1)"},
    ],
)
def test_bad_messages_are_refused(changes: dict[str, str]) -> None:
    with pytest.raises(PushInvalid):
        PushMessage(**{"id": "a", "title": "b", "body": "c", **changes})


def test_the_collapse_key_fits_a_topic_header_and_follows_topic_or_id() -> None:
    def key(identity: str, topic: str) -> str:
        return PushMessage(id=identity, title="t", body="b", topic=topic).collapse_key

    assert re.fullmatch(r"[A-Za-z0-9_-]{32}", key("a", ""))
    assert key("a", "x") == key("b", "x") != key("a", "y")
    assert key("a", "") == key("a", "") != key("b", "")


def test_vapid_keys_round_trip_and_stay_out_of_repr() -> None:
    key = generate_vapid_key()
    assert load_vapid_key(key.private_key) == key
    assert key.private_key not in repr(key)
    assert len(decode_base64url(key.public_key, "key")) == 65


@pytest.mark.parametrize("text", ["", "AAAA", "!!!!", "A" * 43, "B" * 44, "é" * 43, "_" * 42 + "8"])
def test_bad_private_keys_are_refused(text: str) -> None:
    with pytest.raises(PushInvalid):
        load_vapid_key(text)


@pytest.mark.parametrize(
    "endpoint",
    [
        "",
        "ftp://push.example/x",
        "https://user@push.example/x",
        "https:///x",
        "https://push.example:99999/",
        "https://push.example/\r\nHost: x",
        "https://[::1/",
        "https://é.example/",
        "/relative",
        "https://push.example/" + "x" * 2048,
    ],
)
def test_bad_endpoints_are_refused(endpoint: str) -> None:
    keys = Mailroom().subscribe().keys()
    with pytest.raises(PushInvalid):
        Subscription(endpoint, **keys)


@pytest.mark.parametrize(
    "value",
    [None, [], {}, {"endpoint": "https://a.example/"}, {"endpoint": 7, "keys": {"p256dh": "a", "auth": "b"}}],
)
def test_bad_subscription_json_is_refused(value: object) -> None:
    with pytest.raises(PushInvalid):
        Subscription.parse(value)


def test_subscription_keys_must_have_size_and_curve() -> None:
    keys = Mailroom().subscribe().keys()
    for changes in ({"auth": "AAAA"}, {"p256dh": "BA"}, {"p256dh": keys["p256dh"][:-2]}, {"auth": ""}):
        with pytest.raises(PushInvalid):
            Subscription("https://a.example/x", **{**keys, **changes})


@pytest.mark.parametrize(
    ("endpoint", "called"),
    [
        ("https://fcm.googleapis.com/fcm/send/x", True),
        ("https://FCM.googleapis.com:443/x", True),
        ("https://web.push.apple.com/x", True),
        ("http://fcm.googleapis.com/x", False),
        ("https://fcm.googleapis.com:8443/x", False),
        ("https://push.apple.com.evil.example/x", False),
        ("https://evilpush.apple.com/x", False),
        ("http://127.0.0.1/x", False),
        ("https://169.254.169.254/latest", False),
    ],
)
def test_only_known_push_services_are_called(endpoint: str, called: bool) -> None:
    assert any(_matches(_origin(endpoint), allowed) for allowed in KNOWN_PUSH_SERVICES) is called


async def test_an_endpoint_elsewhere_is_refused_before_any_connection() -> None:
    sender = WebPushSender(key=generate_vapid_key(), subject="mailto:a@example.org", now=lambda: 0.0)
    address = Subscription("http://127.0.0.1:1/x", **Mailroom().subscribe().keys())
    with pytest.raises(PushInvalid, match="may call"):
        await sender.send(address, PushMessage(id="a", title="b", body="c"))
    await sender.aclose()


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("", None),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("-1", None),
        ("nan", None),
        ("1e3", None),
        ("٣", None),
        ("999999999", 86_400.0),
        ("9" * 400, None),
        ("Thu, 01 Jan 1970 00:01:40 GMT", 90.0),
        ("Thu, 01 Jan 1970 00:00:00 GMT", 0.0),
    ],
)
def test_retry_after_is_read_carefully(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, now=10.0) == seconds


def test_a_mailbox_keeps_a_bounded_number() -> None:
    box = Mailroom().subscribe()
    for number in range(MAX_MESSAGES + 5):
        box.store("", {"message": str(number)})
    assert len(box.messages) == MAX_MESSAGES
    assert next(iter(box.messages)) == "5"
