"""What the platform sent: nonces without a hole, bytes that are what their rows say, outcomes that are the chain's."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, Final

from eth_hash.auto import keccak

from bootstrap.doctor.abi import hexed, raw
from bootstrap.doctor.database import Row, Snapshot
from bootstrap.doctor.failures import Unreadable
from bootstrap.doctor.raw_transaction import Sent, read_transaction
from bootstrap.doctor.report import MOST, Report
from bootstrap.doctor.rows import hexadecimal, instant, text, whole
from bootstrap.doctor.spill import Spill

ATTEMPT: Final = " (attempt "
"""Behind a business key: the second and later nonces that were taken for it."""
_ID: Final = re.compile("0x[0-9a-f]{64}")
_ROWS: Final = (
    "SELECT t.key, t.signer_key, t.nonce, t.at, t.outcome, t.block, a.raw, a.hash FROM chain_transactions t"
    " LEFT JOIN chain_attempts a ON a.key = t.key ORDER BY t.signer_key, t.nonce, a.number"
)
_AT_ONCE: Final = 1_000


@dataclass(frozen=True, slots=True)
class Pending:
    """A nonce whose outcome is not noted, and the hashes of everything signed for it."""

    key: str
    signer: str
    nonce: int
    hashes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hole:
    """Nonces of a signer, the first to the last, that are in no row; `went` where a restored backup explains it."""

    signer: str
    first: int
    last: int
    went: bool


@dataclass
class Sending:
    """What is known of the platform's transactions after the database was read."""

    repeated: frozenset[str] = frozenset()
    """Business keys with more than one nonce."""
    moving: set[str] = field(default_factory=set)
    """Agreements and addresses that something unsettled is about."""
    pending: list[Pending] = field(default_factory=list)
    holes: list["Hole"] = field(default_factory=list)


def base_key(key: str) -> str:
    """The business key of a transaction's name."""
    return key.partition(ATTEMPT)[0]


def examine_transactions(
    report: Report, snapshot: Snapshot, spill: Spill, chain_id: int, only: frozenset[str] | None
) -> Sending:
    """Read every row once; what only the chain can answer is left in the spill. `only` names agreements."""
    again = snapshot.rows("SELECT key FROM chain_transactions WHERE key LIKE ?", f"%{ATTEMPT}%")
    sending = Sending(frozenset(base_key(str(row["key"])) for row in again))
    restores = [instant(row, "restored_at") for row in snapshot.rows("SELECT restored_at FROM restores")]
    last: Row | None = None
    questions: list[tuple[Any, ...]] = []
    for (_, _, key), rows in groupby(snapshot.rows(_ROWS), _place):
        attempts = list(rows)
        spill.add("sent", ((found,) for row in attempts if (found := _hash(row)) is not None))
        try:
            _gap(report, sending, last, attempts[0], restores)
            last = attempts[0]
            if only is None or only & set(_ID.findall(str(key))):
                questions += _transaction(report, spill, attempts, sending, chain_id)
        except Unreadable as error:
            report.find("unreadable", f"transaction {key}: {error}", agreement=agreement_in(str(key)))
        if len(questions) > _AT_ONCE:
            spill.add("receipts", questions)
            questions.clear()
    spill.add("receipts", questions)
    _lost(report, snapshot)
    return sending


def _place(row: Row) -> tuple[Any, Any, Any]:
    return row["signer_key"], row["nonce"], row["key"]


def _hash(row: Row) -> bytes | None:
    try:
        return raw(row["hash"]) if isinstance(row["hash"], str) else None
    except ValueError:
        return None


def _gap(report: Report, sending: Sending, last: Row | None, here: Row, restores: Sequence[float]) -> None:
    report.saw("nonce-hole")
    signer, nonce, reserved = text(here, "signer_key"), whole(here, "nonce"), instant(here, "at")
    if last is None or last["signer_key"] != signer or nonce <= last["nonce"] + 1 or len(sending.holes) >= MOST:
        return
    before = instant(last, "at")
    # The last row of a backup and the first one after it came back: what lies between was in the lost database.
    went = any(before < restored_at <= reserved for restored_at in restores)
    sending.holes.append(Hole(signer, whole(last, "nonce") + 1, nonce - 1, went))


def _lost(report: Report, snapshot: Snapshot) -> None:
    """Signed bytes whose nonce has no row any more."""
    alone = "SELECT key FROM chain_attempts a WHERE NOT EXISTS (SELECT 1 FROM chain_transactions t WHERE t.key = a.key)"
    for row in snapshot.rows(alone):
        told = f"something was signed under {row['key']}, and no row says at which nonce"
        report.find("nonce-hole", told, agreement=agreement_in(str(row["key"])))


def _transaction(
    report: Report, spill: Spill, attempts: Sequence[Row], sending: Sending, chain_id: int
) -> Iterator[tuple[Any, ...]]:
    """What to ask the chain about one nonce: key, hash, noted outcome, block, and whether it only fills the nonce."""
    first = attempts[0]
    if first["raw"] is None:
        return  # reserved, not signed yet
    key, outcome = text(first, "key"), first["outcome"]
    signed = [(hexadecimal(row, "hash", 32), _signed(report, row, chain_id)) for row in attempts]
    if outcome is None:
        sending.moving.update(_ID.findall(key), (sent.to for _, sent in signed))
        hashes = tuple(tx for tx, _ in signed)
        sending.pending.append(Pending(key, text(first, "signer_key"), whole(first, "nonce"), hashes))
        return
    proved = next((block for tx, sent in signed if (block := _block(spill, tx)) is not None), None)
    if outcome == "mined" and proved is not None and base_key(key) not in sending.repeated:
        # A log of ours in it proves its success: the chain need not be asked again.
        report.saw("tx-outcome")
        if first["block"] not in (None, proved):
            told = f"the transaction under {key} is noted in block {first['block']}, the chain has it in {proved}"
            report.find("tx-outcome", told, agreement=agreement_in(key))
        return
    for tx, sent in signed:
        signer, nonce = text(first, "signer_key"), whole(first, "nonce")
        yield None, key, tx, outcome, first["block"], sent.is_filler, signer, nonce, sent.call


def _signed(report: Report, row: Row, chain_id: int) -> Sent:
    report.saw("tx-bytes")
    try:
        payload = raw(text(row, "raw"))
    except ValueError as error:
        raise Unreadable("raw", "hex data") from error
    sent, wrong = read_transaction(payload), []
    if hexed(keccak(payload)) != text(row, "hash").lower():
        wrong.append("its bytes have another hash")
    if sent.nonce != row["nonce"]:
        wrong.append(f"its bytes have nonce {sent.nonce}, its row {row['nonce']}")
    if sent.chain_id != chain_id:
        wrong.append(f"it is for chain {sent.chain_id}")
    for what in wrong:
        key = str(row["key"])
        report.find("tx-bytes", f"the transaction under {key}: {what}", agreement=agreement_in(key))
    return sent


def _block(spill: Spill, tx: str) -> int | None:
    found = spill.one("SELECT block FROM logs WHERE tx = ? LIMIT 1", raw(tx))
    return None if found is None else int(found)


def agreement_in(key: str) -> str | None:
    """The agreement that a key names."""
    found = _ID.search(key)
    return found[0] if found else None
