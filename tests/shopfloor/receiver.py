"""A backend in miniature: an ASGI application that believes evidence by `verify_batch` and nothing else.

Its memory is what a database would hold; faults are injected before or after the commit.
"""

import asyncio
import base64
import gzip
import json
from collections.abc import Callable
from typing import Any

from shopfloor.gateway.batches import NO_ROOT, SignedBatch, VerifiedEvent, parse_record, verify_batch
from shopfloor.gateway.evidence import EvidenceError
from tests.shopfloor.worlds import DOMAIN, GATEWAY_ID, KEY, SECRET

Fault = Callable[[int], str]  # number of the post, from 0 → "", "before", "after"


class Receiver:
    """Answers /v1/gateway/token, /v1/ingest and /v1/gateway/commands."""

    def __init__(self, fault: Fault = lambda _: "") -> None:
        self.fault = fault
        self.posts = 0
        self.tokens = 0
        self.valid_token = ""
        self.expires_in = 900
        self.records: dict[tuple[str, str, int], str] = {}  # (epoch, lane, seq) → text
        self.offered: list[int] = []  # every seq of lane s that ever arrived
        self.believed: list[VerifiedEvent] = []
        self.heads: dict[str, str] = {}
        self.last_batch: dict[str, tuple[int, str]] = {}  # epoch → sequence, root
        self.commands: list[dict[str, Any]] = []
        self.poison: Callable[[dict[str, Any]], bool] = lambda _: False
        self.always: int | None = None  # answer every ingest with this status

    @property
    def kinds(self) -> list[str]:
        """Kinds of the believed events, in order."""
        return [e.event.kind for e in self.believed]

    def start(self, job: dict[str, Any], kind: str = "start") -> None:
        """Queue a command."""
        self.commands.append({"id": len(self.commands) + 1, "kind": kind, "job": job})

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:
        """ASGI."""
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        headers = {k.decode().lower(): v.decode() for k, v in scope["headers"]}
        status, answer = await self._route(scope, headers, body)
        content = json.dumps(answer).encode()
        await send(
            {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
        )
        await send({"type": "http.response.body", "body": content})

    async def _route(self, scope: dict[str, Any], headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        if scope["path"] == "/v1/gateway/token":
            return self._token(headers)
        if headers.get("authorization") != f"Bearer {self.valid_token}" or not self.valid_token:
            return 401, {}
        if scope["path"] == "/v1/gateway/commands":
            return await self._commands(scope["query_string"].decode())
        return self._ingest(headers, body)

    def _token(self, headers: dict[str, str]) -> tuple[int, dict[str, Any]]:
        expected = base64.b64encode(f"{GATEWAY_ID}:{SECRET}".encode()).decode()
        if headers.get("authorization") != f"Basic {expected}":
            return 401, {}
        self.tokens += 1
        self.valid_token = f"token-{self.tokens}"
        return 200, {"access_token": self.valid_token, "token_type": "Bearer", "expires_in": self.expires_in}

    async def _commands(self, query: str) -> tuple[int, dict[str, Any]]:
        parameters = dict(pair.split("=") for pair in query.split("&"))
        after, rounds = int(parameters["after"]), int(parameters["wait"]) * 20
        for _ in range(rounds + 1):
            found = [c for c in self.commands if c["id"] > after]
            if found:
                return 200, {"commands": found}
            await asyncio.sleep(0.05)
        return 200, {"commands": []}

    def _ingest(self, headers: dict[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        fault, self.posts = self.fault(self.posts), self.posts + 1
        if fault == "before":
            return 503, {}
        if self.always is not None:
            return self.always, {}
        assert headers["content-encoding"] == "gzip"
        try:
            answer = self._commit(json.loads(gzip.decompress(body)))
        except (EvidenceError, KeyError) as error:
            return 422, {"title": type(error).__name__}
        return (503, {}) if fault == "after" else (200, answer)

    def _commit(self, post: dict[str, Any]) -> dict[str, Any]:
        epoch, lane = post["epoch"], post["lane"]
        new = {}
        for record in post["records"]:
            identity, text = (epoch, lane, record["seq"]), record["event"]
            if self.records.get(identity, text) != text or self.poison(json.loads(text)):
                raise EvidenceError("refused")
            if lane == "s":
                assert parse_record(text).seq == record["seq"]
                self.offered.append(record["seq"])
            new[identity] = text
        seen = {**self.records, **new}
        for raw in post["batches"]:
            self._believe(SignedBatch.from_wire(raw), epoch, lane, seen)
        self.records = seen
        return {"ack": {lane: self._contiguous(epoch, lane)}}

    def _believe(self, batch: SignedBatch, epoch: str, lane: str, seen: dict[Any, str]) -> None:
        sequence, root = self.last_batch.get(epoch, (0, NO_ROOT))
        if batch.sequence <= sequence:
            return  # a repeat
        verified = verify_batch(
            batch,
            [seen[epoch, lane, seq] for seq in range(batch.first, batch.last + 1)],
            attestor=KEY.address,
            epoch=epoch,
            lane=lane,
            domain=DOMAIN,
            expected_sequence=sequence + 1,
            expected_previous=root,
            heads=self.heads,
            modes=frozenset({"simulation"}),
        )
        self.believed += verified.events
        self.heads |= verified.heads
        self.last_batch[epoch] = (batch.sequence, batch.root)

    def _contiguous(self, epoch: str, lane: str) -> int:
        seq = 0
        while (epoch, lane, seq + 1) in self.records:
            seq += 1
        return seq
