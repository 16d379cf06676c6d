"""The remembered events of the chain against its logs: each has its log, and each final log of ours is remembered.

One log may say several things; a remembered event's place is eight times the log's, and the number of the statement.
"""

from collections.abc import Iterator
from typing import Any, Final

from bootstrap.doctor.abi import (
    ADVANCE,
    DIVISIONS,
    NO_MILESTONE,
    PARTIES,
    PAYS_A_MILESTONE,
    STATES,
    Fact,
    raw,
)
from bootstrap.doctor.database import Row, Snapshot
from bootstrap.doctor.failures import Unreadable
from bootstrap.doctor.report import Report
from bootstrap.doctor.rows import text, value, whole
from bootstrap.doctor.spill import Spill
from bootstrap.doctor.terms import read_terms

PARTS: Final = 8
_AT_ONCE: Final = 1_000

_PAYMENTS: Final = frozenset({"AdvanceToSupply", "Withdrawn", "Kept", "Replaced"})
_CREDITS: Final = frozenset({"AdvanceToPayee", "Credited"})

Statement = tuple[int, str, dict[str, Any]]
"""Part, name and fields."""


def statements(fact: Fact, unit: int) -> Iterator[Statement]:
    """What a log says, amounts in cents of `unit` token units."""
    if fact.name in _PAYMENTS:
        yield from _payments(fact, unit)
    elif fact.name == "Opened":
        yield 0, "opened", {"address": fact.fields["agreement"], "transaction": fact.tx}
        if read_terms(fact.fields["terms"]).lane_of(ADVANCE) == 0:
            yield 1, "paid_milestone", {"milestone": 0}
    elif fact.name in _CREDITS:
        yield from _credited(fact, unit)
    else:
        yield 0, *_work(fact, unit)


def _credited(fact: Fact, unit: int) -> Iterator[Statement]:
    said = fact.fields
    if fact.name == "AdvanceToPayee":
        yield from _credits(said["amount"], said["fee"], 0, unit)
        if said["amount"]:
            yield 4, "withdrawn", _payment("payee", said["to"], said["amount"] // unit)
        return
    if said["reason"] in PAYS_A_MILESTONE and said["milestone"] != NO_MILESTONE:
        yield 0, "paid_milestone", {"milestone": said["milestone"]}
    if said["reason"] in DIVISIONS:
        shares = {"payee_minor": said["toPayee"], "fee_minor": said["fee"], "payer_minor": said["toPayer"]}
        amounts = {name: amount // unit for name, amount in shares.items()}
        yield 0, "divided", {"why": DIVISIONS[said["reason"]], **amounts}
    yield from _credits(said["toPayee"], said["fee"], said["toPayer"], unit)


def _payments(fact: Fact, unit: int) -> Iterator[Statement]:
    said = fact.fields
    match fact.name:
        case "AdvanceToSupply":
            yield 0, "advanced", {"supply_id": said["supply"], "amount_minor": said["amount"] // unit}
        case "Withdrawn":
            yield 0, "withdrawn", _payment(PARTIES[said["party"]], said["to"], said["amount"] // unit)
        case "Kept":
            yield 0, "kept", {"party": PARTIES[said["party"]], "amount_minor": said["amount"] // unit}
        case "Replaced":
            yield 0, "replaced", {"successor_id": said["successor"], "amount_minor": said["carried"] // unit}


def _work(fact: Fact, unit: int) -> tuple[str, dict[str, Any]]:
    said = fact.fields
    match fact.name:
        case "Claimed":
            return "claimed", {"milestone": said["milestone"], "matures_at": said["maturesAfter"] + 1}
        case "Contested":
            return "contested", {"milestone": said["milestone"]}
        case "Delivered":
            return "delivered", {"at": said["at"], "penalty_minor": said["penalty"] // unit}
        case "Disputed":
            return "disputed", {"by": said["by"], "decide_by": said["decideBy"]}
        case _:
            return "state", {"state": said["after"] if said["after"] < len(STATES) else None}


def _credits(to_payee: int, fee: int, to_payer: int, unit: int) -> Iterator[Statement]:
    for part, (party, amount) in enumerate((("payee", to_payee), ("fee", fee), ("payer", to_payer)), start=1):
        if amount:
            yield part, "credited", {"party": party, "amount_minor": amount // unit}


def _payment(party: str, address: str, minor: int) -> dict[str, Any]:
    return {"party": party, "address": address, "amount_minor": minor}


def examine_events(report: Report, snapshot: Snapshot, spill: Spill, last: int, frozen: frozenset[str]) -> None:
    """Both ways, up to block `last`. Nothing is looked at before the first reading."""
    has_read = any(row["number"] is not None for row in snapshot.rows("SELECT number FROM chain_cursor"))
    if has_read:
        _remembered(report, snapshot, spill, last, frozen)
        _forgotten(report, spill, last, frozen)


def _remembered(report: Report, snapshot: Snapshot, spill: Spill, last: int, frozen: frozenset[str]) -> None:
    """Every remembered event of a final block against its log. Events of strangers' agreements are theirs."""
    seen: list[tuple[str]] = []
    for row in snapshot.rows("SELECT * FROM chain_events WHERE block <= ? ORDER BY block, log_index", last):
        order = spill.order_of(str(row["agreement_id"]))
        if order is None:
            continue
        report.saw("chain-events")
        try:
            seen.append((_place(whole(row, "block"), whole(row, "log_index")),))
            what = _difference(spill, row)
            if what is None and not row["applied"] and order not in frozen:
                what = "it is final and was not applied"
        except (Unreadable, ValueError) as error:
            what = str(error)
        if what is not None:
            told = f"event {row['name']} of agreement {row['agreement_id']} in block {row['block']}: {what}"
            report.find("chain-events", told, order=order, agreement=str(row["agreement_id"]))
        if len(seen) > _AT_ONCE:
            spill.add("remembered", seen)
            seen.clear()
    spill.add("remembered", seen)


def _forgotten(report: Report, spill: Spill, last: int, frozen: frozenset[str]) -> None:
    """Every final log of an agreement of ours, and what of it is not remembered."""
    for fact, order in spill.known_facts(last):
        for part, name, _ in statements(fact, 1):
            place = _place(fact.block, fact.index * PARTS + part)
            if spill.one("SELECT 1 FROM remembered WHERE place = ?", place) is None and order not in frozen:
                told = f"event {name} of agreement {fact.fields['id']} in {fact.where} is not remembered"
                report.find("chain-events", told, order=order, agreement=str(fact.fields["id"]))


def _place(block: int, index: int) -> str:
    return f"{block}:{index}"


def _difference(spill: Spill, row: Row) -> str | None:
    place, part = divmod(whole(row, "log_index"), PARTS)
    agreement = text(row, "agreement_id")
    fact = spill.fact(whole(row, "block"), place)
    if fact is None:
        return "the chain has no such log"
    if fact.fields["id"] != agreement:
        return f"the log there is about {fact.fields['id']}"
    if fact.block_hash != text(row, "block_hash").lower():
        return f"it is remembered from block {row['block_hash']}, the chain has {fact.block_hash}"
    unit = spill.one("SELECT unit FROM units WHERE agreement = ?", raw(agreement))
    said = next((found for found in statements(fact, int(unit or 1)) if found[0] == part), None)
    stored = (part, text(row, "name"), value(row, "fields"))
    return (
        None if said == stored else f"it is remembered as {stored[2]}, the log says {said[1:] if said else 'nothing'}"
    )
