"""The recorded answers, byte for byte as they came (hosts cut), through the three steps of the client."""

from datetime import timedelta
from decimal import Decimal

import httpx
import pytest

from matchmaking.efpf.client import FederatedClient
from matchmaking.efpf.config import FederationConfig
from matchmaking.efpf.query import SearchQuery
from tests.matchmaking.helpers import NOW, PROJECT, Clock, Scripted, answer, gateway, public

GOLDEN = PROJECT / "tests" / "golden" / "federation"


def recorded(name: str) -> httpx.Response:
    """As LinkSmart sends it: with a content type whose version is empty."""
    return answer((GOLDEN / f"{name}.json").read_bytes(), content_type="application/json;version=")


@pytest.mark.req(62, 64, 65, 66, 67)
async def test_the_recorded_answers_lead_to_the_recorded_offer() -> None:
    empty = answer({"totalElements": 37, "result": []})
    federation = (
        Scripted()
        .on("/auth/realms/efpf/protocol/openid-connect/token", recorded("token"))
        .on("/apis/sr/type/suffix/federated-search", recorded("service_catalogue_past_end"))
        .on("/apis/sr/", recorded("service_catalogue"), recorded("service_catalogue_past_end"))
        .on("/apis/fs/item/search", recorded("search_page"), empty)
    )
    config = FederationConfig((gateway(),))
    client = FederatedClient(config, federation.http(), clock=Clock(NOW + timedelta(seconds=3)), resolve=public)
    got = await client.search(SearchQuery(("urn:lso:category:cylinder-base",)))
    (offer,) = got.offers
    assert (offer.name, offer.price, offer.currency, offer.lead_time_h) == ("Base 40 mm", Decimal("12.5"), "EUR", 336)
    assert (offer.materials, offer.party.legal_name) == (("steel",), "Nine Nine One")
    assert offer.party.trust_fulfilment_of_terms == Decimal("0.9")
    # It said 37 and gave one: what is missing is told.
    assert (got.partial, got.by_source[0].status, got.by_source[0].error) == (True, "ok", "wrong_total")
