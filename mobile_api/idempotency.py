"""Idempotency-Key (draft-ietf-httpapi-idempotency-key-header): the same request again gets the answer it got.

Kept under (principal, method and path, key), with a keyed digest of the body, and sealed: an answer can hold a secret
that is shown once, and a plain digest of a body that holds a password would undo the slow hash.
"""

import asyncio
import base64
import hashlib
import hmac
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.requests import Request
from starlette.responses import Response

from marketplace.application import remembered
from marketplace.application.context import Context
from marketplace.domain.errors import Conflict, DomainError, InvalidInput
from marketplace.ports.unit_of_work import Apart, StoredAnswer
from mobile_api.errors import Busy, KeyInUse, KeyReused, problem_for
from mobile_api.keys import Key

HEADER = "Idempotency-Key"
LONGEST_KEY = 255
WAIT_S = 10.0
"""A second request waits this long for the first one's answer; opening agreements takes a second or two."""
IN_FLIGHT = 10_000
KEPT_REFUSALS = frozenset({403, 404, 422})
"""Refusals of a use case that another try cannot change. 401 and 409 can, and nothing above 499 was decided."""

Name = remembered.Name
Handle = Callable[[Request], Awaitable[Response]]


class Answers:
    """Remembered answers: one request under a name at a time in this process, one row for it in the database.

    The row is written in the transaction of what was done, so one name is one effect however many processes there are,
    and whichever of them dies.
    """

    def __init__(self, keys: Sequence[Key], *, wait_s: float = WAIT_S) -> None:
        """The first of `keys` seals, each of them opens."""
        self._seals = [_Seal(key) for key in keys]
        self._wait_s = wait_s
        self._locks: dict[Name, tuple[asyncio.Lock, int]] = {}

    async def once(self, ctx: Context, request: Request, principal: str, handle: Handle) -> Response:
        """The stored answer, or that of `handle`, which is then kept if another try could not change it.

        Raises KeyReused for another body, KeyInUse when the first request takes too long, InvalidInput for a bad key.
        """
        name = (principal, f"{request.method} {request.url.path}", key_of(request))
        body = await request.body()
        async with self._alone(name):
            stored = await remembered.find(ctx, name)
            if stored is not None:
                return self._replay(name, stored, body)
            try:
                try:
                    return await self._do(ctx, request, name, handle, together=True)
                except Apart:
                    return await self._do(ctx, request, name, handle, together=False)
            except Exception:
                # Another process may have been faster with the same request: then its answer is ours.
                stored = await remembered.find(ctx, name)
                if stored is None:
                    raise
                return self._replay(name, stored, body)

    async def _do(self, ctx: Context, request: Request, name: Name, handle: Handle, *, together: bool) -> Response:
        """What `handle` does and what it answers, in one transaction."""
        async with remembered.OneTransaction(ctx.uow, together=together) as unit:
            request.state.ctx = remembered.within(ctx, unit)
            response, stands = await _answer(request, handle, unit)
            if stands:
                await unit.keep(name, self._sealed(name, response, await request.body()), ctx)
        return response

    @asynccontextmanager
    async def _alone(self, name: Name) -> AsyncIterator[None]:
        if len(self._locks) >= IN_FLIGHT:
            raise Busy("too many requests are in flight")
        lock, users = self._locks.get(name, (asyncio.Lock(), 0))
        self._locks[name] = (lock, users + 1)
        try:
            try:
                # Who is alone, and nearly everybody is, waits for nobody and needs no alarm clock.
                async with asyncio.timeout(self._wait_s if users else None):
                    await lock.acquire()
            except TimeoutError as error:
                raise KeyInUse("the first request with this key still runs") from error
            try:
                yield
            finally:
                lock.release()
        finally:
            lock, users = self._locks.pop(name)
            if users > 1:
                self._locks[name] = (lock, users - 1)

    def _sealed(self, name: Name, response: Response, body: bytes) -> StoredAnswer:
        seal = self._seals[0]
        content_type = response.headers.get("content-type", "")
        return StoredAnswer(
            seal.digest(body), response.status_code, content_type, seal.close(name, bytes(response.body))
        )

    def _replay(self, name: Name, stored: StoredAnswer, body: bytes) -> Response:
        seal, answer = self._opened(name, stored)
        if not hmac.compare_digest(stored.body_hash, seal.digest(body)):
            raise KeyReused("this key belongs to another request")
        headers = {"Idempotent-Replayed": "true"}
        return Response(answer or None, stored.status, headers=headers, media_type=stored.content_type or None)

    def _opened(self, name: Name, stored: StoredAnswer) -> tuple["_Seal", bytes]:
        for seal in self._seals:
            with suppress(InvalidTag):
                return seal, seal.open(name, stored.body)
        # Its secret is no longer there; doing it a second time would be worse than saying so.
        raise Conflict("this key was used, and its answer can no longer be read: look before trying anew")


class _Seal:
    """What one secret makes of an answer and of the request's body."""

    def __init__(self, key: Key) -> None:
        own = hmac.digest(key.secret.encode(), b"remembered answers", hashlib.sha256)
        self._digest_key = hmac.digest(own, b"digest", hashlib.sha256)
        self._box = AESGCM(hmac.digest(own, b"seal", hashlib.sha256))

    def digest(self, body: bytes) -> str:
        """By which the same body is known again."""
        return hmac.new(self._digest_key, body, hashlib.sha256).hexdigest()

    def close(self, name: Name, answer: bytes) -> bytes:
        """The answer, readable under this name only."""
        nonce = os.urandom(12)
        return base64.b64encode(nonce + self._box.encrypt(nonce, answer, _bound_to(name)))

    def open(self, name: Name, sealed: bytes) -> bytes:
        """The answer. Raises InvalidTag where another secret closed it."""
        raw = base64.b64decode(sealed)
        return self._box.decrypt(raw[:12], raw[12:], _bound_to(name))


def key_of(request: Request) -> str:
    """The request's key. Raises InvalidInput unless it is one header of 1 to 255 visible ASCII characters."""
    found = request.headers.getlist(HEADER)
    key = found[0] if len(found) == 1 else ""
    if not 1 <= len(key) <= LONGEST_KEY or not all("!" <= char <= "~" for char in key):
        raise InvalidInput(HEADER, f"must be one header of 1 to {LONGEST_KEY} visible ASCII characters")
    return key


async def _answer(request: Request, handle: Handle, unit: remembered.OneTransaction) -> tuple[Response, bool]:
    """The answer and whether it stands. A refusal of the use case is turned into its problem here, to be kept."""
    try:
        response = await handle(request)
    except DomainError as error:
        problem = problem_for(error, request)
        if problem is None or problem.status_code not in KEPT_REFUSALS:
            raise
        await unit.undo()
        return problem, True
    return response, 200 <= response.status_code < 300


def _bound_to(name: Name) -> bytes:
    return json.dumps(name).encode()
