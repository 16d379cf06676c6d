"""The second opinion names each broken limit; a plan that keeps all is not accused."""

import ast
from dataclasses import replace
from pathlib import Path

import pytest

from matchmaking.selection import Candidate, Supplier, evaluate, evaluator
from tests.matchmaking.selection.questions import BASES, COVERS, candidate, question

GOOD = candidate(BASES, "a", 10, 24, hours=5, reliability_ppm=950_000, certificates=frozenset({"iso"}))
TERMS = Supplier("a", freight_minor=70, capacity_h=5, minimum_order_minor=400, bundle_lines=1, bundle_bps=333)
LIMITS = {
    "max_lead_time_h": 24,
    "max_total_minor": 457,
    "max_risk_micro": 51_294,
    "certificates": frozenset({"iso"}),
    "excluded_suppliers": frozenset({"b"}),
}


def test_a_plan_at_every_limit_is_kept() -> None:
    verdict = evaluate(question([GOOD], TERMS, **LIMITS), {"bases": GOOD})
    assert verdict.violations == ()
    # 40 pieces at 0.10 are 4.00; 3.33 % of it are 0.1332, floored.
    assert (verdict.total_minor, verdict.freight_minor, verdict.discount_minor) == (457, 70, 13)
    assert (verdict.lead_time_h, verdict.risk_micro) == (24, 51_294)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"lead_time_h": 25}, "lead_time"),
        ({"price_minor": 11}, "total"),
        ({"price_minor": 9}, "minimum_order"),
        ({"hours": 6}, "capacity"),
        ({"reliability_ppm": 949_999}, "risk"),
        ({"certificates": frozenset({"ce"})}, "certificate"),
        ({"currency": "USD"}, "currency"),
        ({"minimum_quantity": 41}, "minimum_quantity"),
        ({"supplier_id": "b"}, "excluded"),
    ],
)
def test_each_broken_limit_is_named(change: dict[str, object], named: str) -> None:
    bad = replace(GOOD, **change)  # type: ignore[arg-type]
    verdict = evaluate(question([bad], TERMS, **LIMITS), {"bases": bad})
    assert named in {words.partition(":")[0] for words in verdict.violations}
    assert len(verdict.violations) == 1


@pytest.mark.parametrize(
    ("plan", "words"),
    [
        ({}, "has no offer"),
        ({"bases": GOOD, "lids": GOOD}, "was not asked for"),
        ({"bases": replace(GOOD, price_minor=1)}, "was not made"),
        ({"bases": candidate(COVERS, "a", 10)}, "is not for bases"),
    ],
)
def test_a_plan_that_is_none_is_refused(plan: dict[str, Candidate], words: str) -> None:
    problem = question([GOOD, candidate(COVERS, "a", 10)], lines=(BASES,))
    assert any(words in one for one in evaluate(problem, plan).violations)


def test_it_shares_no_code_with_the_solver() -> None:
    tree = ast.parse(Path(evaluator.__file__).read_text("utf-8"))
    ours = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    assert [name for name in ours if name and name.startswith("matchmaking")] == ["matchmaking.selection.model"]
    assert "total_minor(" not in Path(evaluator.__file__).read_text("utf-8")
