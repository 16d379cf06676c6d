"""The benchmark of firm quotes: its judge sees whatever was not signed, and planted faults make it fall short."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from benchmarks import firm_quotes
from benchmarks.firm_flow.market import Run
from benchmarks.firm_flow.opened import FirmQuote, Opening, is_as_signed, opening_of
from benchmarks.firm_flow.suppliers import RANKS, SHARES, Mood, mood_of, write_catalogue
from bootstrap.doctor.abi import MEMBERS
from contracts.terms import Terms
from matchmaking.peer.catalogue import load_catalogue
from tests.bootstrap.signing.asking import UNIT, bought, sold

BOTH = {"payee", "payer"}


def opened(typed: Mapping[str, Any], **changes: Any) -> Opening:
    """What the chain tells of the opening of these terms."""
    message = {name.lower(): value for name, value in typed["message"].items()}
    terms = {name: message[name.lower()] for name, _ in MEMBERS}
    numbers = {name: int(terms[name]) for name, kind in MEMBERS if kind.startswith("uint")}
    identity = FirmQuote("", typed, 0, "").id
    return Opening(identity, "0x" + "0a" * 20, terms | numbers | changes)


DELIVERY = sold(total_minor=60_000)["typed_data"]
QUOTE = FirmQuote("ord_1", DELIVERY, 60_000, "2026-01-15")
SUPPLY = bought(parent=bytes.fromhex(QUOTE.id[2:]))["typed_data"]
SUPPLY_ID = FirmQuote("", SUPPLY, 0, "").id
FOUND = {QUOTE.id: opened(DELIVERY), SUPPLY_ID: opened(SUPPLY)}
SIGNED = {QUOTE.id: {"payee"}, SUPPLY_ID: BOTH}


def test_an_opening_as_signed_is_right() -> None:
    assert is_as_signed(QUOTE, FOUND, SIGNED) is None


@pytest.mark.parametrize(
    ("quote", "found", "signed", "why"),
    [
        (QUOTE, {}, SIGNED, "it was not opened"),
        (QUOTE, FOUND | {QUOTE.id: opened(DELIVERY, amount=60_001 * UNIT)}, SIGNED, "amount is 600010000"),
        (QUOTE, FOUND | {QUOTE.id: opened(DELIVERY, deliverBy=5)}, SIGNED, "deliverBy is 5"),
        (QUOTE, FOUND | {QUOTE.id: opened(DELIVERY, payee="0x" + "0f" * 20)}, SIGNED, "payee is 0x0f"),
        (replace(QUOTE, total_minor=59_999), FOUND, SIGNED, "59999 cents that were shown"),
        (replace(QUOTE, deliver_by="2026-01-14"), FOUND, SIGNED, "2026-01-14 was shown"),
        (QUOTE, {QUOTE.id: FOUND[QUOTE.id]}, SIGNED, "0 supplies were opened"),
        (QUOTE, FOUND, {QUOTE.id: {"payee"}, SUPPLY_ID: {"payer"}}, f"not signed {SUPPLY_ID}"),
        (QUOTE, FOUND, {SUPPLY_ID: BOTH}, f"not signed {QUOTE.id}"),
    ],
)
def test_the_judge_sees_what_was_not_signed(
    quote: FirmQuote, found: dict[str, Opening], signed: dict[str, set[str]], why: str
) -> None:
    assert why in (is_as_signed(quote, found, signed) or "")


def test_a_log_of_the_factory_is_read_byte_by_byte() -> None:
    message = DELIVERY["message"]
    terms = Terms.from_message(message)
    words = b"".join(
        bytes.fromhex(value[2:]).rjust(32, b"\0")
        if isinstance(value, str)
        else value
        if isinstance(value, bytes)
        else int(value).to_bytes(32, "big")
        for value in terms.as_tuple()
    )
    address = "0x" + "0a" * 20
    topics = [firm_quotes_topic(), QUOTE.id, "0x" + "00" * 12 + address[2:], "0x" + "00" * 32]
    read = opening_of({"topics": topics, "data": "0x" + words.hex()})
    assert (read.id, read.agreement) == (QUOTE.id, address)
    assert is_as_signed(QUOTE, FOUND | {QUOTE.id: read}, SIGNED) is None


def firm_quotes_topic() -> str:
    """The first topic of an opening, as the contracts' own binding computes it."""
    from contracts.abi import fragments  # noqa: PLC0415

    (found,) = [one for one in fragments("AgreementFactory", "event") if one.name == "Opened"]
    return "0x" + found.hash.hex()


