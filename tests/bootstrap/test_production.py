"""A table of bad configurations: a profile other than development starts with none of them, and says what to do."""

import json
import re
import sys
from pathlib import Path

import pytest

from bootstrap import cli, options
from bootstrap.container import open_container
from bootstrap.production import wiring_refusals
from bootstrap.settings import Settings, SettingsRefused, load_settings
from contracts.deployer import AddressBook
from contracts.signers import LocalSigner, encrypt_key
from notifications.vapid import generate_vapid_key
from tests.bootstrap.test_container import DELIVERY, EURO, FACTORY, SUPPLY
from tests.bootstrap.test_settings import COMPLETE

POSTGRESQL = "postgresql+psycopg://shop:a-long-one@db.internal/shop"
BAD = {
    "a short secret": ({"JWT_SECRET": "short"}, "JWT_SECRET"),
    "a short secret that is read too": ({"JWT_SECRET_ALSO_READ": "short"}, "JWT_SECRET_ALSO_READ"),
    "the same secret twice": ({"JWT_SECRET_ALSO_READ": COMPLETE["JWT_SECRET"]}, "JWT_SECRET_ALSO_READ"),
    "cheap password hashes": ({"ARGON2_PASSES": "1"}, "ARGON2_PASSES"),
    "an arbiter that is no address": ({"ARBITER": "the-arbiter"}, "ARBITER"),
    "a token that is no address": ({"TOKEN": "EURC"}, "TOKEN"),
    "the example's contact": ({"PUSH_CONTACT": "mailto:operator@example.org"}, "PUSH_CONTACT"),
    "the example's sender of letters": (
        {"MAIL_URL": "smtps://mail.example", "PUBLIC_URL": "https://shop.example"},
        "MAIL_FROM",
    ),
    "letters whose links lead nowhere": (
        {"MAIL_URL": "smtps://mail.example", "MAIL_FROM": "shop@shop.example", "PUBLIC_URL": ""},
        "PUBLIC_URL",
    ),
    "a mail server of another kind": ({"MAIL_URL": "http://mail.example"}, "MAIL_URL"),
    "no confirmations": ({"CONFIRMATIONS": "0"}, "CONFIRMATIONS"),
    "any proxy": ({"TRUSTED_PROXIES": "*"}, "TRUSTED_PROXIES"),
    "any push service": ({"PUSH_ORIGINS": "https://push.example.net,*"}, "PUSH_ORIGINS"),
    "a file that several computers should share": ({"BROKER_URL": "amqp://shop:own@broker/"}, "DATABASE_URL"),
    "the broker's first password": (
        {"BROKER_URL": "amqp://guest:guest@broker/", "DATABASE_URL": POSTGRESQL},
        "BROKER_URL",
    ),
    "a database without a password": ({"DATABASE_URL": "postgresql+psycopg://postgres:postgres@db/x"}, "DATABASE_URL"),
    "a registry without encryption": ({"REGISTRY_URL": "http://registry.example.net"}, "REGISTRY_URL"),
    "a broker of another kind": ({"BROKER_URL": "redis://broker/"}, "BROKER_URL"),
    "no secrets at all": ({"JWT_SECRET": "", "RELAYER_PASSWORD": ""}, "JWT_SECRET, RELAYER_PASSWORD"),
}


@pytest.fixture(autouse=True)
def complete(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An environment with which production starts, in a folder of its own."""
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    for name, value in COMPLETE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)


def test_the_complete_environment_is_good() -> None:
    """Negative control: each row below is bad for what it adds."""
    assert not load_settings().development


@pytest.mark.req(14, 177)
@pytest.mark.parametrize(("environment", "named"), BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("command", ["api", "worker"])
def test_a_bad_configuration_starts_nothing(
    command: str,
    environment: dict[str, str],
    named: str,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "argv", ["lotsizeone", command])
    monkeypatch.setattr(options, "start_log", lambda: None)
    with pytest.raises(SystemExit) as end:
        cli.main()
    assert end.value.code == 2
    words = capfd.readouterr().err
    assert re.fullmatch(r"lotsizeone: [^\n]+\n", words)
    assert named in words
    assert not [value for value in environment.values() if len(value) > 6 and value in words]


KEY, OTHER = b"\x11" * 32, b"\x22" * 32
WIRED = {"money": "0x" + "44" * 20, "test_euro": None, "relayer": "0x" + "55" * 20, "arbiter": "0x" + "66" * 20}


def test_what_is_wired_may_be_good() -> None:
    assert list(wiring_refusals(100, frozenset({31337}), **WIRED)) == []  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("chain_id", "given", "named"),
    [
        (31337, {}, "chain 31337 is for development"),
        (100, {"money": "0x" + "AB" * 20, "test_euro": "0x" + "ab" * 20}, "TOKEN"),
        (100, {"arbiter": "0x" + "55" * 20}, "ARBITER"),
    ],
)
def test_what_is_wired_may_be_bad(chain_id: int, given: dict[str, str], named: str) -> None:
    (told,) = wiring_refusals(chain_id, frozenset({31337}), **WIRED | given)  # type: ignore[arg-type]
    assert named in told


@pytest.mark.req(14)
@pytest.mark.parametrize(
    ("chain_id", "token", "arbiter", "named"),
    [
        (31337, "0x" + "77" * 20, "0x" + "66" * 20, "chain 31337"),
        (100, EURO, "0x" + "66" * 20, "TOKEN"),
        (100, "0x" + "77" * 20, LocalSigner(KEY).address, "ARBITER"),
    ],
)
async def test_the_address_book_and_the_keys_are_looked_at(
    chain_id: int, token: str, arbiter: str, named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keystore = tmp_path / "relayer.json"
    keystore.write_text(json.dumps(encrypt_key(KEY, "p", iterations=2)))
    AddressBook(chain_id, FACTORY, DELIVERY, SUPPLY, EURO, 1).save(tmp_path / "contracts.json")
    for name, value in {"RELAYER_KEYSTORE": str(keystore), "TOKEN": token, "ARBITER": arbiter}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DATA_DIR", str(tmp_path))
    monkeypatch.setenv("VAPID_PRIVATE_KEY", generate_vapid_key().private_key)
    with pytest.raises(SettingsRefused, match=named):
        async with open_container(load_settings()):
            pass
