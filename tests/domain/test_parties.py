"""Who signs and who owns."""

import pytest

from marketplace.domain.errors import (
    Conflict,
    DomainError,
    Forbidden,
    InvalidInput,
    NotFound,
    PriceChanged,
    Unauthenticated,
)
from marketplace.domain.parties import ORGANISED, Account, Organisation, Role

PERSON = Account("ada", "ada@example.org", "Ada", Role.CUSTOMER, "hash", own_address="0x" + "0a" * 20)
COMPANY = Organisation("maker", "Model Factory", Role.MANUFACTURER, "0x" + "0b" * 20)
EMPLOYEE = Account("bob", "bob@example.org", "Bob", Role.MANUFACTURER, "hash", COMPANY)


@pytest.mark.req(8, 60)
def test_a_person_signs_and_owns_for_themselves_and_an_employee_for_the_company() -> None:
    assert (PERSON.address, PERSON.party_id) == ("0x" + "0a" * 20, "ada")
    assert (EMPLOYEE.address, EMPLOYEE.party_id) == ("0x" + "0b" * 20, "maker")


def test_customers_and_operators_act_for_no_organisation() -> None:
    assert {Role.MANUFACTURER, Role.SUPPLIER, Role.CARRIER} == ORGANISED


def test_refusals_carry_what_they_are_about() -> None:
    assert NotFound("order").what == "order"
    assert str(NotFound("order")) == "no such order"
    assert Forbidden("only the customer may cancel").reason == "only the customer may cancel"
    assert str(InvalidInput("amount", "must be positive")) == "amount: must be positive"
    changed = PriceChanged("€ 600.00", "€ 612.00")
    assert (changed.agreed, changed.now) == ("€ 600.00", "€ 612.00")
    assert str(changed).startswith("the price is € 612.00 now, and no longer € 600.00")
    assert isinstance(changed, Conflict)
    kinds = (NotFound, Forbidden, InvalidInput, Conflict, Unauthenticated)
    assert all(issubclass(kind, DomainError) for kind in kinds)
