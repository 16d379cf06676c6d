"""The client is what the description makes of it: fresh, whole, and each method sends its operation."""

import inspect
import json
import re
from collections.abc import Mapping
from copy import deepcopy
from pathlib import Path
from typing import Any, get_type_hints

import httpx
import pytest

from mobile_api.client import Client
from mobile_api.client_generator import __main__ as generator
from mobile_api.client_generator.operations import EVENTS, Operation, method_of, operations
from mobile_api.client_generator.schemas import NotDescribable, annotation, typed_dict

DOCUMENT: Mapping[str, Any] = json.loads(generator.DOCUMENT.read_text("utf-8"))
OPERATIONS = list(operations(DOCUMENT))


@pytest.mark.req(19)
def test_the_committed_client_is_fresh(capsys: pytest.CaptureFixture[str]) -> None:
    assert generator.main(["--check"]) == 0, capsys.readouterr().out + "run python -m mobile_api.client_generator"


def test_the_check_sees_what_is_changed_missing_or_left_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    to, checked = ["--to", str(tmp_path)], ["--check", "--to", str(tmp_path)]
    assert generator.main(checked) == 1
    assert generator.main(to) == 0
    assert generator.main(checked) == 0
    orders = tmp_path / "operations" / "orders.py"
    orders.write_text(orders.read_text("utf-8").replace("/cancel", "/withdraw"), "utf-8")
    (tmp_path / "models" / "chain.py").unlink()
    (tmp_path / "models" / "news.py").write_text("", "utf-8")
    capsys.readouterr()
    assert generator.main(checked) == 1
    assert capsys.readouterr().out.split() == [
        "stale:",
        "models/chain.py",
        "stale:",
        "models/news.py",
        "stale:",
        "operations/orders.py",
    ]
    assert generator.main(to) == 0
    assert generator.main(checked) == 0


def test_the_same_description_makes_the_same_client() -> None:
    assert generator.sources(DOCUMENT) == generator.sources(deepcopy(DOCUMENT))


def filled(method: Any, **changes: Any) -> dict[str, Any]:
    """An argument for each parameter, of the kind that it takes."""
    asked = [name for name in inspect.signature(method).parameters if name != "self"]
    special = {"basic": ("ana", "secret"), "content": b"<svg/>", "limit": 7, "form": {"token": "t"}, "body": {"a": 1}}
    return {name: special.get(name, f"a {name}") for name in asked} | changes


def address_of(operation: Operation) -> str:
    """The pattern of its address, every parameter filled with one part."""
    return re.sub(r"\\{\w+\\}", "a%20\\\\w+", re.escape(operation.path))


async def sent_by(operation: Operation) -> httpx.Request:
    """The one request that its method sends when every argument is given."""
    requests: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        if EVENTS in operation.answer:
            return httpx.Response(200, text='retry: 1\n\nid: 1\ndata: {"id": 1}\n\n')
        return httpx.Response(200, json={"id": "1"})

    async with httpx.AsyncClient(transport=httpx.MockTransport(answer), base_url="https://m.example") as http:
        client = Client(http, "a token")
        method = getattr(client, operation.name)
        if EVENTS in operation.answer:
            assert [item async for item in method(**filled(method))] == [{"id": 1}]
        else:
            await method(**filled(method))
    (request,) = requests
    return request


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
async def test_every_operation_has_a_method_that_sends_it(operation: Operation) -> None:
    request = await sent_by(operation)
    assert request.method == operation.method
    assert re.fullmatch(address_of(operation), request.url.raw_path.partition(b"?")[0].decode()), request.url
    named = {one["name"] for one in operation.said.get("parameters", []) if one["in"] == "header"}
    for name in named:
        assert request.headers[name] == f"a {name.lower().replace('-', '_')}", name
    asked = {one["name"] for one in operation.said.get("parameters", []) if one["in"] == "query"}
    assert set(request.url.params) == asked
    assert bool(request.content) == bool(operation.body)
    basic = {"basic": []} in operation.said.get("security", [])
    assert request.headers["Authorization"].startswith("Basic " if basic else "Bearer ")


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda one: one.name)
def test_every_method_says_what_it_does_and_answers(operation: Operation) -> None:
    method = getattr(Client, operation.name)
    assert operation.said["description"].split("\n\n")[0].split()[0] in str(method.__doc__)
    assert f"{operation.method} {operation.path}" in str(method.__doc__)
    assert "return" in get_type_hints(method)


def changed(*path: str, to: Any) -> Operation:
    """The listing of orders, something else described in one place."""
    said = deepcopy(dict(next(one for one in OPERATIONS if one.name == "list_orders").said))
    part: Any = said
    for key in path[:-1]:
        part = part[key]
    part[path[-1]] = to
    return Operation("GET", "/v1/orders", said, DOCUMENT["components"]["schemas"])


def test_what_nobody_taught_it_stops_it() -> None:
    """The control: a generator that leaves out what it does not know would pass for a whole one."""
    for strange in ({"type": "tuple"}, {"type": 3}, {"anyOf": [{"type": "set"}]}):
        with pytest.raises(NotDescribable):
            annotation(strange)
    for fields in ({"class": {"type": "string"}}, {"a-b": {"type": "string"}}, {"a": {"type": "set"}}):
        with pytest.raises(NotDescribable):
            typed_dict("Strange", {"type": "object", "properties": fields})
    with pytest.raises(NotDescribable):
        typed_dict("Strange", {"type": "string"})
    with pytest.raises(NotDescribable, match="is no list"):
        method_of(changed("operationId", to="scanOrders"))
