"""Messages, and the devices that are told of them."""

import ipaddress
from urllib.parse import urlsplit

from starlette.requests import Request

from marketplace.application import devices, inbox
from marketplace.domain.errors import InvalidInput
from marketplace.ports.push import PushAddress, PushKind
from mobile_api.dependencies import Anyone, Ctx
from mobile_api.routers.paths import Id as PathId
from mobile_api.routers.paths import NoBody, router
from mobile_api.schemas.work import FcmSubscription, Id, Inbox, PushKey, PushSubscription
from mobile_api.services import services

messages = router("inbox")


@messages.get("/inbox", response_model=Inbox)
async def read_inbox(ctx: Ctx, caller: Anyone) -> inbox.InboxView:
    """The caller's messages."""
    return await inbox.messages(ctx, caller)


@messages.post("/inbox/{id}/read", status_code=204)
async def mark_read(ctx: Ctx, caller: Anyone, message_id: PathId, _body: NoBody = None) -> None:
    """Note that a message was read."""
    await inbox.mark_read(ctx, caller, message_id)


@messages.get("/push/key", response_model=PushKey)
async def read_push_key(request: Request, _caller: Anyone) -> dict[str, str]:
    """The key for this browser's push subscription."""
    return {"vapid_public_key": services(request).settings.vapid_public_key}


@messages.post("/push/subscriptions", status_code=201, response_model=Id)
async def add_subscription(request: Request, ctx: Ctx, caller: Anyone, body: PushSubscription) -> dict[str, str]:
    """Tell this device of messages."""
    if isinstance(body, FcmSubscription):
        address = PushAddress(PushKind.FCM, body.token)
    else:
        _check_endpoint(body.endpoint, development=services(request).settings.development)
        address = PushAddress(PushKind.WEB_PUSH, body.endpoint, body.keys.p256dh, body.keys.auth)
    return {"id": await devices.add_device(ctx, caller, address)}


@messages.delete("/push/subscriptions/{id}", status_code=204)
async def remove_subscription(ctx: Ctx, caller: Anyone, device_id: PathId) -> None:
    """Tell this device no more."""
    await devices.remove_device(ctx, caller, device_id)


def _check_endpoint(endpoint: str, *, development: bool) -> None:
    """We will send to this address, so it must not be one of ours: a push service has a public name and TLS."""
    if development:
        return
    try:
        parts = urlsplit(endpoint)
        host = parts.hostname or ""
    except ValueError as error:
        raise InvalidInput("endpoint", "must be the https address of a push service") from error
    if parts.scheme != "https" or "." not in host or _is_number(host) or parts.username is not None:
        raise InvalidInput("endpoint", "must be the https address of a push service")


def _is_number(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return host.rpartition(".")[2].isdigit()
    return True
