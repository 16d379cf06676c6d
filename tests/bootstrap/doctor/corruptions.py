"""What can be spoilt in the database: each row names the check that must see it, and its order."""

# ruff: noqa: S608 - statements are put together from this file's own words

import json
from collections.abc import Callable, Sequence
from typing import Any

from eth_hash.auto import keccak

from tests.bootstrap.doctor.spoiling import Corruption, Spoil, Spoiler, Sql

OTHER = "0x" + "ab" * 20
FORGED = "0x" + "cd" * 32


def _payouts(change: Callable[[list[Any]], None], kind: int = 1) -> Spoil:
    def spoil(at: Spoiler) -> None:
        def changed(payouts: list[Any]) -> list[Any]:
            change(payouts)
            return payouts

        at.json("payouts", changed, kind)

    return spoil


def _add(payouts: list[Any], place: int, name: str, value: Any) -> None:
    payouts[place][name] = value if isinstance(value, str | bool) else payouts[place][name] + value


def _unpaid(payouts: list[Any]) -> None:
    next(one for one in payouts if one["party"] == "payee" and one["paid"])["paid"] = False


def _paid(payouts: list[Any]) -> None:
    next(one for one in payouts if not one["paid"])["paid"] = True


def _terms(name: str, value: Any, kind: int = 1) -> Spoil:
    return lambda at: at.json("terms", lambda terms: terms | {name: value}, kind)


def _fork(column: str) -> Spoil:
    return lambda at: at.sql(f"UPDATE chain_cursor SET {column} = ?", FORGED) and None


def _ahead(at: Spoiler) -> None:
    at.sql("UPDATE chain_cursor SET final_number = final_number + 7, number = number + 7")


def _lost_order(at: Spoiler) -> None:
    at.delete("orders", "id = ?")


def _lost_agreement(at: Spoiler) -> None:
    identity = at.agreement(2)
    at.sql("DELETE FROM signature_requests WHERE agreement_id = ?", identity)
    at.sql("DELETE FROM agreements WHERE id = ?", identity)


def _nonce_hole(at: Spoiler) -> None:
    key = f"open:{at.agreement()}"
    at.sql("DELETE FROM chain_attempts WHERE key = ?", key)
    at.sql("DELETE FROM chain_transactions WHERE key = ?", key)


def _lost_nonce(at: Spoiler) -> None:
    at.sql("DELETE FROM chain_transactions WHERE key = ?", f"open:{at.agreement()}")


def _unused_nonce(at: Spoiler) -> None:
    row = "INSERT INTO chain_transactions (key, signer, signer_key, nonce, at) SELECT ?, signer, signer_key, ?, at"
    at.sql(f"{row} FROM chain_transactions LIMIT 1", "later", 1_000)


def _sent_twice(at: Spoiler) -> None:
    """The same call under two nonces, both successful: the second one takes the bytes of another transaction."""
    key, other = f"open:{at.agreement()}", f"open:{at.agreement()} (attempt 2)"
    last = at.sql("SELECT key FROM chain_transactions WHERE outcome = 'mined' ORDER BY nonce DESC LIMIT 1")[0][0]
    assert last != key
    at.sql("UPDATE chain_transactions SET key = ? WHERE key = ?", other, last)
    at.sql("UPDATE chain_attempts SET key = ? WHERE key = ?", other, last)


def _other_bytes(at: Spoiler) -> None:
    key = f"open:{at.agreement()}"
    raw = at.sql("SELECT raw FROM chain_attempts WHERE key = ?", key)[0][0]
    at.sql("UPDATE chain_attempts SET raw = ? WHERE key = ?", raw[:-2] + f"{int(raw[-2:], 16) ^ 1:02x}", key)


def _outcome(assignment: str) -> Spoil:
    return lambda at: (
        at.sql(f"UPDATE chain_transactions SET {assignment} WHERE key = ?", f"open:{at.agreement()}") and None
    )


def forge_attempt(sql: Sql, key: str) -> None:
    """Other bytes that do the same: a signature that nobody made, under their own hash."""
    raw = sql("SELECT raw FROM chain_attempts WHERE key = ?", key)[0][0]
    forged = raw[:-2] + f"{int(raw[-2:], 16) ^ 1:02x}"
    digest = "0x" + keccak(bytes.fromhex(forged[2:])).hex()
    sql("UPDATE chain_attempts SET raw = ?, hash = ? WHERE key = ?", forged, digest, key)


def _foreign_nonce(at: Spoiler) -> None:
    """What waits to be mined is signed for a nonce that the chain has used for something else."""
    key = f"open:{at.agreement()}"
    forge_attempt(at.sql, key)
    at.sql("UPDATE chain_transactions SET outcome = NULL, block = NULL WHERE key = ?", key)


def _freeze(at: Spoiler) -> None:
    row = "INSERT INTO order_freezes (order_id, block, reason, at) VALUES (?, 20, 'a fork took it', ?)"
    at.sql(row, at.order, "2030-01-01 00:00:00")


