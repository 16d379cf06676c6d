"""A node asked by plain JSON-RPC, and not trusted: every answer is bounded in time, size and depth, and checked."""

import json
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import count
from typing import Any, Final, NoReturn
from urllib.parse import urlsplit

import httpx

from bootstrap.doctor.failures import CouldNotLook, NodeRefused, NodeSilent, clean

BATCH: Final = 100
"""Questions in one request; public nodes take at least so many."""
LARGEST: Final = 32 * 1024 * 1024
"""Bytes of an answer. Logs that are more come in smaller ranges."""
RECURSION: Final = 1_000
"""Levels below which deep JSON raises instead of ending the process, whatever others have set the limit to."""
_MOST_HEX: Final = 66
"""`0x` and 32 bytes: no number of the protocol is longer."""

Question = tuple[str, tuple[Any, ...]]


class Node:
    """A node behind a URL. `patience_s` is the deadline of each request."""

    def __init__(self, url: str, *, patience_s: float, transport: httpx.BaseTransport | None = None) -> None:
        parts = _parsed(url)
        self.name = f"{parts.scheme}://{parts.hostname}" + (f":{parts.port}" if parts.port else "")
        """Without the path and the password, which may be secrets."""
        self._url = url
        self._patience_s = patience_s
        self._ids = count(1)
        self._batches = True
        # No proxy of the environment comes in between, and no redirect leads elsewhere.
        self._http = httpx.Client(timeout=patience_s, trust_env=False, transport=transport)

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def ask(self, method: str, *params: Any) -> Any:
        """The result. Raises NodeRefused, NodeSilent, CouldNotLook."""
        request = self._request((method, params))
        answer = self._post(method, request)
        if not isinstance(answer, dict) or answer.get("id") not in (request["id"], None):
            self._nonsense(method, "is no JSON-RPC answer")
        return self._result(method, answer)

    def ask_all(self, questions: Sequence[Question]) -> Iterator[Any]:
        """The result of each, in order; an error of the node is the NodeRefused itself, not raised."""
        for first in range(0, len(questions), BATCH):
            some = questions[first : first + BATCH]
            yield from self._batch(some) if self._batches else map(self._one, some)

    def _one(self, question: Question) -> Any:
        try:
            return self.ask(question[0], *question[1])
        except NodeRefused as refusal:
            return refusal

    def _batch(self, questions: Sequence[Question]) -> list[Any]:
        requests = [self._request(question) for question in questions]
        try:
            answer = self._post(questions[0][0], requests)
        except NodeRefused:
            answer = None
        if not isinstance(answer, list):
            # A node that takes no batches answers with one error: it is asked one by one from here on.
            self._batches = False
            return [self._one(question) for question in questions]
        by_id = {one.get("id"): one for one in answer if isinstance(one, dict) and isinstance(one.get("id"), int)}
        return [
            self._in_batch(question[0], by_id.get(request["id"]))
            for question, request in zip(questions, requests, strict=True)
        ]

    def _in_batch(self, method: str, answer: dict[str, Any] | None) -> Any:
        if answer is None:
            self._nonsense(method, "leaves out some of what was asked")
        try:
            return self._result(method, answer)
        except NodeRefused as refusal:
            return refusal

    def _request(self, question: Question) -> dict[str, Any]:
        method, params = question
        return {"jsonrpc": "2.0", "id": next(self._ids), "method": method, "params": list(params)}

    def _result(self, method: str, answer: dict[str, Any]) -> Any:
        error = answer.get("error")
        if error is not None:
            said = error.get("message") if isinstance(error, dict) else error
            raise NodeRefused(clean(said))
        if "result" not in answer:
            self._nonsense(method, "has neither result nor error")
        return answer["result"]

    def _post(self, method: str, body: Any) -> Any:
        try:
            status, raw = self._exchange(body)
        except httpx.TimeoutException as error:
            raise NodeSilent(f"{self.name} gave no answer to {method} within {self._patience_s:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            words = f"{self.name} cannot be reached ({clean(error) or type(error).__name__}): see CHAIN_URL"
            raise CouldNotLook(words) from error
        answer = self._parsed_json(method, status, raw)
        if status != httpx.codes.OK and not (isinstance(answer, dict) and "error" in answer):
            raise NodeRefused(f"HTTP status {status}")
        return answer

    def _exchange(self, body: Any) -> tuple[int, bytes]:
        """Status and body; a slow drip ends at the deadline too."""
        until = time.monotonic() + self._patience_s
        raw = bytearray()
        with self._http.stream("POST", self._url, json=body) as response:
            for piece in response.iter_bytes():
                raw += piece
                if len(raw) > LARGEST:
                    raise NodeSilent(f"{self.name} answers with more than {LARGEST} bytes")
                if time.monotonic() > until:
                    raise httpx.ReadTimeout("the whole answer took too long")
            return response.status_code, bytes(raw)

    def _parsed_json(self, method: str, status: int, raw: bytes) -> Any:
        try:
            with _shallow():
                return json.loads(raw, parse_constant=_refuse)
        except (ValueError, RecursionError) as error:
            if status != httpx.codes.OK:
                raise NodeRefused(f"HTTP status {status}") from error
            self._nonsense(method, "is no JSON, or nests too deep")

    def _nonsense(self, method: str, words: str) -> NoReturn:
        raise NodeSilent(f"{self.name} does not answer as a node does: what it says to {method} {words}")


def number(value: Any, what: str) -> int:
    """A quantity of the protocol. Raises CouldNotLook."""
    if isinstance(value, str) and value.startswith("0x") and 2 < len(value) <= _MOST_HEX:
        try:
            return int(value, 16)
        except ValueError:
            pass
    raise NodeSilent(f"the node does not answer as a node does: {what} is no quantity: {clean(value, 60)}")


def data(value: Any, what: str, length: int | None = None) -> bytes:
    """Bytes of the protocol, so many of them. Raises CouldNotLook."""
    if isinstance(value, str) and value.startswith("0x"):
        try:
            found = bytes.fromhex(value[2:])
        except ValueError:
            found = None
        if found is not None and length in (None, len(found)):
            return found
    raise NodeSilent(f"the node does not answer as a node does: {what} is no hex data: {clean(value, 60)}")


def record(value: Any, what: str) -> dict[str, Any]:
    """An object of the protocol. Raises CouldNotLook."""
    if isinstance(value, dict):
        return value
    raise NodeSilent(f"the node does not answer as a node does: {what} is no object: {clean(value, 60)}")


@contextmanager
def _shallow() -> Iterator[None]:
    """The interpreter's limit as it comes: a library may have raised it so far that deep JSON ends the process."""
    raised = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(min(raised, RECURSION))
    except RecursionError:
        yield  # we stand deeper than that already
        return
    try:
        yield
    finally:
        sys.setrecursionlimit(raised)


def _parsed(url: str) -> Any:
    try:
        parts = urlsplit(url)
        if parts.scheme in ("http", "https") and parts.hostname and parts.port != 0:
            return parts
    except ValueError:
        pass
    raise CouldNotLook("the node's address is no http or https address: set CHAIN_URL")


def _refuse(name: str) -> NoReturn:
    raise ValueError(name)
