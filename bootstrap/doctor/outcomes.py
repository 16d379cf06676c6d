"""What only the chain can say of the platform's transactions: whether they succeeded, and who used a nonce."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from bootstrap.doctor.abi import hexed
from bootstrap.doctor.failures import CouldNotLook, NodeRefused
from bootstrap.doctor.node import BATCH, Node, data, number, record
from bootstrap.doctor.raw_transaction import call_digest
from bootstrap.doctor.report import Report
from bootstrap.doctor.spill import Spill
from bootstrap.doctor.transactions import Hole, Sending, agreement_in, base_key

_AT_ONCE: Final = 500


@dataclass(frozen=True, slots=True)
class _Attempt:
    """A signed transaction and what became of it; `block` is None where no block has it."""

    tx: str
    is_filler: bool
    succeeded: bool
    block: int | None
    signer: str
    nonce: int
    call: bytes


def examine_outcomes(report: Report, node: Node, spill: Spill, sending: Sending, last: int) -> None:
    """Receipts of what no log of ours has proved, nonces that are used as of block `last`. Raises CouldNotLook."""
    successes: dict[str, set[str]] = defaultdict(set)
    for key, outcome, noted, attempts in _settled(node, spill):
        report.saw("tx-outcome")
        done = next((one for one in attempts if one.succeeded and not one.is_filler), None)
        if done is not None and base_key(key) in sending.repeated:
            successes[base_key(key)].add(done.tx)
        found = "mined" if done is not None else "failed"
        block = next((one.block for one in attempts if one.block is not None), None)
        if outcome == "mined" and done is None and block is None and _forgotten(node, attempts, noted):
            continue
        if outcome != found:
            told = f"noted as {outcome}, and {'succeeded' if done else _nothing(attempts)} on the chain"
            report.find("tx-outcome", f"the transaction under {key} is {told}", agreement=agreement_in(key))
        elif noted is not None and block is not None and noted != block:
            told = f"the transaction under {key} is noted in block {noted}, the chain has {block}"
            report.find("tx-outcome", told, agreement=agreement_in(key))
    report.saw("key-twice", len(sending.repeated))
    for key, hashes in sorted(successes.items()):
        if len(hashes) > 1:
            told = f"{len(hashes)} transactions under {key} succeeded: {', '.join(sorted(hashes))}"
            report.find("key-twice", told, agreement=agreement_in(key))
    _pending(report, node, sending, last)
    _holes(report, node, spill, sending)


def _forgotten(node: Node, attempts: Sequence[_Attempt], noted: int | None) -> bool:
    """Whether the noted block has a transaction of the same nonce that does the same: an attempt that went with a
    database that is lost."""
    if noted is None:
        return False
    try:
        found = node.ask("eth_getBlockByNumber", hex(noted), True)
    except NodeRefused as refusal:
        raise CouldNotLook(f"{node.name} does not tell block {noted}: {refusal}") from refusal
    if found is None:
        return False  # a fork has made the chain shorter than the database knew it
    block = record(found, "a block")
    listed = block.get("transactions")
    for one in listed if isinstance(listed, list) else []:
        sent = record(one, "a transaction")
        place = hexed(data(sent.get("from"), "a sender", 20)), number(sent.get("nonce"), "a nonce")
        if place == (attempts[0].signer, attempts[0].nonce):
            to = "" if sent.get("to") is None else hexed(data(sent.get("to"), "an address", 20))
            call = call_digest(to, number(sent.get("value"), "a value"), data(sent.get("input"), "a call"))
            tx = hexed(data(sent.get("hash"), "a hash", 32))
            succeeded = any(receipt is not None and receipt[0] for receipt in _receipts(node, [tx]))
            return succeeded and any(call == attempt.call for attempt in attempts)
    return False


def _nothing(attempts: Sequence[_Attempt]) -> str:
    return "failed" if any(one.block is not None for one in attempts) else "is not there"


def _settled(node: Node, spill: Spill) -> Iterator[tuple[str, str, int | None, list[_Attempt]]]:
    """Key, noted outcome and block, and every attempt of each nonce whose outcome is to be proved."""
    after = 0
    wanted = "SELECT number, key, hash, outcome, block, filler, signer, nonce, call FROM receipts"
    wanted += " WHERE number > ? ORDER BY number LIMIT ?"
    rest: list[tuple[Any, ...]] = []
    while some := list(spill.rows(wanted, after, _AT_ONCE)):
        after = some[-1][0]
        rest += some
        # Attempts of one nonce follow one another; those of the last one may go on in the next answer.
        last_key = rest[-1][1] if len(some) == _AT_ONCE else None
        whole = [row for row in rest if row[1] != last_key]
        rest = [row for row in rest if row[1] == last_key]
        yield from _judged(node, whole)
    yield from _judged(node, rest)


def _judged(node: Node, rows: list[tuple[Any, ...]]) -> Iterator[tuple[str, str, int | None, list[_Attempt]]]:
    by_key: dict[str, list[_Attempt]] = defaultdict(list)
    noted: dict[str, tuple[str, int | None]] = {}
    for row, receipt in zip(rows, _receipts(node, [row[2] for row in rows]), strict=True):
        _, key, tx, outcome, block, filler, signer, nonce, call = row
        noted[key] = outcome, block
        succeeded, height = receipt or (False, None)
        by_key[key].append(_Attempt(tx, bool(filler), succeeded, height, signer, nonce, call))
    for key, attempts in by_key.items():
        yield key, *noted[key], attempts


def _receipts(node: Node, hashes: Sequence[str]) -> Iterator[tuple[bool, int] | None]:
    """Whether each succeeded and in which block, None where no block has it."""
    for answer in node.ask_all([("eth_getTransactionReceipt", (tx,)) for tx in hashes]):
        if isinstance(answer, NodeRefused):
            raise CouldNotLook(f"{node.name} gives no receipts: {answer.message}")
        if answer is None:
            yield None
        else:
            receipt = record(answer, "a receipt")
            yield number(receipt.get("status"), "a status") == 1, number(receipt.get("blockNumber"), "a block")


def _used(node: Node, signers: Sequence[str], block: int | str) -> dict[str, int]:
    """How many nonces of each account are used as of a block."""
    at = hex(max(block, 0)) if isinstance(block, int) else block
    found = {}
    for signer, answer in zip(
        signers, node.ask_all([("eth_getTransactionCount", (signer, at)) for signer in signers]), strict=True
    ):
        if isinstance(answer, NodeRefused):
            raise CouldNotLook(f"{node.name} does not count transactions: {answer.message}")
        found[signer] = number(answer, "a transaction count")
    return found


def _pending(report: Report, node: Node, sending: Sending, last: int) -> None:
    """A nonce that is used up at final depth, and not by any of ours: somebody else signs with the same key."""
    used = _used(node, sorted({one.signer for one in sending.pending}), last)
    waiting = 0
    for one in sending.pending:
        report.saw("nonce-foreign")
        is_ours = any(receipt is not None for receipt in _receipts(node, one.hashes))
        waiting += not is_ours
        if one.nonce < used[one.signer] and not is_ours:
            told = f"nonce {one.nonce} of {one.signer}, reserved for {one.key}, went to another transaction"
            report.find("nonce-foreign", told, agreement=agreement_in(one.key))
    if sending.pending:
        report.note(f"{len(sending.pending)} transactions are not settled yet, {waiting} of them in no block")


def _holes(report: Report, node: Node, spill: Spill, sending: Sending) -> None:
    """Nonces of no row. Unused, they stop all that follow; used by a transaction of ours, its row is lost; else
    somebody else had the key for a while, which the sender told when it happened."""
    if not sending.holes:
        return
    used = _used(node, sorted({hole.signer for hole in sending.holes}), "latest")
    lost = dict(_unknown(node, spill))
    for hole in sending.holes:
        if hole.last >= used[hole.signer]:
            told = f"nonce {max(hole.first, used[hole.signer])} of {hole.signer} is in no row and not used"
            report.find("nonce-hole", f"{told}: all that follow wait for it")
        elif hole.went:
            told = f"nonces {hole.first} to {hole.last} of {hole.signer} are of the time before a restore"
            report.note(f"{told}: the chain alone knows them")
        else:
            _who_used(report, hole, lost)


def _who_used(report: Report, hole: Hole, lost: dict[tuple[str, int], tuple[bytes, str]]) -> None:
    """Ours, and the row is lost, or somebody else's."""
    few = range(hole.first, min(hole.last + 1, hole.first + _AT_ONCE))
    ours = [nonce for nonce in few if (hole.signer, nonce) in lost]
    for nonce in ours:
        agreement, tx = lost[hole.signer, nonce]
        told = f"nonce {nonce} of {hole.signer} is in no row, and did {tx} about agreement {hexed(agreement)}"
        report.find("nonce-hole", told, agreement=hexed(agreement))
    if not ours:
        report.note(f"nonces {hole.first} to {hole.last} of {hole.signer} went to transactions of somebody else")


def _unknown(node: Node, spill: Spill) -> Iterator[tuple[tuple[str, int], tuple[bytes, str]]]:
    """(Sender, nonce) of each transaction with a log of ours that no row knows: its agreement and its hash."""
    wanted = (
        "SELECT tx, min(agreement) FROM logs WHERE tx > ? AND NOT EXISTS (SELECT 1 FROM sent WHERE sent.tx = logs.tx)"
        " GROUP BY tx ORDER BY tx LIMIT ?"
    )
    after = b""
    while some := list(spill.rows(wanted, after, BATCH)):
        after = some[-1][0]
        questions = [("eth_getTransactionByHash", (hexed(tx),)) for tx, _ in some]
        for (tx, agreement), answer in zip(some, node.ask_all(questions), strict=True):
            if isinstance(answer, dict):
                sender = hexed(data(answer.get("from"), "a sender", 20))
                yield (sender, number(answer.get("nonce"), "a nonce")), (agreement, hexed(tx))
