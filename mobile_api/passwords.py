"""Passwords: Argon2id, outside the event loop, a bounded number at a time."""

import asyncio
import secrets
import unicodedata
from functools import partial
from typing import TypeVar

from pwdlib.hashers.argon2 import Argon2Hasher

from mobile_api.errors import Busy

T = TypeVar("T")

AT_ONCE = 2
"""One hash takes a third of a second and 64 MiB: two at a time leave the machine to the shop."""
WAITING = 64
"""More callers than this wait for nothing; they are told to come back."""


class Passwords:
    """Hashes and checks. A check of nobody's password takes as long as a check of somebody's."""

    def __init__(self, *, memory_kib: int, passes: int) -> None:
        self._hasher = Argon2Hasher(time_cost=passes, memory_cost=memory_kib)
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._nobody: str | None = None

    async def hash(self, password: str) -> str:
        """The encoded hash, with its parameters and salt. Raises Busy."""
        return await self._run(partial(self._hasher.hash, _normal(password)))

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether `password` is the one behind `stored`; without one, for an account that nobody has or that no person
        signs in to, never, and no sooner. Raises Busy."""
        if not stored:
            stored = await self._hash_of_nobody()
            await self._run(partial(self._hasher.verify, _normal(password), stored))
            return False
        return await self._run(partial(self._hasher.verify, _normal(password), stored))

    async def prepare(self) -> None:
        """Make the hash of nobody now, so that the first stranger waits no longer than the second."""
        await self._hash_of_nobody()

    async def _hash_of_nobody(self) -> str:
        if self._nobody is None:
            self._nobody = await self.hash(secrets.token_urlsafe(24))
        return self._nobody

    async def _run(self, work: partial[T]) -> T:
        if self._waiting >= WAITING:
            raise Busy("too many people sign in just now")
        self._waiting += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1


def _normal(password: str) -> str:
    # RFC 8265, 4.2.2: one form, whichever keyboard composed the letters.
    return unicodedata.normalize("NFC", password)
