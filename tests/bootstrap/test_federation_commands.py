"""`registry offers` and `suppliers search`: what they print, what they refuse, and how they end."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from click.testing import Result
from typer.testing import CliRunner

from bootstrap import cli
from bootstrap.commands import suppliers
from bootstrap.settings import Settings
from marketplace.domain.parties import Role
from marketplace.persistence.database import Database
from marketplace.ports.fakes.supplier_directory import FakeSupplierDirectory
from marketplace.ports.supplier_directory import DirectoryUnavailable
from matchmaking.efpf.client import FederatedClient
from matchmaking.efpf.config import FederationConfig
from matchmaking.efpf.query import SearchQuery
from tests.application.example import DRILLING, LISTINGS
from tests.bootstrap.test_container import BOOK
from tests.matchmaking.helpers import PeerUnderTest, Scripted, loopback
from tests.persistence.samples import account, organisation, placing

ITEM: Mapping[str, Any] = {
    "uri": "urn:a",
    "label": {"en": "Base"},
    "price": {"EUR": "1.20"},
    "deliveryTime": {"Day(s)": 2},
    "classificationUri": ["urn:c"],
}


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder of one's own and an environment that says nothing."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(cli.app, arguments)


def told(*arguments: str) -> Any:
    done = run(*arguments, "--json")
    assert done.exception is None, done.exception
    return json.loads(done.stdout)


def written(folder: Path, *items: Mapping[str, Any], party: str = "p") -> str:
    file = folder / "offers.yaml"
    file.write_text(yaml.safe_dump({"parties": [{"id": party, "legalName": party, "items": list(map(dict, items))}]}))
    return str(file)


@pytest.mark.req(72, 181)
def test_offers_are_imported_changed_listed_and_removed(bare: Path) -> None:
    file = written(bare, ITEM, {**ITEM, "uri": "urn:b", "permittedParties": ["friend"]})
    added = {"added": 3, "changed": 0, "same": 0, "removed": 0}
    assert told("registry", "offers", "import", file) == added
    assert told("registry", "offers", "import", file) == {**added, "added": 0, "same": 3}
    file = written(bare, {**ITEM, "price": {"EUR": "1.30"}})
    assert told("registry", "offers", "import", file, "--prune") == {"added": 0, "changed": 1, "same": 1, "removed": 1}
    listed = told("registry", "offers", "list")
    assert [(one["id"], one["price"]) for one in listed["offers"]] == [("urn:a", {"EUR": "1.30"})]
    assert "1.30 EUR" in run("registry", "offers", "list", "--party", "p").stdout
    assert told("registry", "offers", "remove", "urn:a") == {"removed": 1}
    again = run("registry", "offers", "remove", "urn:a")
    assert (again.exit_code, again.stdout) == (1, "0 removed\n")


def test_what_is_for_some_parties_only_is_listed_for_its_owner(bare: Path) -> None:
    told("registry", "offers", "import", written(bare, {**ITEM, "permittedParties": ["friend"]}))
    assert told("registry", "offers", "list")["total"] == 0
    assert told("registry", "offers", "list", "--party", "p")["total"] == 1


def test_a_file_that_takes_over_anothers_offer_changes_nothing(bare: Path) -> None:
    told("registry", "offers", "import", written(bare, ITEM))
    done = run("registry", "offers", "import", written(bare, {**ITEM, "uri": "urn:new"}, ITEM, party="thief"))
    assert "belongs to another party" in str(done.exception)
    assert isinstance(done.exception, ValueError)
    assert told("registry", "offers", "list")["total"] == 1


def test_a_registry_serves_one_thing(bare: Path) -> None:
    done = run("registry", "--stored", "--catalogue", "x.yaml")
    assert "not both" in str(done.exception)


class Federation:
    """Registries behind `suppliers search`, without sockets."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, peer: Any) -> None:
        self.asked: list[FederationConfig] = []

        async def ask(config: FederationConfig, query: SearchQuery) -> Any:
            self.asked.append(config)
            async with peer.http() as http:
                clock = getattr(peer, "clock", lambda: datetime.now(UTC))
                return await FederatedClient(config, http, clock=clock, resolve=loopback).search(query)

        monkeypatch.setattr(suppliers, "_ask", ask)
        monkeypatch.setenv("REGISTRY_PASSWORD", "pw")
        monkeypatch.setenv("REGISTRY_USER", "lso")


GOOD, DEAD = "http://peer.example", "http://dead.example"


def test_all_were_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    Federation(monkeypatch, PeerUnderTest())
    done = run("suppliers", "search", "--registry", GOOD, "--query", "cover")
    assert done.exit_code == 0
    assert done.stdout.splitlines()[0].split("  ")[0] == "Cast cover"
    assert "3 of 3 offers" in done.stderr


def test_only_some_were_heard_and_who_was_not_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    Federation(monkeypatch, _HalfDead())
    done = run("suppliers", "search", "--registry", GOOD, "--registry", DEAD, "--json")
    envelope = json.loads(done.stdout)
    assert (done.exit_code, envelope["partial"]) == (3, True)
    assert envelope["sources"] == {"total": 2, "ok": 1, "stale": 0, "failed": 1, "timed_out": 0, "skipped": 0}
    assert [(one["id"], one["error"]) for one in envelope["by_source"] if one["error"]] == [
        ("dead.example", "unreachable")
    ]
    people = run("suppliers", "search", "--registry", GOOD, "--registry", DEAD)
    assert [line.split()[:2] for line in people.stderr.splitlines() if "unreachable" in line] == [
        ["dead.example", "failed"]
    ]


