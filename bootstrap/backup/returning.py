"""The way back: a backup becomes the database, sealed so that nothing is done twice. What was there is kept aside.

Until the last rename (SQLite) or commit (PostgreSQL) nothing has changed.
"""

import asyncio
import os
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from bootstrap.backup import postgresql, sqlite_file
from bootstrap.backup.archive import Opened, Progress, extract, open_archive, sync_folder
from bootstrap.backup.facts import require_known
from bootstrap.backup.making import ADDRESS_BOOK, KEYSTORE, SECRETS, file_of, kind_of
from bootstrap.backup.manifest import BackupRefused, Place
from bootstrap.backup.sealing import sealing
from bootstrap.files import read_if_there
from bootstrap.settings import Settings
from contracts.deployer import AddressBook
from contracts.errors import ContractsError
from contracts.rpc import HttpRpc
from marketplace.persistence.migrate import known_revisions, upgrade

NODE_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class Returned:
    """What was done. `set_aside` says where the old database is, `node` what the node said of its chain."""

    backup: Opened
    database: str
    set_aside: str | None
    written: tuple[str, ...]
    node: str
    seconds: float


def bring_back(settings: Settings, file: Path, told: Progress, *, replace: bool) -> Returned:
    """Restore `file`. Raises BackupRefused, OSError: then nothing has changed."""
    begun = time.monotonic()
    if not file.is_file():
        raise BackupRefused(f"{file} is not there")
    backup = open_archive(file, told)
    facts, kind = backup.manifest.facts, kind_of(settings.database)
    if facts.kind != kind:
        raise BackupRefused(f"the backup is of {facts.kind}, DATABASE_URL names {kind}: restore it into {facts.kind}")
    require_known(facts.revision, known_revisions())
    node = asyncio.run(_require_chain(settings, backup.manifest.place, _genesis(backup)))
    now = datetime.now(UTC)
    statements = sealing(backup.manifest.made_at, now, backup.digest, on_sqlite=kind == sqlite_file.KIND)
    settings.data_dir.mkdir(parents=True, exist_ok=True)
    if kind == sqlite_file.KIND:
        aside = _into_file(file_of(settings.database), backup, statements, told, now, replace=replace)
    else:
        aside = _into_server(settings, backup, statements, told, now, replace=replace)
    written = _write_beside(settings, backup, told)
    return Returned(backup, _shown(settings.database), aside, written, node, time.monotonic() - begun)


def _shown(database: str) -> str:
    return str(file_of(database)) if kind_of(database) == sqlite_file.KIND else postgresql.Server.of(database).name


def _genesis(backup: Opened) -> str | None:
    return backup.manifest.facts.cursor.get("genesis") or backup.manifest.place.genesis


# ── the chain ────────────────────────────────────────────────────────────────────────────────────────


async def _require_chain(settings: Settings, place: Place, genesis: str | None) -> str:
    """Raises BackupRefused where address book or node are of another chain; says how far that could be looked at."""
    text = read_if_there(settings.address_book)
    if text is not None:
        _require_same(settings.address_book, AddressBook.from_json(text), place)
    rpc = HttpRpc(settings.chain_url)
    try:
        async with asyncio.timeout(NODE_PATIENCE_S):
            chain_id = int(await rpc.call("eth_chainId"), 16)
            first = await rpc.call("eth_getBlockByNumber", "0x0", False)
    except (ContractsError, TimeoutError, ValueError):
        return "the node did not answer: its chain was not compared with the backup"
    finally:
        await rpc.close()
    if place.chain_id not in (None, chain_id):
        raise BackupRefused(
            f"the node is on chain {chain_id}, the backup is of chain {place.chain_id}: look at CHAIN_URL"
        )
    if genesis is not None and (first is None or first["hash"] != genesis):
        raise BackupRefused("the node is on another chain than the backup: block 0 differs; look at CHAIN_URL")
    return "the node is on the backup's chain"


