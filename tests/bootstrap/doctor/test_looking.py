"""How the doctor looks: one order, while others write, at what is in flight, and at rows of any kind."""

import sqlite3
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest

from bootstrap.doctor import database as reading
from bootstrap.doctor.abi import SHAPES
from bootstrap.doctor.checks import CHECKS
from bootstrap.doctor.database import open_snapshot
from bootstrap.doctor.failures import CouldNotLook
from bootstrap.doctor.lifecycle import AFTER, BY_CHAIN_TIME, ENDS, TOLD_ONLY
from contracts.events import topics
from marketplace.domain.effects import EffectKind
from marketplace.domain.lifecycle import ENDS as THEIR_ENDS
from marketplace.domain.lifecycle import TRANSITIONS
from marketplace.domain.order import Status
from marketplace.domain.reactions import MOVES_BY_TIME
from marketplace.persistence.mapping import EVENT_TYPES
from tests.bootstrap.doctor.conftest import Doctor
from tests.bootstrap.doctor.corruptions import CORRUPTIONS, forge_attempt
from tests.bootstrap.doctor.lies import LIES
from tests.bootstrap.doctor.situation import Situation, copied
from tests.bootstrap.doctor.spoiling import Spoiler, sqlite_in

TABLES = {
    "orders": "id status version delivery_id supply_ids payer_address",
    "order_events": "version name data",
    "agreements": "id kind address status terms milestone_states payouts",
    "outbox": "kind key due attempts status",
    "chain_transactions": "key signer_key nonce outcome block",
    "chain_attempts": "hash raw number",
    "chain_events": "block block_hash log_index agreement_id name fields applied",
    "chain_cursor": "number final_number final_hash genesis distrust",
    "chain_blocks": "number hash",
}
JUNK: list[Any] = ["", "x", None, -1, 2**62, 1.5, b"\xff\xfe", "0x", "[" * 50_000, "{}", '{"a": NaN}', "\ud7ff"]


# ── what was written anew says the same ──────────────────────────────────────────────────────────────


def test_the_topics_are_those_of_the_contracts() -> None:
    assert {"0x" + topic.hex() for topic in SHAPES} == set(topics())


def test_every_event_of_an_order_is_known_and_leads_where_the_table_says() -> None:
    assert AFTER.keys() == EVENT_TYPES.keys()
    for name, kind in EVENT_TYPES.items():
        moves = {(source, target) for (source, event), target in TRANSITIONS.items() if event is kind}
        targets = {target for source, target in moves}
        if AFTER[name] is None:
            assert all(source == target for source, target in moves), name
        elif moves:
            assert targets == {Status(AFTER[name])}, name
    assert ENDS == THEIR_ENDS


def test_every_kind_of_effect_is_thought_of() -> None:
    known = {kind.value for kind in EffectKind}
    assert known >= TOLD_ONLY
    assert {kind.value for kind in MOVES_BY_TIME} == BY_CHAIN_TIME


def test_every_check_has_been_seen_red() -> None:
    named = {name for one in CORRUPTIONS for name in (one.check, *one.also)} | {told.check for told in LIES}
    here = {"witness", "final-early", "cursor-behind"}  # in tests of their own, here and in test_lies
    assert named | here == CHECKS.keys()


# ── one order ────────────────────────────────────────────────────────────────────────────────────────


def test_one_order_is_looked_at_alone(doctor: Doctor, situation: Situation, database: Path) -> None:
    spoilt = next(one for one in CORRUPTIONS if one.name == "a foreign payee")
    with sqlite_in(database) as sql:
        spoilt.spoil(Spoiler(sql, situation.orders[spoilt.order]))
    for name, order in situation.orders.items():
        report = doctor(order=order)
        assert report.orders == 1
        found = {(finding.check, finding.order) for finding in report.findings}
        assert found == ({("payout-party", order)} if name == spoilt.order else set())


def test_an_order_that_is_not_there_cannot_be_looked_at(doctor: Doctor) -> None:
    with pytest.raises(CouldNotLook, match="there is no order ord_none"):
        doctor(order="ord_none")


# ── in flight ────────────────────────────────────────────────────────────────────────────────────────


def test_what_was_not_applied_yet_is_not_judged(doctor: Doctor, situation: Situation, database: Path) -> None:
    """The database as it was when the chain was two blocks deeper than what is final: the rest is in flight."""
    order = situation.orders["contracted"]
    with sqlite_in(database) as sql:
        last = sql("SELECT final_number FROM chain_cursor")[0][0]
        _rewind(Spoiler(sql, order), last - 1)
    report = doctor(confirmations=1)
    assert [finding.what for finding in report.findings] == []
    assert [words for words in report.notes if "not final or not applied yet" in words]
    assert report.block["number"] == last - 1


