"""Two marketplaces, each with its registry process: each finds the other's suppliers, and nothing else is installed."""

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from bootstrap import cli
from marketplace.domain.configuration import RequiredLine
from marketplace.ports.supplier_directory import Offers
from matchmaking.adapter import FederationAdapter
from matchmaking.efpf.client import FederatedClient
from matchmaking.efpf.config import FederationConfig
from matchmaking.efpf.transport import open_http_client
from tests.integration.federating import USER, Marketplace, gateway_to, imported, item, marketplace, suppliers
from tests.matchmaking.integration.servers import wall_clock

pytestmark = pytest.mark.integration

BASES = RequiredLine("bases", "Base 40 mm", "urn:lso:category:cylinder-base", 40, {"diameter@mm": "40"})


async def looked_for(buyer: str, *others: Marketplace) -> Offers:
    """What a marketplace finds in the registries of others, through its port."""
    async with open_http_client() as http:
        config = FederationConfig(tuple(map(gateway_to, others)), deadline_s=20, source_deadline_s=10)
        return await FederationAdapter(FederatedClient(config, http, clock=wall_clock)).search([BASES], buyer=buyer)


@pytest.mark.req(72, 75)
async def test_each_finds_the_suppliers_of_the_other(tmp_path: Path) -> None:
    of_north = suppliers("north", item("urn:north:base", "Base 40 mm of the north"))
    of_south = suppliers(
        "south",
        item("urn:south:base", "Base 40 mm of the south", price={"EUR": "0.90"}),
        item("urn:south:friends", "Base for friends", permittedParties=["north"]),
        item("urn:south:hidden", "Base on request", priceHidden=True),
    )
    with (
        marketplace("north", tmp_path / "north", of_north) as north,
        marketplace("south", tmp_path / "south", of_south) as south,
    ):
        assert [offer.id for offer in (await looked_for("south", north)).offers] == ["urn:north:base"]
        # The account, not the question, says who asks: `marketplace` is nobody's friend in the south.
        found = await looked_for("north", south)
        assert [(offer.id, offer.amount_minor) for offer in found.offers] == [("urn:south:base", 3_600)]
        both = await looked_for("north", north, south)
        assert ([offer.id for offer in both.offers], both.partial) == (["urn:south:base", "urn:north:base"], False)

        # What is imported while a registry runs is found at once, and importing again changes nothing.
        more = suppliers("south", item("urn:south:base", "Base 40 mm", price={"EUR": "0.80"}))
        assert imported(tmp_path / "south", more) == "0 added, 1 changed, 1 same, 0 removed"
        assert imported(tmp_path / "south", more, "--prune") == "0 added, 0 changed, 2 same, 2 removed"
        assert [offer.amount_minor for offer in (await looked_for("north", south)).offers] == [3_200]

        asked = [
            "suppliers",
            "search",
            "--user",
            USER,
            "--json",
            "--query",
            "base 40",
            "--data",
            str(tmp_path / "north"),
        ]
        for one in (north, south):
            asked += ["--registry", one.url, "--password-file", str(one.password_file)]
        searched = await asyncio.to_thread(CliRunner().invoke, cli.app, asked)
        envelope = json.loads(searched.stdout)
        assert {offer["item"] for offer in envelope["offers"]} == {"urn:north:base", "urn:south:base"}
        assert (searched.exit_code, envelope["partial"]) == (0, False)
