"""The same database on PostgreSQL: sound, and spoilt where its types are not SQLite's."""

import asyncio
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import create_engine, event, insert, select

from bootstrap.doctor.database import open_snapshot
from bootstrap.doctor.examine import Question, examine
from bootstrap.doctor.failures import CouldNotLook
from marketplace.persistence.migrate import upgrade
from marketplace.persistence.tables import metadata
from tests.bootstrap.doctor.conftest import asked
from tests.bootstrap.doctor.corruptions import CORRUPTIONS
from tests.bootstrap.doctor.situation import Situation
from tests.bootstrap.doctor.spoiling import Corruption, Spoiler, postgresql_in
from tests.bootstrap.doctor.test_corruptions import judge
from tests.bootstrap.doctor.views import TrueNode
from tests.persistence.databases import PREFIX, SERVER, postgresql_database

pytestmark = pytest.mark.integration

DIFFERENT = {
    "a payout one cent too much",
    "a milestone that was not proved",
    "a deleted agreement",
    "a lost order",
    "a lost event",
    "an overdue effect",
    "a frozen order",
    "a final event that was not applied",
    "a forked hash",
    "a nonce hole",
    "two transactions for a key",
    "payouts of another kind",
}
"""JSON, instants, booleans, foreign keys, LIKE and CAST: where the drivers differ."""


@pytest.fixture(scope="module")
def template(situation: Situation) -> Iterator[str]:
    """The situation's rows in a database of the server."""
    with postgresql_database() as url:
        asyncio.run(upgrade(url))
        _copy_rows(f"sqlite:///{situation.database}", url)
        yield url


def _copy_rows(source: str, target: str) -> None:
    reader, writer = create_engine(source), create_engine(target)
    event.listen(writer, "connect", lambda db, _: db.execute("SET session_replication_role = replica"))
    try:
        with reader.connect() as old, writer.begin() as new:
            for table in metadata.sorted_tables:
                if rows := [dict(row) for row in old.execute(select(table)).mappings()]:
                    new.execute(insert(table), rows)
    finally:
        reader.dispose()
        writer.dispose()


@pytest.fixture
def url(template: str) -> Iterator[str]:
    """A copy of one's own."""
    original = template.rsplit("/", 1)[1]
    name = f"{original}_copy"
    assert original.startswith(PREFIX)
    with psycopg.connect(SERVER, autocommit=True) as server:
        made = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        server.execute(made.format(sql.Identifier(name), sql.Identifier(original)))
        try:
            yield template.rsplit("/", 1)[0] + f"/{name}"
        finally:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def looked(situation: Situation, node: TrueNode, url: str, **given: Any) -> Any:
    return examine(Question(**(asked(situation, url) | given)), transport=node.transport())


def test_the_situation_is_sound(url: str, situation: Situation, node: TrueNode) -> None:
    report = looked(situation, node, url)
    assert [finding.what for finding in report.findings] == []
    assert (report.exit, report.orders) == (0, len(situation.orders))
    assert looked(situation, node, url, order=situation.orders["settled"]).exit == 0


@pytest.mark.parametrize(
    "corruption", [one for one in CORRUPTIONS if one.name in DIFFERENT], ids=lambda one: one.name.replace(" ", "-")
)
def test_a_corruption_is_named(corruption: Corruption, url: str, situation: Situation, node: TrueNode) -> None:
    order = situation.orders[corruption.order]
    with postgresql_in(url) as run:
        corruption.spoil(Spoiler(run, order))
    judge(corruption, order, looked(situation, node, url))


def test_all_that_differs_is_there() -> None:
    assert {one.name for one in CORRUPTIONS} >= DIFFERENT


def test_one_moment_is_seen_and_nothing_can_be_written(url: str) -> None:
    with closing(open_snapshot(url, patience_s=5)) as snapshot:
        before = list(snapshot.rows("SELECT status FROM orders ORDER BY id"))
        with postgresql_in(url) as run:
            run("UPDATE orders SET status = 'expired'")
        assert list(snapshot.rows("SELECT status FROM orders ORDER BY id")) == before
        with pytest.raises(CouldNotLook, match="read-only"):
            list(snapshot.rows("SELECT setval('outbox_id_seq', 1)"))


def test_a_statement_ends_at_its_deadline(url: str) -> None:
    with closing(open_snapshot(url, patience_s=0.2)) as snapshot, pytest.raises(CouldNotLook, match="timeout"):
        list(snapshot.rows("SELECT pg_sleep(30)"))


def test_a_server_that_is_not_there() -> None:
    with pytest.raises(CouldNotLook, match="cannot be reached") as refusal:
        open_snapshot("postgresql+psycopg://somebody:very-secret@127.0.0.1:9/none", patience_s=1)
    assert "very-secret" not in str(refusal.value)
