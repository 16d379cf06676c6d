"""What the interface offers, read from its own description: operations, good requests to them, and their fields."""

import json
import uuid
from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import Any
from urllib.parse import quote, urlencode

from marketplace.application.signing_key import proof_to_sign
from marketplace.ports.fakes.chain_messages import sign
from tests.mobile_api.furnishing import ABSENT, CODE, SECRET, fresh_link
from tests.mobile_api.house import NEIGHBOURS, House
from tests.mobile_api.oauth import CHALLENGE, REDIRECT
from tests.mobile_api.world import PASSWORD
from tests.planning.test_photo_file import photo
from tests.planning.test_svg_file import SQUARE, svg

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
KINDS = {
    "orders": "order",
    "signature-requests": "request",
    "jobs": "job",
    "inbox": "message",
    "subscriptions": "device",
    "design-files": "file",
    "photos": "photo",
    "products": "product",
    "clients": "client",
    "invitations": "invitation",
}
"""What a parameter of a path names, by the word before it. One that is not here stops the tests: say what it is."""
RAW = {
    "POST /v1/design-files": ("image/svg+xml", svg(SQUARE)),
    "POST /v1/orders/{id}/dispute/photos": ("image/png", photo("PNG")),
}
"""Bodies that are no JSON."""
INGEST, CONSENT = "POST /v1/ingest", "GET /v1/oauth/authorization"
Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Operation:
    """A method and a path, and what its description says."""

    method: str
    path: str
    said: Mapping[str, Any]
    schemas: Mapping[str, Any]

    @property
    def name(self) -> str:
        return f"{self.method} {self.path}"

    @property
    def things(self) -> list[tuple[str, str]]:
        """The path's parameters and the kinds of what they name."""
        words = self.path.split("/")
        return [(word, KINDS[before]) for before, word in pairwise(words) if word.startswith("{")]

    @property
    def rest(self) -> str:
        """The word below the first thing."""
        words = self.path.split("}/")
        return words[1].split("/")[0] if len(words) > 1 else ""

    @property
    def by_basic(self) -> bool:
        return self.said.get("security") == [{"basic": []}]

    @property
    def schema(self) -> Mapping[str, Any] | None:
        """That of its JSON body; ingest describes none and reads an object."""
        content = self.said.get("requestBody", {}).get("content", {})
        found: Mapping[str, Any] | None = content.get(JSON, {}).get("schema")
        return found if found is not None or self.name != INGEST else {"type": "object"}

    @property
    def takes_form(self) -> bool:
        return FORM in self.said.get("requestBody", {}).get("content", {})

    def query(self, house: House) -> dict[str, str]:
        """What must stand in its query."""
        return dict(oauth_question(house)) if self.name == CONSENT else {}

    def address(self, house: House, role: str, scope: str) -> str:
        """The path with the ids of things; of a file of an order, the order is whose the scope says."""
        path = self.path
        for word, kind in self.things:
            path = path.replace(word, house.thing(kind, role, scope, self.rest), 1)
        return path

    def request(self, house: House, role: str) -> tuple[dict[str, str], bytes]:
        """Headers and body of a good request, without a token."""
        if self.name in RAW:
            media, body = RAW[self.name]
            return {"Content-Type": media}, body
        if self.takes_form:
            return {"Content-Type": FORM}, form_of(self.good(house, role))
        if self.schema is None:
            return {}, b""
        return {"Content-Type": JSON}, json.dumps(self.good(house, role)).encode()

    def good(self, house: House, role: str) -> Any:
        """A body that is as it should be."""
        if self.name in GOOD:
            return GOOD[self.name](house, role)
        assert self.schema is not None
        return example(self.resolved(self.schema), self.schemas)

    def resolved(self, schema: Mapping[str, Any]) -> Mapping[str, Any]:
        """A schema, or the first object that it may be."""
        return _resolved(schema, self.schemas)


