"""One suite for both ways to a device: what a sender promises, whichever service carries the message."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import firebase_admin
import httpx
import pytest
from firebase_admin import credentials, messaging
from google.auth.credentials import AnonymousCredentials

from notifications.errors import PushGone, PushInvalid, PushRefused, PushRetryable
from notifications.fcm import FcmSender
from notifications.messages import PushMessage
from notifications.receiver import create_receiver_app
from notifications.vapid import generate_vapid_key
from notifications.web_push import Subscription, WebPushSender
from tests.notifications.integration.servers import FakeFcm, running

pytestmark = pytest.mark.integration

NOW = 1_800_000_000.0
DEAD_PORT_TIMEOUT_S = 0.5


class Channel(Protocol):
    """What the suite needs to know of one way to a device."""

    sender: Any

    async def address(self) -> Any: ...
    async def dead_address(self) -> Any: ...
    async def send_to_malformed(self, message: PushMessage) -> None: ...
    async def fail_next(self, address: Any, status: int, retry_after_s: int) -> None: ...
    async def delivered(self, address: Any) -> list[dict[str, str]]: ...


CONTENT = {
    "id": "effect-1",
    "title": "Quote ready",
    "body": "42,00 € – open",
    "url": "/orders/7",
    "topic": "order-7",
}


def message(**changes: str) -> PushMessage:
    return PushMessage(**{**CONTENT, **changes})


class PushConformance:
    @pytest.mark.req(46, 85)
    async def test_delivers_once_with_its_content(self, channel: Channel) -> None:
        address = await channel.address()
        assert await channel.sender.send(address, message())
        assert await channel.delivered(address) == [CONTENT]

    async def test_dead_address_is_gone(self, channel: Channel) -> None:
        with pytest.raises(PushGone):
            await channel.sender.send(await channel.dead_address(), message())

    async def test_too_many_requests_is_retryable_with_the_wait_asked_for(self, channel: Channel) -> None:
        address = await channel.address()
        await channel.fail_next(address, 429, 7)
        with pytest.raises(PushRetryable) as caught:
            await channel.sender.send(address, message())
        assert caught.value.retry_after_s == 7.0
        assert await channel.delivered(address) == []
        await channel.sender.send(address, message())
        assert len(await channel.delivered(address)) == 1

    async def test_gateway_error_is_retryable(self, channel: Channel) -> None:
        address = await channel.address()
        await channel.fail_next(address, 502, 3)
        with pytest.raises(PushRetryable):
            await channel.sender.send(address, message())

    async def test_malformed_address_is_invalid(self, channel: Channel) -> None:
        with pytest.raises(PushInvalid):
            await channel.send_to_malformed(message())

    async def test_refused_credentials_are_not_the_address_fault(self, channel: Channel) -> None:
        address = await channel.address()
        await channel.fail_next(address, 403, 1)
        with pytest.raises(PushRefused):
            await channel.sender.send(address, message())


@dataclass
class FcmChannel:
    sender: FcmSender
    fcm: FakeFcm

    async def address(self) -> str:
        return f"token-{uuid.uuid4()}"

    async def dead_address(self) -> str:
        self.fcm.dead.add("token-dead")
        return "token-dead"

    async def send_to_malformed(self, message: PushMessage) -> None:
        self.fcm.malformed.add("not-a-token")
        await self.sender.send("not-a-token", message)

    async def fail_next(self, address: str, status: int, retry_after_s: int) -> None:
        names = {429: "RESOURCE_EXHAUSTED", 502: "INTERNAL", 403: "PERMISSION_DENIED"}
        self.fcm.faults.append((status, names[status], {"Retry-After": str(retry_after_s)}))

    async def delivered(self, address: str) -> list[dict[str, str]]:
        found = [sent for sent in self.fcm.sent if sent["token"] == address]
        return [{**sent["data"], **sent["notification"]} for sent in found]


class _Anonymous(credentials.Base):  # type: ignore[misc]
    def get_credential(self) -> AnonymousCredentials:
        return AnonymousCredentials()


class TestFcm(PushConformance):
    @pytest.fixture
    async def channel(self) -> AsyncIterator[FcmChannel]:
        fcm = FakeFcm()
        app = firebase_admin.initialize_app(_Anonymous(), {"projectId": "demo"}, name=str(uuid.uuid4()))
        with running(fcm.app) as origin:
            # Private names, touched here only: firebase-admin has no supported way to another endpoint.
            service = messaging._get_messaging_service(app)
            service._fcm_url = f"{origin}/send"
            yield FcmChannel(FcmSender(app, now=lambda: NOW, timeout_s=5.0), fcm)
            await service._async_client.aclose()
        await asyncio.to_thread(firebase_admin.delete_app, app)  # it starts an event loop of its own

    async def test_one_topic_carries_one_collapse_key(self, channel: FcmChannel) -> None:
        address = await channel.address()
        await channel.sender.send(address, message())
        await channel.sender.send(address, message(id="effect-2"))
        keys = {sent["android"]["collapse_key"] for sent in channel.fcm.sent}
        assert keys == {message().collapse_key}
        assert channel.fcm.sent[0]["webpush"]["headers"]["Topic"] == message().collapse_key

    @pytest.mark.parametrize("token", ["", "with blank", "é", "x" * 5000])
    async def test_impossible_tokens_never_leave(self, channel: FcmChannel, token: str) -> None:
        with pytest.raises(PushInvalid):
            await channel.sender.send(token, message())


@dataclass
class WebPushChannel:
    sender: WebPushSender
    origin: str
    public_key: str
    http: httpx.AsyncClient

    async def address(self) -> Subscription:
        answer = await self.http.post("/subscribe", json={"application_server_key": self.public_key})
        return Subscription.parse(answer.json())

    async def dead_address(self) -> Subscription:
        address = await self.address()
        assert (await self.http.delete(address.endpoint)).status_code == 204
        return address

    async def send_to_malformed(self, message: PushMessage) -> None:
        good = await self.address()
        await self.sender.send(Subscription(good.endpoint, p256dh="AAAA", auth=good.auth), message)

    async def fail_next(self, address: Subscription, status: int, retry_after_s: int) -> None:
        plan = {"status": status, "retry_after": retry_after_s}
        assert (await self.http.post(f"{address.endpoint}/faults", json=plan)).status_code == 204

    async def delivered(self, address: Subscription) -> list[dict[str, str]]:
        identity = address.endpoint.rpartition("/")[2]
        answer = await self.http.get("/messages", params={"subscription": identity})
        return [record["content"] for record in answer.json()["messages"]]


@pytest.fixture(scope="module")
def receiver() -> Iterator[str]:
    with running(create_receiver_app(now=lambda: NOW)) as origin:
        yield origin


class TestWebPush(PushConformance):
    @pytest.fixture
    async def channel(self, receiver: str) -> AsyncIterator[WebPushChannel]:
        key = generate_vapid_key()
        sender = WebPushSender(
            key=key, subject="mailto:ops@example.org", now=lambda: NOW, allowed_origins=[receiver], timeout_s=5.0
        )
        async with httpx.AsyncClient(base_url=receiver, trust_env=False, timeout=5.0) as http:
            yield WebPushChannel(sender, receiver, key.public_key, http)
        await sender.aclose()

    async def test_a_waiting_message_is_replaced_by_topic_and_a_read_one_is_not(self, channel: WebPushChannel) -> None:
        address = await channel.address()
        await channel.sender.send(address, message(id="effect-1"))
        await channel.sender.send(address, message(id="effect-2"))
        await channel.sender.send(address, message(id="effect-3", topic="order-8"))
        assert [m["id"] for m in await channel.delivered(address)] == ["effect-2", "effect-3"]
        await channel.sender.send(address, message(id="effect-4"))
        assert [m["id"] for m in await channel.delivered(address)] == ["effect-2", "effect-3", "effect-4"]

    @pytest.mark.parametrize("topic", ["order-7", ""])
    async def test_a_repeat_never_adds(self, channel: WebPushChannel, topic: str) -> None:
        address = await channel.address()
        for title in ("First", "Again"):
            await channel.sender.send(address, message(title=title, topic=topic))
            assert [m["title"] for m in await channel.delivered(address)] == [title]

    async def test_another_servers_key_is_refused(self, channel: WebPushChannel) -> None:
        address = await channel.address()
        thief = WebPushSender(
            key=generate_vapid_key(),
            subject="mailto:x@example.org",
            now=lambda: NOW,
            allowed_origins=[channel.origin],
        )
        with pytest.raises(PushRefused):
            await thief.send(address, message())
        await thief.aclose()
        assert await channel.delivered(address) == []

    async def test_an_expired_vapid_token_is_refused(self, channel: WebPushChannel) -> None:
        channel.sender._now = lambda: NOW - 2 * 24 * 3600
        with pytest.raises(PushRefused):
            await channel.sender.send(await channel.address(), message())

    async def test_an_unknown_subscription_is_gone(self, channel: WebPushChannel) -> None:
        good = await channel.address()
        with pytest.raises(PushGone):
            await channel.sender.send(Subscription(f"{channel.origin}/push/none", good.p256dh, good.auth), message())

    async def test_no_answer_is_retryable(self, channel: WebPushChannel) -> None:
        good = await channel.address()
        nowhere = "http://127.0.0.1:9"  # discard: nobody listens
        lonely = WebPushSender(
            key=generate_vapid_key(),
            subject="mailto:x@example.org",
            now=lambda: NOW,
            allowed_origins=[nowhere],
            timeout_s=DEAD_PORT_TIMEOUT_S,
        )
        with pytest.raises(PushRetryable):
            await lonely.send(Subscription(f"{nowhere}/push/x", good.p256dh, good.auth), message())
        await lonely.aclose()
