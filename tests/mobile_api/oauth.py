"""An app and a partner as the tests of OAuth play them."""

import base64
import hashlib
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

from tests.mobile_api.world import Person, World

VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
"""RFC 7636, appendix B."""
REDIRECT = "https://board.example.com/callback"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def challenge_of(verifier: str) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()


async def register(world: World, person: Person, **body: object) -> dict[str, Any]:
    """A client of the person's organisation; an app unless it is said otherwise."""
    given = {"name": "Board", "kind": "app", "scope": "read write", "redirect_uris": [REDIRECT]} | body
    if given["kind"] == "partner":
        given["redirect_uris"] = []
    made = await world.client.post("/v1/oauth/clients", json=given, headers=person.headers)
    assert made.status_code == 201, made.text
    found: dict[str, Any] = made.json()
    return found


def asking(client_id: str, /, **changes: object) -> dict[str, Any]:
    """What the app asks for, as its consent screen sends it."""
    return {
        "response_type": "code",
        "client_id": client_id,
        "redirect_uri": REDIRECT,
        "scope": "read",
        "state": "af0ifjsldkj",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    } | changes


def query_of(answer: httpx.Response) -> dict[str, str]:
    """The parameters of the address to which the browser is sent."""
    return {name: value for name, (value,) in parse_qs(urlsplit(answer.json()["redirect_to"]).query).items()}


async def code_for(world: World, person: Person, client_id: str, /, **changes: object) -> str:
    """A code that the person has allowed."""
    body = asking(client_id, **changes)
    answer = await world.client.post("/v1/oauth/authorization", json=body, headers=person.headers)
    assert answer.status_code == 200, answer.text
    return query_of(answer)["code"]


def trading(client_id: str, given: str, /, **changes: str) -> dict[str, str]:
    """The form that trades a code."""
    return {
        "grant_type": "authorization_code",
        "code": given,
        "redirect_uri": REDIRECT,
        "client_id": client_id,
        "code_verifier": VERIFIER,
    } | changes


async def post(
    world: World, form: dict[str, str] | str, headers: dict[str, str] | None = None, path: str = "token"
) -> httpx.Response:
    """A form to the token endpoint, or to another one."""
    content = form if isinstance(form, str) else urlencode(form)
    return await world.client.post(f"/v1/oauth/{path}", content=content, headers=FORM | (headers or {}))


async def app_token(world: World, maker: Person, person: Person, scope: str) -> tuple[dict[str, str], str]:
    """The headers of an app that the person has let in, and its client id."""
    client_id = (await register(world, maker))["client_id"]
    code = await code_for(world, person, client_id, scope=scope)
    answer = await post(world, trading(client_id, code))
    assert answer.status_code == 200, answer.text
    return bearer(answer), client_id


def partner_form(client: dict[str, Any], **changes: str) -> dict[str, str]:
    """The form of a partner that sends its secret in the body."""
    proof = {"client_id": client["client_id"], "client_secret": client["client_secret"]}
    return {"grant_type": "client_credentials"} | proof | changes


def bearer(answer: httpx.Response) -> dict[str, str]:
    """The headers of who got this token."""
    return {"Authorization": f"Bearer {answer.json()['access_token']}"}