def test_none_was_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    Federation(monkeypatch, Scripted())
    done = run("suppliers", "search", "--registry", DEAD)
    assert (done.exit_code, done.stdout) == (1, "")
    assert "dead.example" in done.stderr


def test_names_and_passwords_are_for_one_registry_each(monkeypatch: pytest.MonkeyPatch, bare: Path) -> None:
    federation = Federation(monkeypatch, PeerUnderTest())
    for name in ("one", "two"):
        (bare / name).write_text(f"password {name}\n")
    run("suppliers", "search", "--registry", GOOD, "--registry", DEAD, "--user", "u1", "--user", "u2",
        "--password-file", "one", "--password-file", "two")  # fmt: skip
    (config,) = federation.asked
    assert [(one.username, one.password) for one in config.gateways] == [("u1", "password one"), ("u2", "password two")]
    done = run("suppliers", "search", "--registry", GOOD, "--user", "u1", "--user", "u2")
    assert "once for each" in str(done.exception)


def test_the_password_of_our_own_registry_goes_to_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    federation = Federation(monkeypatch, PeerUnderTest())
    monkeypatch.delenv("REGISTRY_PASSWORD")
    done = run("suppliers", "search", "--registry", GOOD)
    assert "--password-file" in str(done.exception)
    assert federation.asked == []


def test_a_strangers_text_moves_no_cursor() -> None:
    shown = suppliers._shown("a\x1b[2Jb\u202ec\n" + "x" * 100)
    assert shown == "a·[2Jb·c·" + "x" * 30 + "…"


class _HalfDead(PeerUnderTest):
    """A peer beside an address where nobody is."""

    def transport(self) -> httpx.AsyncBaseTransport:
        return _Picking(super().transport())


class _Picking(httpx.AsyncBaseTransport):
    def __init__(self, living: httpx.AsyncBaseTransport) -> None:
        self._living = living

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if request.headers["host"] == "dead.example":
            raise httpx.ConnectError("nobody is there", request=request)
        return await self._living.handle_async_request(request)


@pytest.mark.req(72)
def test_an_operator_links_an_organisation_with_a_party_and_takes_it_back(bare: Path) -> None:
    database = Database(f"sqlite:///{bare / 'marketplace.db'}")
    foundry = organisation("org_foundry", name="Tejo Foundry", registry_party_id=None)

    async def prepare() -> None:
        await database.migrate()
        async with database.unit_of_work().write() as tx:
            await tx.parties.add_account(account("acc_tejo", role=Role.SUPPLIER, organisation=foundry))
            other = organisation("org_other", name="Other", registry_party_id="taken")
            await tx.parties.add_account(account("acc_other", role=Role.SUPPLIER, organisation=other))

    async def linked() -> str | None:
        async with database.unit_of_work().read() as tx:
            found = await tx.parties.organisation_named("Tejo Foundry")
        return found.registry_party_id if found else ""

    async def close() -> None:
        await database.close()

    with asyncio.Runner() as runner:
        runner.run(prepare())
        here = ("--data", str(bare))
        done = run("suppliers", "link", "foundry-4711", "Tejo Foundry", *here)
        assert (done.exit_code, "unlink" in done.output) == (0, True)
        assert runner.run(linked()) == "foundry-4711"
        for wrong, why in ((("foundry-4711", "Nobody"), "no organisation"), (("taken", "Tejo Foundry"), "unlink it")):
            refused = run("suppliers", "link", *wrong, *here)
            assert refused.exit_code != 0
            assert why in str(refused.exception)
        assert run("suppliers", "unlink", "Tejo Foundry", *here).exit_code == 0
        assert runner.run(linked()) is None
        runner.run(close())


def _order_that_waits(bare: Path) -> None:
    """An order of Model Factory's that nobody here can drill for."""
    BOOK.save(bare / "contracts.json")
    database = Database(f"sqlite:///{bare / 'marketplace.db'}")
    now = datetime.now(UTC)
    decision = placing(
        now=now,
        product_id="pneumatic-cylinder",
        configuration={"base": "base-40mm", "amount": 40, "engraving": "SENAI"},
        deliver_by=now.date() + timedelta(days=30),
    )

    async def prepare() -> None:
        await database.migrate()
        async with database.unit_of_work().write() as tx:
            maker = organisation("org_maker", name="Model Factory", registry_party_id=None)
            await tx.parties.add_account(account("acc_maker", role=Role.MANUFACTURER, organisation=maker))
            await tx.orders.save(decision.order, decision.events, decision.effects, now)
        await database.close()

    asyncio.run(prepare())


@pytest.mark.req(61, 181)
def test_the_operator_invites_a_party_that_has_not_joined(bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _order_that_waits(bare)
    drills = next(one for one in LISTINGS if one.category == DRILLING)
    directory = FakeSupplierDirectory([replace(drills, supplier_id="foundry-4711", contact="rui@foundry.example")])
    monkeypatch.setattr("bootstrap.container.FederationAdapter", lambda _client: directory)
    here = ("--order", "ord_1", "--data", str(bare))
    done = told("suppliers", "invite", "foundry-4711", *here)
    assert (done["contact"], done["status"]) == ("r•••@foundry.example", "sending")
    assert "rui@" not in json.dumps(done)
    assert "r•••@foundry.example" in run("suppliers", "invite", "foundry-4711", *here).stdout
    for wrong, why in (
        (("nobody", *here), "nobody who offers"),
        (("foundry-4711", "--order", "ord_9", *here[2:]), "no such order"),
    ):
        refused = run("suppliers", "invite", *wrong)
        assert refused.exit_code != 0
        assert why in str(refused.exception)
    directory.fail(DirectoryUnavailable("registry: no answer"))
    assert "cannot be asked just now" in str(run("suppliers", "invite", "foundry-4711", *here).exception)
