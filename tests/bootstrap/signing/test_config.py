"""The signer's settings: what is wrong is named, by its whole name, and no value is repeated."""

import json
from pathlib import Path
from typing import Any

import pytest

from bootstrap.signing.config import load_config
from tests.bootstrap.signing.asking import CHAIN, FACTORY, TOKEN

LIMITS: dict[str, Any] = {
    "chain_id": CHAIN,
    "factory": FACTORY,
    "token": TOKEN,
    "most_paid_minor": 1,
    "most_received_minor": 1,
}
GOOD: dict[str, Any] = {
    "api_url": "https://market.example.org",
    "email": "a@example.org",
    "password": "pass-word",
    "keystore": "key.json",
    "keystore_password": "pass-phrase",
    "limits": LIMITS,
}


def written(tmp_path: Path, content: object) -> Path:
    """A settings file."""
    path = tmp_path / "signer.json"
    path.write_text(content if isinstance(content, str) else json.dumps(content))
    return path


def test_good_settings_are_read_and_hide_their_passwords(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, GOOD))
    assert config.keystore == tmp_path / "key.json"
    assert config.log == tmp_path / "signer.log.jsonl"
    assert (config.outside, config.password.get_secret_value()) == ("leave", "pass-word")
    assert "pass-" not in repr(config)
    named = load_config(written(tmp_path, GOOD | {"log": "/var/lib/x.jsonl", "outside": "decline"}))
    assert (named.log, named.outside) == (Path("/var/lib/x.jsonl"), "decline")
    assert config.node_url is None
    node = "http://127.0.0.1:8545"
    assert load_config(written(tmp_path, GOOD | {"node_url": node})).node_url == node


def test_every_limit_can_be_set(tmp_path: Path) -> None:
    more = {
        "unit": 1,
        "gateway": "0x" + "03" * 20,
        "arbiter": "0x" + "05" * 20,
        "counterparties": ["0x" + "AB" * 20],
        "least_received_minor": 1,
        "most_paid_per_day_minor": 5,
        "most_received_per_day_minor": 5,
        "highest_fee_bps": 1,
        "highest_penalty_bps": 1,
        "products": ["chair"],
        "lines": {"seat": {"floor_minor": 100, "least_days": 3}, "leg": {}},
        "least_margin_bps": 1_000,
        "least_days": 2,
        "most_days": 60,
        "most_hours_binding": 48,
        "most_running": 20,
        "acceptances": True,
    }
    limits = load_config(written(tmp_path, GOOD | {"limits": LIMITS | more})).limits
    assert set(more) | set(LIMITS) == set(type(limits).model_fields)
    assert limits.counterparties == ("0x" + "ab" * 20,)
    assert limits.lines is not None
    assert (limits.lines["seat"].floor_minor, limits.lines["leg"].floor_minor) == (100, 0)


def limited(**changes: Any) -> dict[str, Any]:
    """Settings with such limits."""
    return {"limits": LIMITS | changes}


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"limits": None}, "limits: "),
        (limited(most_paid_minor=True), r"limits\.most_paid_minor: "),
        (limited(most_paid_minor="50000"), r"limits\.most_paid_minor: "),
        (limited(most_paid_minor=5e4), r"limits\.most_paid_minor: "),
        (limited(most_paid_minor=-1), r"limits\.most_paid_minor: "),
        (limited(most_paid_minor=2**53), r"limits\.most_paid_minor: "),
        (limited(unit=0), r"limits\.unit: "),
        (limited(unit=None), r"limits\.unit: "),
        (limited(factory="0x12"), r"limits\.factory: must be an address"),
        (limited(token=5), r"limits\.token: "),
        (limited(acceptances=1), r"limits\.acceptances: "),
        (limited(surplus=1), r"limits\.surplus is no setting"),
        (limited(lines={"base": {"floor": 1}}), r"limits\.lines\.base\.floor is no setting"),
        (limited(lines={"base": {"floor_minor": -1}}), r"limits\.lines\.base\.floor_minor: "),
        (limited(products=[1]), r"limits\.products\.0: "),
        (limited(counterparties=["me"]), r"limits\.counterparties\.0: must be an address"),
        (limited(least_margin_bps=10_001), r"limits\.least_margin_bps: "),
        ({"outside": "sign"}, "outside: "),
        ({"api_url": "http://market.example.org"}, "api_url: outside this host https is needed"),
        ({"api_url": "market"}, "api_url: must be an http"),
        ({"node_url": "http://node.example.org"}, "node_url: outside this host https is needed"),
        ({"node_url": 5}, "node_url: "),
        ({"email": 5}, "email: "),
        ({"password": None}, "password: "),
        ({"surplus": 1}, "surplus is no setting"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, change: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=rf"signer\.json is not .*: {named}") as refusal:
        load_config(written(tmp_path, GOOD | change))
    assert "pass-" not in str(refusal.value)


@pytest.mark.parametrize("absent", ["api_url", "email", "password", "keystore", "keystore_password", "limits"])
def test_what_is_missing_is_named(tmp_path: Path, absent: str) -> None:
    content = {name: value for name, value in GOOD.items() if name != absent}
    with pytest.raises(ValueError, match=rf"signer\.json .*: {absent} is missing"):
        load_config(written(tmp_path, content))


def test_all_that_is_wrong_is_named_at_once(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"email: .*; limits\.unit: "):
        load_config(written(tmp_path, GOOD | {"email": 5} | limited(unit=0)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        '{"email": NaN}',
        '{"email": 1e400}',
        '{"email": "a", "email": "b"}',
        '{"email": "\\ud800"}',
        '{"email": "a\\u0000"}',
    ],
)
def test_what_has_no_one_meaning_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(ValueError, match=r"signer\.json (cannot be read|must hold)"):
        load_config(written(tmp_path, text))
