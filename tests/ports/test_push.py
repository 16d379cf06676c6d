"""PushSender: a message arrives with its words, and each failure says whether to wait, to forget, or to give up."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from typing import Protocol

import firebase_admin
import httpx
import pytest
from firebase_admin import messaging

from marketplace.ports.fakes.push import FakePushSender
from marketplace.ports.push import (
    PushAddress,
    PushGone,
    PushInvalid,
    PushKind,
    PushMessage,
    PushSender,
    PushUnavailable,
)
from notifications.adapter import PushAdapter
from notifications.fcm import FcmSender
from notifications.receiver import create_receiver_app
from notifications.vapid import generate_vapid_key
from notifications.web_push import WebPushSender
from tests.notifications.integration.servers import FakeFcm, running
from tests.notifications.integration.test_conformance import _Anonymous

NOW = 1_800_000_000.0
MESSAGE = PushMessage("ord_1:QuoteIssued:9:customer", "Your quote is ready", "Open the app.", "/orders/ord_1", "ord_1")


class Service(Protocol):
    """A push service in a test's hands."""

    sender: PushSender
    kind: PushKind

    async def device(self) -> PushAddress: ...
    async def forget(self, address: PushAddress) -> None: ...
    async def impossible(self) -> PushAddress: ...
    async def busy_once(self, address: PushAddress, retry_after_s: int) -> None: ...
    async def ids_at(self, address: PushAddress) -> list[str]: ...
    async def words_at(self, address: PushAddress) -> tuple[str, str, str]: ...


@dataclass
class MemoryService:
    sender: FakePushSender
    kind: PushKind = PushKind.WEB_PUSH

    async def device(self) -> PushAddress:
        return PushAddress(self.kind, f"memory:{uuid.uuid4()}", "p256dh", "auth")

    async def forget(self, address: PushAddress) -> None:
        self.sender.forget(address)

    async def impossible(self) -> PushAddress:
        return replace(await self.device(), endpoint="")

    async def busy_once(self, address: PushAddress, retry_after_s: int) -> None:
        self.sender.fail_next(PushUnavailable("busy", float(retry_after_s)))

    async def ids_at(self, address: PushAddress) -> list[str]:
        return [message.id for message in self.sender.shown(address)]

    async def words_at(self, address: PushAddress) -> tuple[str, str, str]:
        (message,) = self.sender.shown(address)
        return message.title, message.body, message.url


@dataclass
class WebPushService:
    sender: PushSender
    http: httpx.AsyncClient
    public_key: str
    kind: PushKind = PushKind.WEB_PUSH

    async def device(self) -> PushAddress:
        answer = await self.http.post("/subscribe", json={"application_server_key": self.public_key})
        found = answer.json()
        return PushAddress(self.kind, found["endpoint"], found["keys"]["p256dh"], found["keys"]["auth"])

    async def forget(self, address: PushAddress) -> None:
        assert (await self.http.delete(address.endpoint)).status_code == 204

    async def impossible(self) -> PushAddress:
        return replace(await self.device(), p256dh="AAAA")

    async def busy_once(self, address: PushAddress, retry_after_s: int) -> None:
        plan = {"status": 429, "retry_after": retry_after_s}
        assert (await self.http.post(f"{address.endpoint}/faults", json=plan)).status_code == 204

    async def _read(self, address: PushAddress) -> list[dict[str, str]]:
        subscription = address.endpoint.rpartition("/")[2]
        answer = await self.http.get("/messages", params={"subscription": subscription})
        return [record["content"] for record in answer.json()["messages"]]

    async def ids_at(self, address: PushAddress) -> list[str]:
        return [content["id"] for content in await self._read(address)]

    async def words_at(self, address: PushAddress) -> tuple[str, str, str]:
        (content,) = await self._read(address)
        return content["title"], content["body"], content["url"]


