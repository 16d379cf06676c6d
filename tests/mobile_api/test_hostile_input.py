"""Hostile values at every place of every operation, generated from the description: texts, bodies, numbers, columns.

Nothing answers with a fault of ours, and what is refused is not half written. In `make test` each place gets a share of
each corpus and each value goes to some places; the nightly run sends everything everywhere.
"""

import json
import logging
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from marketplace.application import cancel_order as cancelling
from marketplace.persistence.tables import metadata
from mobile_api.errors import safe_field
from tests.mobile_api.attacks import Attack, Place, bodies, keeping_nothing, number_places, role_of, text_places
from tests.mobile_api.house import House
from tests.mobile_api.operations import INGEST, found_at, objects, replaced
from tests.mobile_api.test_hostile_text import corpus

SUITE = Path(__file__).parents[3] / "shared" / "data" / "jsontestsuite"
Record = Callable[[str, object], None]
SHARES = [
    pytest.param(1, id="everything", marks=pytest.mark.nightly),
    pytest.param(12, id="a share"),
]
"""Every how manieth value of a corpus is sent to one place; the next place begins with the next value."""
BAD_NUMBERS = [
    *("NaN", "Infinity", "-Infinity", "1e400", "-1e400", "1.5", "1.0", "1e2", "1E-2", "true", "false", '"12"', '""'),
    *("-1", "-9223372036854775808", "9223372036854775807", "9223372036854775808", "9007199254740992", "9" * 400),
    *("[1]", "{}", "0x10", "01", "+1", "1.", ".5", "1_000", "--1", "١٢", "'1'", '"NaN"', '"1e3"', "9" * 5_000),
]
ODD_NUMBERS = ["-0", "null", "0"]
"""Which a field may take."""
COLUMNS = sorted({column.name for table in metadata.sorted_tables for column in table.columns})
OPTIONAL = {"endpoint", "token", "kind", "organisation_name", "registry_party_id"}
"""Columns that are also fields of a body, of one kind of it or of another."""
OURS = ["role", "status", "total", "total_minor", "organisation_id", "password_hash", "is_admin", "__proto__"]