def _rewind(at: Spoiler, to: int) -> None:
    """Undo the last block: it is the claim of the contracted order's supply."""
    block = at.sql("SELECT hash FROM chain_blocks WHERE number = ?", to)[0][0]
    last = at.sql("SELECT agreement_id, name FROM chain_events WHERE block > ?", to)
    assert last == [(at.agreement(2), "claimed")]
    at.sql("UPDATE chain_cursor SET final_number = ?, final_hash = ?", to, block)
    at.sql("UPDATE chain_events SET applied = 0 WHERE block > ?", to)
    at.json("milestone_states", lambda found: {}, 2)
    at.sql("DELETE FROM order_events WHERE order_id = ? AND name = 'MilestoneProved'", at.order)
    at.sql("UPDATE orders SET version = version - 1 WHERE id = ?", at.order)
    at.sql("DELETE FROM outbox WHERE key LIKE ?", f"sweep:{at.agreement(2)}%")
    at.sql("UPDATE chain_transactions SET outcome = NULL, block = NULL WHERE key LIKE ?", f"claim:{at.agreement(2)}%")


def test_what_waits_for_the_chain_is_a_next_action(doctor: Doctor, situation: Situation, database: Path) -> None:
    """Everything is done but the answer: a transaction that is on its way, and nothing else that waits."""
    order = situation.orders["delivered"]
    with sqlite_in(database) as sql:
        at = Spoiler(sql, order)
        at.set("outbox", "status = 'done'")
        at.set("signature_requests", "status = 'signed'")
        sql("UPDATE chain_transactions SET outcome = NULL, block = NULL WHERE key = ?", f"delivered:{at.agreement()}")
    report = doctor()
    assert report.exit == 0
    assert [words for words in report.notes if words.startswith("1 transactions are not settled yet")]


@pytest.mark.parametrize(("restored_at", "explained"), [("2030-06-01", True), ("2029-01-01", False), (None, False)])
def test_a_restore_explains_the_nonces_of_the_lost_database(
    restored_at: str | None, explained: bool, doctor: Doctor, situation: Situation, database: Path
) -> None:
    with sqlite_in(database) as sql:
        key = f"open:{Spoiler(sql, situation.orders['settled']).agreement()}"
        hole = sql("SELECT nonce FROM chain_transactions WHERE key = ?", key)[0][0]
        sql("DELETE FROM chain_attempts WHERE key = ?", key)
        sql("DELETE FROM chain_transactions WHERE key = ?", key)
        sql("UPDATE chain_transactions SET at = '2030-01-01 00:00:00' WHERE nonce < ?", hole)
        sql("UPDATE chain_transactions SET at = '2030-12-01 00:00:00' WHERE nonce > ?", hole)
        if restored_at is not None:
            row = "INSERT INTO restores (made_at, restored_at, digest, held) VALUES ('2029-01-01 00:00:00', ?, 'd', 0)"
            sql(row, f"{restored_at} 00:00:00")
    report = doctor()
    assert report.counts == ({} if explained else {"nonce-hole": 1})
    assert bool([words for words in report.notes if "before a restore" in words]) == explained


@pytest.mark.parametrize(("block", "sound"), [("block", True), ("block - 1", False), ("NULL", False)])
def test_an_attempt_that_a_restore_has_lost_counts_by_what_it_did(
    block: str, sound: bool, doctor: Doctor, situation: Situation, database: Path
) -> None:
    with sqlite_in(database) as sql:
        key = f"open:{Spoiler(sql, situation.orders['settled']).agreement()}"
        forge_attempt(sql, key)  # remembered is another attempt at the same call than the one that was mined
        sql(f"UPDATE chain_transactions SET block = {block} WHERE key = ?", key)  # noqa: S608 - one of the above
    assert doctor().counts == ({} if sound else {"tx-outcome": 1})


def test_an_effect_without_an_order_is_no_orphan(doctor: Doctor, database: Path) -> None:
    held = (
        "INSERT INTO outbox (order_id, kind, key, subject, detail, due, status, attempts, lease, created_at)"
        " SELECT ?, 'fund_test_account', 'fund:0x', '0x', '1', due, 'held', 0, 0, created_at FROM outbox LIMIT 1"
    )
    for order, counts in (("", {"effect-held": 1}), ("gone", {"effect-held": 2, "orphan": 1})):
        with sqlite_in(database) as sql:
            sql(held, order)
        assert doctor().counts == counts