def run_of(firm: int, opened_: int, *, to_open_s: float = 1.0) -> tuple[Run, dict[str, str]]:
    """A run of a hundred orders."""
    quotes = [replace(QUOTE, order=f"ord_{number}") for number in range(firm)]
    run = Run(orders=100, quotes=quotes, to_open_s=[to_open_s] * firm, seconds=1.0)
    run.found = FOUND
    run.moods = Counter({Mood.SIGNS: 79, Mood.DECLINED: 10, Mood.SILENT: 10, Mood.COUNTERED: 1})
    return run, {f"ord_{number}": "why" for number in range(opened_, firm)}


def test_the_figures_are_what_they_say() -> None:
    run, wrong = run_of(99, 98)
    run.own_units = 7 * UNIT
    result = firm_quotes.result_of(run, wrong)
    assert (result.figures["firm_quotes"], result.figures["opened_at_signed"]) == (99, 98)
    assert result.figures["own_money_locked_with_advance_minor"] == 7
    assert result.figures["own_money_locked_without_advance_minor"] == 98 * 10_000
    assert (result.figures["declined"], result.figures["silent"], result.figures["countered"]) == (10, 10, 1)
    assert result.ratios["declined_or_silent"] == 0.2
    assert firm_quotes.missed(result) == []


@pytest.mark.parametrize(
    ("firm", "opened_", "to_open_s", "named"),
    [
        (100, 97, 1.0, "opened_ratio"),
        (97, 97, 1.0, "firm_ratio"),
        (100, 100, 60.5, "confirm to open"),
        (0, 0, 0, "opened"),
    ],
)
def test_each_aim_can_be_missed(firm: int, opened_: int, to_open_s: float, named: str) -> None:
    told = firm_quotes.missed(firm_quotes.result_of(*run_of(firm, opened_, to_open_s=to_open_s)))
    assert any(line.startswith(named) for line in told)


def test_moods_are_seeded_and_as_frequent_as_they_say() -> None:
    drawn = [mood_of(7, order, f"parts-{rank}") for order in range(500) for rank in range(RANKS)]
    assert drawn == [mood_of(7, order, f"parts-{rank}") for order in range(500) for rank in range(RANKS)]
    counted = Counter(drawn)
    for mood, share in SHARES.items():
        assert abs(counted[mood] / len(drawn) - share) < 0.02
    assert drawn != [mood_of(8, order, f"parts-{rank}") for order in range(500) for rank in range(RANKS)]


def test_the_registry_of_many_suppliers_is_one_that_can_be_served(tmp_path: Path) -> None:
    folder = write_catalogue(tmp_path / "catalogue")
    assert load_catalogue(folder / "registry.yaml")


PLANTS = {
    "": [],
    # Nobody is asked next, and nobody is looked for again.
    "from marketplace.domain import sourcing\nsourcing.declined = sourcing.silent = lambda *_: []\n": ["firm_ratio"],
    # Whoever opens takes a cent more.
    "from dataclasses import replace\nfrom contracts import adapter\nopening = adapter.ChainAdapter.open_batch\n"
    "async def dearer(self, key, delivery, supplies):\n"
    "    terms = replace(delivery.terms, amount=delivery.terms.amount + delivery.terms.unit)\n"
    "    await opening(self, key, replace(delivery, terms=terms), supplies)\n"
    "adapter.ChainAdapter.open_batch = dearer\n": ["opened_ratio"],
}


@pytest.mark.integration
@pytest.mark.nightly
@pytest.mark.req(47, 71, 78)
@pytest.mark.parametrize(("plant", "named"), PLANTS.items(), ids=["as it is", "no next in rank", "a cent more"])
def test_firm_quotes_open_as_signed_and_a_planted_fault_shows(
    tmp_path: Path, plant: str, named: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("benchmarks.firm_flow.market.LONGEST_TO_OPEN_S", 30.0)
    monkeypatch.setattr("benchmarks.firm_flow.market.LONGEST_TO_FIRM_S", 90.0)
    (tmp_path / "sitecustomize.py").write_text(plant)
    told: list[str] = []
    run = asyncio.run(
        firm_quotes.measure(
            firm_quotes.SETUPS["sqlite"],
            tmp_path / "run",
            orders=12,
            seed=7,
            minutes=5,
            say=told.append,
            environment={"PYTHONPATH": str(tmp_path)},
        )
    )
    result = firm_quotes.result_of(run, firm_quotes.judged(run))
    missed = [line.split()[0] for line in firm_quotes.missed(result)]
    assert missed == named, (told, run.given_up)
    assert run.moods[Mood.DECLINED] + run.moods[Mood.SILENT] > 0
