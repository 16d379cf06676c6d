"""The whole examination, in an order that holds the database's view for a short time only.

First the chain up to its head, into a file; then one moment of the database, compared with the chain as of the last
block that was applied; then what only the chain can answer. What is not final yet is counted and told, not judged.
"""

from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from typing import Final

import httpx

from bootstrap.doctor.accounts import examine_accounts, fee_receiver
from bootstrap.doctor.cases import Bookkeeper, cases, ids_of
from bootstrap.doctor.chain_events import examine_events
from bootstrap.doctor.database import Snapshot, open_snapshot
from bootstrap.doctor.failures import CouldNotLook, Unreadable
from bootstrap.doctor.logs import Progress, read_logs
from bootstrap.doctor.node import Node
from bootstrap.doctor.orders import examine_order
from bootstrap.doctor.orphans import examine_orphans, examine_strangers, note_parties
from bootstrap.doctor.outbox import Clocks, examine_outbox
from bootstrap.doctor.outcomes import examine_outcomes
from bootstrap.doctor.position import (
    Block,
    Position,
    applied,
    block_at,
    examine_position,
    examine_ring,
    examine_trust,
    final_block,
    frozen_orders,
    identity,
)
from bootstrap.doctor.report import Report
from bootstrap.doctor.spill import Spill
from bootstrap.doctor.transactions import Sending, examine_transactions

_NEEDED: Final = {
    "orders": {"id", "status", "version", "delivery_id", "supply_ids", "payer_address"},
    "agreements": {"id", "order_id", "kind", "address", "status", "terms", "milestone_states", "payouts"},
    "outbox": {"id", "order_id", "kind", "key", "subject", "status", "due", "attempts", "reason"},
    "chain_cursor": {"number", "final_number", "final_hash", "genesis", "distrust"},
    "chain_events": {"block", "block_hash", "log_index", "agreement_id", "name", "fields", "applied"},
    "chain_transactions": {"key", "signer_key", "nonce", "at", "outcome", "block"},
    "chain_attempts": {"key", "number", "raw", "hash"},
    "lost_agreements": {"id", "order_id"},
    "restores": {"restored_at"},
    "order_freezes": {"order_id", "block", "reason", "thawed_at"},
}
"""Tables and columns that are read."""


def _quiet(what: str, done: int, of: int) -> None:
    """No progress is told."""


@dataclass(frozen=True, slots=True)
class Question:
    """What is to be examined: plain values, so that nothing of the product comes along.

    `confirmations` is the depth above which nothing is acted on, None for what the chain calls finalized; `genesis`
    and `witness` are None where unknown; `order` None means all. `now` is the wall's second, `overdue_s` how long
    something due may wait, `patience_s` the deadline of each call.
    """

    database: str
    rpc: str
    factory: str
    chain_id: int
    start_block: int
    now: float
    confirmations: int | None = 0
    genesis: str | None = None
    witness: str | None = None
    order: str | None = None
    overdue_s: float = 600.0
    patience_s: float = 20.0


@dataclass
class _Look:
    """What one examination carries along."""

    question: Question
    node: Node
    spill: Spill
    told: Progress
    genesis: str = ""
    report: Report = field(default_factory=Report)


def examine(question: Question, *, told: Progress = _quiet, transport: httpx.BaseTransport | None = None) -> Report:
    """Look at everything. `transport` replaces the network in tests. Raises CouldNotLook."""
    try:
        return _examine(question, told, transport)
    except Unreadable as error:
        # A row that stands for itself is a finding; without this one nothing else can be compared.
        raise CouldNotLook(f"the database says nothing that can be used: {error}") from error


def _examine(question: Question, told: Progress, transport: httpx.BaseTransport | None) -> Report:
    with ExitStack() as stack:
        node = Node(question.rpc, patience_s=question.patience_s, transport=transport)
        stack.callback(node.close)
        spill = Spill()
        stack.callback(spill.close)
        look = _Look(question, node, spill, told)
        if not _is_the_chain(look, transport):
            look.report.note("nothing else was compared: this is another chain")
            return look.report
        before = _read_what_is_final(look) if question.order is None else None
        with closing(open_snapshot(question.database, patience_s=question.patience_s)) as snapshot:
            position, sending, head = _database(look, snapshot, before)
        if before is not None:
            _require_same(look, before)
        block = min(position.number, head.number)
        if block >= question.start_block:
            examine_accounts(look.report, node, spill, block, told)
        examine_outcomes(look.report, node, spill, sending, block)
        _still_the_same(look, position, head)
        look.report.attribute(spill.order_of)
        return look.report


def _is_the_chain(look: _Look, transport: httpx.BaseTransport | None) -> bool:
    """Chain id and first block against what is known, and against the second node's. Without it nothing compares."""
    question, report = look.question, look.report
    report.saw("chain-identity")
    chain_id, genesis = identity(look.node)
    look.genesis = genesis
    if chain_id != question.chain_id:
        report.find("chain-identity", f"{look.node.name} is on chain {chain_id}, not {question.chain_id}")
    elif question.genesis not in (None, genesis):
        report.find("chain-identity", f"the first block of {look.node.name} is {genesis}, not {question.genesis}")
    if question.witness is not None:
        _ask_witness(look, chain_id, genesis, transport)
    return not report.counts["chain-identity"]


