"""One situation for all of them, and how the doctor looks at it."""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from bootstrap.doctor.examine import Question, examine
from bootstrap.doctor.report import Report
from tests.bootstrap.doctor.situation import Situation, build, copied
from tests.bootstrap.doctor.views import Lie, TrueNode, truth
from tests.contracts.conftest import once_a_run

Doctor = Callable[..., Report]
"""Looks: `database` (a URL), `lie` of the node, and whatever else a question holds."""


@pytest.fixture(scope="session")
def situation(tmp_path_factory: pytest.TempPathFactory) -> Situation:
    """Orders of every kind, made once in a parallel run."""
    folder = once_a_run(tmp_path_factory, "situation", lambda draft: build(draft).save())
    return Situation.load(folder)


@pytest.fixture(scope="session")
def node(situation: Situation, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TrueNode]:
    """The situation's chain, a copy for this process."""
    found = TrueNode(Path(shutil.copytree(situation.chain, tmp_path_factory.mktemp("node") / "chain")))
    yield found
    found.node.close()


@pytest.fixture
def database(situation: Situation, tmp_path: Path) -> Path:
    """The situation's database, a copy to spoil."""
    return copied(situation, tmp_path)


@pytest.fixture
def doctor(situation: Situation, node: TrueNode, database: Path) -> Doctor:
    """Look at the copy."""

    def look(*, lie: Lie = truth, witness_lie: Lie = truth, **given: Any) -> Report:
        question = Question(**(asked(situation, f"sqlite:///{database}") | given))
        return examine(question, transport=node.transport(lie, witness_lie))

    return look


def asked(situation: Situation, database: str) -> dict[str, Any]:
    """The question about the situation."""
    return {
        "database": database,
        "rpc": "http://node.example:8545/secret-path",
        "factory": situation.book.factory,
        "chain_id": situation.book.chain_id,
        "start_block": situation.book.deployed_block,
        "now": situation.now,
    }
