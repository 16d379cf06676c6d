"""The description is OpenAPI 3.1, and what it shows as examples is allowed by its schemas and taken by the server."""

import json
from collections.abc import Iterator, Mapping
from copy import deepcopy
from functools import cache
from typing import Any

import pytest
from fastapi.exceptions import RequestValidationError
from openapi_schema_validator import OAS31Validator, oas31_format_checker
from openapi_spec_validator import OpenAPIV31SpecValidator
from starlette.requests import Request
from starlette.responses import Response

from mobile_api.errors import problem_for
from mobile_api.openapi import published_document
from mobile_api.strict_json import MalformedJson, RefusedJson
from tests.mobile_api.examples import body_kind, done
from tests.mobile_api.house import House
from tests.mobile_api.operations import FORM, JSON, form_of, operations

DESCRIBED = published_document()
BY_SCHEMA = (RequestValidationError, MalformedJson, RefusedJson)
TAKING = [one for one in operations(DESCRIBED) if body_kind(one)]


def test_the_description_is_openapi_3_1() -> None:
    assert list(OpenAPIV31SpecValidator(DESCRIBED).iter_errors()) == []


def test_what_is_no_openapi_is_seen() -> None:
    """The control: an answer without a description, one name for two operations, a word that is no part of it."""
    for place, broken in (("responses", {"200": {}}), ("operationId", "placeOrder"), ("answers", {})):
        changed = deepcopy(DESCRIBED)
        changed["paths"]["/v1/me"]["get"][place] = broken
        assert list(OpenAPIV31SpecValidator(changed).iter_errors()), place


def parts() -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Every JSON and form body that is sent, and every JSON body that is answered when all goes well."""
    for operation in operations(DESCRIBED):
        for kind, part in operation.said.get("requestBody", {}).get("content", {}).items():
            if kind in (JSON, FORM):
                yield f"{operation.name} sent", part
        for status, answer in operation.said["responses"].items():
            part = answer.get("content", {}).get(JSON)
            if status.startswith("2") and part is not None and part["schema"]:
                yield f"{operation.name} {status}", part


def shown_in(part: Mapping[str, Any]) -> list[Any]:
    """The examples of a body."""
    shown = part.get("examples", {}).values()
    return [DESCRIBED["components"]["examples"][one["$ref"].rpartition("/")[2]]["value"] for one in shown]


@cache
def closed() -> dict[str, Any]:
    """The schemas, none of which takes a field that it does not name."""
    components: dict[str, Any] = deepcopy(DESCRIBED["components"])
    for one in components["schemas"].values():
        if "properties" in one:
            one["additionalProperties"] = False
    return components


def faults(value: Any, schema: Mapping[str, Any]) -> list[str]:
    """Where a value is not as its schema says; a field too many is one."""
    validator = OAS31Validator({**schema, "components": closed()}, format_checker=oas31_format_checker)
    return [f"{'.'.join(map(str, error.path))}: {error.message}" for error in validator.iter_errors(value)]


def test_every_body_has_an_example_that_its_schema_allows() -> None:
    found = dict(parts())
    assert len(found) >= 70
    assert [name for name, part in found.items() if not shown_in(part)] == []
    for name, part in found.items():
        for value in shown_in(part):
            assert faults(value, part["schema"]) == [], name


def test_an_example_that_lies_is_seen() -> None:
    """The control: a field too few, one too many, and a wrong type, in an order and in a request for one."""
    schemas = {name: part for name, part in parts() if name in ("GET /v1/orders/{id} 200", "POST /v1/orders sent")}
    for part in schemas.values():
        (good,) = shown_in(part)
        without = {name: value for name, value in good.items() if name != "deliver_by"}
        for wrong in (without, good | {"news": 1}, good | {"deliver_by": "soon"}, good | {"deliver_by": 1}):
            assert faults(wrong, part["schema"]), wrong
    assert len(schemas) == 2


async def refused_by_schema(house: House, name: str, body: bytes) -> tuple[int, list[str]]:
    """The status of the answer to this body, and the refusals that were made before any use case was asked."""
    seen: list[str] = []

    async def note(request: Request, error: Exception) -> Response:
        seen.append(str(error))
        found = problem_for(error, request)
        assert found is not None
        return found

    for kind in BY_SCHEMA:
        house.app.add_exception_handler(kind, note)
    operation = next(one for one in operations(house.app.openapi()) if one.name == name)
    return (await done(house, operation, body)).status, seen


@pytest.mark.parametrize("name", [one.name for one in TAKING])
async def test_every_request_that_is_shown_is_taken(house: House, name: str) -> None:
    operation = next(one for one in TAKING if one.name == name)
    kind = body_kind(operation)
    (value,) = shown_in(operation.said["requestBody"]["content"][kind])
    body = form_of(value) if kind == FORM else json.dumps(value).encode()
    status, refusals = await refused_by_schema(house, name, body)
    assert refusals == []
    assert status < 500
    assert status not in (400, 404, 405, 415), status


@pytest.mark.parametrize("body", [b'{"reason": 1}', b'{"why": "no"}', b"{", b'{"reason": "\\u0000"}'])
async def test_a_request_that_is_not_taken_is_seen(house: House, body: bytes) -> None:
    """The control."""
    status, refusals = await refused_by_schema(house, "POST /v1/orders/{id}/cancel", body)
    assert status in (400, 422)
    assert len(refusals) == 1
