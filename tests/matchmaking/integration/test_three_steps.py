"""The three steps over real HTTP through our own peer."""

import asyncio
import json
import time
from datetime import timedelta
from typing import Any

import pytest

from matchmaking.efpf.client import FederatedClient
from matchmaking.efpf.config import FederationConfig, GatewayConfig
from matchmaking.efpf.errors import CredentialsRefused, GiveUp, OriginRefused, RetryLater, SourceUnreachable
from matchmaking.efpf.gateway_auth import GatewayAuth
from matchmaking.efpf.query import SearchQuery
from matchmaking.efpf.transport import GuardedHttp, open_http_client
from matchmaking.selection import Constraints, Line, Problem, candidates_for, select
from tests.matchmaking.helpers import CATEGORIES
from tests.matchmaking.integration.servers import local, running_peer, wall_clock

pytestmark = pytest.mark.integration

EVERYTHING = SearchQuery(CATEGORIES, party_id="lso")


async def searched(*gateways: GatewayConfig, times: int = 1, **limits: Any) -> Any:
    async with open_http_client() as http:
        client = FederatedClient(FederationConfig(gateways, **limits), http, clock=wall_clock)
        return [await client.search(EVERYTHING) for _ in range(times)][-1]


@pytest.mark.req(61, 62, 63, 64, 65, 66, 67, 68)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_gateway_registry_search_and_choice(method: str) -> None:
    async with running_peer() as base_url:
        got = (await searched(local(base_url, search_method=method, page_size=4))).require_alive()
    assert (got.sources.ok, got.partial, len(got.offers)) == (1, False, 11)
    lines = [
        Line("bases", 40, CATEGORIES[0], {"diameter@mm": "40"}),
        Line("covers", 40, CATEGORIES[1]),
        Line("machining", 40, CATEGORIES[2]),
    ]
    candidates = tuple(one for line in lines for one in candidates_for(line, got.offers))
    limits = Constraints(max_lead_time_h=14 * 24, seed="order-9")
    chosen = select(Problem(tuple(lines), candidates, constraints=limits))
    assert [choice.candidate.supplier_id for choice in chosen.choices] == ["amp", "amp", "reconcavo-machining"]
    assert chosen.total_minor == 10_800


async def test_a_wrong_password_is_a_typed_error() -> None:
    async with running_peer() as base_url, open_http_client() as http:
        config = local(base_url, password="wrong")
        with pytest.raises(CredentialsRefused) as caught:
            await GatewayAuth(config, GuardedHttp(http, config.policy())).token(timeout_s=3)
        got = await searched(config)
    assert isinstance(caught.value, GiveUp)
    assert got.by_source[0].error == "credentials_refused"
    assert "wrong" not in str(caught.value)


async def test_an_expired_token_is_renewed_without_anybody_noticing() -> None:
    """The peer's clock runs ahead between two searches: the bearer that the client still holds has ended there."""
    ahead = timedelta(0)
    async with running_peer(clock=lambda: wall_clock() + ahead) as base_url, open_http_client() as http:
        client = FederatedClient(FederationConfig((local(base_url),)), http, clock=wall_clock)
        assert (await client.search(EVERYTHING)).sources.ok == 1
        ahead = timedelta(minutes=10)
        assert (await client.search(EVERYTHING)).sources.ok == 1


async def test_a_dead_registry_is_a_typed_error() -> None:
    async with running_peer() as base_url:
        pass  # it is gone now, and its port is free
    config = local(base_url)
    async with open_http_client() as http:
        with pytest.raises(SourceUnreachable) as caught:
            await GatewayAuth(config, GuardedHttp(http, config.policy())).token(timeout_s=3)
    assert isinstance(caught.value, RetryLater)
    got = await searched(config)
    assert (got.sources.failed, got.by_source[0].error) == (1, "unreachable")
    with pytest.raises(RetryLater):
        got.require_alive()


async def test_a_dead_one_does_not_hold_up_the_living() -> None:
    async with running_peer() as dead_url:
        pass
    async with running_peer() as base_url:
        began = time.monotonic()
        got = await searched(local(base_url, gateway_id="alive"), local(dead_url, gateway_id="dead"))
        assert time.monotonic() - began < 3
    assert (got.sources.ok, got.sources.failed, got.partial) == (1, 1, True)
    assert len(got.offers) == 11


async def test_loopback_is_refused_unless_it_is_configured() -> None:
    async with running_peer() as base_url:
        got = await searched(local(base_url, private=False))
    assert got.by_source[0].error == OriginRefused.code


async def test_a_registry_entry_cannot_draw_the_token_to_its_own_server() -> None:
    """A keeper of the peer registers a search on a second peer; it is allowed to us, but not as a home of tokens."""
    async with running_peer() as base_url, running_peer() as other_url, open_http_client() as http:
        keeper = local(base_url, username="keeper")
        api = {"id": "search", "protocol": "HTTP", "url": f"{other_url}/apis/fs"}
        entry = json.dumps({"type": "other.federated-search", "ttl": 60, "apis": [api]}).encode()
        auth = GatewayAuth(keeper, GuardedHttp(http, keeper.policy()))
        made = await auth.fetch("s", "POST", f"{base_url}/apis/sr/", timeout_s=3, body=entry)
        assert made.status == 201

        unknown = await searched(local(base_url))
        assert {report.status for report in unknown.by_source} == {"ok", "skipped"}
        reachable = await searched(local(base_url, search_origins=(other_url,)))
        # The other peer was asked, saw no bearer and said 401.
        assert {report.error for report in reachable.by_source} == {None, "credentials_refused"}


async def test_many_searches_at_once_use_one_token() -> None:
    async with running_peer() as base_url, open_http_client() as http:
        client = FederatedClient(FederationConfig((local(base_url),)), http, clock=wall_clock)
        answers = await asyncio.gather(*(client.search(EVERYTHING) for _ in range(10)))
    assert [answer.sources.ok for answer in answers] == [1] * 10


async def test_a_taken_port_and_an_unknown_address_are_said() -> None:
    async with running_peer() as base_url:
        port = int(base_url.rsplit(":", 1)[1])
        with pytest.raises(OSError, match=r"in use|Address"):
            async with running_peer(port=port):
                raise AssertionError("it cannot be ready")
    with pytest.raises(ValueError, match="public_url"):
        async with running_peer(host="0.0.0.0"):
            raise AssertionError("it cannot be ready")
