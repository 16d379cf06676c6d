"""Clients of others, and their codes."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from marketplace.domain.clients import ClientKind
from marketplace.domain.errors import Conflict, InvalidInput
from marketplace.domain.parties import Role
from marketplace.persistence.unit_of_work import SqlUnitOfWork
from marketplace.ports.unit_of_work import FormerSecret, OAuthClient, OAuthCode
from tests.persistence.samples import NAUGHTY, NOW, account, organisation

MAKER = organisation("org_maker")
ADA = account("acc_ada", role=Role.MANUFACTURER, organisation=MAKER)
APP = OAuthClient(
    "cli_app", "org_maker", NAUGHTY, ClientKind.APP, "read write", ("https://a.example/", "a.b:/c"), created_at=NOW
)
PARTNER = replace(
    APP,
    id="cli_partner",
    kind=ClientKind.PARTNER,
    redirect_uris=(),
    account_id="acc_ada",
    secret_hash="sha256:01",
    former_secrets=(FormerSecret("sha256:00", NOW + timedelta(hours=24)),),
)
MINUTE = timedelta(seconds=60)
CODE = OAuthCode("sha256:02", "cli_app", "acc_ada", "a.b:/c", "read", "challenge", NOW + MINUTE, NOW + MINUTE)


@pytest.fixture
async def kept(uow: SqlUnitOfWork) -> SqlUnitOfWork:
    """A database with an app and a partner."""
    async with uow.write() as tx:
        await tx.parties.add_account(ADA)
        for client in (APP, PARTNER):
            await tx.oauth.add_client(client)
    return uow


async def test_a_client_comes_back_as_it_was(kept: SqlUnitOfWork) -> None:
    for opening in (kept.read, kept.write, kept.glance):
        async with opening() as tx:
            assert [await tx.oauth.client(one.id) for one in (APP, PARTNER)] == [APP, PARTNER]
            assert await tx.oauth.client("cli_nobody") is None
    with pytest.raises(Conflict):
        async with kept.write() as tx:
            await tx.oauth.add_client(replace(APP, name="another"))


async def test_an_organisations_clients_come_in_pages(kept: SqlUnitOfWork) -> None:
    async with kept.read() as tx:
        assert await tx.oauth.clients_of("org_maker", 9, None) == [PARTNER, APP]
        assert await tx.oauth.clients_of("org_maker", 1, None) == [PARTNER]
        assert await tx.oauth.clients_of("org_maker", 9, "cli_partner") == [APP]
        assert await tx.oauth.clients_of("org_other", 9, None) == []
        for cursor in ("cli_nobody", ""):
            with pytest.raises(InvalidInput, match="cursor"):
                await tx.oauth.clients_of("org_maker", 9, cursor)
        with pytest.raises(InvalidInput, match="cursor"):
            await tx.oauth.clients_of("org_other", 9, "cli_app")


async def test_secrets_are_replaced(kept: SqlUnitOfWork) -> None:
    former = (FormerSecret("sha256:01", NOW), *PARTNER.former_secrets)
    async with kept.write() as tx:
        await tx.oauth.set_secrets("cli_partner", "sha256:03", former)
    async with kept.read() as tx:
        changed = replace(PARTNER, secret_hash="sha256:03", former_secrets=former)
        assert [await tx.oauth.client(one.id) for one in (APP, PARTNER)] == [APP, changed]


async def test_a_removed_client_takes_its_codes_along(kept: SqlUnitOfWork) -> None:
    async with kept.write() as tx:
        await tx.oauth.add_code(CODE, NOW)
        await tx.oauth.remove_client("cli_app")
    async with kept.read() as tx:
        assert (await tx.oauth.client("cli_app"), await tx.oauth.code(CODE.code_hash)) == (None, None)
        assert await tx.oauth.client("cli_partner") == PARTNER


async def test_of_many_who_ask_at_once_those_of_a_client_that_is_gone_are_told(kept: SqlUnitOfWork) -> None:
    async def ask(client_id: str) -> bool:
        async with kept.glance() as tx:
            return await tx.oauth.is_registered(client_id)

    asked = ["cli_app", "cli_nobody", "cli_partner", "cli_app", ""]
    assert await asyncio.gather(*map(ask, asked)) == [True, False, True, True, False]


async def test_a_code_is_remembered_as_long_as_its_token_lives(kept: SqlUnitOfWork) -> None:
    used, unused = CODE, replace(CODE, code_hash="sha256:03")
    ends = NOW + timedelta(days=7)
    async with kept.write() as tx:
        for code in (used, unused):
            await tx.oauth.add_code(code, NOW)
        await tx.oauth.use_code(used.code_hash, "jti-1", ends)
    remembered = replace(used, token_id="jti-1", forget_at=ends)
    for hours, left in [(0, [remembered, unused]), (1, [remembered, None]), (24 * 7, [None, None])]:
        now = NOW + timedelta(hours=hours)
        async with kept.write() as tx:
            await tx.oauth.add_code(replace(CODE, code_hash=f"sha256:{now}"), now)
            assert [await tx.oauth.code(code.code_hash) for code in (used, unused)] == left
    async with kept.write() as tx:
        await tx.oauth.add_code(CODE, NOW)
        with pytest.raises(Conflict):
            await tx.oauth.add_code(CODE, NOW)


async def test_of_two_who_bring_a_code_the_second_finds_it_used(kept: SqlUnitOfWork) -> None:
    async with kept.write() as tx:
        await tx.oauth.add_code(CODE, NOW)
    seen: list[str | None] = []

    async def use(name: str) -> None:
        async with kept.write() as tx:
            code = await tx.oauth.code(CODE.code_hash)
            assert code is not None
            seen.append(code.token_id)
            await asyncio.sleep(0.05)
            if code.token_id is None:
                await tx.oauth.use_code(CODE.code_hash, name, NOW + MINUTE)

    await asyncio.gather(use("jti-1"), use("jti-2"))
    assert seen[0] is None
    assert seen[1] is not None


async def test_of_two_who_replace_a_secret_neither_undoes_the_others(kept: SqlUnitOfWork) -> None:
    async def replace_it(secret: str) -> None:
        async with kept.write() as tx:
            client = await tx.oauth.client("cli_partner")
            assert client is not None
            assert client.secret_hash is not None
            await asyncio.sleep(0.05)
            former = (FormerSecret(client.secret_hash, NOW + MINUTE), *client.former_secrets)
            await tx.oauth.set_secrets("cli_partner", secret, former)

    await asyncio.gather(replace_it("sha256:11"), replace_it("sha256:12"))
    async with kept.read() as tx:
        client = await tx.oauth.client("cli_partner")
    assert client is not None
    assert {client.secret_hash, *(one.hash for one in client.former_secrets)} == {
        "sha256:00",
        "sha256:01",
        "sha256:11",
        "sha256:12",
    }
