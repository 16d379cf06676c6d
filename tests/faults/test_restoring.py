"""The restore drill: a backup is made at a random moment of a run, and what was paid since is learnt back."""

import pytest

from tests.faults.test_faults import laboratory

SMALL = ("--orders", "40", "--real", "2", "--after", "3")


def check(figures: dict[str, object]) -> None:
    """Every payment is known, what the backup does not know is named, and nothing else is found."""
    assert figures["violations"] == 0
    assert figures["payments_forgotten"] == 0
    assert int(str(figures["payments_on_chain"])) > 0
    assert figures["lost_agreements"]
    assert figures["doctor"] == {"event-without-agreement": figures["lost_agreements"]}


@pytest.mark.req(156)
@pytest.mark.integration
def test_a_restored_marketplace_learns_every_payment() -> None:
    code, figures = laboratory("restore", *SMALL)
    assert code == 0
    check(figures)


@pytest.mark.nightly
@pytest.mark.integration
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_many_orders_come_back(kind: str) -> None:
    code, figures = laboratory("restore", "--db", kind, "--orders", "20000", "--real", "30", "--after", "20")
    assert code == 0
    assert figures["payments_forgotten"] == figures["violations"] == 0


@pytest.mark.nightly
@pytest.mark.integration
def test_a_copy_that_is_let_go_at_once_is_noticed() -> None:
    code, figures = laboratory("restore", *SMALL, "--negative-control")
    assert (code, bool(figures["violations"])) == (1, True)
