"""What was looked at, what is wrong, and how it is told: a table and a verdict for people, one object for scripts."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final

from bootstrap.doctor.checks import CHECKS
from bootstrap.doctor.failures import clean

MOST: Final = 1_000
"""Findings of one check that are kept; the others are counted."""
SOUND, FOUND, NOT_LOOKED = 0, 1, 2
_SHOWN: Final = 20
_WIDTH: Final = 24


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is wrong, whose order it is where it has one, and what to do."""

    check: str
    what: str
    do: str
    order: str | None = None
    agreement: str | None = None


@dataclass
class Report:
    """Fills while the doctor looks."""

    findings: list[Finding] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    looked: Counter[str] = field(default_factory=Counter)
    notes: list[str] = field(default_factory=list)
    orders: int = 0
    events: int = 0
    block: dict[str, Any] = field(default_factory=dict)

    def saw(self, check: str, times: int = 1) -> None:
        """So many things were looked at under a check."""
        self.looked[CHECKS[check].name] += times

    def find(self, check: str, what: str, *, order: str | None = None, agreement: str | None = None) -> None:
        """Something is wrong."""
        self.counts[check] += 1
        if self.counts[check] <= MOST:
            self.findings.append(Finding(check, clean(what, 600), CHECKS[check].advice, order, agreement))

    def attribute(self, order_of: Callable[[str], str | None]) -> None:
        """Name the order of findings that were found by their agreement alone."""
        self.findings = [
            replace(one, order=order_of(one.agreement)) if one.order is None and one.agreement else one
            for one in self.findings
        ]

    def note(self, words: str) -> None:
        """Something that is right and worth knowing."""
        self.notes.append(clean(words, 600))

    @property
    def exit(self) -> int:
        """0 sound, 1 something is wrong."""
        return FOUND if self.counts else SOUND

    def as_document(self) -> dict[str, Any]:
        """For scripts; `docs/operating.md` describes it."""
        return {
            "checks": [
                {"check": name, "about": check.about, "looked_at": self.looked[name], "findings": self.counts[name]}
                for name, check in CHECKS.items()
            ],
            "findings": [
                {"check": one.check, "order": one.order, "agreement": one.agreement, "what": one.what, "do": one.do}
                for one in self.findings
            ],
            "notes": self.notes,
            "block": self.block,
            "orders": self.orders,
            "events": self.events,
            "exit": self.exit,
        }

    def as_words(self) -> Iterator[str]:
        """For people: what was looked at, then what is wrong."""
        yield f"  {'CHECK':<{_WIDTH}} {'LOOKED AT':>9}  {'WRONG':>5}  WHAT"
        for name, check in CHECKS.items():
            wrong = self.counts[name] or "-"
            yield f"  {name:<{_WIDTH}} {self.looked[name]:>9}  {wrong:>5}  {check.about}"
        yield ""
        for words in self.notes:
            yield f"Note: {words}"
        yield from self._findings()
        yield self._verdict()

    def _findings(self) -> Iterator[str]:
        for name in CHECKS:
            mine = [one for one in self.findings if one.check == name]
            for one in mine[:_SHOWN]:
                whose = f" order {clean(one.order)}:" if one.order else ""
                yield f"WRONG [{name}]{whose} {one.what}"
            if self.counts[name] > _SHOWN:
                yield f"WRONG [{name}] and {self.counts[name] - _SHOWN} more; --json lists up to {MOST}"
            if mine:
                yield f"  do: {CHECKS[name].advice}"

    def _verdict(self) -> str:
        told = f"{self.orders} orders and {self.events} events of the chain"
        place = self.block.get("number")
        as_of = "" if place is None else f", as of block {place}"
        if self.exit == SOUND:
            return f"Sound: {told} agree{as_of}."
        orders = {one.order for one in self.findings if one.order}
        return f"NOT SOUND: {self.counts.total()} findings in {len(orders)} orders ({told}{as_of})."


def not_looked(reason: str) -> dict[str, Any]:
    """For scripts, where nothing could be compared."""
    return {"checks": [], "findings": [], "orders": 0, "events": 0, "exit": NOT_LOOKED, "error": clean(reason, 600)}


def as_json(document: dict[str, Any]) -> str:
    """One line."""
    return json.dumps(document, ensure_ascii=True, separators=(",", ":"))
