"""Everything is wired from the settings alone, and closed again; nothing is asked of the network at a start."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from bootstrap.api import build_app
from bootstrap.container import open_container
from bootstrap.settings import Settings, SettingsRefused
from contracts.deployer import AddressBook
from tests.mobile_api.world import client_of

FACTORY, DELIVERY, SUPPLY, EURO = ("0x" + digit * 40 for digit in "1234")
BOOK = AddressBook(31337, FACTORY, DELIVERY, SUPPLY, EURO, 1)

ANA = {"email": "ana@example.org", "password": "a long password", "display_name": "Ana", "role": "customer"}

MAKER = ANA | {"email": "maker@example.org", "role": "manufacturer", "organisation_name": "Model Factory"}
"""Its products are offered once it is there."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings of a folder in which the contracts' addresses are known."""
    BOOK.save(tmp_path / "contracts.json")
    return Settings(data_dir=tmp_path, argon2_memory_kib=1_024, argon2_passes=1)


@pytest.mark.req(165)
async def test_everything_is_wired(settings: Settings) -> None:
    async with open_container(settings) as container:
        app = build_app(container)
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://here") as http:
            for account in (ANA, MAKER):
                assert (await http.post("/v1/accounts", json=account)).status_code == 201
            signed_in = (await http.post("/v1/tokens", auth=(ANA["email"], ANA["password"]))).json()
            bearer = {"Authorization": f"Bearer {signed_in['access_token']}"}
            products = (await http.get("/v1/products", headers=bearer)).json()
            assert [item["id"] for item in products["items"]] == ["engraved-sign", "pneumatic-cylinder"]
            # Without a token each door is there, and shut: the phones', the gateways', the one for test money.
            assert (await http.get("/v1/products")).status_code == 401
            assert (await http.get("/v1/gateway/commands")).status_code == 401
            assert (await http.post("/v1/dev/funds")).status_code == 401
    assert (settings.data_dir / "marketplace.db").exists()


async def test_it_opens_again_with_the_same_secrets(settings: Settings) -> None:
    async with open_container(settings) as container:
        first = (container.jwt_secret, container.vapid.public_key)
    async with open_container(settings) as container:
        assert (container.jwt_secret, container.vapid.public_key) == first


async def test_a_token_outlives_its_secret_while_that_is_read(settings: Settings) -> None:
    async with open_container(settings) as container, client_of(build_app(container)) as http:
        assert (await http.post("/v1/accounts", json=ANA)).status_code == 201
        token = (await http.post("/v1/tokens", auth=(ANA["email"], ANA["password"]))).json()["access_token"]
        former = container.jwt_secret
    for also_read, status in ((former, 200), ("", 401)):
        given = {"jwt_secret": SecretStr("n" * 32), "jwt_secret_also_read": SecretStr(also_read)}
        changed = settings.model_copy(update=given)
        async with open_container(changed) as container, client_of(build_app(container)) as http:
            answer = await http.get("/v1/me", headers={"Authorization": f"Bearer {token}"})
            assert answer.status_code == status


async def test_budgets_are_settings(settings: Settings) -> None:
    little = settings.model_copy(update={"address_budget": 100, "account_budget": 100})
    async with open_container(little) as container:
        app = build_app(container)
        far = httpx.ASGITransport(app, client=("203.0.113.7", 1))
        async with client_of(app) as here, httpx.AsyncClient(transport=far, base_url="http://here") as there:
            assert [(await there.post("/v1/accounts", json=ANA)).status_code for _ in range(2)] == [201, 429]
            token = (await here.post("/v1/tokens", auth=(ANA["email"], ANA["password"]))).json()["access_token"]
            bearer = {"Authorization": f"Bearer {token}"}
            assert {(await here.get("/v1/me", headers=bearer)).status_code for _ in range(150)} == {200, 429}


async def test_without_addresses_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsRefused, match="lotsizeone deploy"):
        async with open_container(Settings(data_dir=tmp_path)):
            pass


async def test_a_patient_start_waits_for_the_addresses(tmp_path: Path) -> None:
    async def deploy_later() -> None:
        await asyncio.sleep(0.2)
        BOOK.save(tmp_path / "contracts.json")

    deploying = asyncio.create_task(deploy_later())
    async with open_container(Settings(data_dir=tmp_path, start_patience_s=20)) as container:
        assert container.settings.address_book.exists()
    await deploying


async def test_development_keys_sign_on_no_other_chain(settings: Settings) -> None:
    content = json.loads(settings.address_book.read_text()) | {"chain_id": 1}
    settings.address_book.write_text(json.dumps(content))
    with pytest.raises(SettingsRefused, match="RELAYER_KEYSTORE"):
        async with open_container(settings):
            pass


async def test_without_a_token_there_is_no_money(settings: Settings) -> None:
    content = json.loads(settings.address_book.read_text()) | {"test_euro": None}
    settings.address_book.write_text(json.dumps(content))
    with pytest.raises(SettingsRefused, match="TOKEN"):
        async with open_container(settings):
            pass
