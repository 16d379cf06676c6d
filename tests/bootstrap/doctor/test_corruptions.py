"""Whatever is spoilt in the database is found by its name and in its order; nothing else is accused."""

from pathlib import Path

import pytest

from bootstrap.doctor.report import Report
from tests.bootstrap.doctor.conftest import Doctor
from tests.bootstrap.doctor.corruptions import CORRUPTIONS
from tests.bootstrap.doctor.situation import Situation
from tests.bootstrap.doctor.spoiling import Corruption, Spoiler, sqlite_in


def test_the_situation_is_sound(doctor: Doctor, situation: Situation) -> None:
    report = doctor()
    assert [finding.what for finding in report.findings] == []
    assert report.exit == 0
    assert report.orders == len(situation.orders)
    assert report.events > 50
    assert "Sound" in list(report.as_words())[-1]


@pytest.mark.parametrize("corruption", CORRUPTIONS, ids=lambda one: one.name.replace(" ", "-"))
def test_a_corruption_is_named(corruption: Corruption, doctor: Doctor, situation: Situation, database: Path) -> None:
    order = situation.orders[corruption.order]
    with sqlite_in(database) as sql:
        corruption.spoil(Spoiler(sql, order))
    judge(corruption, order, doctor())


def judge(corruption: Corruption, order: str, report: Report) -> None:
    """The check by name, its order, and nobody else's."""
    assert report.exit == 1
    wanted = None if corruption.is_nobodys else order
    found = [(finding.check, finding.order) for finding in report.findings]
    assert (corruption.check, wanted) in found, list(report.as_words())
    for check in corruption.also:
        assert check in {name for name, _ in found}
    if not corruption.is_nobodys:
        assert {whose for _, whose in found} <= {order, None}, found
    told = "\n".join(report.as_words())
    assert f"WRONG [{corruption.check}]" in told
    assert "NOT SOUND" in told


def test_there_are_enough_and_each_is_its_own() -> None:
    names = [one.name for one in CORRUPTIONS]
    assert len(names) == len(set(names)) >= 25
