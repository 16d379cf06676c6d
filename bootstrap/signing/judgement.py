"""Whether a key may sign what it is asked to: every request is checked, and written anew before it is signed.

What is believed is the typed data, the specification that it carries the hash of, and the organisation's own log; of
what else the server says nothing counts.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import rfc8785
from eth_hash.auto import keccak

from bootstrap.signing.limits import Limits
from bootstrap.signing.log import Log, Promise
from contracts.eip712 import TypedData, digest
from contracts.terms import ZERO_ADDRESS, ZERO_WORD, Kind, Terms, What, action_typed_data, typed_data

WORD: Final = re.compile(r"0x[0-9a-fA-F]{64}")
BPS: Final = 10_000
DAY: Final = timedelta(days=1)
MOST_RUNNING: Final = "limits.most_running"
_UNFIT: Final = (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)


class NotWithinLimits(Exception):
    """The request is outside what the organisation lets its key sign; a person may still sign it.

    `limit` names the setting, or what else stands against it. `passing`: the same request may be good later.
    `suspicious`: nobody should answer it but a person who has looked.
    """

    def __init__(self, limit: str, words: str, *, passing: bool = False, suspicious: bool = False) -> None:
        super().__init__(words)
        self.limit = limit
        self.passing = passing
        self.suspicious = suspicious


@dataclass(frozen=True, slots=True)
class Verdict:
    """What may be signed: the typed data, written from checked values, its digest, and for terms what they promise."""

    typed: TypedData
    digest: str
    promise: Promise | None


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges requests to the key of the address `own` by its `limits` and by what it has signed before.

    `no_load` are agreements of which the chain has told that they are not to be delivered (any more).
    """

    own: str
    limits: Limits
    log: Log
    no_load: set[str] = field(default_factory=set)

    def judge(self, request: Any, now: datetime) -> Verdict:
        """What may be signed for a request of the interface. Raises NotWithinLimits."""
        try:
            verdict = self._read(request, now)
            before = self.log.digest_of(request["id"])
        except _UNFIT as error:
            words = f"this is not the typed data of an agreement: {type(error).__name__}"
            raise NotWithinLimits("typed_data", words, suspicious=True) from error
        if before is not None and before != verdict.digest:
            words = f"this request was signed before with other content, {before}"
            raise NotWithinLimits("request", words, suspicious=True)
        if before is None and verdict.promise is not None:
            self._check_burden(verdict.promise, now)
        return verdict

    def _read(self, request: Any, now: datetime) -> Verdict:
        asked, limits = request["typed_data"], self.limits
        domain, message = asked["domain"], asked["message"]
        if int(domain["chainId"]) != limits.chain_id or domain["verifyingContract"].lower() != limits.factory:
            words = "the terms are for another chain or factory than the pinned one"
            raise NotWithinLimits("limits.factory", words, suspicious=True)
        match asked["primaryType"]:
            case "Terms":
                return self._terms(Terms.from_message(message), request.get("specification"), now)
            case "Action":
                typed = self._acceptance(message)
                return Verdict(typed, _hex(digest(typed)), None)
            case _:
                words = "this key signs terms and acceptances, nothing else"
                raise NotWithinLimits("typed_data", words, suspicious=True)

    def _acceptance(self, message: dict[str, Any]) -> TypedData:
        if not self.limits.acceptances or int(message["what"]) != What.ACCEPT:
            raise NotWithinLimits("limits.acceptances", "this key does not sign actions of this kind")
        agreement, data = str(message["id"]), str(message["data"])
        if not WORD.fullmatch(agreement) or not WORD.fullmatch(data) or int(data, 16):
            raise NotWithinLimits("typed_data", "this is no acceptance of an agreement", suspicious=True)
        return action_typed_data(
            bytes.fromhex(agreement[2:]),
            What.ACCEPT,
            bytes(32),
            int(message["deadline"]),
            chain_id=self.limits.chain_id,
            factory=self.limits.factory,
        )

    # ── terms ────────────────────────────────────────────────────────────────────────────────────

    def _terms(self, terms: Terms, document: Any, now: datetime) -> Verdict:
        is_payee = self._check_parties(terms)
        self._check_money(terms, is_payee=is_payee)
        self._check_times(terms, now)
        specification = _opened(terms, document)
        lines = self._check_specification(terms, specification, is_payee=is_payee)
        if is_payee:
            self._check_lines(terms, lines, now)
        typed = typed_data(terms, self.limits.chain_id, self.limits.factory)
        promise = Promise(
            agreement=_hex(digest(typed)),
            role="payee" if is_payee else "payer",
            amount=terms.amount,
            fee_bps=terms.fee_bps,
            deliver_by=terms.deliver_by,
            parent=_hex(terms.parent),
            lines=tuple(sorted(lines)),
        )
        if terms.kind is Kind.SUPPLY and not is_payee:
            self._check_margin(promise)
        return Verdict(typed, promise.agreement, promise)

    def _check_parties(self, terms: Terms) -> bool:
        """Whether the key is the payee."""
        payer, payee, own = terms.payer.lower(), terms.payee.lower(), self.own.lower()
        if own not in (payer, payee) or payer == payee:
            words = "this key is no party of these terms, or both"
            raise NotWithinLimits("typed_data", words, suspicious=True)
        is_payee, other = payee == own, payer if payee == own else payee
        allowed = self.limits.counterparties
        if allowed is not None and other not in allowed:
            raise NotWithinLimits("limits.counterparties", f"{other} is none of the counterparties that are allowed")
        attestor, gateway = terms.attestor.lower(), self.limits.gateway or ZERO_ADDRESS
        if is_payee and attestor != gateway:
            named = "no machine" if attestor == ZERO_ADDRESS else f"the machine {attestor}"
            raise NotWithinLimits("limits.gateway", f"the terms name {named}, and ours is {self.limits.gateway}")
        if self.limits.arbiter is not None and terms.arbiter.lower() != self.limits.arbiter:
            raise NotWithinLimits("limits.arbiter", f"the terms name another arbiter, {terms.arbiter}")
        if terms.replaces != ZERO_WORD:
            raise NotWithinLimits("typed_data", "these terms replace a running agreement: that is for a person")
        if (terms.parent == ZERO_WORD) is (terms.kind is Kind.SUPPLY):
            raise NotWithinLimits("typed_data", "a supply names its delivery, and a delivery none", suspicious=True)
        return is_payee

    def _check_money(self, terms: Terms, *, is_payee: bool) -> None:
        limits = self.limits
        if terms.token.lower() != limits.token or terms.unit != limits.unit:
            words = "the terms are in another money than the pinned one, or count it otherwise"
            raise NotWithinLimits("limits.token", words, suspicious=True)
        if terms.fee_bps > limits.highest_fee_bps:
            raise NotWithinLimits("limits.highest_fee_bps", f"the fee is {terms.fee_bps} basis points")
        if terms.penalty_cap_bps > limits.highest_penalty_bps:
            raise NotWithinLimits("limits.highest_penalty_bps", f"the penalty may be {terms.penalty_cap_bps} bps")
        if not is_payee:
            if terms.amount > limits.most_paid_minor * limits.unit:
                raise NotWithinLimits("limits.most_paid_minor", f"{self._spell(terms.amount)} to pay is too much")
        elif terms.amount > limits.most_received_minor * limits.unit:
            raise NotWithinLimits("limits.most_received_minor", f"{self._spell(terms.amount)} is more than is taken")
        elif terms.amount < limits.least_received_minor * limits.unit:
            raise NotWithinLimits("limits.least_received_minor", f"{self._spell(terms.amount)} is too little")

    def _check_times(self, terms: Terms, now: datetime) -> None:
        seconds = int(now.timestamp())
        if terms.fund_by <= seconds or terms.deliver_by <= terms.fund_by:
            raise NotWithinLimits("typed_data", "the terms have lapsed, or are to be delivered before they can open")
        hours = self.limits.most_hours_binding
        if hours is not None and terms.fund_by - seconds > hours * 3600:
            words = f"a signature would bind for {(terms.fund_by - seconds) // 3600} hours"
            raise NotWithinLimits("limits.most_hours_binding", words)
        days = _days(terms, now)
        if days < self.limits.least_days:
            raise NotWithinLimits("limits.least_days", f"{days} days are too few to deliver in")
        if days > self.limits.most_days:
            raise NotWithinLimits("limits.most_days", f"{days} days are further ahead than is promised")

    # ── what is ordered ──────────────────────────────────────────────────────────────────────────

    def _check_specification(
        self, terms: Terms, specification: Mapping[str, Any], *, is_payee: bool
    ) -> dict[str, tuple[int, int]]:
        """The supply's lines: pieces, and the days that are needed. A delivery has none."""
        products = self.limits.products
        if products is not None and specification["product"] not in products:
            raise NotWithinLimits("limits.products", f"the product {specification['product']!a} is not made")
        if terms.kind is Kind.DELIVERY:
            quote = specification["quote"]
            if not isinstance(quote["total_minor"], int) or quote["total_minor"] * terms.unit != terms.amount:
                raise NotWithinLimits("specification", "the quote has another total than the terms", suspicious=True)
            day = datetime.fromtimestamp(terms.deliver_by, UTC).date().isoformat()
            if quote["deliver_by"] != day:
                raise NotWithinLimits("specification", "the quote has another day than the terms", suspicious=True)
            return {}
        return {str(line["id"]): self._line(line, is_payee=is_payee) for line in specification["lines"]}

    def _line(self, line: Mapping[str, Any], *, is_payee: bool) -> tuple[int, int]:
        quantity = line["quantity"]
        if type(quantity) is not int or quantity < 1:
            raise ValueError("a line has a number of pieces")
        known = self.limits.lines
        if not is_payee or known is None:
            return quantity, 0
        limit = known.get(str(line["id"]))
        if limit is None:
            raise NotWithinLimits("limits.lines", f"the line {line['id']!a} is not made here")
        return quantity, limit.least_days

    def _check_lines(self, terms: Terms, lines: Mapping[str, tuple[int, int]], now: datetime) -> None:
        floors = self.limits.lines or {}
        least = sum(quantity * floors[line].floor_minor for line, (quantity, _) in lines.items() if line in floors)
        if terms.amount < least * terms.unit:
            words = f"{self._spell(terms.amount)} is less than the floor of these lines, {self._spell_minor(least)}"
            raise NotWithinLimits("limits.lines.floor_minor", words)
        needed = max((days for _, days in lines.values()), default=0)
        if _days(terms, now) < needed:
            raise NotWithinLimits("limits.lines.least_days", f"{needed} days are needed for these lines")

    # ── what was signed before ───────────────────────────────────────────────────────────────────

    def _check_margin(self, supply: Promise) -> None:
        """What this supply leaves of the delivery that it belongs to, as this key has signed it."""
        least = self.limits.least_margin_bps
        if least is None:
            return
        delivery = self.log.promise(supply.parent)
        if delivery is None or delivery.role != "payee":
            raise NotWithinLimits("limits.least_margin_bps", "its delivery was not signed here (yet)", passing=True)
        fee = -(-delivery.amount * delivery.fee_bps // BPS)
        left = delivery.amount - fee - self.log.supplies_with(supply)
        if left * BPS < least * delivery.amount:
            words = f"its delivery would leave {left * BPS // delivery.amount / 100:.2f} %"
            raise NotWithinLimits("limits.least_margin_bps", words)

    def _check_burden(self, promise: Promise, now: datetime) -> None:
        """Money in 24 hours, and agreements to be delivered at a time."""
        limits, is_payee = self.limits, promise.role == "payee"
        most = limits.most_received_per_day_minor if is_payee else limits.most_paid_per_day_minor
        if most is not None and self.log.amount_since(now - DAY, promise.role) + promise.amount > most * limits.unit:
            name = f"limits.most_{'received' if is_payee else 'paid'}_per_day_minor"
            raise NotWithinLimits(name, f"{self._spell(promise.amount)} more would pass the day's limit", passing=True)
        if is_payee and limits.most_running is not None:
            running = len(self.log.running(now, self.no_load))
            if running >= limits.most_running:
                raise NotWithinLimits(MOST_RUNNING, f"{running} agreements are to be delivered", passing=True)

    def _spell(self, amount: int) -> str:
        return self._spell_minor(amount // self.limits.unit)

    @staticmethod
    def _spell_minor(minor: int) -> str:
        return f"{minor // 100}.{minor % 100:02}"


def _opened(terms: Terms, document: Any) -> Mapping[str, Any]:
    """The specification, if it is the one that the terms carry the hash of."""
    if not isinstance(document, dict):
        raise NotWithinLimits("specification", "what is ordered is not shown")
    try:
        found = keccak(rfc8785.dumps(document))
    except (rfc8785.CanonicalizationError, *_UNFIT) as error:
        raise NotWithinLimits("specification", "the specification has no canonical form", suspicious=True) from error
    if found != terms.spec_hash:
        words = "what is shown as ordered is not what the terms carry the hash of"
        raise NotWithinLimits("specification", words, suspicious=True)
    return document


def _days(terms: Terms, now: datetime) -> int:
    return (datetime.fromtimestamp(terms.deliver_by, UTC).date() - now.astimezone(UTC).date()).days


def _hex(word: bytes) -> str:
    return "0x" + word.hex()
