"""How far a key goes alone: each limit refuses, and nothing that came along with checked values is signed."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from bootstrap.limits import Limits, NotWithinLimits, within_limits
from contracts.terms import Kind, Terms, What, action_typed_data, typed_data

CHAIN, FACTORY, TOKEN = 31337, "0x" + "fa" * 20, "0x" + "70" * 20
OWN, OTHER = "0x" + "01" * 20, "0x" + "02" * 20
UNIT = 10_000
LIMITS = Limits(CHAIN, FACTORY, TOKEN, most_paid_minor=50_000, most_received_minor=500_000, acceptances=True)


def terms(**changes: Any) -> Terms:
    """Terms under which OWN pays € 100 to OTHER."""
    word = bytes(32)
    values: dict[str, Any] = {
        "kind": Kind.SUPPLY,
        "supply_count": 0,
        "payer": OWN,
        "payee": OTHER,
        "attestor": "0x" + "03" * 20,
        "witness": "0x" + "00" * 20,
        "carrier": "0x" + "04" * 20,
        "arbiter": "0x" + "05" * 20,
        "token": TOKEN,
        "unit": UNIT,
        "amount": 10_000 * UNIT,
        "milestones": 0,
        "fund_by": 1_000,
        "deliver_by": 2_000,
        "grace": 0,
        "contest_window": 60,
        "accept_window": 60,
        "retention_window": 0,
        "arbiter_window": 60,
        "penalty_bps_per_day": 100,
        "penalty_cap_bps": 1_000,
        "fee_bps": 200,
        "cancel_bps": 0,
        "cancel_until": 255,
        "timeout_bps": 0,
        "handover": word,
        "parent": word,
        "replaces": word,
        "spec_hash": b"\x01" * 32,
        "salt": b"\x02" * 32,
    }
    return Terms(**values | changes)


def asked(chain: int = CHAIN, factory: str = FACTORY, **changes: Any) -> dict[str, Any]:
    """The typed data of a request."""
    return typed_data(terms(**changes), chain, factory)


def test_terms_within_the_limits_are_signed_as_they_are() -> None:
    assert within_limits(asked(), OWN, LIMITS) == asked()
    received: dict[str, Any] = {"payer": OTHER, "payee": OWN, "amount": 500_000 * UNIT}
    assert within_limits(asked(**received), OWN, LIMITS) == asked(**received)
    assert within_limits(asked(amount=50_000 * UNIT), OWN.upper().replace("X", "x"), LIMITS)


REFUSED: dict[str, dict[str, Any]] = {
    "one cent too much to pay": {"amount": 50_001 * UNIT},
    "one token unit too much to pay": {"amount": 50_000 * UNIT + 1},
    "too much to receive": {"payer": OTHER, "payee": OWN, "amount": 500_001 * UNIT},
    "too little to receive": {"payer": OTHER, "payee": OWN, "amount": UNIT - 1},
    "not a party": {"payer": "0x" + "09" * 20},
    "both parties": {"payee": OWN},
    "another token": {"token": "0x" + "71" * 20},
    "a unit that makes any amount look small": {"unit": 10**20, "amount": 10**25},
    "no unit": {"unit": 0, "amount": 10**25},
    "too high a fee": {"fee_bps": 501},
    "too high a penalty": {"penalty_cap_bps": 2_001},
    "another chain": {"chain": 1},
    "another factory": {"factory": "0x" + "fb" * 20},
}


@pytest.mark.req(16)
@pytest.mark.parametrize("change", REFUSED.values(), ids=REFUSED.keys())
def test_each_limit_refuses(change: dict[str, Any]) -> None:
    with pytest.raises(NotWithinLimits):
        within_limits(asked(**change), OWN, LIMITS)


def _altered_amount(typed: dict[str, Any]) -> None:
    typed["message"]["amount"] = str(60_000 * UNIT)


def _a_member_more(typed: dict[str, Any]) -> None:
    typed["message"]["bonus"] = "1"


def _a_member_less(typed: dict[str, Any]) -> None:
    del typed["message"]["penaltyCapBps"]


def _a_float(typed: dict[str, Any]) -> None:
    typed["message"]["amount"] = 1e300


def _a_boolean(typed: dict[str, Any]) -> None:
    typed["message"]["feeBps"] = True


def _a_permit(typed: dict[str, Any]) -> None:
    typed["primaryType"] = "Permit"


def _no_domain(typed: dict[str, Any]) -> None:
    del typed["domain"]


def _a_list(typed: dict[str, Any]) -> None:
    typed["message"] = [1]


def _endless_chain(typed: dict[str, Any]) -> None:
    typed["domain"]["chainId"] = float("inf")


@pytest.mark.parametrize(
    "alter",
    [
        _altered_amount,
        _a_member_more,
        _a_member_less,
        _a_float,
        _a_boolean,
        _a_permit,
        _no_domain,
        _a_list,
        _endless_chain,
    ],
    ids=lambda alter: alter.__name__.strip("_"),
)
def test_altered_typed_data_is_refused(alter: Callable[[dict[str, Any]], None]) -> None:
    typed = copy.deepcopy(asked())
    alter(typed)
    with pytest.raises(NotWithinLimits):
        within_limits(typed, OWN, LIMITS)


@pytest.mark.parametrize("nothing", [None, [], "typed", 7, {}])
def test_what_is_no_typed_data_is_refused(nothing: object) -> None:
    with pytest.raises(NotWithinLimits):
        within_limits(nothing, OWN, LIMITS)


def test_types_and_domain_that_came_along_are_not_signed() -> None:
    """Another type under the same name would be another promise; a key must not make it."""
    typed = copy.deepcopy(asked())
    typed["types"]["Terms"] = typed["types"]["Terms"][:3]
    typed["domain"]["name"] = "Bank"
    assert within_limits(typed, OWN, LIMITS) == asked()


def acceptance(what: What = What.ACCEPT, data: bytes = bytes(32)) -> dict[str, Any]:
    """The typed data of a consent."""
    return action_typed_data(b"\x05" * 32, what, data, 2_000, chain_id=CHAIN, factory=FACTORY)


def test_acceptances_are_signed_where_allowed() -> None:
    assert within_limits(acceptance(), OWN, LIMITS) == acceptance()
    silent = Limits(CHAIN, FACTORY, TOKEN, most_paid_minor=1, most_received_minor=1)
    with pytest.raises(NotWithinLimits):
        within_limits(acceptance(), OWN, silent)


@pytest.mark.parametrize("what", [what for what in What if what is not What.ACCEPT])
def test_no_other_action_is_signed(what: What) -> None:
    with pytest.raises(NotWithinLimits):
        within_limits(acceptance(what), OWN, LIMITS)


def test_an_acceptance_carries_nothing_else() -> None:
    with pytest.raises(NotWithinLimits):
        within_limits(acceptance(data=b"\x01" * 32), OWN, LIMITS)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("most_paid_minor", float("inf")),
        ("most_paid_minor", True),
        ("most_paid_minor", "50000"),
        ("most_paid_minor", 5e4),
        ("most_paid_minor", -1),
        ("most_paid_minor", 2**53),
        ("unit", None),
        ("factory", "0x12"),
        ("token", 5),
        ("acceptances", 1),
    ],
)
def test_a_limit_that_is_none_is_refused_by_name(name: str, value: object) -> None:
    given: dict[str, Any] = {
        "chain_id": CHAIN,
        "factory": FACTORY,
        "token": TOKEN,
        "most_paid_minor": 1,
        "most_received_minor": 1,
    }
    assert Limits(**given)
    with pytest.raises(ValueError, match=rf"limits\.{name} "):
        Limits(**given | {name: value})
