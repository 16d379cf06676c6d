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
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.requests import Request
from starlette.responses import Response

from marketplace.application import remembered
from marketplace.application.context import Context
from marketplace.domain.errors import Conflict, DomainError, InvalidInput
from marketplace.ports.unit_of_work import Apart, StoredAnswer
from mobile_api.errors import Busy, KeyInUse, KeyReused, problem_for

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

    def __init__(self, secret: str, *, wait_s: float = WAIT_S) -> None:
        key = hmac.digest(secret.encode(), b"remembered answers", hashlib.sha256)
        self._digest_key = hmac.digest(key, b"digest", hashlib.sha256)
        self._seal = AESGCM(hmac.digest(key, b"seal", hashlib.sha256))
        self._wait_s = wait_s
        self._locks: dict[Name, tuple[asyncio.Lock, int]] = {}

    async def once(self, ctx: Context, request: Request, principal: str, handle: Handle) -> Response:
        """The stored answer, or that of `handle`, which is then kept if another try could not change it.

        Raises KeyReused for another body, KeyInUse when the first request takes too long, InvalidInput for a bad key.
        """
        name = (principal, f"{request.method} {request.url.path}", key_of(request))
        body_hash = hmac.new(self._digest_key, await request.body(), hashlib.sha256).hexdigest()
        async with self._alone(name):
            stored = await remembered.find(ctx, name)
            if stored is not None:
                return self._replay(name, stored, body_hash)
            try:
                try:
                    return await self._do(ctx, request, name, body_hash, handle, together=True)
                except Apart:
                    return await self._do(ctx, request, name, body_hash, handle, together=False)
            except Exception:
                # Another process may have been faster with the same request: then its answer is ours.
                stored = await remembered.find(ctx, name)
                if stored is None:
                    raise
                return self._replay(name, stored, body_hash)

    async def _do(
        self, ctx: Context, request: Request, name: Name, body_hash: str, handle: Handle, *, together: bool
    ) -> Response:
        """What `handle` does and what it answers, in one transaction."""
        async with remembered.OneTransaction(ctx.uow, together=together) as unit:
            request.state.ctx = remembered.within(ctx, unit)
            response, stands = await _answer(request, handle, unit)
            if stands:
                await unit.keep(name, self._sealed(name, response, body_hash), ctx)
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

    def _sealed(self, name: Name, response: Response, body_hash: str) -> StoredAnswer:
        nonce = os.urandom(12)
        sealed = nonce + self._seal.encrypt(nonce, bytes(response.body), _bound_to(name))
        content_type = response.headers.get("content-type", "")
        return StoredAnswer(body_hash, response.status_code, content_type, base64.b64encode(sealed))

    def _replay(self, name: Name, stored: StoredAnswer, body_hash: str) -> Response:
        if not hmac.compare_digest(stored.body_hash, body_hash):
            raise KeyReused("this key belongs to another request")
        sealed = base64.b64decode(stored.body)
        try:
            body = self._seal.decrypt(sealed[:12], sealed[12:], _bound_to(name))
        except InvalidTag as error:
            # The secret has been replaced since; doing it a second time would be worse than saying so.
            raise Conflict(
                "this key was used, and its answer can no longer be read: look before trying anew"
            ) from error
        headers = {"Idempotent-Replayed": "true"}
        return Response(body or None, stored.status, headers=headers, media_type=stored.content_type or None)


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