@pytest.fixture(autouse=True)
def no_fault_in_the_log(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """What nobody foresaw is logged as an error, whatever the answer was."""
    with caplog.at_level(logging.ERROR):
        yield
    assert [record for record in caplog.records if record.levelno >= logging.ERROR] == []


@pytest.mark.req(42)
@pytest.mark.parametrize("share", SHARES)
async def test_hostile_text_at_every_place(house: House, record_property: Record, share: int) -> None:
    attack, before, texts = keeping_nothing(house), house.rows(), corpus()
    places = list(text_places(house, attack.described()))
    for number, place in enumerate(places):
        for text in texts[number % share :: share]:
            answer = await attack.put(place, text)
            # A key that looks like a field of ours is named as one.
            named = place.part == "key" and safe_field(text) == text
            echoed = answer.status >= 400 and len(text) >= 8 and text in answer.text and not named
            assert not echoed, (place.operation.name, place.which, text[:40])
    record_property("requests", attack.answers.total())
    print(attack.said(f"{len(texts)} naughty strings at {len(places)} places"))
    assert house.rows() == before
    assert len(places) >= 70
    assert attack.answers[200] + attack.answers[201] > 100  # else nothing came past the fields


@pytest.mark.parametrize("share", SHARES)
async def test_bodies_that_are_no_json_or_hardly(house: House, record_property: Record, share: int) -> None:
    if not SUITE.is_dir():
        pytest.skip("JSONTestSuite is not beside this checkout")
    files = [file.read_bytes() for file in sorted(SUITE.rglob("*.json"))]
    attack = keeping_nothing(house)
    taking = bodies(attack.described())
    for number, operation in enumerate(taking):
        for body in files[number % share :: share]:
            answer = await attack.send(operation, body=body)
            # Where a body may be left out, nothing at all and an empty object are good.
            assert answer.status in (400, 422) or body.strip() in (b"", b"{}", b"null"), (operation.name, body[:60])
    record_property("requests", attack.answers.total())
    print(attack.said(f"{len(files)} bodies of JSONTestSuite at {len(taking)} operations"))
    assert len(files) == 318


@pytest.mark.req(42)
async def test_numbers_that_are_none(house: House, record_property: Record) -> None:
    attack, before = Attack(house, house.app), house.rows()
    places = list(number_places(house, attack.described()))
    for place in places:
        for literal in BAD_NUMBERS:
            if place.part == "query":
                if literal.strip('"').isdecimal():
                    continue  # in a query every number is a text
                answer = await attack.send(place.operation, query={place.which: literal})
            else:
                answer = await attack.send(place.operation, body=_with(house, place, literal))
            assert answer.status in (400, 422), (place.operation.name, place.which, literal[:30])
    assert house.rows() == before
    undone = keeping_nothing(house)
    for place in places:
        for literal in ODD_NUMBERS if place.part == "body" else ():
            await undone.send(place.operation, body=_with(house, place, literal))
    record_property("requests", attack.answers.total() + undone.answers.total())
    print(attack.said(f"{len(BAD_NUMBERS)} bad numbers at {len(places)} places"))
    assert len(places) >= 10


def _with(house: House, place: Place, literal: str) -> bytes:
    """A good body with this literal at a place, as it stands."""
    body = replaced(place.operation.good(house, role_of(place.operation)), place.which, "@@")
    return json.dumps(body).replace('"@@"', literal).encode()


@pytest.mark.req(42)
async def test_columns_as_fields_that_nobody_asked_for(house: House, record_property: Record) -> None:
    """Every column of every table beside the fields of every object of every body: each is refused by its name."""
    attack, before, tried = Attack(house, house.app), house.rows(), 0
    for operation in bodies(attack.described()):
        good = operation.good(house, role_of(operation))
        for at in objects(good):
            fields = set(found_at(good, at))
            extra = [name for name in [*COLUMNS, *OURS] if name not in fields | OPTIONAL]
            free = at[-1:] == ("configuration",)  # its keys are options of the product, 64 at most
            for some in [extra[start : start + 40] for start in range(0, len(extra), 40)] if free else [extra]:
                body = replaced(good, at, found_at(good, at) | dict.fromkeys(some, "injected"))
                answer = await attack.send(operation, body=json.dumps(body).encode())
                tried += len(some)
                if operation.name == INGEST:
                    continue  # what it does not know it does not read: the rows below say that nothing was kept
                assert answer.status == 422, (operation.name, at)
                named = {error["field"].rpartition(".")[2] for error in answer.json()["errors"]}
                assert named & set(some) if free else named >= set(some), (operation.name, at)
    record_property("fields", tried)
    print(attack.said(f"{len(COLUMNS)} columns as {tried} fields"))
    assert house.rows() == before


async def test_columns_in_a_query_change_nothing(house: House) -> None:
    injected = dict.fromkeys([*COLUMNS, *OURS], "injected")
    plain, asked = keeping_nothing(house), keeping_nothing(house)
    for operation in plain.described():
        known = {parameter["name"] for parameter in operation.said.get("parameters", [])}
        query = {name: value for name, value in injected.items() if name not in known}
        assert (await asked.send(operation, query=query)).status == (await plain.send(operation)).status
    assert plain.answers == asked.answers


async def test_a_fault_behind_one_field_is_seen(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """The control: an operation that falls over one text of the corpus."""
    cancel = cancelling.cancel_order

    async def fall(*who: Any, reason: str) -> Any:
        if reason == "${jndi:ldap://x}":
            raise ZeroDivisionError
        return await cancel(*who, reason=reason)

    monkeypatch.setattr(cancelling, "cancel_order", fall)
    attack = keeping_nothing(house)
    places = [place for place in text_places(house, attack.described()) if place.operation.rest == "cancel"]
    (place,) = [place for place in places if place.part == "body"]

    async def everything() -> None:
        for text in corpus():
            await attack.put(place, text)

    with pytest.raises(AssertionError, match="500"):
        await everything()
    caplog.clear()
