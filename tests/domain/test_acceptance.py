"""When an order is accepted without a person, and in which words a person is asked."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from marketplace.domain.acceptance import AcceptanceRule, Received
from marketplace.domain.pricing import Price, PriceLine


def received(total_minor: int = 60_000, days: int = 5, **beside: int | str) -> Received:
    """An order whose fee is 2 %."""
    price = Price("EUR", (PriceLine("Base", total_minor),), total_minor // 50)
    return replace(Received(price, 10_800, days, "cylinder", "ada"), **beside)  # type: ignore[arg-type]


@pytest.mark.req(43, 50)
@pytest.mark.parametrize(
    ("rule", "order", "why"),
    [
        (AcceptanceRule(), received(), None),
        (AcceptanceRule(), received(500_000, 1), None),
        (AcceptanceRule(), received(500_001), "larger than the manufacturer accepts by rule: € 5,000.01 of € 5,000.00"),
        (AcceptanceRule(), received(days=0), "nearer than the manufacturer accepts by rule: in 0 days"),
        (AcceptanceRule(accept_automatically=False), received(1, 365), "looks at every order"),
        (AcceptanceRule(max_total_minor=0), received(1), "larger than"),
        (AcceptanceRule(min_days=10), received(days=9), "in 9 days, and the rule asks for 10"),
        (AcceptanceRule(min_days=10), received(days=10), None),
        (AcceptanceRule(min_margin_bps=8_000), received(), None),
        (
            AcceptanceRule(min_margin_bps=8_001),
            received(),
            "80.00 % after supplies and fee, and the rule asks for 80.01",
        ),
        (AcceptanceRule(min_margin_bps=8_000), received(supplies_minor=10_801), "79.99"),  # floored would be 80.00
        (AcceptanceRule(most_open_orders=3), received(open_orders=2), None),
        (AcceptanceRule(most_open_orders=3), received(open_orders=3), "3 orders are open, and the rule takes 3"),
        (AcceptanceRule(most_open_orders=0), received(), "0 orders are open, and the rule takes 0"),
        (AcceptanceRule(products=("cylinder", "valve")), received(), None),
        (AcceptanceRule(products=("valve",)), received(), "the product cylinder is not among"),
        (AcceptanceRule(blocked_customers=("ada",)), received(), "orders of this customer"),
        (AcceptanceRule(blocked_customers=("bob",)), received(), None),
        (AcceptanceRule(known_customers_only=True), received(), "the customer is new"),
        (AcceptanceRule(known_customers_only=True), received(settled_orders=1), None),
    ],
)
def test_the_rule_accepts_or_says_which_limit_and_which_value(
    rule: AcceptanceRule, order: Received, why: str | None
) -> None:
    exception = rule.exception(order)
    assert exception is None if why is None else why in (exception or "")


def test_only_some_limits_ask_about_other_orders() -> None:
    assert not AcceptanceRule(min_margin_bps=1, products=("valve",)).looks_around
    assert AcceptanceRule(most_open_orders=0).looks_around
    assert AcceptanceRule(known_customers_only=True).looks_around


@given(total=st.integers(1, 2**53 - 1), supplies=st.integers(0, 2**53 - 1), bps=st.integers(0, 10_000))
def test_what_is_left_for_supplies_is_to_the_cent_what_the_margin_allows(total: int, supplies: int, bps: int) -> None:
    price = Price("EUR", (PriceLine("Base", total),), total // 50)
    keeps = (total - price.platform_fee_minor - supplies) * 10_000 >= total * bps
    assert keeps == (supplies <= AcceptanceRule(min_margin_bps=bps).most_for_supplies(price))
