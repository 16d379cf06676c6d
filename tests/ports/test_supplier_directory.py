"""SupplierDirectory: what the federation offers for an order's lines, and the two ways in which it may not answer.

The fake lists what examples/registry.yaml holds; the adapter asks our own peer, which serves that file.
"""

import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Protocol

import pytest

from marketplace.domain.configuration import RequiredLine
from marketplace.ports.fakes.supplier_directory import FakeSupplierDirectory, Listing
from marketplace.ports.supplier_directory import (
    DirectoryMisconfigured,
    DirectoryUnavailable,
    Offers,
    SupplierDirectory,
)
from matchmaking.adapter import FederationAdapter
from matchmaking.efpf.client import FederatedClient
from matchmaking.efpf.config import FederationConfig, GatewayConfig
from matchmaking.efpf.transport import open_http_client
from tests.matchmaking.integration.servers import local, running_peer, wall_clock

BASE, COVER, DRILLING = (
    "urn:lso:category:cylinder-base",
    "urn:lso:category:cylinder-cover",
    "urn:lso:operation:machining",
)
LINES = (
    RequiredLine("bases", "Cylinder bases", BASE, 40, {"diameter@mm": "40"}),
    RequiredLine("covers", "Cylinder covers", COVER, 40, {}),
    RequiredLine("machining", "Drilling of the bases", DRILLING, 40, {}),
)
OFFERED = {
    ("bases", "amp", 4_800, 2, 1),
    ("bases", "tejo-precision", 6_200, 1, 1),
    ("bases", "volume-castings", 3_120, 21, 500),
    ("covers", "amp", 2_800, 2, 1),
    ("covers", "tejo-precision", 3_680, 1, 1),
    ("covers", "volume-castings", 2_200, 84, 1),
    ("machining", "reconcavo-machining", 3_200, 1, 1),
    ("machining", "tejo-precision", 4_400, 1, 1),
}
"""(line, supplier, cents for forty, days, least lot): what anybody may see of the example."""


class Federation(Protocol):
    """A federation in several conditions, as buyers meet it."""

    async def well(self, buyer: str = "lso") -> SupplierDirectory: ...
    async def dead(self) -> SupplierDirectory: ...
    async def refusing(self) -> SupplierDirectory: ...
    async def half_dead(self) -> SupplierDirectory: ...


def _listing(supplier: str, category: str, unit_minor: int, days: int, **more: object) -> Listing:
    name, slug = supplier.title(), f"{supplier}:{category}"
    attributes = {"diameter@mm": ("40",)} if category == BASE else {}
    known = {"material": "aluminium", "attributes": attributes} | more
    return Listing(slug, supplier, name, slug, category, unit_minor, days, **known)  # type: ignore[arg-type]


class FakeFederation:
    """The listings of the example, by hand."""

    def __init__(self) -> None:
        members = frozenset({"cooperative-member-1", "cooperative-member-2"})
        self._directory = FakeSupplierDirectory(
            [
                _listing("amp", BASE, 120, 2),
                _listing("amp", COVER, 70, 2),
                _listing("reconcavo-machining", DRILLING, 80, 1, contact="rui@reconcavo.example"),
                _listing("tejo-precision", BASE, 155, 1),
                _listing("tejo-precision", COVER, 92, 1),
                _listing("tejo-precision", DRILLING, 110, 1),
                _listing("volume-castings", BASE, 78, 21, minimum_quantity=500),
                _listing("volume-castings", COVER, 55, 84),
                _listing("member-machining", DRILLING, 50, 1, only_for=members),
            ]
        )

    async def well(self, buyer: str = "lso") -> SupplierDirectory:
        return self._directory

    async def dead(self) -> SupplierDirectory:
        self._directory.fail(DirectoryUnavailable("memory: no answer"))
        return self._directory

    async def refusing(self) -> SupplierDirectory:
        self._directory.fail(DirectoryMisconfigured("memory: credentials_refused"))
        return self._directory

    async def half_dead(self) -> SupplierDirectory:
        self._directory.fall_silent("elsewhere")
        return self._directory


@dataclass
class RealFederation:
    """Our peer over loopback, and clients that reach it, or do not."""

    stack: AsyncExitStack
    url: str

    async def well(self, buyer: str = "lso") -> SupplierDirectory:
        user = "member" if buyer.startswith("cooperative") else "lso"
        return await self._asking(local(self.url, username=user))

    async def dead(self) -> SupplierDirectory:
        return await self._asking(local(_nowhere()))

    async def refusing(self) -> SupplierDirectory:
        return await self._asking(local(self.url, password="another"))

    async def half_dead(self) -> SupplierDirectory:
        return await self._asking(local(self.url), local(_nowhere(), gateway_id="elsewhere"))

    async def _asking(self, *gateways: GatewayConfig) -> SupplierDirectory:
        http = await self.stack.enter_async_context(open_http_client())
        # Patient: the machine may be busy, and how fast an answer comes is another test's business.
        config = FederationConfig(gateways, deadline_s=10.0, source_deadline_s=8.0)
        return FederationAdapter(FederatedClient(config, http, clock=wall_clock))


