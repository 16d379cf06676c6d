"""The explored scenes on the contracts' own code: state, books, payments, refusals and consents are the model's.

`make test` plays one move of every kind and so every row of `docs/agreements.md`; `make nightly` every move of
whole graphs.
"""

from dataclasses import replace
from typing import Any

import pytest

from tests.model.conftest import Opened
from tests.model.page import Page, rows_of
from tests.model.replay import Depth, Replay
from tests.model.scenes import Setting
from tests.model.search import explore, explored
from tests.model.settings import LONG, SHORT

NAMED = {setting.name: setting for setting in (*SHORT, *LONG)}
PLAYED = ("retention", "supply", "plain successor", "payee frozen for a while")
WHOLE = (
    *("retention", "three days late", "by secret only", "by carrier only", "supply", "payer frozen for a while"),
    *("payer frozen for ever", "fee receiver frozen for a while"),
)
FINE = (
    "every kind of milestone",
    "plain successor",
    "cheaper successor",
    "payee frozen for a while",
    "dearer successor",
)


def _play(opened: Opened, name: str, depth: Depth) -> Replay:
    setting = NAMED[name]
    played = Replay(opened(setting), explored(setting), depth).run()
    print(
        f"{name}: {played.moves:,} moves and {played.refusals:,} refusals on the contracts as in the model, "
        f"{played.wordless} without consent refused"
    )
    return played


@pytest.mark.parametrize("name", PLAYED)
def test_one_of_each_kind_does_on_the_contracts_what_it_does_in_the_model(opened: Opened, name: str) -> None:
    played = _play(opened, name, Depth.KINDS)
    assert played.rows == played.graph.rows


def test_every_row_of_the_page_is_among_them() -> None:
    assert frozenset().union(*(explored(NAMED[name]).rows for name in PLAYED)) == rows_of(Page.read())


@pytest.mark.nightly
@pytest.mark.parametrize("name", FINE)
def test_every_fine_kind_is_the_same(opened: Opened, name: str) -> None:
    _play(opened, name, Depth.FINE)


@pytest.mark.nightly
@pytest.mark.parametrize("name", WHOLE)
def test_a_whole_graph_is_the_same(opened: Opened, name: str) -> None:
    _play(opened, name, Depth.ALL)


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("grace", 3_601),
        ("cancel_until", 255),
        ("timeout_bps", 9_999),
        ("penalty_bps_per_day", 99),
        ("fee_bps", 240),
    ],
)
def test_another_rule_is_noticed(opened: Opened, member: str, value: Any) -> None:
    setting = Setting("retention", NAMED["retention"].terms)
    other = replace(setting, terms=replace(setting.terms, **{member: value}))
    with pytest.raises(AssertionError):
        Replay(opened(setting), explore(other)).run()
