"""The guarded call: faults become typed errors, caps and deadlines hold, only broken calls are repeated."""

import asyncio
import gzip

import httpx
import pytest

from matchmaking.efpf.errors import (
    AddressRefused,
    AnswerTooLarge,
    EncodingRefused,
    FederationError,
    GiveUp,
    OriginRefused,
    RedirectRefused,
    RetryLater,
    SourceTimedOut,
    SourceUnavailable,
    SourceUnreachable,
    TooManyRequests,
)
from matchmaking.efpf.transport import GuardedHttp, open_http_client
from tests.matchmaking.helpers import GATEWAY, PUBLIC_ADDRESS, Drip, Scripted, answer, gateway, guarded, loopback

URL = f"{GATEWAY}/x"


async def test_the_call_goes_to_the_judged_address_under_its_own_name() -> None:
    source = Scripted().on("/x", answer({"a": 1}, set_cookie="mark=1"))
    http = guarded(source)
    got = await http.fetch("s", "GET", URL, timeout_s=1)
    await http.fetch("s", "GET", URL, timeout_s=1)
    first, second = source.requests
    assert (got.status, got.content_type, got.body) == (200, "application/json", b'{"a": 1}')
    assert first.url.host == PUBLIC_ADDRESS
    assert first.headers["host"] == "gateway.example"
    assert first.extensions["sni_hostname"] == "gateway.example"
    assert first.headers["accept-encoding"] == "identity"
    # Two names at one address must not share a connection: its certificate was checked for one of them.
    assert first.headers["connection"] == "close"
    assert "cookie" not in second.headers


async def test_rebinding_finds_nothing_to_rebind() -> None:
    answers = iter([[PUBLIC_ADDRESS], ["127.0.0.1"]])

    async def rebinding(_host: str, _port: int) -> list[str]:
        return next(answers)

    source = Scripted().on("/x", answer({}))
    http = guarded(source, resolve=rebinding)
    await http.fetch("s", "GET", URL, timeout_s=1)
    with pytest.raises(AddressRefused):
        await http.fetch("s", "GET", URL, timeout_s=1)
    assert [request.url.host for request in source.requests] == [PUBLIC_ADDRESS]


async def test_nothing_is_sent_to_an_address_that_is_refused() -> None:
    source = Scripted()
    with pytest.raises(OriginRefused):
        await guarded(source).fetch("s", "GET", "https://evil.example/x", timeout_s=1)
    with pytest.raises(AddressRefused):
        await guarded(source, resolve=loopback).fetch("s", "GET", URL, timeout_s=1)
    assert source.requests == []


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (answer(b"", 302, location="https://evil.example/"), RedirectRefused),
        (answer(b"", 304), RedirectRefused),
        (answer(gzip.compress(b"{}"), content_encoding="gzip"), EncodingRefused),
        (answer(b"{}", content_encoding="br"), EncodingRefused),
        (answer(b" " * 65), AnswerTooLarge),
    ],
)
async def test_refusals_are_final(fault: httpx.Response, expected: type[FederationError]) -> None:
    # httpx would unpack a content it is given: the raw bytes go through a stream.
    def raw(_request: httpx.Request) -> httpx.Response:
        return httpx.Response(fault.status_code, headers=fault.headers, stream=httpx.ByteStream(b" " * 65))

    source = Scripted().on("/x", raw)
    with pytest.raises(expected) as caught:
        await guarded(source, max_body_bytes=64).fetch("s", "GET", URL, timeout_s=1)
    assert isinstance(caught.value, GiveUp)
    assert len(source.requests) == 1


async def test_a_body_without_a_length_is_cut_at_the_cap() -> None:
    source = Scripted().on("/x", lambda _request: httpx.Response(200, stream=Drip(pause_s=0, count=10_000)))
    with pytest.raises(AnswerTooLarge):
        await guarded(source, max_body_bytes=64).fetch("s", "GET", URL, timeout_s=1)


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (httpx.ConnectError("refused"), SourceUnreachable),
        (httpx.RemoteProtocolError("half a body"), SourceUnreachable),
        (httpx.ReadError("reset"), SourceUnreachable),
        (httpx.ConnectTimeout("slow"), SourceTimedOut),
        (answer(b"", 502), SourceUnavailable),
        (answer(b"", 503), SourceUnavailable),
        (answer(b"", 504), SourceUnavailable),
    ],
)
async def test_a_broken_call_is_repeated_once(
    fault: httpx.Response | Exception, expected: type[FederationError]
) -> None:
    source = Scripted().on("/x", fault)
    with pytest.raises(expected) as caught:
        await guarded(source).fetch("s", "GET", URL, timeout_s=1)
    assert isinstance(caught.value, RetryLater)
    assert caught.value.counts_for_breaker
    assert len(source.requests) == 2

    recovering = Scripted().on("/x", fault, answer({}))
    assert (await guarded(recovering).fetch("s", "GET", URL, timeout_s=1)).status == 200


async def test_a_server_that_asks_for_patience_gets_it_within_the_deadline() -> None:
    source = Scripted().on("/x", answer(b"", 429, retry_after="0"), answer({}))
    assert (await guarded(source).fetch("s", "GET", URL, timeout_s=1)).status == 200

    impatient = Scripted().on("/x", answer(b"", 429, retry_after="60"))
    with pytest.raises(TooManyRequests) as caught:
        await guarded(impatient).fetch("s", "GET", URL, timeout_s=1)
    assert caught.value.retry_after_s == 60
    assert not caught.value.counts_for_breaker
    assert len(impatient.requests) == 1


@pytest.mark.parametrize("wait", ["Wed, 21 Oct 2026 07:28:00 GMT", "-1", "1e9", "٣", "9" * 40, ""])
async def test_a_strange_retry_after_is_not_believed(wait: str) -> None:
    source = Scripted().on("/x", lambda _request: httpx.Response(429, headers=[(b"retry-after", wait.encode())]))
    with pytest.raises(TooManyRequests) as caught:
        await guarded(source).fetch("s", "GET", URL, timeout_s=0.2)
    assert caught.value.retry_after_s is None


async def test_the_deadline_holds_against_a_drip_of_bytes() -> None:
    source = Scripted().on("/x", lambda _request: httpx.Response(200, stream=Drip()))
    began = asyncio.get_running_loop().time()
    with pytest.raises(SourceTimedOut):
        await guarded(source).fetch("s", "GET", URL, timeout_s=0.2)
    assert 0.15 < asyncio.get_running_loop().time() - began < 1.5


async def test_the_deadline_holds_against_a_slow_resolver() -> None:
    async def never(_host: str, _port: int) -> list[str]:
        await asyncio.sleep(30)
        return []

    with pytest.raises(SourceTimedOut):
        await guarded(Scripted(), resolve=never).fetch("s", "GET", URL, timeout_s=0.1)


async def test_a_client_that_trusts_the_environment_is_not_used() -> None:
    async with httpx.AsyncClient(trust_env=True) as http:
        with pytest.raises(ValueError, match="trust_env"):
            GuardedHttp(http, gateway().policy())
    async with open_http_client() as http:
        GuardedHttp(http, gateway().policy())
