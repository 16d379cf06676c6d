"""Servers that misbehave on the wire: slow, endless, compressed, broken, redirecting; and TLS to a judged address."""

import asyncio
import gzip
import resource
import ssl
import time
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.x509.oid import NameOID

from matchmaking.efpf.client import FederatedClient
from matchmaking.efpf.config import FederationConfig
from matchmaking.efpf.errors import (
    AnswerTooLarge,
    EncodingRefused,
    FederationError,
    RedirectRefused,
    SourceTimedOut,
    SourceUnreachable,
)
from matchmaking.efpf.gateway_auth import GatewayAuth
from matchmaking.efpf.origins import OriginPolicy
from matchmaking.efpf.query import SearchQuery
from matchmaking.efpf.transport import GuardedHttp, open_http_client
from tests.matchmaking.helpers import loopback, signing_key
from tests.matchmaking.integration.servers import HEAD, TOKEN_BODY, Handler, local, running_raw, wall_clock, whole

pytestmark = pytest.mark.integration


async def fault_of(handler: Handler, timeout_s: float = 3.0) -> tuple[FederationError, float]:
    """The error of a token request to a server that does `handler`, and how long it took in seconds."""
    async with running_raw(handler) as port, open_http_client() as http:
        config = local(f"http://127.0.0.1:{port}")
        auth = GatewayAuth(config, GuardedHttp(http, config.policy()))
        began = time.monotonic()
        with pytest.raises(FederationError) as caught:
            await auth.token(timeout_s=timeout_s)
        return caught.value, time.monotonic() - began


async def drip_body(_head: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD + b"Content-Length: 100000\r\n\r\n")
    while True:
        writer.write(b" ")
        await writer.drain()
        await asyncio.sleep(0.02)


async def drip_head(_head: bytes, writer: asyncio.StreamWriter) -> None:
    writer.write(HEAD)
    while True:
        writer.write(b"X-More: 1\r\n")
        await writer.drain()
        await asyncio.sleep(0.02)


async def silence(_head: bytes, _writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(5)


@pytest.mark.parametrize("handler", [drip_body, drip_head, silence])
async def test_a_slow_server_meets_the_deadline(handler: Handler) -> None:
    error, took_s = await fault_of(handler, timeout_s=0.4)
    assert isinstance(error, SourceTimedOut)
    assert 0.3 < took_s < 2


async def test_the_old_way_would_have_waited() -> None:
    """The negative control: httpx's own timeout of 0.2 s does not end a drip of a byte each 0.02 s."""
    async with running_raw(drip_body) as port, httpx.AsyncClient(trust_env=False, timeout=0.2) as http:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.8):
                await http.get(f"http://127.0.0.1:{port}/")


async def test_an_endless_body_is_cut_at_the_cap() -> None:
    async def flood(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"\r\n")
        while True:
            writer.write(b" " * 65_536)
            await writer.drain()

    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    error, _ = await fault_of(flood, timeout_s=10)
    assert isinstance(error, AnswerTooLarge)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 50_000


