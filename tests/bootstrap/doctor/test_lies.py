"""A chain that says something else than the database is found by name too, and so is one that two nodes tell apart."""

import pytest

from tests.bootstrap.doctor.conftest import Doctor
from tests.bootstrap.doctor.lies import LIES, About, Told, _call, _forked, selector
from tests.bootstrap.doctor.situation import Situation
from tests.bootstrap.doctor.spoiling import Spoiler, sqlite_in

WITNESS = "http://witness.example:8545"


def about(situation: Situation, order: str) -> About:
    with sqlite_in(situation.database) as sql:
        at = Spoiler(sql, situation.orders[order])
        clone = sql("SELECT address FROM agreements WHERE id = ?", at.agreement())[0][0]
        last = sql("SELECT final_number FROM chain_cursor")[0][0]
        return About(at.agreement(), at.agreement(2), clone.lower(), last)


@pytest.mark.parametrize("told", LIES, ids=lambda one: one.name.replace(" ", "-"))
def test_a_lie_is_named(told: Told, doctor: Doctor, situation: Situation) -> None:
    order = situation.orders[told.order]
    report = doctor(lie=told.lie(about(situation, told.order)))
    assert report.exit == 1
    found = [(finding.check, finding.order) for finding in report.findings]
    assert (told.check, None if told.is_nobodys else order) in found, list(report.as_words())
    if not told.is_nobodys:
        assert {whose for _, whose in found} <= {order, None}, found


def test_a_stranger_who_gives_money_away_rings_no_alarm(doctor: Doctor, situation: Situation) -> None:
    report = doctor(lie=_call(selector("balanceOf(address)"), 0, 7)(about(situation, "delivered")))
    assert report.exit == 0
    assert [words for words in report.notes if "7 token units more" in words]


def test_what_a_shorter_chain_takes_away_is_named_by_order(doctor: Doctor, situation: Situation) -> None:
    shorter = next(told for told in LIES if told.check == "cursor-ahead")
    report = doctor(lie=shorter.lie(about(situation, "contracted")))
    assert situation.orders["contracted"] in {finding.order for finding in report.findings}


def test_two_nodes_that_agree_are_looked_at(doctor: Doctor) -> None:
    report = doctor(witness=WITNESS)
    assert (report.exit, report.looked["witness"]) == (0, 1)


@pytest.mark.parametrize("lie", ["another chain", "another first block", "another branch"])
def test_a_witness_that_disagrees_is_named(lie: str, doctor: Doctor, situation: Situation) -> None:
    lies = {
        "another chain": lambda method, params, result: "0x1" if method == "eth_chainId" else result,
        "another first block": lambda method, params, result: (
            result | {"hash": "0x" + "fe" * 32} if method == "eth_getBlockByNumber" and params[0] == "0x0" else result
        ),
        "another branch": _forked(about(situation, "settled")),
    }
    report = doctor(witness=WITNESS, witness_lie=lies[lie])
    assert report.counts == {"witness": 1}


def test_a_known_first_block_is_held_against_the_node(doctor: Doctor) -> None:
    assert doctor(genesis="0x" + "fe" * 32).counts == {"chain-identity": 1}
