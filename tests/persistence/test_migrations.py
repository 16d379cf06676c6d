"""What the migrations build is what `tables` says, and starting twice, or in two processes, builds it once."""

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.command import downgrade
from alembic.command import upgrade as alembic_upgrade
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, Column, Connection, MetaData, Table, Text, insert, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from marketplace.persistence.effects import Which
from marketplace.persistence.engines import open_engines
from marketplace.persistence.migrate import SCRIPTS, _keys_unwatched, configuration, upgrade
from marketplace.persistence.tables import metadata, outbox
from marketplace.persistence.tables.catalogue import SEARCH_NAME
from tests.persistence.conftest import BOTH
from tests.persistence.databases import opened, postgresql_database
from tests.persistence.samples import NOW, agreement, placing, request


@pytest.fixture(params=BOTH)
def fresh(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """The URL of a database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/fresh.db"
    else:
        with postgresql_database() as url:
            yield url


async def run(url: str, work: Any) -> Any:
    engines = open_engines(url)
    try:
        async with engines.write.begin() as connection:
            return await connection.run_sync(work)
    finally:
        await engines.dispose()


def differences(connection: Connection, wanted: MetaData) -> list[Any]:
    """What Alembic would change, and what it does not look at: checks, defaults of keys, and deferral."""
    opts = {"compare_type": True, "compare_server_default": True, "include_name": is_described}
    context = MigrationContext.configure(connection, opts=opts)
    found: list[Any] = compare_metadata(context, wanted)
    return found + sorted(set(described(connection)) ^ set(expected(connection, wanted)))


def is_described(name: str | None, *_: Any) -> bool:
    """Whether `metadata` can tell of it: a full-text index is a statement of its own, compared on SQLite as a text."""
    return not str(name).startswith(SEARCH_NAME)


def described(connection: Connection) -> list[str]:
    seen = inspect(connection)
    names = [name for name in seen.get_table_names() if name != "alembic_version" and is_described(name)]
    checks = [f"{name}: {check['name']}" for name in names for check in seen.get_check_constraints(name)]
    keys = [
        f"{name}: {','.join(key['constrained_columns'])} {key['options'].get('initially')}"
        for name in names
        for key in seen.get_foreign_keys(name)
    ]
    counted = [
        f"{name}.{column['name']} counts"
        for name in names
        for column in seen.get_columns(name)
        if "nextval" in str(column.get("default"))
    ]
    return checks + keys + counted


def expected(connection: Connection, wanted: MetaData) -> list[str]:
    prepare = connection.dialect.identifier_preparer
    tables = wanted.tables.values()
    checks = [
        f"{table.name}: {prepare.format_constraint(check)}"
        for table in tables
        for check in table.constraints
        if isinstance(check, CheckConstraint)
    ]
    keys = [f"{key.parent.table.name}: {key.parent.name} {key.initially}" for t in tables for key in t.foreign_keys]
    counted = [
        f"{table.name}.{key.name} counts"
        for table in tables
        for key in table.primary_key
        if key.autoincrement is True and connection.dialect.name == "postgresql"
    ]
    return checks + keys + counted


async def test_the_migrations_build_the_tables(fresh: str) -> None:
    await upgrade(fresh)
    assert await run(fresh, lambda connection: differences(connection, metadata)) == []


async def test_the_comparison_sees_what_is_missing(fresh: str) -> None:
    """Negative control: a planted table and a planted check are found."""
    await upgrade(fresh)
    planted = MetaData()
    for table in metadata.tables.values():
        table.to_metadata(planted)
    Table("planted", planted, Column("id", Text, primary_key=True))
    planted.tables["orders"].append_constraint(CheckConstraint("amount < 9", name="ck_orders_planted"))
    found = await run(fresh, lambda connection: differences(connection, planted))
    (kind, table), check = found
    assert (kind, table.name, check) == ("add_table", "planted", "orders: ck_orders_planted")


async def test_sqlite_builds_the_very_same_statements(tmp_path: Path) -> None:
    """On SQLite the whole text of each table can be compared, checks and deferral and all."""
    migrated, created = (f"sqlite:///{tmp_path}/{name}.db" for name in ("migrated", "created"))
    await upgrade(migrated)
    await run(created, metadata.create_all)
    assert await run(migrated, statements) == await run(created, statements)


def statements(connection: Connection) -> dict[str, frozenset[str]]:
    rows = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL"))
    # A table that was built anew and renamed carries its name in quotes; the order of its constraints is its own.
    lines = {
        name: frozenset(line.strip(" \t,") for line in sql.replace(f'TABLE "{name}"', f"TABLE {name}").splitlines())
        for name, sql in rows
    }
    return {name: found for name, found in lines.items() if name != "alembic_version"}


async def test_migrating_again_changes_nothing(fresh: str) -> None:
    for _ in range(2):
        await upgrade(fresh)
    async with opened(fresh) as database:
        await database.migrate()
        async with database.unit_of_work().read() as tx:
            assert await tx.orders.last_event_id() == 0


async def test_effects_of_the_first_version_go_on(fresh: str) -> None:
    def as_it_was(connection: Connection) -> None:
        command.upgrade(configuration(connection), "0001")
        for number, status in enumerate(("waiting", "done", "parked")):
            row = {"order_id": "ord_1", "kind": "find_suppliers", "key": f"{number}", "subject": "", "detail": ""}
            connection.execute(insert(outbox).values(**row, due=NOW, status=status, attempts=number))

    await run(fresh, as_it_was)
    await upgrade(fresh)
    async with opened(fresh) as database:
        rows = await database.effects().list(Which(statuses=("waiting", "done", "parked")), 10)
        assert [(row.status, row.attempts, row.lease, row.created_at, row.audit) for row in rows] == [
            ("waiting", 0, 0, NOW, None),
            ("done", 1, 0, NOW, None),
            ("parked", 2, 0, NOW, None),
        ]


async def test_there_is_a_way_back(fresh: str) -> None:
    await upgrade(fresh)
    await run(fresh, lambda connection: downgrade(configuration(connection), "base"))
    tables = await run(fresh, lambda connection: inspect(connection).get_table_names())
    assert tables == ["alembic_version"]
    await upgrade(fresh)


async def test_orders_with_all_that_hangs_on_them_survive_every_later_version(fresh: str) -> None:
    """SQLite makes a table anew to change it, while agreements, events and effects point to its rows."""
    await upgrade(fresh)
    decision = placing()
    async with opened(fresh) as database:
        async with database.unit_of_work().write() as tx:
            await tx.orders.save(decision.order, decision.events, decision.effects, NOW)
            await tx.agreements.save(agreement(specification=None))
            await tx.signatures.save(request())
        await go_back(fresh, "0001")
        await database.migrate()
        async with database.unit_of_work().read() as tx:
            assert (await tx.orders.get("ord_1")) == decision.order
            assert (await tx.agreements.get("agr_1")) == agreement(specification=None)
            assert len(await tx.orders.events("ord_1")) == len(decision.events)
        assert [one.key for one in await database.effects().list(Which(), 9)] == [one.key for one in decision.effects]


async def test_a_row_that_points_to_nothing_stops_the_migration(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/fresh.db"
    await upgrade(url)
    await go_back(url, "0008")
    file = sqlite3.connect(tmp_path / "fresh.db")
    file.execute("INSERT INTO order_events (order_id, version, name, data, at) VALUES ('lost', 1, 'X', '{}', 0)")
    file.commit()
    with pytest.raises(RuntimeError, match="1 rows would point to nothing, the first one in order_events"):
        await upgrade(url)
    assert file.execute("SELECT version_num FROM alembic_version").fetchall() == [("0008",)]
    file.close()


async def go_back(url: str, revision: str) -> None:
    """An older version's tables, with what is in them."""
    engines = open_engines(url)
    try:
        async with AsyncExitStack() as stack:
            connection = await stack.enter_async_context(engines.write.connect())
            if engines.on_sqlite:
                await stack.enter_async_context(_keys_unwatched(connection))
            await stack.enter_async_context(connection.begin())
            await connection.run_sync(lambda sync: downgrade(configuration(sync), revision))
    finally:
        await engines.dispose()


async def test_what_was_read_before_there_was_a_final_mark_is_final(fresh: str) -> None:
    def steps(connection: Connection) -> tuple[Any, Any, Any]:
        alembic = configuration(connection)
        alembic_upgrade(alembic, "0003")
        connection.execute(text("INSERT INTO chain_cursor (id, number, hash) VALUES (1, 7, '0x07')"))
        alembic_upgrade(alembic, "head")
        cursor = connection.execute(text("SELECT number, final_number, final_hash FROM chain_cursor")).one()
        ring = connection.execute(text("SELECT number, hash FROM chain_blocks")).one()
        downgrade(alembic, "0003")
        return cursor, ring, connection.execute(text("SELECT id, number, hash FROM chain_cursor")).one()

    assert await run(fresh, steps) == ((None, 7, "0x07"), (7, "0x07"), (1, 7, "0x07"))


async def test_a_migration_that_fails_leaves_nothing(fresh: str) -> None:
    """DDL is inside the transaction, on SQLite too."""
    engines = open_engines(fresh)

    def spoiled(connection: Connection) -> None:
        metadata.create_all(connection)
        connection.execute(text("SELECT no_such_thing"))

    try:
        with pytest.raises(Exception, match="no_such_thing"):
            async with engines.write.begin() as connection:
                await connection.run_sync(spoiled)
        assert await run(fresh, lambda connection: inspect(connection).get_table_names()) == []
    finally:
        await engines.dispose()


async def test_several_objects_migrate_at_the_same_time(fresh: str) -> None:
    await asyncio.gather(*(upgrade(fresh) for _ in range(4)))
    assert await run(fresh, lambda connection: differences(connection, metadata)) == []


def test_two_processes_migrate_at_the_same_time(fresh: str) -> None:
    script = (
        "import asyncio, sys; from marketplace.persistence.migrate import upgrade; asyncio.run(upgrade(sys.argv[1]))"
    )
    command = [sys.executable, "-W", "error", "-c", script, fresh]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    answers = [(process.communicate(timeout=60)[1], process.returncode) for process in processes]
    assert answers == [("", 0)] * 2


def test_the_versions_are_one_line() -> None:
    scripts = ScriptDirectory(str(SCRIPTS))
    assert len(scripts.get_heads()) == 1
    assert [script.revision for script in scripts.walk_revisions()][-1] == "0001"


async def test_a_file_is_durable_and_checks_its_references(sqlite_url: str) -> None:
    engines = open_engines(sqlite_url)
    wanted = {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "busy_timeout": 30_000}
    try:
        for engine in (engines.write, engines.read):
            assert {name: await pragma(engine, name) for name in wanted} == wanted
        assert [await pragma(engine, "query_only") for engine in (engines.write, engines.read)] == [0, 1]
    finally:
        await engines.dispose()


async def pragma(engine: AsyncEngine, name: str) -> Any:
    async with engine.begin() as connection:
        return await connection.scalar(text(f"PRAGMA {name}"))