def _nothing_waits(at: Spoiler) -> None:
    at.set("outbox", "status = 'done'")
    at.set("signature_requests", "status = 'signed'")
    at.sql("UPDATE jobs SET state = 'ended' WHERE order_id = ?", at.order)


def _event_row(assignment: str, *values: Any, name: str = "withdrawn", kind: int = 1) -> Spoil:
    def spoil(at: Spoiler) -> None:
        identity = at.agreement(kind)
        wanted = "SELECT block_hash, log_index FROM chain_events WHERE agreement_id = ? AND name = ? ORDER BY block"
        block, place = at.sql(wanted, identity, name)[0]
        at.sql(f"UPDATE chain_events SET {assignment} WHERE block_hash = ? AND log_index = ?", *values, block, place)

    return spoil


def _lost_event_row(at: Spoiler) -> None:
    at.sql("DELETE FROM chain_events WHERE agreement_id = ? AND name = 'state'", at.agreement())


def _distrust(at: Spoiler) -> None:
    at.sql("UPDATE chain_cursor SET distrust = 'another genesis'")


C = Corruption
CORRUPTIONS: Sequence[Corruption] = (
    # ── money ────────────────────────────────────────────────────────────────────────────────────
    C(
        "a payout one cent too much",
        "payout-amount",
        "settled",
        _payouts(lambda p: _add(p, -1, "amount_minor", 1)),
        also=("ledger-whole",),
    ),
    C("a payout one cent too little", "payout-amount", "delivered", _payouts(lambda p: _add(p, 0, "amount_minor", -1))),
    C("a supply's payout off by one", "payout-amount", "settled", _payouts(lambda p: _add(p, 0, "amount_minor", 1), 2)),
    C("a foreign payee", "payout-party", "settled", _payouts(lambda p: _add(p, 0, "address", OTHER))),
    C("another party", "payout-party", "settled", _payouts(lambda p: _add(p, -1, "party", "payer"))),
    C("a payout written twice", "payout-twice", "settled", _payouts(lambda p: p.append(p[-1]))),
    C(
        "a payout that never was",
        "payout-without-event",
        "delivered",
        _payouts(lambda p: p.append({"party": "payee", "address": OTHER, "amount_minor": 5, "paid": True})),
    ),
    C("a payout forgotten", "event-without-payout", "refunded", _payouts(lambda p: p.pop() and None)),
    C("marked unpaid", "payout-paid", "settled", _payouts(_unpaid)),
    C("marked paid too soon", "payout-paid", "delivered", _payouts(_paid)),
    # ── agreements ───────────────────────────────────────────────────────────────────────────────
    C(
        "a status ahead of the chain",
        "agreement-status",
        "delivered",
        lambda at: at.set("agreements", "status = 'settled'", where="order_id = ? AND kind = 1"),
    ),
    C(
        "a status behind the chain",
        "agreement-status",
        "disputed",
        lambda at: at.set("agreements", "status = 'delivered'", where="order_id = ? AND kind = 1"),
    ),
    C(
        "open, and never opened",
        "agreement-without-event",
        "quoted",
        lambda at: at.set("agreements", "status = 'open'", where="order_id = ? AND kind = 2"),
    ),
    C(
        "opened, and still signed",
        "agreement-status",
        "contracted",
        lambda at: at.set("agreements", "status = 'signed'", where="order_id = ? AND kind = 2"),
    ),
    C("a deleted agreement", "event-without-agreement", "contracted", _lost_agreement, also=("family",)),
    C("a lower price in the terms", "agreement-terms", "delivered", _terms("amount", 1_000_000)),
    C("another payee in the terms", "agreement-terms", "contracted", _terms("payee", OTHER)),
    C("another deadline in a draft", "agreement-terms", "quoted", _terms("deliver_by", 2_000_000_000, 2)),
    C(
        "another address",
        "agreement-terms",
        "settled",
        lambda at: at.set("agreements", "address = ?", OTHER, where="kind = 1 AND order_id = ?") or None,
    ),
    C("another parent", "family", "quoted", _terms("parent", FORGED, 2)),
    C(
        "a milestone that was not proved",
        "milestones",
        "contracted",
        lambda at: at.json("milestone_states", lambda found: found | {"1": ["proved", 1]}),
    ),
    C(
        "a milestone paid too soon",
        "milestones",
        "contracted",
        lambda at: at.json(
            "milestone_states", lambda found: {key: ["paid", entry[1]] for key, entry in found.items()}, 2
        ),
    ),
    C("no milestone any more", "milestones", "settled", lambda at: at.json("milestone_states", lambda found: {})),
    # ── orders ───────────────────────────────────────────────────────────────────────────────────
    C(
        "an order ahead of the chain",
        "order-status",
        "quoted",
        lambda at: at.set("orders", "status = 'contracted'", where="id = ?"),
        also=("order-events",),
    ),
    C(
        "an order behind the chain",
        "order-status",
        "delivered",
        lambda at: at.set("orders", "status = 'shipped'", where="id = ?"),
    ),
    C(
        "an order settled with money left",
        "order-status",
        "delivered",
        lambda at: at.set("orders", "status = 'settled'", where="id = ?"),
    ),
    C(
        "a lost event",
        "order-events",
        "contracted",
        lambda at: at.delete("order_events", "version = 4 AND order_id = ?"),
    ),
    C(
        "a lost last event",
        "order-events",
        "settled",
        lambda at: at.delete("order_events", "name = 'OrderSettled' AND order_id = ?"),
    ),
    C(
        "a version too high",
        "order-events",
        "sourcing",
        lambda at: at.set("orders", "version = version + 1", where="id = ?"),
    ),
    C(
        "an event that nobody knows",
        "order-events",
        "quoted",
        lambda at: at.set("order_events", "name = 'OrderForged'", where="version = 2 AND order_id = ?"),
    ),
    C("a lost order", "orphan", "quoted", _lost_order),
    C(
        "a lost effect",
        "effect-missing",
        "contracted",
        lambda at: at.delete("outbox", "kind = 'dispatch_jobs' AND order_id = ?"),
    ),
    C(
        "a lost deadline",
        "effect-missing",
        "quoted",
        lambda at: at.delete("outbox", "kind = 'deadline' AND status = 'waiting' AND order_id = ?"),
    ),
    C(
        "a lost deadline of the chain",
        "effect-missing",
        "disputed",
        lambda at: at.delete("outbox", "kind = 'timeout' AND order_id = ?"),
    ),
    C("an order that nobody moves", "next-action", "contracted", _nothing_waits),
    C("a frozen order", "frozen", "delivered", _freeze),
    # ── effects ──────────────────────────────────────────────────────────────────────────────────
    C(
        "a parked effect",
        "effect-parked",
        "quoted",
        lambda at: at.set(
            "outbox",
            "status = 'parked', reason = 'nobody knows'",
            where="kind = 'notify' AND order_id = ?",
        ),
    ),
    C(
        "a held effect",
        "effect-held",
        "delivered",
        lambda at: at.set("outbox", "status = 'held'", where="kind = 'notify' AND order_id = ?"),
    ),
    C(
        "an overdue effect",
        "effect-overdue",
        "delivered",
        lambda at: at.set("outbox", "due = '2029-01-01 00:00:00'", where="status = 'waiting' AND order_id = ?"),
    ),
    C(
        "an expired lease",
        "lease-expired",
        "sourcing",
        lambda at: at.set(
            "outbox",
            "due = '2029-01-01 00:00:00', attempts = 2",
            where="status = 'waiting' AND order_id = ?",
        ),
    ),
    # ── transactions ─────────────────────────────────────────────────────────────────────────────
    C("a nonce hole", "nonce-hole", "settled", _nonce_hole),
    C("a nonce without its row", "nonce-hole", "settled", _lost_nonce),
    C("a nonce that is not used", "nonce-hole", "settled", _unused_nonce, is_nobodys=True),
    C("two transactions for a key", "key-twice", "settled", _sent_twice),
    C("other bytes", "tx-bytes", "settled", _other_bytes),
    C("a success noted as failed", "tx-outcome", "settled", _outcome("outcome = 'failed'")),
    C("a wrong block", "tx-outcome", "settled", _outcome("block = block + 1")),
    C("a nonce that somebody else used", "nonce-foreign", "settled", _foreign_nonce),
    # ── the chain's place ────────────────────────────────────────────────────────────────────────
    C("a forked hash", "cursor-hash", "settled", _fork("final_hash"), is_nobodys=True),
    C("a cursor beyond the head", "cursor-ahead", "settled", _ahead, is_nobodys=True),
    C("another first block", "chain-identity", "settled", _fork("genesis"), is_nobodys=True),
    C("a node that is not believed", "distrust", "settled", _distrust, is_nobodys=True),
    C(
        "a remembered block of another branch",
        "block-ring",
        "settled",
        lambda at: at.sql("UPDATE chain_blocks SET hash = ? WHERE number = 20", FORGED) and None,
        is_nobodys=True,
    ),
    C(
        "a remembered event that differs",
        "chain-events",
        "settled",
        _event_row("fields = ?", json.dumps({"party": "payee", "address": OTHER, "amount_minor": 1})),
    ),
    C("a remembered event of another block", "chain-events", "settled", _event_row("block = block - 1")),
    C(
        "a final event that was not applied",
        "chain-events",
        "delivered",
        _event_row("applied = ?", False, name="delivered"),
    ),
    C("a forgotten event", "chain-events", "disputed", _lost_event_row),
    # ── rows that cannot be read ─────────────────────────────────────────────────────────────────
    C("payouts of another kind", "unreadable", "settled", lambda at: at.json("payouts", lambda found: {"a": 1})),
    C("terms that are none", "unreadable", "contracted", lambda at: at.json("terms", lambda found: [1])),
)
