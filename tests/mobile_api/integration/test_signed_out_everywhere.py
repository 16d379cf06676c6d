"""Two API processes on one database: what was signed out at one is signed out at both, and after they start again."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from bootstrap.demo import supervisor
from bootstrap.demo.supervisor import Supervisor, free_port
from tests.bootstrap.test_container import ANA, BOOK, MAKER
from tests.mobile_api.knocking import GATEWAYS, PEOPLES, SIGN_OUT, STREAM, opened
from tests.mobile_api.oauth import bearer, partner_form

pytestmark = pytest.mark.integration

EVERYWHERE = PEOPLES | GATEWAYS
STAYING = PEOPLES - {SIGN_OUT}
TIMEOUT_S = 30.0
START_S = 180.0
"""Two starts at once, on a computer with ten other things to do: a minute has been too short."""


@dataclass(frozen=True)
class Shop:
    """A data folder and a database, and where two processes serve them."""

    folder: Path
    database: str
    ports: tuple[int, int] = field(default_factory=lambda: (free_port(), free_port()))

    @asynccontextmanager
    async def open(self) -> AsyncIterator[list[httpx.AsyncClient]]:
        """Both processes, from their start to their end, and a client for each."""
        processes = Supervisor(self.folder, lambda _: None)
        given = {
            "DATABASE_URL": self.database,
            "CHAIN_URL": "http://127.0.0.1:1",  # nobody's: no request here needs a chain
            "ARGON2_MEMORY_KIB": "1024",
            "ARGON2_PASSES": "1",
            "METRICS_PORT": "",
        }
        async with AsyncExitStack() as stack:
            stack.callback(processes.end)
            for port in self.ports:
                processes.start(f"api-{port}", ["api", "--data", str(self.folder), "--port", str(port)], given)
            clients = []
            for port in self.ports:
                url = f"http://127.0.0.1:{port}"
                await processes.ready(f"api-{port}", f"{url}/livez")
                http = httpx.AsyncClient(base_url=url, timeout=TIMEOUT_S, trust_env=False)
                clients.append(await stack.enter_async_context(http))
            yield clients


@pytest.fixture
def shop(url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """A shop that is not open yet; its contracts have addresses, and nobody asks their chain."""
    monkeypatch.setattr(supervisor, "READY_TIMEOUT_S", START_S)
    BOOK.save(tmp_path / "contracts.json")
    return Shop(tmp_path, url)


async def signed_in(client: httpx.AsyncClient, account: Mapping[str, Any]) -> dict[str, str]:
    """Headers of somebody who has signed in."""
    answer = await client.post("/v1/tokens", auth=(account["email"], account["password"]))
    assert answer.status_code == 200, answer.text
    return bearer(answer)


async def partner_of(client: httpx.AsyncClient, maker: Mapping[str, str]) -> dict[str, str]:
    """Headers of a program that acts for the maker's organisation."""
    body = {"name": "Board", "kind": "partner", "scope": "read write", "redirect_uris": []}
    made = await client.post("/v1/oauth/clients", json=body, headers=dict(maker))
    answer = await client.post("/v1/oauth/token", data=partner_form(made.json()))
    assert answer.status_code == 200, answer.text
    return bearer(answer)


@pytest.mark.req(6, 7)
async def test_what_was_signed_out_at_one_opens_nothing_at_both_and_after_a_restart(shop: Shop) -> None:
    async with shop.open() as (one, two):
        for account in (ANA, MAKER):
            assert (await one.post("/v1/accounts", json=account)).status_code == 201
        ana, maker = await signed_in(one, ANA), await signed_in(one, MAKER)
        partner = await partner_of(one, maker)
        at_the_other = await signed_in(two, ANA)
        for client in (one, two):
            for headers in (ana, partner):
                # The control: each door of theirs opens, the stream's too, as long as they are signed in.
                assert await opened(client, STAYING, headers) == STAYING
        for headers in (ana, partner):
            assert (await two.delete("/v1/tokens/current", headers=headers)).status_code == 204
        for client in (one, two):
            for headers in (ana, partner):
                assert await opened(client, EVERYWHERE, headers) == set()
    async with shop.open() as (one, two):
        for client in (one, two):
            for headers in (ana, partner):
                assert await opened(client, EVERYWHERE, headers) == set()
            # Whoever did not sign out is still signed in: it is no new secret that shuts the doors.
            for headers in (at_the_other, maker):
                assert await opened(client, STAYING, headers) == STAYING
    assert STREAM in STAYING
