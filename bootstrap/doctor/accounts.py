"""The money itself: what each contract holds, what it says of its own books, and the sums of all of them."""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from bootstrap.doctor.abi import STATES, TERMS_BYTES, WORD, hexed, raw, selector
from bootstrap.doctor.books import Life
from bootstrap.doctor.failures import CouldNotLook, NodeRefused
from bootstrap.doctor.logs import Progress
from bootstrap.doctor.node import Node, Question, data
from bootstrap.doctor.report import Report
from bootstrap.doctor.rows import AgreementRow
from bootstrap.doctor.spill import Spill

_BALANCE_OF: Final = selector("balanceOf(address)")
_BOOKS: Final = selector("books(Terms)")
_BOOKS_WORDS: Final = 9
_AT_ONCE: Final = 200
"""Agreements whose answers are held at a time."""


@dataclass
class Totals:
    """Cents over all agreements: `said` by the chain, `stored` in the database."""

    said: Counter[str] = field(default_factory=Counter)
    stored: Counter[str] = field(default_factory=Counter)

    def add(self, row: AgreementRow, life: Life) -> None:
        """One more agreement."""
        self.said["price"] += int(life.terms["amount"]) // life.unit
        self.stored["price"] += int(row.terms["amount"]) // int(row.terms["unit"] or 1)
        for due in life.dues:
            self.said[f"credited to {due.party}"] += due.units // life.unit
        for party, units in life.arrived.items():
            self.said[f"paid to {party}"] += units // life.unit
        for payout in row.payouts:
            self.stored[f"credited to {payout.party}"] += payout.minor
            self.stored[f"paid to {payout.party}"] += payout.minor if payout.paid else 0

    def compare(self, report: Report) -> None:
        """Every sum of the database against the chain's."""
        for name in sorted(self.said.keys() | self.stored.keys()):
            report.saw("ledger-whole")
            if self.said[name] != self.stored[name]:
                told = f"{name}: {self.stored[name]} cents in the database, {self.said[name]} on the chain"
                report.find("ledger-whole", told)


def account_of(order: str, life: Life) -> tuple[Any, ...]:
    """The spilled row that asks about a contract's money."""
    owed = life.owed()
    rest = [life.left, *(owed[party] - life.arrived[party] for party in ("fee", "payee", "payer"))]
    token, expected = str(life.terms["token"]), str(life.holds)
    return None, order, life.id, life.clone, token, expected, life.terms.words, life.status, json.dumps(rest)


def fee_receiver(node: Node, factory: str, block: int) -> str:
    """Where the factory's fees go. Raises CouldNotLook where there is no factory."""
    try:
        answer = node.ask("eth_call", {"to": factory, "data": hexed(selector("feeReceiver()"))}, hex(block))
    except NodeRefused as refusal:
        raise CouldNotLook(f"{node.name} does not answer for the factory {factory}: {refusal}") from refusal
    word = data(answer, "the fee receiver")
    if len(word) != WORD:
        raise CouldNotLook(f"there is no factory at {factory}: see contracts.json and CHAIN_URL")
    return hexed(word[12:])


def examine_accounts(report: Report, node: Node, spill: Spill, block: int, told: Progress) -> None:
    """The balance of each contract, and the books of those that still run, as of `block`."""
    total = spill.one("SELECT count(*) FROM accounts")
    done, held, wanted = 0, 0, 0
    for some in _chunks(spill):
        answers = node.ask_all([question for row in some for question in _questions(row, block)])
        for row in some:
            balance = _quantity(node, next(answers))
            expected = int(row[5])
            held, wanted = held + balance, wanted + expected
            _balance(report, row, balance, expected)
            if _runs(row):
                _books(report, row, _words(next(answers)))
        done += len(some)
        told("contracts", done, total)
    report.saw("ledger-whole")
    if held < wanted:
        report.find("ledger-whole", f"all contracts together hold {held} token units, their books say {wanted}")


def _chunks(spill: Spill) -> Iterator[list[tuple[Any, ...]]]:
    last = 0
    while some := list(spill.rows("SELECT * FROM accounts WHERE number > ? ORDER BY number LIMIT ?", last, _AT_ONCE)):
        yield some
        last = some[-1][0]


def _runs(row: tuple[Any, ...]) -> bool:
    return row[7] in STATES[:4]


def _questions(row: tuple[Any, ...], block: int) -> Iterator[Question]:
    _, _, _, clone, token, _, terms, _, _ = row
    call = hexed(_BALANCE_OF + raw(clone).rjust(WORD, b"\0"))
    yield "eth_call", ({"to": token, "data": call}, hex(block))
    if _runs(row) and len(terms) == TERMS_BYTES:
        yield "eth_call", ({"to": clone, "data": hexed(_BOOKS + terms)}, hex(block))


def _quantity(node: Node, answer: Any) -> int:
    return int.from_bytes(_answered(node, answer)[:WORD], "big")


def _words(answer: Any) -> list[int]:
    """None where the contract refuses: the node has this block's state, for it has just told the balance."""
    found = b"" if isinstance(answer, NodeRefused) else data(answer, "a call's answer")
    return [int.from_bytes(found[at : at + WORD], "big") for at in range(0, len(found), WORD)]


def _answered(node: Node, answer: Any) -> bytes:
    if isinstance(answer, NodeRefused):
        told = "let the worker catch up, or ask a node that keeps old states"
        raise CouldNotLook(f"{node.name} does not tell what a contract holds ({answer.message}): {told}")
    return data(answer, "a call's answer")


def _balance(report: Report, row: tuple[Any, ...], balance: int, expected: int) -> None:
    _, order, agreement, clone, *_ = row
    report.saw("balance")
    if balance < expected:
        told = f"agreement {agreement}: {clone} holds {balance} token units, its books say {expected}"
        report.find("balance", told, order=order, agreement=agreement)
    elif balance > expected:
        # Anybody may send money to an address: an alarm that a stranger can ring for ever is none.
        report.note(f"{clone} (agreement {agreement}) holds {balance - expected} token units more than its books say")


def _books(report: Report, row: tuple[Any, ...], words: list[int]) -> None:
    """The contract's own books: state, released, deliveredAt, left, feeDue, payeeDue, payerDue, …"""
    _, order, agreement, _, _, _, _, status, rest = row
    report.saw("ledger")
    if len(words) != _BOOKS_WORDS:
        told = f"agreement {agreement}: the contract shows no books for the terms with which it was opened"
        report.find("ledger", told, order=order, agreement=agreement)
        return
    wanted = dict(zip(("left", "fee due", "payee due", "payer due"), json.loads(rest), strict=True))
    found = dict(zip(wanted, words[3:7], strict=True))
    wrong = [f"{name} {found[name]} instead of {wanted[name]}" for name in wanted if found[name] != wanted[name]]
    state = STATES[words[0]] if words[0] < len(STATES) else str(words[0])
    if state != status:
        wrong.append(f"state {state} instead of {status}")
    if wrong:
        told = f"agreement {agreement}: the contract's books say {', '.join(wrong)} (token units)"
        report.find("ledger", told, order=order, agreement=agreement)