def _require_same(path: Path, book: AddressBook, place: Place) -> None:
    ours, theirs = (book.chain_id, book.factory), (place.chain_id, place.factory)
    if place.chain_id is not None and ours != theirs:
        raise BackupRefused(
            f"{path} names factory {ours[1]} on chain {ours[0]}, the backup {theirs[1]} on chain {theirs[0]}: "
            "another folder is meant, or another backup"
        )
    if None not in (place.genesis, book.genesis) and place.genesis != book.genesis:
        raise BackupRefused(f"{path} is of another chain than the backup: block 0 differs")


# ── the database ─────────────────────────────────────────────────────────────────────────────────────


def _into_file(
    file: Path, backup: Opened, statements: list[str], told: Progress, now: datetime, *, replace: bool
) -> str | None:
    if not file.absolute().parent.is_dir():
        raise BackupRefused(f"the folder of {file} does not exist: create it first")
    if not replace and not sqlite_file.is_empty(file):
        raise BackupRefused(f"{file} is not empty: --replace keeps it aside and goes on")
    with tempfile.TemporaryDirectory(prefix=".restoring-", dir=file.absolute().parent) as scratch:
        copied = Path(scratch) / sqlite_file.MEMBER
        extract(backup, sqlite_file.MEMBER, copied, told)
        if sqlite_file.examine(copied).counts != backup.manifest.facts.counts:
            raise BackupRefused(f"{backup.path} does not hold the rows that its manifest says")
        sqlite_file.seal(copied, statements)
        asyncio.run(upgrade(f"sqlite:///{copied}"))
        sqlite_file.close(copied)
        aside = None
        if file.exists():
            sqlite_file.close(file)
            aside = file.with_name(f"{file.name}.replaced-{now:%Y%m%dT%H%M%SZ}")
        sqlite_file.put_in_place(file, copied, aside)
    return None if aside is None else str(aside)


def _into_server(
    settings: Settings, backup: Opened, statements: list[str], told: Progress, now: datetime, *, replace: bool
) -> str | None:
    server = postgresql.Server.of(settings.database)
    schema = postgresql.schema_of(server)
    if schema != backup.manifest.facts.schema:
        raise BackupRefused(f"the backup is of schema {backup.manifest.facts.schema}, the database uses {schema}")
    there = postgresql.tables_there(server)
    if any(there.values()) and not replace:
        raise BackupRefused(f"{server.name} is not empty: --replace keeps it aside and goes on")
    postgresql.require_alone(server)
    aside = postgresql.name_aside(schema, f"{now:%Y%m%dt%H%M%Sz}") if there else None
    with tempfile.TemporaryDirectory(prefix="lotsizeone-") as scratch:
        dump = Path(scratch) / postgresql.MEMBER
        extract(backup, postgresql.MEMBER, dump, told)
        postgresql.bring_back(server, dump, schema, aside, statements)
    asyncio.run(upgrade(settings.database))
    return None if aside is None else f"schema {aside} of the same database"


# ── what belongs to it ───────────────────────────────────────────────────────────────────────────────


def _write_beside(settings: Settings, backup: Opened, told: Progress) -> tuple[str, ...]:
    """The address book and the keys, where there are none: a file that is there is never written over."""
    written = []
    for name in backup.manifest.members:
        target = _target(settings, name)
        if target is None or target.exists():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        extract(backup, name, target, told)
        if name == ADDRESS_BOOK:
            os.chmod(target, 0o644)  # everybody may know where the contracts are
        sync_folder(target.parent)
        written.append(str(target))
    return tuple(written)


def _target(settings: Settings, name: str) -> Path | None:
    if name == ADDRESS_BOOK:
        return settings.address_book
    if name == KEYSTORE:
        return settings.relayer_keystore or settings.data_dir / KEYSTORE
    if name.startswith(SECRETS) and name.count("/") == 1:
        return settings.data_dir / name
    return None
