"""`python -m tests.mobile_api.examples` writes the description's examples: what was sent and what was answered.

Each operation is done once, in a marketplace in which everything has happened, and the first good answer of each kind
is kept. Secrets are put out of sight; lists are cut.
"""

import asyncio
import json
import tempfile
from pathlib import Path
from typing import Any

from mobile_api.openapi import EXAMPLES
from tests.application.world import Scratch
from tests.mobile_api.asking import Answer, ask
from tests.mobile_api.attacks import role_of
from tests.mobile_api.furnishing import SECRET
from tests.mobile_api.house import Crowd, House, open_house, tell
from tests.mobile_api.operations import FORM, JSON, Operation, operations, query_of
from tests.mobile_api.world import basic
from tests.persistence.databases import new_file

SENT = frozenset({"client_secret", "password", "token"})
TOLD = frozenset({"access_token", "client_secret", "secret"})
HIDDEN = "(shown once)"
JOIN = "POST /v1/accounts"
ENTRIES = 1
"""So many of what a list of the interface holds show what it looks like."""
FIRST = ("readOrder", "readProduct", "readMe")
"""Asked before all others: what they answer is the best example of its kind."""


async def done(house: House, operation: Operation, body: bytes | None = None) -> Answer:
    """The answer to a good request, or to one with another body."""
    role = role_of(operation)
    headers, good = operation.request(house, role)
    if operation.by_basic:
        headers |= await credentials(house, operation)
    elif not operation.takes_form:
        headers["Authorization"] = f"Bearer {house.token(role)}"
    query = query_of(**operation.query(house))
    address = operation.address(house, role, "own")
    return await ask(house.app, operation.method, address, headers, good if body is None else body, query)


async def credentials(house: House, operation: Operation) -> dict[str, str]:
    """HTTP Basic of the manufacturer's gateway, or of somebody who has just joined."""
    if operation.path.startswith("/v1/gateway"):
        return basic(house.crowd.gateways["maker"][0], SECRET)
    join = next(one for one in operations(house.app.openapi()) if one.name == JOIN)
    body = join.resolved(join.schema or {})["examples"][0]
    await ask(house.app, join.method, join.path, {"Content-Type": JSON}, json.dumps(body).encode())
    return basic(body["email"], body["password"])


def body_kind(operation: Operation) -> str:
    """The media type of its body, or nothing."""
    return next((kind for kind in operation.said.get("requestBody", {}).get("content", {}) if kind in (JSON, FORM)), "")


def answer_kind(operation: Operation, status: int) -> str:
    """The name of the schema of a JSON answer, or nothing."""
    content = operation.said["responses"].get(str(status), {}).get("content", {})
    return str(content.get(JSON, {}).get("schema", {}).get("$ref", "")).rpartition("/")[2]


def shown(value: Any, secret: frozenset[str], *, top: bool = True) -> Any:
    """The value as it may be read by all."""
    if isinstance(value, dict):
        hidden = {name: HIDDEN if name in secret and isinstance(inner, str) else inner for name, inner in value.items()}
        cut = {name: inner[:ENTRIES] if top and name == "items" else inner for name, inner in hidden.items()}
        return {name: shown(inner, secret, top=False) for name, inner in cut.items()}
    return [shown(inner, secret, top=False) for inner in value] if isinstance(value, list) else value


async def record(scratch: Scratch, crowd: Crowd) -> dict[str, dict[str, Any]]:
    """Requests by the operation's id and answers by their schema's name."""
    requests: dict[str, Any] = {}
    answers: dict[str, Any] = {}
    async with open_house(scratch, crowd) as house:
        found = operations(house.app.openapi())
    for operation in sorted(found, key=lambda one: one.said["operationId"] not in FIRST):
        async with open_house(scratch, crowd) as house:
            if body_kind(operation):
                told = operation.resolved(operation.schema or {}).get("examples", [])
                good = told[0] if told else operation.good(house, role_of(operation))
                requests[operation.said["operationId"]] = shown(good, SENT)
            answer = await done(house, operation)
            kind = answer_kind(operation, answer.status)
            if answer.status < 300 and kind:
                answers.setdefault(kind, shown(answer.json(), TOLD))
    return {"requests": dict(sorted(requests.items())), "answers": dict(sorted(answers.items()))}


async def recorded() -> str:
    """The examples as they are committed."""
    with tempfile.TemporaryDirectory() as folder:
        scratch, empty = Scratch(Path(folder)), await new_file(Path(folder) / "empty.db")
        crowd = await tell(scratch, empty, Path(folder))
        found = await record(scratch, crowd)
    return json.dumps(found, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    EXAMPLES.write_text(asyncio.run(recorded()), "utf-8")
