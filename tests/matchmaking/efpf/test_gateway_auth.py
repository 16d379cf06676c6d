"""Step 1: the token is got once, kept while it is good, renewed once on 401, and shown to our own gateway only."""

import asyncio
from typing import Any
from urllib.parse import parse_qs

import pytest

from matchmaking.efpf.errors import CredentialsRefused, GiveUp, MalformedAnswer, OriginRefused, RequestRefused
from tests.matchmaking.helpers import GATEWAY, Scripted, answer, auth_for, gateway

TOKEN_PATH = "/auth/realms/efpf/protocol/openid-connect/token"
URL = f"{GATEWAY}/x"


def bearers(source: Scripted, path: str = "/x") -> list[str | None]:
    return [r.headers.get("authorization") for r in source.requests if r.url.path == path]


@pytest.mark.req(62, 63)
async def test_user_name_and_password_become_a_bearer() -> None:
    source = Scripted().with_token().on("/x", answer({}))
    config = gateway(password="p&w=ü", client_secret="cs", scope="openid")
    await auth_for(source, config).fetch("s", "GET", URL, timeout_s=1)
    form = parse_qs(source.requests[0].content.decode("ascii"))
    assert form == {
        "grant_type": ["password"],
        "client_id": ["user-terminal"],
        "username": ["lso"],
        "password": ["p&w=ü"],
        "client_secret": ["cs"],
        "scope": ["openid"],
    }
    assert bearers(source) == ["Bearer token-1"]
    assert "p&w" not in repr(config)


async def test_many_calls_share_one_token() -> None:
    source = Scripted().with_token().on("/x", answer({}))
    auth = auth_for(source)
    await asyncio.gather(*(auth.fetch("s", "GET", URL, timeout_s=1) for _ in range(20)))
    assert source.paths().count(TOKEN_PATH) == 1
    assert set(bearers(source)) == {"Bearer token-1"}


async def test_a_token_is_renewed_before_it_ends() -> None:
    # Of one second half is used: the next call after 0.6 s needs a new one.
    source = Scripted().with_token(expires_in=1).on("/x", answer({}))
    auth = auth_for(source)
    await auth.fetch("s", "GET", URL, timeout_s=1)
    await auth.fetch("s", "GET", URL, timeout_s=1)
    await asyncio.sleep(0.6)
    await auth.fetch("s", "GET", URL, timeout_s=1)
    assert bearers(source) == ["Bearer token-1", "Bearer token-1", "Bearer token-2"]


async def test_401_gets_one_new_token_and_one_retry() -> None:
    source = Scripted().with_token().on("/x", answer(b"", 401), answer({}))
    auth = auth_for(source)
    assert (await auth.fetch("s", "GET", URL, timeout_s=1)).status == 200
    assert bearers(source) == ["Bearer token-1", "Bearer token-2"]


async def test_a_second_401_is_final() -> None:
    source = Scripted().with_token().on("/x", answer(b"Invalid role", 401, content_type="text/plain"))
    with pytest.raises(CredentialsRefused) as caught:
        await auth_for(source).fetch("s", "GET", URL, timeout_s=1)
    assert not caught.value.counts_for_breaker
    assert len(bearers(source)) == 2


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_a_wrong_password_is_final(status: int) -> None:
    source = Scripted().on(TOKEN_PATH, answer({"error": "invalid_grant"}, status))
    with pytest.raises(CredentialsRefused) as caught:
        await auth_for(source).token(timeout_s=1)
    assert isinstance(caught.value, GiveUp)
    assert len(source.requests) == 1


@pytest.mark.parametrize("status", [400, 403, 404, 500])
async def test_other_refusals_are_given_up_without_reading_them(status: int) -> None:
    source = Scripted().with_token().on("/x", answer(b"\xff<html>", status, content_type="text/html"))
    with pytest.raises(RequestRefused) as caught:
        await auth_for(source).fetch("s", "GET", URL, timeout_s=1)
    assert caught.value.status == status
    assert not caught.value.counts_for_breaker
    assert "html" not in str(caught.value)
    assert len(bearers(source)) == 1


async def test_the_token_is_never_shown_to_a_foreign_origin() -> None:
    source = Scripted().with_token().on("/x", answer({}))
    config = gateway(search_origins=("https://search.example",))
    auth = auth_for(source, config)
    await auth.fetch("s", "GET", URL, timeout_s=1)
    await auth.fetch("s", "GET", "https://search.example/x", timeout_s=1)  # reachable, but not ours
    with pytest.raises(OriginRefused):
        await auth.fetch("s", "GET", "https://collector.example/x", timeout_s=1)
    with pytest.raises(OriginRefused):
        await auth.fetch("s", "GET", "https://gateway.example@collector.example/x", timeout_s=1)
    seen = {r.headers["host"]: r.headers.get("authorization") for r in source.requests if r.url.path == "/x"}
    assert seen == {"gateway.example": "Bearer token-1", "search.example": None}


async def test_a_configured_origin_sees_the_token() -> None:
    """The negative control of the test above: the same call with the origin configured carries the bearer."""
    source = Scripted().with_token().on("/x", answer({}))
    config = gateway(search_origins=("https://search.example",), token_origins=("https://search.example",))
    await auth_for(source, config).fetch("s", "GET", "https://search.example/x", timeout_s=1)
    assert bearers(source) == ["Bearer token-1"]


async def test_the_id_token_can_be_asked_for() -> None:
    both = {"access_token": "access", "id_token": "identity", "expires_in": 300, "token_type": "bearer"}
    source = Scripted().on(TOKEN_PATH, answer(both))
    assert await auth_for(source, gateway(token_field="id_token")).token(timeout_s=1) == "identity"
    source.on(TOKEN_PATH, answer({key: both[key] for key in both if key != "id_token"}))
    with pytest.raises(MalformedAnswer):
        await auth_for(source, gateway(token_field="id_token")).token(timeout_s=1)


@pytest.mark.parametrize(
    "changes",
    [
        {"access_token": ""},
        {"access_token": None},
        {"access_token": "a b"},
        {"access_token": "a\r\nX-Evil: 1"},
        {"access_token": "ä"},
        {"access_token": "a" * 20_000},
        {"expires_in": 0},
        {"expires_in": -5},
        {"expires_in": 10**12},
        {"expires_in": True},
        {"expires_in": "300"},
        {"token_type": "mac"},
    ],
)
async def test_a_strange_token_is_refused(changes: dict[str, Any]) -> None:
    body = {"access_token": "t", "expires_in": 300, "token_type": "Bearer"} | changes
    source = Scripted().on(TOKEN_PATH, answer(body))
    with pytest.raises(MalformedAnswer):
        await auth_for(source).token(timeout_s=1)
