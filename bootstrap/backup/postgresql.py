"""Copying a PostgreSQL database while others write to it, and bringing a copy back.

By PostgreSQL's own client programs: their format is what operators know, `pg_restore` reads it without us, and it is
restored table by table in an order that only they know. What the manifest says comes from the same snapshot.
"""

import os
import re
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from sqlalchemy import URL, make_url

from bootstrap.backup.archive import Progress
from bootstrap.backup.facts import REVISIONS, TABLES, facts_of
from bootstrap.backup.manifest import BackupRefused, Facts

if TYPE_CHECKING:
    import psycopg

KIND = "postgresql"
MEMBER = "database.dump"
CONNECT_S = 10
LEAVING_S = 3.0
_COPY = re.compile(rb'COPY "?[^".]+"?\."?([^". ]+)"? \(')
_PACKAGE = "install PostgreSQL's client programs (Debian: postgresql-client), at least as new as the server"


@dataclass(frozen=True, slots=True)
class Server:
    """How the client programs and the driver reach one database; the password is in no command line."""

    url: URL

    @classmethod
    def of(cls, url: str) -> "Server":
        """From `postgresql+psycopg://…`."""
        return cls(make_url(url).set(drivername="postgresql"))

    @property
    def name(self) -> str:
        """The database, without anything secret."""
        return self.url.render_as_string(hide_password=True)

    @property
    def address(self) -> str:
        """For a command line."""
        return self.url.set(password=None).render_as_string(hide_password=False)

    @property
    def environment(self) -> dict[str, str]:
        """For a child process."""
        password = {} if self.url.password is None else {"PGPASSWORD": str(self.url.password)}
        return {**os.environ, "LC_ALL": "C", "PGCONNECT_TIMEOUT": str(CONNECT_S), **password}

    def connect(self) -> "psycopg.Connection[tuple[Any, ...]]":
        """A connection. Raises BackupRefused."""
        try:
            import psycopg  # noqa: PLC0415 - only where it is used; it is an extra
        except ImportError as missing:
            raise BackupRefused("the PostgreSQL driver is missing: pip install 'lotsizeone[postgres]'") from missing
        try:
            there = self.url.render_as_string(hide_password=False)
            return psycopg.connect(there, autocommit=True, connect_timeout=CONNECT_S)
        except psycopg.OperationalError as error:
            raise BackupRefused(f"{self.name} cannot be reached: {' '.join(str(error).split())}") from error


def program(name: str) -> str:
    """The path of a client program. Raises BackupRefused where it is not installed."""
    found = shutil.which(name)
    if found is None:
        raise BackupRefused(f"{name} is not installed: {_PACKAGE}")
    return found


def copy(server: Server, to: Path, told: Progress) -> Facts:
    """One moment of the database, checked. Raises BackupRefused."""
    dump = program("pg_dump")
    program("pg_restore")
    with server.connect() as connection, _translated():
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        snapshot = _one(connection, "SELECT pg_export_snapshot()")
        schema = str(_one(connection, "SELECT current_schema()"))
        facts = facts_of(_asking(connection), KIND, schema=schema, server=str(_one(connection, "SHOW server_version")))
        tables = [f'--table="{schema}"."{table}"' for table in (*TABLES, REVISIONS)]
        told("dumped tables", 0, len(tables))
        options = [
            "--format=custom",
            "--no-owner",
            "--no-privileges",
            f"--snapshot={snapshot}",
            f"--file={to}",
            *tables,
        ]
        _run(server, [dump, *options, f"--dbname={server.address}"])
        told("dumped tables", len(tables), len(tables))
    found = rows_in(to, told)
    if found != dict(facts.counts) | {REVISIONS: 1}:
        raise BackupRefused("the dump does not hold the rows that the database has: try again, and keep this output")
    return facts


def rows_in(dump: Path, told: Progress) -> dict[str, int]:
    """Rows by table, by reading all of the dump. Raises BackupRefused where it is damaged."""
    counts: dict[str, int] = {}
    with _output_of([program("pg_restore"), "--data-only", "--file=-", str(dump)]) as lines:
        table = ""
        for line in lines:
            if table and line == b"\\.\n":
                table = ""
            elif table:
                counts[table] += 1
            elif (begin := _COPY.match(line)) is not None:
                table = begin[1].decode()
                counts[table] = 0
                told("read tables", len(counts), len(TABLES) + 1)
    return counts


def schema_of(server: Server) -> str:
    """Where its tables are. Raises BackupRefused."""
    with server.connect() as connection:
        return str(_one(connection, "SELECT current_schema()"))