@dataclass
class FcmService:
    sender: PushSender
    fcm: FakeFcm
    kind: PushKind = PushKind.FCM

    async def device(self) -> PushAddress:
        return PushAddress(self.kind, f"token-{uuid.uuid4()}")

    async def forget(self, address: PushAddress) -> None:
        self.fcm.dead.add(address.endpoint)

    async def impossible(self) -> PushAddress:
        return PushAddress(self.kind, "with blank")

    async def busy_once(self, address: PushAddress, retry_after_s: int) -> None:
        self.fcm.faults.append((429, "RESOURCE_EXHAUSTED", {"Retry-After": str(retry_after_s)}))

    async def ids_at(self, address: PushAddress) -> list[str]:
        # The app shows an id once; FCM itself may hand a message over twice.
        return list(dict.fromkeys(sent["data"]["id"] for sent in self.fcm.sent if sent["token"] == address.endpoint))

    async def words_at(self, address: PushAddress) -> tuple[str, str, str]:
        (sent,) = [sent for sent in self.fcm.sent if sent["token"] == address.endpoint]
        return sent["notification"]["title"], sent["notification"]["body"], sent["data"]["url"]


async def _web_push() -> AsyncIterator[WebPushService]:
    key = generate_vapid_key()
    with running(create_receiver_app(now=lambda: NOW)) as origin:
        sender = WebPushSender(key=key, subject="mailto:ops@example.org", now=lambda: NOW, allowed_origins=[origin])
        async with httpx.AsyncClient(base_url=origin, trust_env=False, timeout=5.0) as http:
            yield WebPushService(PushAdapter(web_push=sender, fcm=None), http, key.public_key)
        await sender.aclose()


async def _fcm() -> AsyncIterator[FcmService]:
    fcm = FakeFcm()
    app = firebase_admin.initialize_app(_Anonymous(), {"projectId": "demo"}, name=str(uuid.uuid4()))
    with running(fcm.app) as origin:
        # A private name: firebase-admin has no supported way to another endpoint.
        service = messaging._get_messaging_service(app)
        service._fcm_url = f"{origin}/send"
        yield FcmService(PushAdapter(web_push=None, fcm=FcmSender(app, now=lambda: NOW, timeout_s=5.0)), fcm)
        await service._async_client.aclose()
    await asyncio.to_thread(firebase_admin.delete_app, app)  # it starts an event loop of its own


REAL = [pytest.param(name, marks=pytest.mark.integration) for name in ("web_push", "fcm")]


@pytest.fixture(params=["fake", *REAL])
async def service(request: pytest.FixtureRequest) -> AsyncIterator[Service]:
    if request.param == "fake":
        yield MemoryService(FakePushSender([PushKind.WEB_PUSH]))
        return
    async for made in {"web_push": _web_push, "fcm": _fcm}[request.param]():
        yield made


@pytest.mark.req(46)
async def test_a_message_arrives_with_its_words(service: Service) -> None:
    device, other = await service.device(), await service.device()
    await service.sender.send(device, MESSAGE)
    assert await service.words_at(device) == (MESSAGE.title, MESSAGE.body, MESSAGE.url)
    assert await service.ids_at(other) == []


async def test_a_repeat_is_the_same_message(service: Service) -> None:
    device = await service.device()
    for _ in range(3):
        await service.sender.send(device, MESSAGE)
    assert await service.ids_at(device) == [MESSAGE.id]


async def test_a_dead_registration_is_gone(service: Service) -> None:
    device = await service.device()
    await service.forget(device)
    with pytest.raises(PushGone):
        await service.sender.send(device, MESSAGE)


async def test_a_busy_service_says_when_to_come_back_and_then_takes_it(service: Service) -> None:
    device = await service.device()
    await service.busy_once(device, 7)
    with pytest.raises(PushUnavailable) as refused:
        await service.sender.send(device, MESSAGE)
    assert refused.value.retry_after_s == 7.0
    await service.sender.send(device, MESSAGE)
    assert await service.ids_at(device) == [MESSAGE.id]


async def test_an_impossible_address_is_invalid(service: Service) -> None:
    with pytest.raises(PushInvalid):
        await service.sender.send(await service.impossible(), MESSAGE)


async def test_a_service_that_is_not_configured_is_unavailable(service: Service) -> None:
    other = PushKind.FCM if service.kind is PushKind.WEB_PUSH else PushKind.WEB_PUSH
    with pytest.raises(PushUnavailable, match="not configured"):
        await service.sender.send(replace(await service.device(), kind=other), MESSAGE)


async def test_the_fake_knows_who_can_never_be_reached() -> None:
    sender = FakePushSender()
    address = PushAddress(PushKind.FCM, "token")
    sender.distrust(address)
    with pytest.raises(PushInvalid):
        await sender.send(address, MESSAGE)
    assert sender.shown(address) == []
