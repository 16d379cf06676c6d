"""The same story, to the same end, on PostgreSQL, RabbitMQ and Anvil with two workers: by the environment alone."""

import json
import os
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.bootstrap.test_broker import URL as BROKER_URL
from tests.integration.ledger import money_faults, node_at
from tests.integration.playing import LONGEST_S, ROOT, command
from tests.persistence.databases import postgresql_database
from tests.support import require_server
from tests.tooling.foundry import ForgeError, anvil, binary

pytestmark = [pytest.mark.integration, pytest.mark.nightly]


@pytest.mark.req(158, 165)
def test_the_story_is_the_same_on_more_than_one_machine(tmp_path: Path) -> None:
    try:
        binary("anvil")
    except ForgeError as error:
        require_server(str(error))
    data, outcome = tmp_path / "data", tmp_path / "outcome.json"
    with postgresql_database() as database, anvil(tmp_path, options=["--block-time", "1"]) as node:
        given = {"DATABASE_URL": database, "BROKER_URL": BROKER_URL, "CHAIN_URL": node.url}
        arguments = command("demo", "--once", "--data", data, "--json", outcome)
        finished = subprocess.run(
            arguments,
            cwd=ROOT,
            env=os.environ | given,
            capture_output=True,
            text=True,
            timeout=LONGEST_S,
            check=False,
        )
        assert finished.returncode == 0, finished.stdout + finished.stderr
        document = json.loads(outcome.read_text("utf-8"))
        assert document["status"] == "settled"
        with node_at(node.url) as ledger:
            assert money_faults([document], ledger) == []
        statuses, levels = (
            asked(database, "SELECT status FROM orders"),
            asked(database, "SELECT level FROM log_records"),
        )
    print(document["timings_s"])
    assert statuses == Counter({"settled": 1})
    assert levels["INFO"] > 0
    assert not levels["FATAL"]
    assert not (data / "marketplace.db").exists()
    assert not (data / "chain").exists()
    logs = [(data / "logs" / f"{name}.log").read_text() for name in ("worker", "worker-2")]
    assert all("the broker is connected" in text for text in logs)
    assert sum(len(re.findall("the duty is ours now", text)) for text in logs) == 1
    assert all(re.search("Effects .* done", text) for text in logs), "one of the workers did nothing"


def asked(url: str, question: str) -> Counter[Any]:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        return Counter(row[0] for row in connection.execute(question))  # type: ignore[arg-type]
