"""Who signs, who owns, and when a person must look at an order."""

import pytest

from marketplace.domain.errors import Conflict, DomainError, Forbidden, InvalidInput, NotFound, Unauthenticated
from marketplace.domain.parties import ORGANISED, AcceptanceRule, Account, Organisation, Role

PERSON = Account("ada", "ada@example.org", "Ada", Role.CUSTOMER, "hash", own_address="0x" + "0a" * 20)
COMPANY = Organisation("maker", "Model Factory", Role.MANUFACTURER, "0x" + "0b" * 20)
EMPLOYEE = Account("bob", "bob@example.org", "Bob", Role.MANUFACTURER, "hash", COMPANY)


@pytest.mark.req(8, 60)
def test_a_person_signs_and_owns_for_themselves_and_an_employee_for_the_company() -> None:
    assert (PERSON.address, PERSON.party_id) == ("0x" + "0a" * 20, "ada")
    assert (EMPLOYEE.address, EMPLOYEE.party_id) == ("0x" + "0b" * 20, "maker")


def test_customers_and_operators_act_for_no_organisation() -> None:
    assert {Role.MANUFACTURER, Role.SUPPLIER, Role.CARRIER} == ORGANISED


@pytest.mark.req(43, 50)
@pytest.mark.parametrize(
    ("rule", "total_minor", "days", "why"),
    [
        (AcceptanceRule(), 60_000, 5, None),
        (AcceptanceRule(), 500_000, 1, None),
        (AcceptanceRule(), 500_001, 5, "larger than"),
        (AcceptanceRule(), 60_000, 0, "nearer than"),
        (AcceptanceRule(accept_automatically=False), 1, 365, "looks at every order"),
        (AcceptanceRule(max_total_minor=0), 1, 5, "larger than"),
        (AcceptanceRule(min_days=10), 60_000, 9, "nearer than"),
        (AcceptanceRule(min_days=10), 60_000, 10, None),
    ],
)
def test_the_rule_accepts_or_says_why_a_person_must_decide(
    rule: AcceptanceRule, total_minor: int, days: int, why: str | None
) -> None:
    exception = rule.exception(total_minor=total_minor, days=days)
    assert exception is None if why is None else why in (exception or "")


def test_refusals_carry_what_they_are_about() -> None:
    assert NotFound("order").what == "order"
    assert str(NotFound("order")) == "no such order"
    assert Forbidden("only the customer may cancel").reason == "only the customer may cancel"
    assert str(InvalidInput("amount", "must be positive")) == "amount: must be positive"
    kinds = (NotFound, Forbidden, InvalidInput, Conflict, Unauthenticated)
    assert all(issubclass(kind, DomainError) for kind in kinds)
