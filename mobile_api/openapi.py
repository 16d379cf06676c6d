"""The description of the interface (OpenAPI 3.1). `python -m mobile_api.openapi` writes docs/openapi.json."""

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from mobile_api.conditional import IF_NONE_MATCH
from mobile_api.errors import PROBLEM_JSON
from mobile_api.idempotency import HEADER, LONGEST_KEY
from mobile_api.routers.table import include

EXAMPLES = Path(__file__).with_name("examples.json")
"""What was sent and answered once: `python -m tests.mobile_api.examples` writes it."""
PUBLISHED = Path(__file__).parents[1] / "docs" / "openapi.json"
TITLE = "Lot Size One"
VERSION = "1.0.0"
DESCRIPTION = (
    "A marketplace for lot-size-one manufacturing. Money is whole cents (`_minor`), instants are RFC 3339 in UTC, "
    "dates are calendar dates. Errors are problems (RFC 9457). POST takes an `Idempotency-Key`: the same request "
    "again gets the answer it got. GET answers an `ETag`: `If-None-Match` asks for what is new, `If-Match` changes "
    "only what was seen (RFC 9110). Who asks too much gets 429 with `Retry-After`, `RateLimit` and `RateLimit-Policy`."
)
TAGS = [
    {"name": "accounts", "description": "Joining, signing in and out, and the key that signs."},
    {"name": "oauth", "description": "Programs of others that act for a person or an organisation (OAuth 2.0)."},
    {"name": "chain", "description": "Where the agreements live."},
    {"name": "products", "description": "Products, their options and indicative prices."},
    {"name": "designs", "description": "Files of the customer's own that a product is made from."},
    {"name": "disputes", "description": "Something is wrong with a delivery: words, photos, and who gets what."},
    {"name": "orders", "description": "Placing, following and finishing orders."},
    {"name": "signature requests", "description": "What organisations are asked to sign."},
    {"name": "invitations", "description": "Suppliers without an account are invited, and join by a link."},
    {"name": "shop floor", "description": "Jobs and the rule that accepts orders."},
    {"name": "gateways", "description": "The machines that prove production."},
    {"name": "inbox", "description": "Messages, and the devices that are told of them."},
    {"name": "development", "description": "In a development profile only."},
]
PROBLEM_SCHEMA = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457. `errors` names the fields that were refused; what was sent is never sent back.",
    "properties": {
        "type": {"type": "string", "examples": ["urn:lotsizeone:problem:invalid-input"]},
        "title": {"type": "string", "examples": ["Not acceptable"]},
        "status": {"type": "integer", "examples": [422]},
        "detail": {"type": "string", "examples": ["Some values are not acceptable; see errors."]},
        "errors": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {
                    "field": {"type": "string"},
                    "message": {"type": "string"},
                    "limit": {"type": "string", "description": "Where a machine refuses: what it takes."},
                    "value": {"type": ["string", "number"], "description": "And what this is."},
                },
                "required": ["field", "message"],
                "examples": [{"field": "configuration.amount", "message": "must be a whole number of pieces"}],
            },
        },
    },
    "required": ["type", "title", "status", "detail"],
}
KEY_PARAMETER = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "description": "A name for this request, new for each intent; a repeat gets the first answer.",
    "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "examples": ["4d1e1b8a-confirm"]},
}
ETAG_PARAMETER = {
    "name": IF_NONE_MATCH,
    "in": "header",
    "required": False,
    "description": "The ETag of what the reader has: 304 and no body where it is still so.",
    "schema": {"type": "string", "examples": ['"q83vEjRWeJCrze8SNFZ4kKvN"']},
}
ETAG_HEADER = {"description": "Names this answer, to this reader, as it is now.", "schema": {"type": "string"}}
JSON, STREAM = "application/json", "text/event-stream"
UNKEYED = ("/tokens", "/token", "/revoke", "/join", "/join/code", "/join/invitation")
"""What hands out tokens is remembered nowhere, and taking one back twice is taking it back."""
BASIC = {"type": "http", "scheme": "basic", "description": "RFC 7617, UTF-8. Used once, for a token."}


def operation_id(route: APIRoute) -> str:
    """The operation's name in client code: the function's, in camel case."""
    head, *rest = route.name.split("_")
    return head + "".join(word.capitalize() for word in rest)


def document(app: FastAPI) -> dict[str, Any]:
    """The app's description, with problems, keys and the Basic scheme written in."""
    described = get_openapi(
        title=TITLE, version=VERSION, description=DESCRIPTION, openapi_version="3.1.0", tags=TAGS, routes=app.routes
    )
    components = described.setdefault("components", {})
    components.setdefault("schemas", {})["Problem"] = PROBLEM_SCHEMA
    components.setdefault("securitySchemes", {})["basic"] = BASIC
    for path, method, operation in _operations(described):
        operation["responses"].pop("422", None)
        operation["responses"]["default"] = {
            "description": "A problem.",
            "content": {PROBLEM_JSON: {"schema": {"$ref": "#/components/schemas/Problem"}}},
        }
        if method == "post" and not path.endswith(UNKEYED):
            operation.setdefault("parameters", []).append(KEY_PARAMETER)
        if method == "get" and STREAM not in operation["responses"]["200"]["content"]:
            operation.setdefault("parameters", []).append(ETAG_PARAMETER)
            operation["responses"]["200"]["headers"] = {"ETag": ETAG_HEADER}
            operation["responses"]["304"] = {"description": "It is still what `If-None-Match` names."}
    _illustrate(described, json.loads(EXAMPLES.read_text("utf-8")))
    for unused in ("HTTPValidationError", "ValidationError"):
        components["schemas"].pop(unused, None)
    return described


def _illustrate(described: dict[str, Any], examples: dict[str, dict[str, Any]]) -> None:
    """Show what is sent and answered, each example once: a request's by its operation, an answer's by its schema."""
    shown: dict[str, Any] = {}

    def show(part: dict[str, Any], name: str, kept: dict[str, Any]) -> None:
        if name in kept:
            shown[name] = {"value": kept[name]}
            part["examples"] = {"one": {"$ref": f"#/components/examples/{name}"}}

    for _, _, operation in _operations(described):
        for part in operation.get("requestBody", {}).get("content", {}).values():
            show(part, operation["operationId"], examples["requests"])
        for answer in operation["responses"].values():
            part = answer.get("content", {}).get(JSON, {})
            show(part, part.get("schema", {}).get("$ref", "").rpartition("/")[2], examples["answers"])
    described["components"]["examples"] = shown


def published_document() -> dict[str, Any]:
    """The description of the whole interface, the development profile's part included."""
    app = FastAPI(generate_unique_id_function=operation_id)
    include(app, development=True)
    return document(app)


def text_of(described: dict[str, Any]) -> str:
    """The description as it is committed."""
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


def _operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in described.get("paths", {}).items():
        for method, operation in methods.items():
            yield path, method, operation


def main(arguments: list[str]) -> int:
    """Write the description, or with --check say whether the committed one is fresh. The exit code."""
    parser = argparse.ArgumentParser(prog="python -m mobile_api.openapi", description=__doc__)
    parser.add_argument("--check", action="store_true", help="only compare, exit 1 if it is stale")
    parser.add_argument("--file", type=Path, default=PUBLISHED, help="where it is kept")
    chosen = parser.parse_args(arguments)
    fresh = text_of(published_document())
    if chosen.check:
        return 0 if chosen.file.is_file() and chosen.file.read_text("utf-8") == fresh else 1
    chosen.file.parent.mkdir(parents=True, exist_ok=True)
    chosen.file.write_text(fresh, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
