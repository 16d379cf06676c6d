"""`lotsizeone verify`: what a stranger with a node and an evidence file can be sure of."""

import json
import re
import sys
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from contracts.errors import ContractsError
from contracts.rpc import HttpRpc
from contracts.verification.evidence_file import EvidenceFile
from contracts.verification.verdict import Discrepancy, Fact, Voucher
from contracts.verification.verify import Summary, Verdict, verify

ADDRESS: Final = re.compile("0x[0-9a-fA-F]{40}")
RECURSION: Final = 1_500
"""Somewhat above Python's own limit: an event loop is below us already."""


class CannotVerify(ValueError):
    """The question cannot be put like this, or the node does not answer; nothing was found wrong."""


@dataclass(frozen=True)
class Question:
    """What is to be verified: the agreement at `address`, or the order of `evidence`."""

    address: str | None
    factory: str | None
    evidence: Path | None
    order: str | None = None

    @classmethod
    def of(cls, target: str, *, evidence: Path | None, factory: str | None) -> "Question":
        """From the command line: an address, an evidence file, or an order of one. Raises CannotVerify."""
        for address in (factory, target if target.startswith("0x") else None):
            if address is not None and not ADDRESS.fullmatch(address):
                raise CannotVerify(f"{address} is no address: 0x and 40 hex digits")
        if ADDRESS.fullmatch(target):
            return cls(target, factory, evidence)
        if evidence is not None:
            return cls(None, factory, evidence, target)
        if Path(target).is_file():
            return cls(None, factory, Path(target))
        raise CannotVerify(f"{target} is neither an address nor a file; an order is found by --evidence FILE")

    def read(self) -> EvidenceFile | None:
        """The evidence file, if there is one. Raises CannotVerify, Discrepancy."""
        if self.evidence is None:
            return None
        file = EvidenceFile.read(self.evidence)
        if self.order not in (None, file.order):
            raise CannotVerify(f"{self.evidence} is about order {file.order}, not {self.order}")
        return file


async def judge(question: Question, rpc: str) -> Verdict:
    """The verdict, by the node at a URL. Raises CannotVerify."""
    if not _is_http(rpc):
        raise CannotVerify(f"{rpc} is no address of a node: http:// or https://, a host, perhaps a port and a path")
    try:
        file = question.read()
    except Discrepancy as failure:
        return Verdict(0, 0, "", failure=failure)
    try:
        async with HttpRpc(rpc) as node:
            with _plain_recursion():
                return await verify(node, address=question.address, factory=question.factory, evidence=file)
    except (ContractsError, RecursionError) as error:
        raise CannotVerify(f"{rpc} does not answer as a node does: {error}") from error


def _is_http(url: str) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


@contextmanager
def _plain_recursion() -> Iterator[None]:
    """A library of ours raises the limit so far that an answer which only nests would end the process, not the call."""
    raised = sys.getrecursionlimit()
    sys.setrecursionlimit(min(raised, RECURSION))
    try:
        yield
    finally:
        sys.setrecursionlimit(raised)


def as_document(verdict: Verdict) -> dict[str, Any]:
    """For scripts."""
    failure = verdict.failure
    return {
        "verified": failure is None,
        "chain_id": verdict.chain_id,
        "block": verdict.block,
        "block_hash": verdict.block_hash,
        "factory": verdict.factory,
        "agreements": [_agreement(summary) for summary in verdict.agreements],
        "facts": [_fact(fact) for fact in verdict.facts],
        "failure": None if failure is None else _failure(failure),
    }


def as_json(verdict: Verdict) -> str:
    """The document as text."""
    return json.dumps(as_document(verdict), indent=1, ensure_ascii=False)


def as_words(verdict: Verdict) -> Iterator[str]:
    """For people: a table of facts for each agreement, and what it comes to."""
    for line in _lines(verdict):
        yield "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in line)


def _lines(verdict: Verdict) -> Iterator[str]:
    groups: dict[bytes, list[Fact]] = {}
    for fact in verdict.facts:
        groups.setdefault(fact.agreement, []).append(fact)
    summaries = {summary.id: summary for summary in verdict.agreements}
    if verdict.block_hash:
        yield f"Chain {verdict.chain_id} as of block {verdict.block}, {verdict.block_hash}"
        yield ""
    if groups:
        yield _row("CHECK", "WHO VOUCHES FOR IT", "WHAT WAS FOUND")
    for agreement, facts in groups.items():
        if agreement:
            yield ""
            yield _heading(agreement, summaries.get(agreement), verdict)
        yield from (_row(fact.check.name, fact.voucher.value, fact.statement) for fact in facts)
    if groups:
        yield ""
    yield from _ending(verdict)


def _row(check: str, voucher: str, statement: str) -> str:
    return f"  {check:<19} {voucher:<24}  {statement}"


def _ending(verdict: Verdict) -> Iterator[str]:
    failure = verdict.failure
    if failure is not None:
        where = f" (agreement 0x{failure.agreement.hex()})" if failure.agreement else ""
        yield f"DOES NOT ADD UP: {failure}{where}"
        yield (
            "What is above was checked before; nothing after it was." if verdict.facts else "Nothing else was checked."
        )
        return
    counted = Counter(fact.voucher for fact in verdict.facts)
    nobody = counted.pop(Voucher.NOBODY, 0)
    told = ", ".join(f"{voucher} {count}" for voucher, count in counted.most_common())
    yield f"Everything adds up: {counted.total()} facts. Who vouches for how many: {told}."
    if nobody:
        yield f"Nobody vouches for {nobody} more, marked so above: they are not known, and not wrong."
    yield f"The node was believed about the chain. Another node must know block {verdict.block} by the same hash."


def _heading(agreement: bytes, summary: Summary | None, verdict: Verdict) -> str:
    if summary is None:
        return f"Agreement 0x{agreement.hex()}"
    money = verdict.money
    shares = [(summary.to_payee, "to the payee"), (summary.to_payer, "to the payer"), (summary.fee, "fee")]
    shares += [(summary.carried, "to its successor"), (summary.holds, "still held")]
    told = ", ".join(f"{money(amount)} {where}" for amount, where in shares if amount)
    kind, state = summary.kind.title(), summary.state.name.lower()
    return f"{kind} agreement {summary.address}, {money(summary.amount)}, {state}: {told}"


def _agreement(summary: Summary) -> dict[str, Any]:
    amounts = ("amount", "to_payee", "to_payer", "fee", "carried", "holds")
    return {
        "id": "0x" + summary.id.hex(),
        "address": summary.address,
        "kind": summary.kind,
        "state": summary.state.name.lower(),
        **{name: str(getattr(summary, name)) for name in amounts},
    }


def _fact(fact: Fact) -> dict[str, Any]:
    return {
        "agreement": "0x" + fact.agreement.hex() if fact.agreement else None,
        "check": fact.check.name,
        "statement": fact.statement,
        "vouched_by": fact.voucher.value,
    }


def _failure(failure: Discrepancy) -> dict[str, Any]:
    return {
        "agreement": "0x" + failure.agreement.hex() if failure.agreement else None,
        "check": failure.check.name,
        "exit_code": failure.check.value,
        "statement": failure.statement,
    }
