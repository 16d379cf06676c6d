"""Every test that asks for `url` or `db` runs on SQLite and on PostgreSQL."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from marketplace.persistence.database import Database
from marketplace.persistence.migrate import upgrade
from marketplace.persistence.unit_of_work import SqlUnitOfWork
from tests.persistence.databases import copied, empty, new_file, opened, postgresql_database

BOTH = ["sqlite", pytest.param("postgresql", marks=pytest.mark.integration)]


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated file."""
    return asyncio.run(new_file(tmp_path_factory.mktemp("template") / "empty.db"))


@pytest.fixture(scope="session")
def postgresql_session() -> Iterator[str]:
    """A migrated database of this session."""
    with postgresql_database() as url:
        asyncio.run(upgrade(url))
        yield url


@pytest.fixture
def postgresql_url(postgresql_session: str) -> str:
    """The session's PostgreSQL database without rows."""
    empty(postgresql_session)
    return postgresql_session


@pytest.fixture
def sqlite_url(sqlite_template: Path, tmp_path: Path) -> str:
    """A SQLite file without rows."""
    return copied(sqlite_template, tmp_path)


@pytest.fixture(params=BOTH)
def url(request: pytest.FixtureRequest) -> str:
    """A migrated database without rows."""
    found: str = request.getfixturevalue(f"{request.param}_url")
    return found


@pytest.fixture
async def db(url: str) -> AsyncIterator[Database]:
    """The database, open."""
    async with opened(url) as database:
        yield database


@pytest.fixture
def uow(db: Database) -> SqlUnitOfWork:
    """Its unit of work."""
    return db.unit_of_work()
