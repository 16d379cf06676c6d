"""One process at a time has a duty. The lock goes with its process, also where that was killed."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import text

from marketplace.persistence import duties
from marketplace.persistence.database import Database
from marketplace.persistence.engines import open_engines
from tests.persistence.databases import opened

ROOT = Path(__file__).parents[2]
HOLDER = """
import asyncio, sys
from marketplace.persistence.database import Database

async def hold():
    database = Database(sys.argv[1])
    print(await database.duty("chain").held(), flush=True)
    await asyncio.sleep(600)

asyncio.run(hold())
"""


@contextmanager
def holder(url: str) -> Iterator[subprocess.Popen[str]]:
    """Another process that has the duty."""
    with subprocess.Popen([sys.executable, "-c", HOLDER, url], cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == "True\n"
            yield process
        finally:
            process.kill()


async def test_one_has_it_and_the_others_stand_by(url: str) -> None:
    async with opened(url) as first, opened(url) as second:
        mine, other = first.duty("chain"), second.duty("chain")
        assert [await mine.held(), await other.held(), await mine.held()] == [True, False, True]
        await mine.give_up()
        assert [await other.held(), await mine.held()] == [True, False]
        await other.give_up()


async def test_many_at_once_leave_one(db: Database) -> None:
    several = [db.duty("chain") for _ in range(4)]
    assert (await asyncio.gather(*(duty.held() for duty in several))).count(True) == 1
    for duty in several:
        await duty.give_up()


async def test_two_duties_are_two(db: Database) -> None:
    both = [db.duty("chain"), db.duty("another")]
    assert [await duty.held() for duty in both] == [True, True]
    for duty in both:
        await duty.give_up()


async def test_a_killed_process_holds_nothing_up(url: str, db: Database) -> None:
    duty = db.duty("chain")
    with holder(url) as process:
        assert not await duty.held()
        process.kill()
        process.wait(30)
        async with asyncio.timeout(30):
            while not await duty.held():  # noqa: ASYNC110 - PostgreSQL notices a closed connection a moment later
                await asyncio.sleep(0.05)
    await duty.give_up()


@pytest.mark.integration
async def test_a_session_that_was_ended_has_lost_its_duty(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duties, "ASK_AGAIN_S", 0.0)
    async with opened(postgresql_url) as first, opened(postgresql_url) as second:
        mine, other = first.duty("chain"), second.duty("chain")
        assert await mine.held()
        await end_other_sessions(postgresql_url)
        assert await other.held()
        assert not await mine.held()
        await other.give_up()
        assert await mine.held()
        await mine.give_up()


async def end_other_sessions(url: str) -> None:
    engines = open_engines(url)
    ended = """SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()"""
    async with engines.write.begin() as connection:
        await connection.execute(text(ended))
    await engines.dispose()
