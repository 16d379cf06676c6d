"""The signing agent against an interface of paper: it signs what it may, leaves the rest, and signs in again."""

import json
from pathlib import Path
from typing import Any

import httpx
import pytest

from bootstrap.signer import SignerConfig, SigningAgent, load_config
from contracts.signers import LocalSigner, is_signed_by
from contracts.terms import typed_data
from tests.bootstrap.test_limits import CHAIN, FACTORY, LIMITS, UNIT, asked, terms

SIGNER = LocalSigner(b"\x11" * 32)


class Interface:
    """As much of the marketplace's interface as a signer uses."""

    def __init__(self, *requests: dict[str, Any]) -> None:
        self.requests = {request["id"]: request for request in requests}
        self.signatures: dict[str, bytes] = {}
        self.sign_ins = 0
        self.is_token_good = True

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Answer one request."""
        if request.url.path == "/v1/tokens":
            self.sign_ins += 1
            self.is_token_good = True
            return httpx.Response(200, json={"access_token": f"token {self.sign_ins}"})
        if not self.is_token_good:
            return httpx.Response(401)
        if request.method == "GET":
            waiting = [item for name, item in self.requests.items() if name not in self.signatures]
            return httpx.Response(200, json={"items": waiting})
        name = request.url.path.split("/")[-2]
        assert request.headers["Idempotency-Key"] == name
        self.signatures[name] = bytes.fromhex(json.loads(request.content)["signature"][2:])
        return httpx.Response(200, json={})


def agent(interface: Interface) -> SigningAgent:
    """An agent that asks `interface`."""
    config = SignerConfig("http://127.0.0.1", "a@example.org", "p", Path("k"), "p", LIMITS)
    http = httpx.AsyncClient(transport=httpx.MockTransport(interface), base_url="http://127.0.0.1")
    return SigningAgent(config, SIGNER, http)


def request(name: str, **changes: Any) -> dict[str, Any]:
    """A request for a signature of SIGNER as payer."""
    return {"id": name, "typed_data": asked(payer=SIGNER.address, **changes)}


async def test_it_signs_within_the_limits_and_leaves_the_rest_to_a_person() -> None:
    interface = Interface(request("good"), request("dear", amount=50_001 * UNIT), {"id": "odd", "typed_data": 5})
    agents = agent(interface)
    assert await agents.answer_all() == 1
    assert await agents.answer_all() == 0
    assert interface.signatures.keys() == {"good"}
    promised = typed_data(terms(payer=SIGNER.address), CHAIN, FACTORY)
    assert is_signed_by(promised, interface.signatures["good"], SIGNER.address)


async def test_a_token_that_is_no_longer_good_is_replaced() -> None:
    interface = Interface()
    agents = agent(interface)
    await agents.answer_all()
    interface.is_token_good = False
    interface.requests["good"] = request("good")
    assert await agents.answer_all() == 1
    assert interface.sign_ins == 2


GOOD: dict[str, Any] = {
    "api_url": "https://market.example.org",
    "email": "a@example.org",
    "password": "p",
    "keystore": "key.json",
    "keystore_password": "p",
    "limits": {
        "chain_id": CHAIN,
        "factory": FACTORY,
        "token": "0x" + "70" * 20,
        "most_paid_minor": 1,
        "most_received_minor": 1,
    },
}


def written(tmp_path: Path, content: object) -> Path:
    """A configuration file."""
    path = tmp_path / "signer.json"
    path.write_text(json.dumps(content))
    return path


def test_a_good_configuration_is_read_and_hides_its_passwords(tmp_path: Path) -> None:
    config = load_config(written(tmp_path, GOOD | {"password": "pass-word"}))
    assert config.keystore == tmp_path / "key.json"
    assert "pass-word" not in repr(config)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"limits": None}, "Limits"),
        ({"limits": GOOD["limits"] | {"most_paid_minor": float("inf")}}, "most_paid_minor"),
        ({"limits": GOOD["limits"] | {"surplus": 1}}, "surplus"),
        ({"api_url": "http://market.example.org"}, "https"),
        ({"api_url": "market"}, "api_url"),
        ({"email": 5}, "email"),
        ({"surplus": 1}, "surplus"),
    ],
)
def test_a_bad_configuration_names_file_and_fault(tmp_path: Path, change: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=rf"signer\.json .*{named}"):
        load_config(written(tmp_path, GOOD | change))


@pytest.mark.parametrize("absent", ["limits", "keystore", "email"])
def test_what_is_missing_is_named(tmp_path: Path, absent: str) -> None:
    content = {name: value for name, value in GOOD.items() if name != absent}
    with pytest.raises(ValueError, match=rf"signer\.json .*{absent}"):
        load_config(written(tmp_path, content))
