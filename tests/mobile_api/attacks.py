"""What generated attacks share: who asks, where a hostile value goes, and what an answer must not be."""

import base64
import json
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from fastapi import FastAPI

from marketplace.ports.unit_of_work import Transaction, UnitOfWork
from mobile_api.errors import PROBLEM_JSON
from mobile_api.security import GATEWAY_ROLE
from tests.mobile_api.asking import Answer, ask
from tests.mobile_api.house import House, app_of
from tests.mobile_api.operations import Operation, form_of, found_at, leaves, operations, query_of, replaced
from tests.mobile_api.test_access import DOORS, EXPECTED

NO_HEADER = dict.fromkeys((*range(32), 127), " ")
"""Characters that end a header; no server hands them on."""


class Undoing:
    """A unit of work that writes everything and keeps nothing, so that each attack meets the same things."""

    def __init__(self, uow: UnitOfWork) -> None:
        self._uow = uow
        self.read, self.glance = uow.read, uow.glance

    @asynccontextmanager
    async def write(self) -> AsyncIterator[Transaction]:
        try:
            async with self._uow.write() as tx:
                yield tx
                await tx.complete()  # type: ignore[attr-defined]
                raise _Undone
        except _Undone:
            pass

    def together(self) -> AbstractAsyncContextManager[Transaction]:
        return self.write()


class _Undone(Exception):
    """Makes a transaction roll back."""


@dataclass(frozen=True)
class Place:
    """Where in a request a value goes: a part of the request, and which one of it."""

    operation: Operation
    part: str
    which: Any = ()


@dataclass
class Attack:
    """An app under attack, and the answers by status."""

    house: House
    app: FastAPI
    answers: Counter[int] = field(default_factory=Counter)
    _tokens: dict[str, str] = field(default_factory=dict)

    def described(self) -> list[Operation]:
        return operations(self.app.openapi())

    async def send(self, operation: Operation, **changes: Any) -> Answer:
        """A good request but for `changes`, whose answer is looked at."""
        role = role_of(operation)
        own, body = operation.request(self.house, role)
        if not operation.by_basic and EXPECTED.get(operation.name) != "public":
            token = self._tokens.setdefault(role, self.house.token(role))
            own["Authorization"] = f"Bearer {token}"
        own |= changes.get("headers", {})
        path = changes.get("path") or operation.address(self.house, role, "own")
        query = query_of(**(operation.query(self.house) | changes.get("query", {})))
        answer = await ask(self.app, operation.method, path, own, changes.get("body", body), query)
        self.answers[answer.status] += 1
        check(operation, answer)
        return answer

    async def put(self, place: Place, value: str) -> Answer:
        """A text at a place."""
        operation, role = place.operation, role_of(place.operation)
        match place.part:
            case "body":
                body = replaced(operation.good(self.house, role), place.which, value)
                return await self.send(operation, body=json.dumps(body).encode())
            case "key":
                body = replaced(operation.good(self.house, role), ("configuration",), {value: value})
                return await self.send(operation, body=json.dumps(body).encode())
            case "path":
                path = operation.path.replace(place.which, value, 1)
                for word, kind in operation.things:
                    path = path.replace(word, self.house.thing(kind, role, "own", operation.rest))
                return await self.send(operation, path=path)
            case "query":
                return await self.send(operation, query={place.which: value})
            case "form":
                form = operation.good(self.house, role) | {place.which: value}
                return await self.send(operation, body=form_of(form))
            case "header":
                sent = value.translate(NO_HEADER).encode("utf-8", "replace").decode("utf-8")
                return await self.send(operation, headers={place.which: sent})
        pair = ("Ada:" + value) if place.which == "password" else (value + ":secret")
        encoded = base64.b64encode(pair.encode("utf-8", "surrogatepass")).decode()
        return await self.send(operation, headers={"Authorization": f"Basic {encoded}"})

    def said(self, corpus: str) -> str:
        """A line for the test's output."""
        deep = sum(count for status, count in self.answers.items() if status < 300)
        return f"{corpus}: {self.answers.total()} requests, {deep} of them taken, none a 5xx"


def keeping_nothing(house: House) -> Attack:
    """An attack on an app whose writes are undone."""
    return Attack(house, app_of(replace(house.ctx, uow=Undoing(house.ctx.uow))))


def role_of(operation: Operation) -> str:
    """Who may use it: a customer where one may."""
    roles = EXPECTED.get(operation.name, frozenset())
    if operation.name in DOORS:
        return GATEWAY_ROLE
    return "customer" if isinstance(roles, str) or "customer" in roles else max(roles, default="customer")


def text_places(house: House, found: list[Operation]) -> Iterator[Place]:
    """Every place of every operation that takes a text."""
    for operation in found:
        if operation.schema is not None:
            body = operation.good(house, role_of(operation))
            yield from (Place(operation, "body", at) for at in leaves(body) if isinstance(found_at(body, at), str))
            yield from (Place(operation, "key") for _ in range("configuration" in body))
        if operation.takes_form:
            yield from (Place(operation, "form", name) for name in operation.good(house, role_of(operation)))
        yield from (Place(operation, "path", word) for word, _ in operation.things)
        for parameter in operation.said.get("parameters", []):
            if parameter["in"] in ("query", "header"):
                yield Place(operation, parameter["in"], parameter["name"])
        if operation.by_basic:
            yield from (Place(operation, "basic", which) for which in ("name", "password"))


def number_places(house: House, found: list[Operation]) -> Iterator[Place]:
    """Every place of every operation that takes a number, by what a good body holds there."""
    for operation in found:
        if operation.schema is not None:
            body = operation.good(house, role_of(operation))
            yield from (Place(operation, "body", at) for at in leaves(body) if type(found_at(body, at)) is int)
        for parameter in operation.said.get("parameters", []):
            if parameter["schema"].get("type") == "integer":
                yield Place(operation, "query", parameter["name"])


def bodies(found: list[Operation]) -> list[Operation]:
    """The operations with a JSON body."""
    return [operation for operation in found if operation.schema is not None]


def check(operation: Operation, answer: Answer) -> None:
    """No fault of ours, nothing of our insides, and a problem where it is a refusal."""
    where = f"{operation.name}: {answer.status} {answer.body[:200]!r}"
    assert answer.status < 500, where
    assert b"Traceback" not in answer.body, where
    if operation.takes_form and answer.headers["content-type"] != PROBLEM_JSON and answer.status >= 400:
        assert answer.status in (400, 401, 429), where
        assert answer.json()["error"], where
    elif answer.status >= 400:
        assert answer.headers["content-type"] == PROBLEM_JSON, where
        assert answer.json()["status"] == answer.status
    else:
        described = operation.said["responses"].get(str(answer.status))
        assert described is not None, where
        media = answer.headers.get("content-type", "").partition(";")[0]
        assert not answer.body or media in described["content"], where