def _ask_witness(look: _Look, chain_id: int, genesis: str, transport: httpx.BaseTransport | None) -> None:
    report = look.report
    report.saw("witness")
    witness = Node(str(look.question.witness), patience_s=look.question.patience_s, transport=transport)
    try:
        theirs = identity(witness)
        if theirs != (chain_id, genesis):
            told = f"{witness.name} tells chain {theirs[0]} from {theirs[1]}, {look.node.name} chain {chain_id} from"
            report.find("witness", f"{told} {genesis}")
            return
        # Some blocks below the lower of both heads: the last ones may differ for a moment without anybody lying.
        heads = [_head(one) for one in (look.node, witness)]
        lower = look.node if heads[0].number <= heads[1].number else witness
        common = final_block(lower, min(heads, key=lambda head: head.number), look.question.confirmations)
        mine, other = (block_at(node, max(common, 0)) for node in (look.node, witness))
        if mine is None or other is None or mine.hash != other.hash:
            report.find("witness", f"{look.node.name} and {witness.name} tell different blocks {max(common, 0)}")
    finally:
        witness.close()


def _head(node: Node) -> Block:
    head = block_at(node, "latest")
    if head is None:
        raise CouldNotLook(f"{node.name} has no block")
    return head


def _read_what_is_final(look: _Look) -> Block | None:
    """The long reading, before the database is opened. The last block of it must be there afterwards, too."""
    question, head = look.question, _head(look.node)
    last = min(final_block(look.node, head, question.confirmations), head.number)
    if last < question.start_block:
        return None
    before = block_at(look.node, last)
    if before is None:
        raise CouldNotLook(f"{look.node.name} has no block {last} below its own head")
    read_logs(look.node, look.spill, question.start_block, last, look.told)
    return before


def _database(look: _Look, snapshot: Snapshot, before: Block | None) -> tuple[Position, Sending, Block]:
    """Everything that one moment of the database must answer. `before` is the last block that was read already."""
    question, report, spill = look.question, look.report, look.spill
    for table, columns in _NEEDED.items():
        if not columns <= snapshot.columns(table):
            told = f"this database has no such table {table} as this version's: start its worker once, or see"
            raise CouldNotLook(f"{told} DATABASE_URL")
    position = applied(snapshot, question.start_block)
    head = _head(look.node)
    only = None if question.order is None else ids_of(snapshot, question.order)
    first = question.start_block if before is None else before.number + 1
    if only != []:
        read_logs(look.node, spill, first, head.number, look.told, only)
    spill.settle(question.factory)
    last = min(position.number, head.number)
    report.block = {"number": last, "hash": position.hash, "head": head.number, "chain_id": question.chain_id}
    examine_position(report, look.node, position, head, question.confirmations, question.now, question.overdue_s)
    examine_trust(report, snapshot, look.genesis, look.node.name)
    examine_ring(report, look.node, snapshot, head, last)
    frozen = frozen_orders(report, snapshot)
    receiver = fee_receiver(look.node, question.factory, head.number)
    books = Bookkeeper(report, spill, last, receiver, question.chain_id, question.factory)
    ours = None if only is None else frozenset(only)
    sending = examine_transactions(report, snapshot, spill, question.chain_id, ours)
    for case in cases(look.report, snapshot, books, sending.moving, question.order, look.told):
        examine_order(report, case)
    if question.order is None:
        examine_orphans(report, snapshot, books)
        note_parties(snapshot, spill)
        examine_strangers(report, look.node, spill, last, snapshot)
        books.totals.compare(report)
    examine_events(report, snapshot, spill, last, frozen)
    clocks = Clocks(question.now, head.timestamp, question.overdue_s)
    examine_outbox(report, snapshot, clocks, frozen, question.order)
    _count(look, last, head)
    return position, sending, head


def _count(look: _Look, last: int, head: Block) -> None:
    look.report.events, moving = look.spill.count(last)
    if moving:
        told = f"{moving} events of blocks {last + 1} to {head.number} are not final or not applied yet"
        look.report.note(f"{told}: they were not compared")


def _still_the_same(look: _Look, position: Position, head: Block) -> None:
    """A chain that moved under our eyes would be told as an error of the database."""
    known = look.report.counts["cursor-hash"] or look.report.counts["cursor-ahead"]
    if position.hash is not None and not known:
        _require_same(look, Block(min(position.number, head.number), position.hash, 0))


def _require_same(look: _Look, block: Block) -> None:
    now = block_at(look.node, block.number)
    if now is None or now.hash != block.hash:
        raise CouldNotLook(f"block {block.number} changed while we looked: run again")