async def test_an_announced_giant_is_not_even_read() -> None:
    async def giant(_head: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(HEAD + b"Content-Length: 1000000000\r\n\r\n")
        await writer.drain()
        await asyncio.sleep(5)

    error, took_s = await fault_of(giant)
    assert isinstance(error, AnswerTooLarge)
    assert took_s < 2


async def test_a_gzip_bomb_is_not_unfolded() -> None:
    bomb = gzip.compress(b" " * 50_000_000)

    async def explode(head: bytes, writer: asyncio.StreamWriter) -> None:
        assert b"accept-encoding: identity" in head.lower()
        writer.write(HEAD + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(bomb) + bomb)

    before_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    error, _ = await fault_of(explode)
    assert isinstance(error, EncodingRefused)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before_kb < 40_000


async def test_a_redirect_is_not_followed() -> None:
    visited = False

    async def elsewhere(_head: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal visited
        visited = True
        writer.write(whole(TOKEN_BODY))

    async with running_raw(elsewhere) as port:

        async def redirect(_head: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 307 Go\r\nLocation: http://127.0.0.1:%d/\r\nContent-Length: 0\r\n\r\n" % port)

        error, _ = await fault_of(redirect)
    assert isinstance(error, RedirectRefused)
    assert not visited


@pytest.mark.parametrize(
    "wire",
    [
        HEAD + b"Content-Length: 100\r\n\r\n{",  # half a body
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"HTTP/1.1 200",
        b"NONSENSE\r\n\r\n",
        HEAD + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000,
        b"",
    ],
    ids=["half", "chunk", "status", "nonsense", "lengths", "header", "nothing"],
)
async def test_a_broken_answer_is_unreachable(wire: bytes) -> None:
    calls = 0

    async def breaking(_head: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        writer.write(wire)

    error, _ = await fault_of(breaking)
    assert isinstance(error, SourceUnreachable)
    assert calls == 2  # one retry, no more


async def test_a_server_that_is_whole_again_is_heard() -> None:
    """The negative control of the broken answers: the same request succeeds once the server behaves."""
    calls = 0

    async def second_time(_head: bytes, writer: asyncio.StreamWriter) -> None:
        nonlocal calls
        calls += 1
        writer.write(whole(TOKEN_BODY) if calls == 2 else b"")

    async with running_raw(second_time) as port, open_http_client() as http:
        config = local(f"http://127.0.0.1:{port}")
        assert await GatewayAuth(config, GuardedHttp(http, config.policy())).token(timeout_s=3) == "secret-token"


async def test_a_search_on_another_port_never_sees_the_token() -> None:
    """Another port is another origin; the collector is listed in the registry and even allowed to be called."""
    seen: list[bytes] = []

    async def collector(head: bytes, writer: asyncio.StreamWriter) -> None:
        seen.append(head)
        writer.write(whole(b'{"totalElements":0,"result":[]}'))

    async with running_raw(collector) as collector_port:
        entry = (
            b'{"services":[{"id":"x","type":"x.federated-search","apis":[{"id":"search","protocol":"HTTP",'
            b'"url":"http://127.0.0.1:%d/fs"}]}],"total":1}' % collector_port
        )

        async def registry(head: bytes, writer: asyncio.StreamWriter) -> None:
            writer.write(whole(TOKEN_BODY if b"/token" in head else entry))

        async with running_raw(registry) as port, open_http_client() as http:
            origin = f"http://127.0.0.1:{collector_port}"
            for origins, asked in (((), 0), ((origin,), 1)):
                config = FederationConfig((local(f"http://127.0.0.1:{port}", search_origins=origins),))
                got = await FederatedClient(config, http, clock=wall_clock).search(SearchQuery())
                assert (got.sources.ok, got.sources.skipped) == (asked, 1 - asked)
    assert len(seen) == 1
    assert b"secret-token" not in seen[0]
    assert b"authorization" not in seen[0].lower()


def certificate_for(name: str, folder: Path) -> tuple[Path, Path]:
    """A self-signed certificate for `name`, and its key."""
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    key = signing_key()
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(wall_clock() - timedelta(days=1))
        .not_valid_after(wall_clock() + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    certificate, private = folder / "certificate.pem", folder / "key.pem"
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return certificate, private


@pytest.mark.parametrize(("name", "trusted"), [("registry.example", True), ("other.example", False)])
async def test_tls_checks_the_name_though_we_connect_to_the_judged_address(
    name: str, trusted: bool, tmp_path: Path
) -> None:
    certificate, key = certificate_for("registry.example", tmp_path)
    server_side = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    server_side.load_cert_chain(certificate, key)
    hosts: list[bytes] = []

    async def hello(head: bytes, writer: asyncio.StreamWriter) -> None:
        hosts.append(head)
        writer.write(whole(b"{}"))

    trust = ssl.create_default_context(cafile=str(certificate))
    async with running_raw(hello, server_side) as port, httpx.AsyncClient(trust_env=False, verify=trust) as http:
        origin = f"https://{name}:{port}"
        policy = OriginPolicy(frozenset(), private=frozenset({origin}))
        guarded = GuardedHttp(http, policy, resolve=loopback)
        if trusted:
            for _ in range(2):
                assert (await guarded.fetch("s", "GET", f"{origin}/x", timeout_s=3)).body == b"{}"
            assert f"host: registry.example:{port}".encode() in hosts[0].lower()
        else:
            with pytest.raises(SourceUnreachable):
                await guarded.fetch("s", "GET", f"{origin}/x", timeout_s=3)
            assert hosts == []