def test_applying_too_early_is_named(doctor: Doctor) -> None:
    report = doctor(confirmations=1)
    assert report.counts == {"final-early": 1}


def test_falling_behind_is_named_after_a_while(doctor: Doctor, situation: Situation, database: Path) -> None:
    with sqlite_in(database) as sql:
        _rewind(Spoiler(sql, situation.orders["contracted"]), sql("SELECT final_number FROM chain_cursor")[0][0] - 1)
    assert "cursor-behind" not in doctor(now=situation.now).counts
    assert doctor(now=situation.now + 3_600, overdue_s=60).counts["cursor-behind"] == 1


# ── the database ─────────────────────────────────────────────────────────────────────────────────────


def test_a_writer_is_not_disturbed_and_not_seen(database: Path) -> None:
    with closing(sqlite3.connect(database, isolation_level=None)) as writer:
        writer.execute("PRAGMA journal_mode = WAL")
        with closing(open_snapshot(f"sqlite:///{database}", patience_s=5)) as snapshot:
            writer.execute("UPDATE orders SET status = 'expired'")
            assert {row["status"] for row in snapshot.rows("SELECT status FROM orders")} != {"expired"}
        with closing(open_snapshot(f"sqlite:///{database}", patience_s=5)) as snapshot:
            assert {row["status"] for row in snapshot.rows("SELECT status FROM orders")} == {"expired"}


def test_nothing_can_be_written(database: Path) -> None:
    with (
        closing(open_snapshot(f"sqlite:///{database}", patience_s=5)) as snapshot,
        pytest.raises(CouldNotLook, match="readonly"),
    ):
        list(snapshot.rows("UPDATE orders SET status = 'expired' RETURNING id"))


def test_a_statement_ends_at_its_deadline(database: Path) -> None:
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    with (
        closing(open_snapshot(f"sqlite:///{database}", patience_s=0.2)) as snapshot,
        pytest.raises(CouldNotLook, match="interrupted"),
    ):
        list(snapshot.rows(endless))


@pytest.mark.parametrize("url", ["", "mysql://x", "sqlite:///", "sqlite:///no/such/file", "sqlite://", "postgresql"])
def test_a_database_that_is_none(url: str, doctor: Doctor) -> None:
    with pytest.raises(CouldNotLook):
        doctor(database=url)


def test_a_file_that_is_no_database(tmp_path: Path, doctor: Doctor) -> None:
    (tmp_path / "words").write_text("no database, but long enough to be taken for one" * 100)
    with pytest.raises(CouldNotLook, match="cannot be read"):
        doctor(database=f"sqlite:///{tmp_path / 'words'}")


def test_a_database_of_another_version(database: Path, doctor: Doctor) -> None:
    with sqlite_in(database) as sql:
        sql("ALTER TABLE chain_cursor RENAME COLUMN final_number TO finally")
    with pytest.raises(CouldNotLook, match="no such table chain_cursor"):
        doctor()


@pytest.mark.parametrize("table", TABLES)
def test_rows_of_any_kind_are_answered_in_words(
    table: str, doctor: Doctor, situation: Situation, tmp_path: Path
) -> None:
    spoilt = 0
    for place, column in enumerate(TABLES[table].split()):
        for junk in JUNK[place % 3 :: 3]:
            database = copied(situation, tmp_path)
            with closing(sqlite3.connect(database)) as db, suppress(sqlite3.IntegrityError):
                last = db.execute(f"SELECT max(rowid) FROM {table}").fetchone()  # noqa: S608 - our own names
                db.execute(f"UPDATE {table} SET {column} = ? WHERE rowid = ?", [junk, *last])  # noqa: S608
                db.commit()
                spoilt += 1
            try:
                told = "\n".join(doctor().as_words())
            except CouldNotLook as refusal:
                told = str(refusal)
            assert all(line.isprintable() for line in told.split("\n"))
    assert spoilt > 4


def test_chunks_of_one_find_the_same(doctor: Doctor, situation: Situation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "AT_ONCE", 1)
    for module in ("cases", "outcomes", "accounts"):
        name = "ORDERS_AT_ONCE" if module == "cases" else "_AT_ONCE"
        monkeypatch.setattr(f"bootstrap.doctor.{module}.{name}", 1)
    monkeypatch.setattr("bootstrap.doctor.logs.MOST_BLOCKS", 1)
    monkeypatch.setattr("bootstrap.doctor.node.BATCH", 1)
    report = doctor()
    assert (report.exit, report.orders) == (0, len(situation.orders))