def operations(described: Mapping[str, Any]) -> list[Operation]:
    """All of them, in order."""
    schemas = described["components"]["schemas"]
    return [
        Operation(method.upper(), path, said, schemas)
        for path, methods in described["paths"].items()
        for method, said in methods.items()
    ]


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    while "$ref" in schema or "anyOf" in schema or "oneOf" in schema:
        if "$ref" in schema:
            schema = schemas[schema["$ref"].rpartition("/")[2]]
        else:
            options = schema.get("anyOf") or schema["oneOf"]
            schema = next(option for option in options if option.get("type") != "null")
    return schema


def example(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """A value of a schema, by its examples where it has some."""
    schema = _resolved(schema, schemas)
    for found in ("examples", "enum"):
        if schema.get(found):
            return schema[found][0]
    if "const" in schema:
        return schema["const"]
    match schema.get("type"):
        case "object":
            named = schema.get("properties", {})
            return {
                name: example(inner, schemas) for name, inner in named.items() if name in schema.get("required", ())
            }
        case "array":
            return []
        case "integer" | "number":
            return schema.get("minimum", 1)
        case "boolean":
            return False
    return "x" * schema.get("minLength", 1)


SIGNATURE = "0x" + "11" * 65


def _order(house: House, role: str) -> dict[str, Any]:
    return {
        "product_id": "pneumatic-cylinder",
        "configuration": {"base": "base-40mm", "amount": 40, "engraving": "SENAI"},
        "deliver_by": (house.clock.now().date() + timedelta(days=60)).isoformat(),
        "payer_address": house.person("customer").address,
        "handover_hash": "0x" + "5e" * 32,
        "client_reference": str(uuid.uuid4()),
    }


def _key(house: House, role: str) -> dict[str, Any]:
    person = house.person(role)
    address = person.address or "0x" + "0e" * 20
    return {"address": address, "signature": sign(address, proof_to_sign(person.id, address))}


def _quote(house: House, role: str) -> dict[str, Any]:
    return {name: value for name, value in _order(house, role).items() if name in ("configuration", "deliver_by")}


def _account(house: House, role: str) -> dict[str, Any]:
    return {
        "email": f"{uuid.uuid4().hex}@example.org",
        "password": PASSWORD,
        "display_name": "Ada",
        "role": "manufacturer",
        "organisation_name": uuid.uuid4().hex,
        "registry_party_id": uuid.uuid4().hex,
    }


def _rule(house: House, role: str) -> dict[str, Any]:
    return {
        "accept_automatically": True,
        "max_total_minor": 1_000_000,
        "min_days": 1,
        "min_margin_bps": 1,
        "most_open_orders": 100,
        "products": ["pneumatic-cylinder"],
        "blocked_customers": ["acc_nobody"],
        "known_customers_only": False,
    }


def _upload(house: House, role: str) -> dict[str, Any]:
    return {
        "gateway": house.crowd.gateways["maker"][1],
        "epoch": "e",
        "lane": "t",
        "records": [{"seq": 1, "event": "{}"}],
        "batches": [],
    }


def _counter(house: House, role: str) -> dict[str, Any]:
    return {"amount_minor": 7_601, "deliver_by": _order(house, role)["deliver_by"], "reason": "Copper rose."}


def oauth_question(house: House) -> dict[str, str]:
    """What an app asks a person for."""
    return {
        "response_type": "code",
        "client_id": house.crowd.clients["app"],
        "redirect_uri": REDIRECT,
        "scope": "read",
        "state": "af0ifjsldkj",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }


def _link(house: House, role: str) -> dict[str, Any]:
    return {"link": fresh_link(house)}


def _joining(house: House, role: str) -> dict[str, Any]:
    stated = {"company": uuid.uuid4().hex, "country": "PT", "vat_id": "PT 501 964 843", "signatory": "Rui Costa"}
    return _link(house, role) | {"code": CODE} | stated


def _partner(house: House, role: str) -> dict[str, str]:
    return {"client_id": house.crowd.clients[f"maker{NEIGHBOURS}"], "client_secret": SECRET}


def form_of(fields: Mapping[str, str]) -> bytes:
    """A form, whatever characters are in it."""
    return urlencode(fields, errors="surrogatepass").encode()


GOOD: Mapping[str, Callable[[House, str], Any]] = {
    "POST /v1/accounts": _account,
    "PUT /v1/me/signing-key": _key,
    "POST /v1/products/{id}/configuration": lambda *who: {"configuration": _order(*who)["configuration"]},
    "POST /v1/products/{id}/quotes": _quote,
    "POST /v1/orders": _order,
    "POST /v1/orders/{id}/confirm": lambda *_: {"terms_signature": SIGNATURE, "permit_signature": SIGNATURE},
    "POST /v1/orders/{id}/dispute": lambda *_: {"reason": "The covers are bent.", "photos": [], "signature": SIGNATURE},
    "POST /v1/orders/{id}/dispute/statements": lambda *_: {"text": "They left us straight.", "photos": []},
    "POST /v1/orders/{id}/cancel": lambda *_: {"reason": "No longer needed."},
    "POST /v1/orders/{id}/decision": lambda *_: {"decision": "reject", "reason": "The drill is broken."},
    "POST /v1/orders/{id}/handover": lambda *_: {"secret": "0x" + "5e" * 32},
    "POST /v1/signature-requests/{id}/decline": lambda *_: {"reason": "No capacity."},
    "POST /v1/signature-requests/{id}/counter": _counter,
    "POST /v1/jobs/{id}/reports": lambda *_: {"kind": "step", "note": "The spindle runs."},
    "POST /v1/gateways": lambda *_: {"name": "Cell 1", "address": "0x" + uuid.uuid4().hex + "00" * 4},
    "PUT /v1/manufacturer/rule": _rule,
    "POST /v1/push/subscriptions": lambda *_: {
        "kind": "web_push",
        "endpoint": "https://push.example.org/1",
        "keys": {"p256dh": "B" * 87, "auth": "A" * 22},
    },
    "POST /v1/oauth/clients": lambda *_: {"name": "Board", "kind": "app", "scope": "read", "redirect_uris": [REDIRECT]},
    "POST /v1/oauth/authorization": lambda house, _: oauth_question(house) | {"decision": "allow"},
    "POST /v1/oauth/token": lambda *who: {"grant_type": "client_credentials", "scope": "read"} | _partner(*who),
    "POST /v1/oauth/revoke": lambda *who: {"token": "of nobody", "token_type_hint": "access_token"} | _partner(*who),
    INGEST: _upload,
    "POST /v1/orders/{id}/invitations": lambda *_: {"registry_party_id": ABSENT},
    "POST /v1/join/invitation": _link,
    "POST /v1/join/code": _link,
    "POST /v1/join": _joining,
}
"""Bodies that get as far as the use case. An operation that is not here gets what its schema shows."""


def leaves(value: Any, at: Path = ()) -> Iterator[Path]:
    """Where in a body there is a value that is no object and no list."""
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from leaves(inner, (*at, key))
    else:
        yield at


def objects(value: Any, at: Path = ()) -> Iterator[Path]:
    """Where in a body there is an object."""
    if isinstance(value, dict):
        yield at
        for key, inner in value.items():
            yield from objects(inner, (*at, key))


def found_at(value: Any, path: Path) -> Any:
    """The part of a body at a place."""
    for key in path:
        value = value[key]
    return value


def replaced(value: Any, path: Path, new: Any) -> Any:
    """A copy of a body with something else at a place."""
    if not path:
        return new
    copy = deepcopy(value)
    found_at(copy, path[:-1])[path[-1]] = new
    return copy


def query_of(**values: str) -> str:
    """A query string."""
    return urlencode(values, errors="surrogatepass", quote_via=quote)
