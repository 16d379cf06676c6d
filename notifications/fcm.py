"""Firebase Cloud Messaging through firebase-admin (HTTP v1 API)."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import firebase_admin
from firebase_admin import exceptions, messaging
from google.auth.transport.requests import Request

from notifications.errors import PushError, PushGone, PushInvalid, PushRefused, PushRetryable, parse_retry_after
from notifications.messages import PushMessage

DEFAULT_TTL_S = 24 * 3600
MAX_TTL_S = 28 * 24 * 3600  # FCM keeps nothing longer than four weeks
MAX_TOKEN_CHARS = 4096

# Most specific first: the first class that matches decides.
_MEANING: tuple[tuple[type[Exception], type[PushError]], ...] = (
    (messaging.UnregisteredError, PushGone),
    (messaging.SenderIdMismatchError, PushInvalid),
    (exceptions.NotFoundError, PushGone),
    (exceptions.InvalidArgumentError, PushInvalid),
    (exceptions.UnauthenticatedError, PushRefused),
    (exceptions.PermissionDeniedError, PushRefused),
)


class FcmSender:
    """Sends messages to the devices of one Firebase project.

    `app` carries the credential and project id (`firebase_admin.initialize_app`); `now` gives Unix time
    in seconds. `timeout_s` bounds one send, firebase-admin's own four repeats of 500 and 503 included.
    """

    def __init__(self, app: firebase_admin.App, *, now: Callable[[], float], timeout_s: float = 15.0) -> None:
        self._app = app
        self._now = now
        self._timeout_s = timeout_s

    async def send(self, address: str, message: PushMessage, *, ttl_s: int = DEFAULT_TTL_S) -> str:
        """Hand over one message for the device token `address`; gives FCM's message name.

        Raises:
            PushGone: the token is no longer registered.
            PushRetryable: quota, 5xx, or no answer in time.
            PushInvalid: the token or the message is malformed, or the token belongs to another sender.
            PushRefused: the project's credential is not accepted.
        """
        built = _build(address, message, min(int(ttl_s), MAX_TTL_S))
        try:
            async with asyncio.timeout(self._timeout_s):
                await self._refresh_credential()
                # dry_run is True by default in the async call: without this nothing would be delivered.
                batch = await messaging.send_each_async([built], dry_run=False, app=self._app)
        except TimeoutError as error:
            raise PushRetryable("FCM gave no answer in time") from error
        except (exceptions.FirebaseError, ValueError) as error:
            raise self._translate(error) from error
        answer = batch.responses[0]
        if answer.exception is not None:
            raise self._translate(answer.exception) from answer.exception
        return str(answer.message_id)

    async def _refresh_credential(self) -> None:
        """Fetch a due access token in a thread: inside firebase-admin it would block the event loop."""
        credential = self._app.credential.get_credential()
        if not credential.valid:
            await asyncio.to_thread(credential.refresh, Request())

    def _translate(self, error: Exception) -> PushError:
        """The error of ours for one of theirs; text from the service is not repeated."""
        for theirs, ours in _MEANING:
            if isinstance(error, theirs):
                return ours(f"FCM: {type(error).__name__}")
        if isinstance(error, ValueError):
            return PushInvalid("FCM: the message was refused before it was sent")
        response = getattr(error, "http_response", None)
        header = response.headers.get("Retry-After") if response is not None else None
        return PushRetryable(f"FCM: {type(error).__name__}", parse_retry_after(header, self._now()))


def _build(token: str, message: PushMessage, ttl_s: int) -> messaging.Message:
    if not isinstance(token, str) or not 0 < len(token) <= MAX_TOKEN_CHARS or not token.isascii() or " " in token:
        raise PushInvalid("a device token is 1 to 4096 ASCII characters without blanks")
    if ttl_s < 0:
        raise PushInvalid("ttl_s must not be negative")
    collapse = message.collapse_key
    built = messaging.Message(
        notification=messaging.Notification(title=message.title, body=message.body),
        data={"id": message.id, "url": message.url, "topic": message.topic},
        android=messaging.AndroidConfig(
            collapse_key=collapse,
            ttl=timedelta(seconds=ttl_s),
            notification=messaging.AndroidNotification(tag=message.topic or None),
        ),
        apns=messaging.APNSConfig(
            headers={"apns-collapse-id": collapse},
            payload=messaging.APNSPayload(aps=messaging.Aps(thread_id=message.topic or None)),
        ),
        webpush=messaging.WebpushConfig(headers={"TTL": str(ttl_s), "Topic": collapse}),
    )
    # Devices hold registration tokens. Newer firebase-admin warns when the constructor gets one (it prefers
    # installation ids) and still sends it, so it is set here.
    built.token = token
    return built
