"""The restore drill: a backup of a running marketplace, payments after it, the way back, and what was learnt.

The old database is kept aside by the restore, so it says afterwards what the restored one must have learnt or named.
"""

import argparse
import asyncio
import json
import os
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
from eth_hash.auto import keccak

from tests.faults.books import Node, Row
from tests.faults.crash import contracts_of, open_people, until_quiet, until_settled
from tests.faults.crowding import crowd
from tests.faults.doctor import ask_doctor
from tests.faults.house import House, open_house, witness
from tests.faults.people import People
from tests.faults.reckoning import TO_PAYEE, TRANSFER

EXAMPLES = """Examples:
  python -m tests.faults restore --orders 100000 --real 100 --db postgres --json
  python -m tests.faults restore --orders 200 --real 6 --after 4 --negative-control --json"""
AT_ONCE = 12
REST_S = 4.0
"""The worker's beat is a tenth of that: what it would do by itself it has begun by then."""
WITHDRAWN = "0x" + keccak(b"Withdrawn(bytes32,uint8,address,uint256)").hex()
RELEASED = ("find_suppliers", "draft_agreements", "open_agreements", "dispatch_jobs", "ask_carrier", "ask_acceptance")
"""What the drill lets go, and messages; test money that may have been minted already stays where it is."""
EXPECTED = frozenset({"event-without-agreement", "frozen"})
"""What the doctor must name after a restore, and nothing else: agreements that the backup does not know."""


@dataclass
class Drill:
    """What came out. Every list must be empty, and `payments_forgotten` 0."""

    figures: dict[str, Any] = field(default_factory=dict)
    violations: list[str] = field(default_factory=list)


def options(command: argparse.ArgumentParser) -> None:
    """What this command understands beside --db, --seed, --json, --keep and --resume."""
    command.add_argument("--orders", type=int, default=1_000, help="orders in the database (default: 1,000)")
    command.add_argument("--real", type=int, default=20, help="of them really settled on the chain before the backup")
    command.add_argument("--after", type=int, default=10, help="orders placed after the backup (default: 10)")
    command.add_argument(
        "--negative-control",
        action="store_true",
        help="the restored copy is let go at once, unsealed: must be found, so the exit code must not be 0",
    )


def run_restore(given: argparse.Namespace) -> int:
    """0: every payment learnt, nobody paid or told twice. 1: not so. 3: the control was not found."""
    folder = Path(tempfile.mkdtemp(prefix="lso-restore-")) if given.keep is None else given.keep
    try:
        drill = asyncio.run(rehearse(folder, given))
    finally:
        if given.keep is None:
            with suppress(OSError):
                shutil.rmtree(folder)
    for words in drill.violations[:20]:
        print(words, file=sys.stderr)
    result = drill.figures | {"violations": len(drill.violations), "seed": given.seed, "db": given.db}
    print(json.dumps(result) if given.json else "\n".join(f"{name}: {value}" for name, value in result.items()))
    if given.negative_control:
        return 1 if drill.violations else 3
    return 1 if drill.violations else 0


async def rehearse(folder: Path, given: argparse.Namespace) -> Drill:
    """One drill in a house of its own."""
    drill = Drill()
    async with open_house(folder, given.db) as house:
        async with open_people(house, given.seed) as people:
            backup = await _before(house, people, given, drill)
        for role in ("worker", "api"):
            await house.children[role].end()
        known = _agreements(house)
        transfers = _transfers(house)
        told = await _told(house)
        await _come_back(house, backup, drill, sealed=not given.negative_control)
        await house.start("worker")
        await asyncio.sleep(REST_S)
        await until_quiet(house)
        _compare(drill, "told twice before anybody let it go", told, await _told(house))
        await _release(house)
        await until_quiet(house)
        await asyncio.sleep(REST_S)
        await house.children["worker"].end()
        _compare(drill, "token transfers", transfers, _transfers(house))
        _learnt(house, known, drill)
        await _examined(house, drill)
    return drill