def require_alone(server: Server) -> None:
    """Raises BackupRefused while somebody else is connected, and still is after `LEAVING_S`.

    A backend is listed for a moment after its client has gone: that of our own last step, or of a worker just stopped.
    """
    others = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    )
    patient_until = time.monotonic() + LEAVING_S
    with server.connect() as connection:
        connection.autocommit = True  # within one transaction the list stays what it was first
        while (count := _one(connection, others)) and time.monotonic() < patient_until:
            time.sleep(0.05)
    if count:
        raise BackupRefused(f"{count} others are connected to {server.name}: stop API and workers first")


def tables_there(server: Server) -> dict[str, bool]:
    """Those of our tables that are there, and whether they have rows that somebody could miss."""
    with server.connect() as connection:
        wanted = "SELECT tablename FROM pg_tables WHERE schemaname = current_schema()"
        names = [str(row[0]) for row in connection.execute(wanted)]
        missed = [name for name in names if name not in (REVISIONS, "log_records")]
        asking = "SELECT EXISTS (SELECT 1 FROM {})".format
        full = {name: bool(_one(connection, asking(f'"{name}"'))) for name in missed}
        return {name: full.get(name, False) for name in names}


def bring_back(server: Server, dump: Path, schema: str, aside: str | None, statements: Sequence[str]) -> None:
    """All of it in one transaction: what is there goes aside, the dump comes in and is sealed. Raises BackupRefused."""
    begin = ["BEGIN"]
    if aside is not None:
        begin += [f'ALTER SCHEMA "{schema}" RENAME TO "{aside}"', f'CREATE SCHEMA "{schema}"']
    end = [f'SET LOCAL search_path TO "{schema}"', *statements, "COMMIT"]
    options = ["--no-psqlrc", "--quiet", "--set=ON_ERROR_STOP=1", "--output=/dev/null"]
    command = [program("psql"), *options, f"--dbname={server.address}"]
    restore = [program("pg_restore"), "--no-owner", "--no-privileges", "--file=-", str(dump)]
    with subprocess.Popen(  # noqa: S603 - our own command
        command, env=server.environment, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as psql:
        said = _pipe(psql.stdin)
        try:
            said.write(_script(begin))
            with _output_of(restore) as lines:
                said.writelines(lines)
            # Without this last word PostgreSQL forgets everything that came before.
            said.write(_script(end))
            said.close()
        except BrokenPipeError:
            pass  # psql has stopped at an error, and says which
        except BaseException:
            psql.kill()
            raise
        words = _pipe(psql.stderr).read()
    if psql.returncode:
        raise BackupRefused(f"nothing was restored: {_last_line(words)}")


def name_aside(schema: str, stamp: str) -> str:
    """A name for the schema that is kept; 63 bytes is the most that PostgreSQL takes."""
    return f"{schema[:30]}_replaced_{stamp}_{secrets.token_hex(2)}".lower()


def _script(statements: Sequence[str]) -> bytes:
    return "".join(f"{statement};\n" for statement in statements).encode()


def _run(server: Server, command: Sequence[str]) -> None:
    done = subprocess.run(command, env=server.environment, capture_output=True, check=False)  # noqa: S603 - our own
    if done.returncode:
        raise BackupRefused(f"{Path(command[0]).name} failed: {_last_line(done.stderr)}")


@contextmanager
def _output_of(command: Sequence[str]) -> Iterator[IO[bytes]]:
    """What a program writes. Raises BackupRefused where it fails, after its last line was read."""
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:  # noqa: S603 - our own
        try:
            yield _pipe(running.stdout)
            words = _pipe(running.stderr).read()
        except BaseException:
            running.kill()
            raise
    if running.returncode:
        raise BackupRefused(f"{Path(command[0]).name} failed: {_last_line(words)}")


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    """One that we asked for."""
    if stream is None:
        raise ValueError("no pipe")
    return stream


def _last_line(words: bytes) -> str:
    lines = [line.strip() for line in words.decode("utf-8", "replace").splitlines() if line.strip()]
    return next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "no word of why")


def _asking(connection: "psycopg.Connection[tuple[Any, ...]]") -> Any:
    return lambda question: connection.execute(question.encode()).fetchall()


def _one(connection: "psycopg.Connection[tuple[Any, ...]]", question: str) -> Any:
    row = connection.execute(question.encode()).fetchone()
    return None if row is None else row[0]


@contextmanager
def _translated() -> Iterator[None]:
    import psycopg  # noqa: PLC0415 - a connection is there, so it is

    try:
        yield
    except psycopg.errors.UndefinedTable as error:
        words = " ".join(str(error).split())
        raise BackupRefused(
            f"the database has not this version's tables ({words}): start `lotsizeone worker` once"
        ) from error
    except psycopg.Error as error:
        raise BackupRefused(f"the database cannot be read: {' '.join(str(error).split())}") from error