def _nowhere() -> str:
    """An address on loopback where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return f"http://127.0.0.1:{free.getsockname()[1]}"


@pytest.fixture(params=["fake", pytest.param("federation", marks=pytest.mark.integration)])
async def federation(request: pytest.FixtureRequest) -> AsyncIterator[Federation]:
    if request.param == "fake":
        yield FakeFederation()
        return
    async with running_peer() as url, AsyncExitStack() as stack:
        yield RealFederation(stack, url)


def facts(answer: Offers) -> set[tuple[str, str, int, int, int]]:
    return {
        (found.line_id, found.supplier_id, found.amount_minor, found.lead_time_days, found.minimum_quantity)
        for found in answer.offers
    }


@pytest.mark.req(61, 62, 63, 64, 65, 66, 67, 70)
async def test_offers_for_every_line_at_the_price_of_the_whole_quantity(federation: Federation) -> None:
    answer = await (await federation.well()).search(LINES, buyer="lso")
    assert facts(answer) == OFFERED
    assert (answer.partial, answer.asked, answer.failed) == (False, 1, ())
    for found in answer.offers:
        assert found.currency == "EUR"
        assert found.id
        assert found.source
        assert found.supplier_name
        assert found.label


@pytest.mark.req(67)
async def test_a_material_is_named_where_the_supplier_names_it(federation: Federation) -> None:
    answer = await (await federation.well()).search(LINES[:1], buyer="lso")
    assert {found.material for found in answer.offers} == {"aluminium"}


async def test_an_attribute_that_nobody_states_is_not_met(federation: Federation) -> None:
    odd = RequiredLine("bases", "Bases", BASE, 40, {"diameter@mm": "41"})
    unsaid = RequiredLine("covers", "Covers", COVER, 40, {"colour": "red"})
    answer = await (await federation.well()).search([odd, unsaid], buyer="lso")
    assert answer.offers == ()
    assert not answer.partial


async def test_what_is_meant_for_some_is_shown_to_them_alone(federation: Federation) -> None:
    buyer = "cooperative-member-1"
    answer = await (await federation.well(buyer)).search(LINES[2:], buyer=buyer)
    assert ("machining", "member-machining", 2_000, 1, 1) in facts(answer)
    others = await (await federation.well()).search(LINES[2:], buyer="lso")
    assert "member-machining" not in {found.supplier_id for found in others.offers}


async def test_nothing_wanted_nothing_offered(federation: Federation) -> None:
    assert (await (await federation.well()).search([], buyer="lso")).offers == ()


@pytest.mark.req(69)
async def test_a_dead_registry_is_unavailable(federation: Federation) -> None:
    with pytest.raises(DirectoryUnavailable) as refused:
        await (await federation.dead()).search(LINES, buyer="lso")
    assert str(refused.value)


async def test_a_wrong_password_is_a_misconfiguration(federation: Federation) -> None:
    with pytest.raises(DirectoryMisconfigured) as refused:
        await (await federation.refusing()).search(LINES, buyer="lso")
    assert "credentials_refused" in str(refused.value)


async def test_one_dead_source_makes_the_answer_partial_and_is_named(federation: Federation) -> None:
    answer = await (await federation.half_dead()).search(LINES, buyer="lso")
    assert facts(answer) == OFFERED
    assert (answer.partial, answer.asked, answer.failed) == (True, 2, ("elsewhere",))


async def test_the_fake_heals_and_remembers_what_it_was_asked() -> None:
    directory = FakeSupplierDirectory([_listing("amp", BASE, 120, 2)])
    directory.fail(DirectoryUnavailable("away"))
    with pytest.raises(DirectoryUnavailable):
        await directory.search(LINES, buyer="me")
    directory.heal()
    assert len((await directory.search(LINES[:1], buyer="me")).offers) == 1
    assert [buyer for _, buyer in directory.asked] == ["me", "me"]


@pytest.mark.req(61)
async def test_the_contact_that_a_registry_names_comes_with_the_offers(federation: Federation) -> None:
    found = await (await federation.well()).search(LINES, buyer="lso")
    named = {(offer.supplier_id, offer.contact) for offer in found.offers if offer.contact}
    assert named == {("reconcavo-machining", "rui@reconcavo.example")}