async def _before(house: House, people: People, given: argparse.Namespace, drill: Drill) -> Path:
    """Real orders, many copies, a backup while more are under way; then everything goes on to its end."""
    await house.start("worker")
    await _place(people, given.real)
    await until_settled(people)
    begun = time.monotonic()
    await asyncio.to_thread(crowd, house.database_url, next(iter(people.placed)), given.orders - given.real)
    drill.figures["crowd_s"] = round(time.monotonic() - begun, 1)
    chance = random.Random(given.seed)
    under_way = asyncio.create_task(_place(people, given.after))
    await asyncio.sleep(chance.uniform(0.5, 4.0))
    backup = house.folder / "drill.backup"
    code, said = await _command(house, "backup", str(backup), "--json")
    assert code == 0, said
    made = json.loads(said)
    await under_way
    await _place(people, given.after // 2)
    await until_settled(people)
    await until_quiet(house)
    orders = made["manifest"]["facts"]["counts"]["orders"]
    drill.figures |= {"orders": orders, "backup_s": made["seconds"], "backup_mb": round(made["bytes"] / 1e6, 1)}
    drill.figures["orders_since"] = len(people.placed) - given.real
    return backup


async def _place(people: People, count: int) -> None:
    placed = 0
    while placed < count:
        if len(people.open_orders()) < AT_ONCE:
            await people.place()
            placed += 1
        else:
            await asyncio.sleep(0.1)


async def _come_back(house: House, backup: Path, drill: Drill, *, sealed: bool) -> None:
    begun = time.monotonic()
    chain = () if sealed else ("--no-chain",)
    code, said = await _command(house, "restore", str(backup), "--replace", "--json", *chain)
    assert code == 0, said
    told = json.loads(said)
    drill.figures |= {
        "restore_s": told["seconds"],
        "learn_s": told["chain"].get("seconds", 0),
        "total_s": round(time.monotonic() - begun, 1),
        "events_learnt": told["chain"].get("events", 0),
        "held": sum(told["chain"].get("held", {}).values()),
        "lost_agreements": len(told["chain"].get("lost_agreements", [])),
        "set_aside": bool(told["set_aside"]),
    }
    if not sealed:
        _break_the_seal(house)


def _break_the_seal(house: House) -> None:
    broken = ("DELETE FROM restores", "UPDATE outbox SET status = 'waiting' WHERE status = 'held'")
    if house.database_url.startswith("sqlite:///"):
        with closing(sqlite3.connect(house.database_url.removeprefix("sqlite:///"))) as file:
            for statement in broken:
                file.execute(statement)
            file.commit()
        return
    with psycopg.connect(house.database_url.replace("+psycopg", ""), autocommit=True) as server:
        for statement in broken:
            server.execute(statement.encode())


async def _release(house: House) -> None:
    for kind in (*RELEASED, "notify", "push"):
        code, said = await _command(house, "effects", "release", "--all", "--kind", kind, "--why", "the drill")
        assert code in (0, 1), said  # 1: none of them was held


async def _command(house: House, *arguments: str) -> tuple[int, str]:
    """`lotsizeone …` as an operator runs it."""
    environment = {
        "DATABASE_URL": house.database_url,
        "CHAIN_URL": house.chain_url,
        "CONFIRMATIONS": str(house.settings["confirmations"]),
    }
    with (house.folder / "commands.log").open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "bootstrap", *arguments, "--data", house.settings["data_dir"]],
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            cwd=Path(__file__).parents[2],
            env={**os.environ, **environment},
        )
        said, _ = await asyncio.wait_for(process.communicate(), 900)
    return process.returncode or 0, said.decode()


# ── what is there ────────────────────────────────────────────────────────────────────────────────────


def _rows(house: House, question: str) -> list[Row]:
    database = witness(house)
    try:
        return database.rows(question)
    finally:
        database.close()


def _agreements(house: House) -> dict[str, str]:
    """Id → status of every agreement that has been on the chain."""
    opened = "status NOT IN ('drafted', 'signed', 'void')"
    return {row["id"]: row["status"] for row in _rows(house, f"SELECT id, status FROM agreements WHERE {opened}")}  # noqa: S608


def _transfers(house: House) -> Counter[str]:
    """Every movement of the token."""
    node = Node(house.chain_url)
    try:
        logs = node.logs(address=contracts_of(house).token, topics=[TRANSFER])
        return Counter(f"{log['topics'][1:]} {log['data']}" for log in logs)
    finally:
        node.close()


async def _told(house: House) -> Counter[str]:
    """What the phones were sent."""
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        found = (await http.get(f"{house.push_url}/messages")).json()["messages"]
    return Counter(message["message"] for message in found)


def _compare(drill: Drill, what: str, before: Counter[str], after: Counter[str]) -> None:
    drill.violations += [f"{what}: {name} x {count}" for name, count in (after - before).items()]


def _learnt(house: House, known: dict[str, str], drill: Drill) -> None:
    """Each agreement that was on the chain stands here as it stood in the database that was lost, or is named."""
    here = _agreements(house)
    lost = {row["id"]: row["status"] for row in _rows(house, "SELECT id, status FROM lost_agreements")}
    for agreement, status in known.items():
        if (found := here.get(agreement) or lost.get(agreement)) != status:
            drill.violations.append(f"agreement {agreement} was {status} and is {found}")
    node = Node(house.chain_url)
    try:
        paid = len(node.logs(topics=[[WITHDRAWN, TO_PAYEE]]))
    finally:
        node.close()
    wanted = "SELECT count(*) AS n FROM chain_events WHERE name = 'withdrawn' AND applied"
    remembered = int(_rows(house, wanted)[0]["n"])
    drill.figures |= {"payments_on_chain": paid, "payments_known": remembered, "payments_forgotten": paid - remembered}
    if paid != remembered:
        drill.violations.append(f"{paid} payments are on the chain, {remembered} are known")


async def _examined(house: House, drill: Drill) -> None:
    begun = time.monotonic()
    findings = await ask_doctor(house)
    names = Counter(line.partition(":")[0].removeprefix("doctor, ") for line in findings)
    drill.figures |= {"doctor": dict(names), "doctor_s": round(time.monotonic() - begun, 1)}
    lost = {row["id"] for row in _rows(house, "SELECT id FROM lost_agreements")}
    unexpected = [line for line in findings if line.partition(":")[0].removeprefix("doctor, ") not in EXPECTED]
    drill.violations += [line for line in unexpected if "fund_test_account" not in line]
    if names["event-without-agreement"] != len(lost):
        drill.violations.append(f"the doctor names {names['event-without-agreement']} of {len(lost)} lost agreements")
