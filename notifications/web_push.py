"""Web Push: encryption by RFC 8291 (aes128gcm), VAPID by RFC 8292, delivery by RFC 8030."""

import asyncio
import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives.asymmetric import ec
from pywebpush import WebPusher

from notifications.errors import PushError, PushGone, PushInvalid, PushRefused, PushRetryable, parse_retry_after
from notifications.messages import PushMessage
from notifications.vapid import VapidKey, decode_base64url

# Where the browsers' own services live. A subscription comes from a client, so an endpoint anywhere else
# would let any visitor make this server call any address.
KNOWN_PUSH_SERVICES = (
    "https://fcm.googleapis.com",
    "https://updates.push.services.mozilla.com",
    "https://*.push.apple.com",
    "https://*.notify.windows.com",
)
MAX_ENDPOINT_CHARS = 2048
MAX_PLAINTEXT_BYTES = 3993  # 4096 that every service takes (RFC 8030 §7.2), less header, padding and tag
AUTH_SECRET_BYTES = 16  # RFC 8291 §3.2
DEFAULT_TTL_S = 24 * 3600


@dataclass(frozen=True, slots=True)
class Subscription:
    """What a browser's `PushManager.subscribe()` gives: where to post and the keys to encrypt with.

    Raises:
        PushInvalid: the endpoint is no URL, or a key has not the size or the curve of RFC 8291.
    """

    endpoint: str
    p256dh: str = field(repr=False)
    auth: str = field(repr=False)

    def __post_init__(self) -> None:
        _origin(self.endpoint)
        if len(decode_base64url(self.auth, "auth")) != AUTH_SECRET_BYTES:
            raise PushInvalid(f"auth must be {AUTH_SECRET_BYTES} bytes")
        try:
            ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), decode_base64url(self.p256dh, "p256dh"))
        except ValueError as error:
            raise PushInvalid("p256dh is not a point of P-256") from error

    @classmethod
    def parse(cls, value: object) -> "Subscription":
        """Read the JSON form `{"endpoint", "keys": {"p256dh", "auth"}}`; other members are ignored.

        Raises:
            PushInvalid: a member is missing or is not text.
        """
        keys = value.get("keys") if isinstance(value, dict) else None
        if not isinstance(value, dict) or not isinstance(keys, dict):
            raise PushInvalid("a subscription needs endpoint and keys")
        found = (value.get("endpoint"), keys.get("p256dh"), keys.get("auth"))
        if not all(isinstance(text, str) for text in found):
            raise PushInvalid("endpoint, p256dh and auth must be text")
        return cls(*(str(text) for text in found))


class WebPushSender:
    """Sends messages to browsers, with one connection pool.

    `subject` is the operator's contact (`mailto:` or `https:`), `now` gives Unix time in seconds,
    `allowed_origins` are origins, or `https://*.domain` for any host below a domain, that may be called.
    """

    def __init__(
        self,
        *,
        key: VapidKey,
        subject: str,
        now: Callable[[], float],
        allowed_origins: Iterable[str] = KNOWN_PUSH_SERVICES,
        timeout_s: float = 10.0,
    ) -> None:
        self._key = key
        self._subject = subject
        self._now = now
        self._allowed = tuple(allowed_origins)
        self._timeout_s = timeout_s
        # trust_env=False: only bootstrap reads the environment, and no redirect leaves the allowed origins.
        self._client = httpx.AsyncClient(timeout=timeout_s, follow_redirects=False, trust_env=False)

    async def send(self, address: Subscription, message: PushMessage, *, ttl_s: int = DEFAULT_TTL_S) -> str:
        """Encrypt and hand over one message; gives the service's message URL, or "" where it names none.

        The service keeps it up to `ttl_s` seconds for a device that is away; there a newer message of the
        same topic replaces it (`Topic`).

        Raises:
            PushGone: 404 or 410, the subscription is dead.
            PushRetryable: 408, 429, 5xx, no connection, or no answer within the timeout.
            PushInvalid: the service may not be called, or it refused the message (other 4xx).
            PushRefused: 401 or 403, the VAPID key or its claims.
        """
        origin = _origin(address.endpoint)
        if not any(_matches(origin, allowed) for allowed in self._allowed):
            raise PushInvalid("the endpoint is not a push service this server may call")
        headers = {
            "Authorization": self._key.authorization(origin, self._subject, self._now()),
            "Content-Encoding": "aes128gcm",
            "Content-Type": "application/octet-stream",
            "TTL": str(int(ttl_s)),
            "Topic": message.collapse_key,
            "Urgency": "normal",
        }
        response = await self._post(address.endpoint, _encrypt(address, message), headers)
        error = self._error(response)
        if error is not None:
            raise error
        return str(response.headers.get("Location", ""))

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _post(self, endpoint: str, body: bytes, headers: dict[str, str]) -> httpx.Response:
        """One request under one deadline; the answer's body is never read."""
        try:
            async with asyncio.timeout(self._timeout_s):
                async with self._client.stream("POST", endpoint, content=body, headers=headers) as response:
                    return response
        except (httpx.HTTPError, TimeoutError) as error:
            raise PushRetryable(f"the push service gave no answer ({type(error).__name__})") from error

    def _error(self, response: httpx.Response) -> PushError | None:
        status = response.status_code
        if 200 <= status < 300:
            return None
        if status in (404, 410):
            return PushGone(f"the subscription is gone (HTTP {status})")
        if status in (408, 429) or status >= 500:
            wait_s = parse_retry_after(response.headers.get("Retry-After"), self._now())
            return PushRetryable(f"the push service is busy (HTTP {status})", wait_s)
        if status in (401, 403):
            return PushRefused(f"the push service refused the VAPID key (HTTP {status})")
        return PushInvalid(f"the push service refused the message (HTTP {status})")


def _encrypt(address: Subscription, message: PushMessage) -> bytes:
    content = {
        "id": message.id,
        "title": message.title,
        "body": message.body,
        "url": message.url,
        "topic": message.topic,
    }
    plain = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    if len(plain) > MAX_PLAINTEXT_BYTES:
        raise PushInvalid(f"the message is longer than {MAX_PLAINTEXT_BYTES} bytes")
    keys = {"p256dh": address.p256dh, "auth": address.auth}
    encoded = WebPusher({"endpoint": address.endpoint, "keys": keys}).encode(plain, "aes128gcm")
    return bytes(encoded["body"])


def _origin(endpoint: str) -> str:
    """Scheme and authority of an endpoint, lower case, refusing user names and odd characters."""
    if not isinstance(endpoint, str) or not 0 < len(endpoint) <= MAX_ENDPOINT_CHARS or not endpoint.isascii():
        raise PushInvalid("endpoint must be a URL")
    if any(ord(c) <= 0x20 or c in '\\"<>\x7f' for c in endpoint):
        raise PushInvalid("endpoint must be a URL")
    try:
        parts = urlsplit(endpoint)
        port = parts.port
    except ValueError as error:
        raise PushInvalid("endpoint must be a URL") from error
    if parts.scheme not in ("https", "http") or not parts.hostname or "@" in parts.netloc:
        raise PushInvalid("endpoint must be an http or https URL without a user name")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    default = 443 if parts.scheme == "https" else 80
    return f"{parts.scheme}://{host}" if port in (None, default) else f"{parts.scheme}://{host}:{port}"


def _matches(origin: str, allowed: str) -> bool:
    scheme, _, host = allowed.partition("://")
    if host.startswith("*."):
        return origin.startswith(f"{scheme}://") and origin.endswith(host[1:])
    return origin == allowed
