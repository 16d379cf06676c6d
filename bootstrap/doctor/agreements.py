"""Each agreement's row against its life on the chain: state, terms, milestones, and every payout."""

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Final

from bootstrap.doctor.books import DIRECT, Due, Life, cents
from bootstrap.doctor.report import Report
from bootstrap.doctor.rows import AgreementRow, PayoutRow
from bootstrap.doctor.terms import differences, terms_id

BEFORE: Final = frozenset({"drafted", "signed", "void"})
"""Statuses of an agreement that no chain knows."""

Tell = Callable[[str, str], None]
"""Told a check and what is wrong."""
Item = tuple[str, str, int]
"""Party, address and cents of a payout."""


def compare(report: Report, row: AgreementRow, life: Life | None, chain_id: int, factory: str) -> None:
    """Every way in which a row and the chain can differ."""

    def tell(check: str, what: str) -> None:
        report.find(check, f"agreement {row.id}: {what}", order=row.order_id, agreement=row.id)

    report.saw("agreement-terms")
    if terms_id(row.terms.words, chain_id, factory) != row.id:
        tell("agreement-terms", "the stored terms are not the ones with this id")
    if life is None:
        report.saw("agreement-without-event")
        if row.status not in BEFORE:
            tell("agreement-without-event", f"the row says {row.status}, the chain knows no opening of it")
        return
    _place(report, row, life, tell)
    report.saw("milestones", len(life.milestones))
    for lane in sorted(row.milestones.keys() | life.milestones.keys()):
        stored, said = row.milestones.get(lane), life.milestones.get(lane)
        if stored != said:
            tell("milestones", f"milestone {lane} is {_milestone(stored)}, on the chain {_milestone(said)}")
    _payouts(report, row, life, tell)
    examine(report, life, row.order_id)


def examine(report: Report, life: Life, order: str | None) -> None:
    """What must be true of a life by itself, whatever the database says."""

    def tell(check: str, what: str) -> None:
        report.find(check, f"agreement {life.id}: {what}", order=order, agreement=life.id)

    report.saw("opened-twice")
    if len(life.openings) > 1:
        tell("opened-twice", f"opened {len(life.openings)} times: " + ", ".join(one.where for one in life.openings))
    owed = life.owed()
    report.saw("paid-twice", len(life.arrived))
    for party, units in sorted(life.arrived.items()):
        if units > owed[party]:
            told = f"the {party} was paid {cents(life, units)} cents and was owed {cents(life, owed[party])}"
            tell("paid-twice", told)
    report.saw("paid-to-stranger")
    for fact in life.strangers:
        tell("paid-to-stranger", f"{fact.fields['to']}, whom the terms do not name, was paid in {fact.where}")
    report.saw("ledger")
    if life.left < 0 or life.holds < 0 or (life.ended and life.left):
        told = f"paid in {cents(life, life.terms['amount'])} cents, credited {cents(life, sum(owed.values()))}"
        tell("ledger", f"{told}, left {cents(life, life.left)} ({life.status})")


def _place(report: Report, row: AgreementRow, life: Life, tell: Tell) -> None:
    report.saw("agreement-status")
    if row.status != life.status:
        tell("agreement-status", f"the row says {row.status}, the chain {life.status}")
    if row.address != life.clone:
        tell("agreement-terms", f"the row says it is at {row.address}, the chain {life.clone}")
    if row.kind != life.terms["kind"]:
        tell("agreement-terms", f"the row says kind {row.kind}, the chain {life.terms['kind']}")
    if row.terms.words != life.terms.words:
        tell("agreement-terms", differences(row.terms, life.terms))


def _payouts(report: Report, row: AgreementRow, life: Life, tell: Tell) -> None:
    stored = Counter((one.party, one.address, one.minor) for one in row.payouts)
    said = Counter(_item(life, due) for due in life.dues)
    for check in ("payout-without-event", "payout-twice", "payout-amount", "payout-party"):
        report.saw(check, len(row.payouts))
    report.saw("event-without-payout", len(life.dues))
    surplus, missing = list((stored - said).elements()), list((said - stored).elements())
    _pair(surplus, missing, _same_place, lambda mine, theirs: tell("payout-amount", _instead(mine, theirs)))
    _pair(surplus, missing, _same_amount, lambda mine, theirs: tell("payout-party", _instead(mine, theirs)))
    for item in surplus:
        check = "payout-twice" if item in said else "payout-without-event"
        tell(check, f"a payout of {_spelled(item)} is in the row, and no event of the chain")
    for item in missing:
        tell("event-without-payout", f"the chain credited {_spelled(item)}, and the row has no such payout")
    report.saw("payout-paid", len(row.payouts))
    paid = _paid(row.payouts)
    for party in sorted(paid.keys() | life.arrived.keys()):
        arrived = cents(life, life.arrived[party])
        if not (surplus or missing) and paid[party] != arrived:
            tell("payout-paid", f"{paid[party]} cents are marked paid to the {party}, {arrived} arrived")
    report.saw("ledger")
    total = sum(one.minor for one in row.payouts)
    if life.ended and not (surplus or missing) and total != cents(life, life.terms["amount"]):
        tell("ledger", f"the payouts sum to {total} cents, the price is {cents(life, life.terms['amount'])}")


def _item(life: Life, due: Due) -> Item:
    return due.party, due.address, cents(life, due.units)


def _paid(payouts: Iterable[PayoutRow]) -> Counter[str]:
    found: Counter[str] = Counter()
    for one in payouts:
        if one.paid:
            found[one.party] += one.minor
    return found


def _pair(
    surplus: list[Item], missing: list[Item], like: Callable[[Item, Item], bool], told: Callable[[Item, Item], None]
) -> None:
    """Take apart what differs in one thing only: a row and an event that are the same payment, told differently."""
    for mine in list(surplus):
        theirs = next((one for one in missing if like(mine, one)), None)
        if theirs is not None:
            surplus.remove(mine)
            missing.remove(theirs)
            told(mine, theirs)


def _same_place(mine: Item, theirs: Item) -> bool:
    return mine[:2] == theirs[:2]


def _same_amount(mine: Item, theirs: Item) -> bool:
    # An agreement that the database does not know has an empty address there, and is a finding of its own.
    return mine[2] == theirs[2] and (mine[0] == theirs[0] or mine[0] not in DIRECT)


def _instead(mine: Item, theirs: Item) -> str:
    return f"the row says {_spelled(mine)}, the chain {_spelled(theirs)}"


def _spelled(item: Item) -> str:
    return f"{item[2]} cents to the {item[0]} {item[1] or '(unknown)'}"


def _milestone(found: tuple[str, int] | None) -> str:
    return "unknown" if found is None else f"{found[0]} at {found[1]}"
