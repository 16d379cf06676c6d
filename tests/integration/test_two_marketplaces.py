"""Two marketplaces, started by our own commands, contract each other's suppliers, and both orders are settled.

Each has its own database, chain, worker and registry, and asks the other's registry beside its own. Nobody was told who
is who: a registry names the key with which its supplier signs, and whoever holds it here is asked to sign.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from bootstrap.demo.actors import AMP, MACHINING, Actor, Role
from bootstrap.demo.report import balances
from bootstrap.demo.stage import HOST, Ports, Stage, programs
from bootstrap.demo.supervisor import Supervisor
from bootstrap.deploy import deploy_development
from bootstrap.secrets_store import registry_password
from bootstrap.settings import Settings
from contracts.signers import LocalSigner
from tests.faults.books import Database
from tests.faults.crash import until_settled
from tests.faults.people import PASSWORD, People
from tests.integration.federating import imported, item

pytestmark = [pytest.mark.integration, pytest.mark.nightly]

PRICES = {"north": {"base": "1.55", "cover": "0.70", "drilling": "1.10"}}
PRICES["south"] = {"base": "1.20", "cover": "0.92", "drilling": "0.80"}
"""Covers are cheaper in the north, all else is in the south: each order needs a supplier of either side."""
PROPERTIES = {"base": {"diameter@mm": [40]}, "cover": {"diameter@mm": [40]}, "drilling": {"drilling@s": [1, 2, 3]}}
CATEGORIES = {
    "base": "urn:lso:category:cylinder-base",
    "cover": "urn:lso:category:cylinder-cover",
    "drilling": "urn:lso:operation:machining",
}
COST = {"north": 40 * 70, "south": 40 * (120 + 80)}
"""What the supplier of each side is paid for an order, in cents: forty covers, or forty bases with drilling."""
KEYS = {"north": bytes([7]) * 32, "south": bytes([8]) * 32}


def offers(side: str) -> dict[str, Any]:
    """The catalogue of one side: its only supplier, and the key that this one signs with."""
    items = [
        item(
            f"urn:{side}:{part}",
            f"{part} of the {side}",
            price={"EUR": price},
            classificationUri=[CATEGORIES[part]],
            doubleValue=PROPERTIES[part],
        )
        for part, price in PRICES[side].items()
    ]
    works = {"id": f"{side}-works", "legalName": f"Works of the {side}", "items": items}
    return {"parties": [works | {"signingAddress": LocalSigner(KEYS[side]).address}]}


class Guests(People):
    """The people of one side. Its suppliers are the works of both; nobody says which party of a registry they are."""

    def __init__(self, stage: Stage, database: Database) -> None:
        super().__init__(stage.api_url, stage.push_url, database, seed=1)
        for role, side in ((AMP, "north"), (MACHINING, "south")):
            joins: Role = replace(role, organisation=f"Works of the {side}", registry_party_id=None)
            self._staff[role.name] = Actor(joins, self._http, PASSWORD, KEYS[side])


@dataclass
class Side:
    """A running marketplace and its people."""

    stage: Stage
    database: Database
    people: Guests

    async def money_of(self, side: str) -> int:
        """What the works of a side have on this chain, in token units."""
        works = {"works": Actor(AMP, self.people._http, PASSWORD, KEYS[side])}
        return (await balances(self.stage, works))[works["works"].address.lower()]

    async def supplies_settled(self) -> int:
        """How many supplies are settled; it waits for all there are."""
        async with asyncio.timeout(60):
            while True:
                found = [one["status"] for one in self.database.rows("SELECT status FROM agreements WHERE kind = 2")]
                if set(found) == {"settled"}:
                    return len(found)
                await asyncio.sleep(0.2)


@asynccontextmanager
async def opened(side: str, homes: dict[str, Path], ports: dict[str, Ports]) -> AsyncIterator[Side]:
    """The marketplace of one side: chain, API, worker, registry and push service, each in a process."""
    home, mine = homes[side], ports[side]
    (other,) = set(homes) - {side}
    listed = {
        "id": other,
        "url": f"http://{HOST}:{ports[other].registry}",
        "user": "marketplace",
        "password_file": str(homes[other] / "secrets" / "registry"),
    }
    (home / "registries.json").write_text(json.dumps([listed]), "utf-8")
    supervisor = Supervisor(home, lambda _: None)
    async with AsyncExitStack() as stack:
        stack.callback(supervisor.end)
        for name, program in programs(home, mine).items():
            if name != "factory":
                more = ["--stored"] if name == "registry" else []
                environment = program.environment | {"REGISTRIES": str(home / "registries.json")}
                supervisor.start(name, [*program.arguments, *more], environment)
        chain_url = f"http://{HOST}:{mine.chain}"
        await supervisor.listening("devchain", mine.chain)
        book = await deploy_development(Settings(data_dir=home, chain_url=chain_url))
        stage = Stage(home, mine, book, chain_url)
        await supervisor.ready("api", f"{stage.api_url}/livez")
        await supervisor.ready("push-receiver", f"{stage.push_url}/health")
        await supervisor.listening("registry", mine.registry)
        database = Database(f"sqlite:///{home / 'marketplace.db'}")
        stack.callback(database.close)
        people = Guests(stage, database)
        stack.push_async_callback(people.close)
        await people.join()
        living = asyncio.create_task(people.live())
        stack.callback(living.cancel)
        yield Side(stage, database, people)


@pytest.mark.req(72, 75)
async def test_each_contracts_the_suppliers_of_the_other_and_all_are_paid(tmp_path: Path) -> None:
    homes = {side: tmp_path / side for side in PRICES}
    for side, home in homes.items():
        home.mkdir()
        registry_password(home)
        imported(home, offers(side))
    ports = {side: Ports.free(0) for side in homes}
    async with opened("north", homes, ports) as north, opened("south", homes, ports) as south:
        for side in (north, south):
            await side.people.place()
        for side in (north, south):
            await until_settled(side.people, patience_s=120)
            (order_id,) = side.people.placed
            assert side.people.status() == {order_id: "settled"}, side.people.complaints
            assert await side.supplies_settled() == len(COST)
            # Paid on this side's own chain, whichever registry they were found in.
            assert {name: await side.money_of(name) for name in COST} == {
                name: cents * 10_000 for name, cents in COST.items()
            }
            named = side.database.rows(
                "SELECT registry_party_id FROM organisations WHERE registry_party_id IS NOT NULL"
            )
            assert not named
