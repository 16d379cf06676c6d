"""Hostile text that is taken is given back letter for letter; where it all goes says `test_hostile_input`."""

import json
from pathlib import Path

from tests.mobile_api.world import PASSWORD, World, basic

CORPUS = Path(__file__).parents[3] / "shared" / "data" / "blns.json"
OURS = [
    "",
    " ",
    "\x00",
    "a\x00b",
    "\ud800",
    "\udfff\ud800",
    "\ufeff",
    "\u202eevil",
    "\x07\x1b[31m",
    "Z\u0351\u036bA\u0343\u036a",
    "\N{PILE OF POO}" * 40,
    "田中さん",
    "' OR 1=1 --",
    "'; DROP TABLE accounts; --",
    "${jndi:ldap://x}",
    "{{7*7}}",
    "<script>alert(1)</script>",
    "=cmd|' /C calc'!A0",
    "../../../etc/passwd",
    "%s%s%s%n",
    "1e400",
    "NaN",
    "null",
    "x" * 100_000,
]


def corpus() -> list[str]:
    """The big list of naughty strings, where it is at hand, and ours."""
    if not CORPUS.is_file():
        return OURS
    return OURS + [text for text in json.loads(CORPUS.read_text("utf-8")) if isinstance(text, str)]


async def test_names_are_given_back_letter_for_letter(world: World) -> None:
    kept = 0
    for number, text in enumerate(OURS):
        email = f"person{number}@example.com"
        body = {"email": email, "password": PASSWORD, "display_name": text, "role": "customer"}
        headers = {"Content-Type": "application/json"}
        answer = await world.client.post("/v1/accounts", content=json.dumps(body), headers=headers)
        assert answer.status_code in (201, 422), text[:40]
        if answer.status_code == 201:
            kept += 1
            token = (await world.client.post("/v1/tokens", headers=basic(email, PASSWORD))).json()
            assert token["account"]["display_name"] == text
    assert kept >= 15


async def test_hostile_passwords_work_or_are_refused(world: World) -> None:
    for number, text in enumerate(OURS):
        email, password = f"person{number}@example.com", "0123456789" + text
        body = {"email": email, "password": password, "display_name": "Ada", "role": "customer"}
        headers = {"Content-Type": "application/json"}
        made = await world.client.post("/v1/accounts", content=json.dumps(body), headers=headers)
        assert made.status_code in (201, 422)
        if made.status_code == 201:
            assert (await world.client.post("/v1/tokens", headers=basic(email, password))).status_code == 200


async def test_a_password_is_the_same_however_its_letters_are_composed(world: World) -> None:
    body = {"email": "e@example.com", "password": "caf\u00e9-caf\u00e9-10", "display_name": "E", "role": "customer"}
    assert (await world.client.post("/v1/accounts", json=body)).status_code == 201
    answer = await world.client.post("/v1/tokens", headers=basic("e@example.com", "cafe\u0301-cafe\u0301-10"))
    assert answer.status_code == 200
