"""How far a key goes alone: each limit refuses and names itself, and nothing that came along with checked values is
signed."""

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from bootstrap.signing.judgement import Judge, NotWithinLimits
from bootstrap.signing.log import Log
from contracts.eip712 import digest
from contracts.terms import What
from tests.bootstrap.signing.asking import (
    DELIVER_BY,
    DELIVERY,
    FUND_BY,
    LINE,
    NOTHING,
    NOW,
    OTHER,
    OWN,
    UNIT,
    acceptance,
    asked,
    bought,
    delivery_document,
    hashed,
    limits,
    sold,
    supply_document,
)

COVER = LINE | {"id": "cover", "quantity": 40}


def judge(request: Any, *, log: Log | None = None, now: datetime = NOW, **changes: Any) -> Any:
    """The verdict on a request under these limits."""
    return Judge(OWN, limits(**changes), log or Log(None)).judge(request, now)


def refused(request: Any, **given: Any) -> NotWithinLimits:
    """Why a request is not signed."""
    with pytest.raises(NotWithinLimits) as refusal:
        judge(request, **given)
    return refusal.value


@pytest.mark.parametrize(
    "request_",
    [
        asked(),
        asked(amount=500_000 * UNIT),
        bought(),
        bought(amount=50_000 * UNIT),
        sold(),
        acceptance(),
    ],
)
def test_what_is_within_the_limits_is_signed_as_it_is(request_: dict[str, Any]) -> None:
    verdict = judge(request_)
    assert verdict.typed == request_["typed_data"]
    assert verdict.digest == "0x" + digest(request_["typed_data"]).hex()


OWN_LIMITS: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "one cent too much to pay": (bought(amount=50_001 * UNIT), {}, "limits.most_paid_minor"),
    "one token unit too much to pay": (bought(amount=50_000 * UNIT + 1), {}, "limits.most_paid_minor"),
    "too much to receive": (asked(amount=500_001 * UNIT), {}, "limits.most_received_minor"),
    "too little to receive": (asked(amount=UNIT - 1), {}, "limits.least_received_minor"),
    "another token": (asked(token="0x" + "71" * 20), {}, "limits.token"),
    "a unit that makes any amount look small": (asked(unit=10**20, amount=10**25), {}, "limits.token"),
    "no unit": (asked(unit=0, amount=10**25), {}, "limits.token"),
    "too high a fee": (asked(fee_bps=501), {}, "limits.highest_fee_bps"),
    "too high a penalty": (asked(penalty_cap_bps=2_001), {}, "limits.highest_penalty_bps"),
    "a stranger": (asked(), {"counterparties": ("0x" + "08" * 20,)}, "limits.counterparties"),
    "a stranger to buy from": (bought(), {"counterparties": ("0x" + "08" * 20,)}, "limits.counterparties"),
    "another machine": (asked(attestor="0x" + "0a" * 20), {}, "limits.gateway"),
    "no machine": (asked(attestor="0x" + "00" * 20), {}, "limits.gateway"),
    "a machine where there is none": (asked(), {"gateway": None}, "limits.gateway"),
    "another arbiter": (asked(), {"arbiter": "0x" + "06" * 20}, "limits.arbiter"),
    "another product": (asked(), {"products": ("chair",)}, "limits.products"),
    "another product to sell": (sold(), {"products": ("chair",)}, "limits.products"),
    "a line that is not made": (asked(), {"lines": {"cover": {}}}, "limits.lines"),
    "one of two lines": (
        asked(document=supply_document(LINE, COVER)),
        {"lines": {"base": {}}},
        "limits.lines",
    ),
    "below the floor": (asked(), {"lines": {"base": {"floor_minor": 251}}}, "limits.lines.floor_minor"),
    "below the floor of both": (
        asked(document=supply_document(LINE, COVER)),
        {"lines": {"base": {"floor_minor": 126}, "cover": {"floor_minor": 125}}},
        "limits.lines.floor_minor",
    ),
    "too few days for a line": (asked(), {"lines": {"base": {"least_days": 11}}}, "limits.lines.least_days"),
    "too few days": (asked(), {"least_days": 11}, "limits.least_days"),
    "too many days": (asked(), {"most_days": 9}, "limits.most_days"),
    "bound for too long": (asked(), {"most_hours_binding": 23}, "limits.most_hours_binding"),
    "too much in a day": (asked(), {"most_received_per_day_minor": 9_999}, "limits.most_received_per_day_minor"),
    "too much to pay in a day": (bought(), {"most_paid_per_day_minor": 9_999}, "limits.most_paid_per_day_minor"),
    "too much to do": (asked(), {"most_running": 0}, "limits.most_running"),
    "an acceptance": (acceptance(), {"acceptances": False}, "limits.acceptances"),
}


@pytest.mark.req(16)
@pytest.mark.parametrize(("request_", "given", "limit"), OWN_LIMITS.values(), ids=OWN_LIMITS.keys())
def test_each_limit_refuses_and_names_itself(request_: dict[str, Any], given: dict[str, Any], limit: str) -> None:
    refusal = refused(request_, **given)
    assert refusal.limit == limit
    assert str(refusal)


def test_each_limit_lets_pass_what_just_keeps_it() -> None:
    """The same requests, one cent, day or hour away."""
    kept: list[tuple[dict[str, Any], dict[str, Any]]] = [
        (asked(), {"lines": {"base": {"floor_minor": 250, "least_days": 10}}}),
        (asked(), {"least_days": 10, "most_days": 10, "most_hours_binding": 24, "most_running": 1}),
        (asked(), {"most_received_per_day_minor": 10_000, "counterparties": (OTHER,)}),
        (asked(), {"products": ("pneumatic-cylinder",), "arbiter": "0x" + "05" * 20}),
        (bought(), {"most_paid_per_day_minor": 10_000, "lines": {}, "least_days": 10}),
        (asked(attestor="0x" + "00" * 20), {"gateway": None}),
    ]
    for request, given in kept:
        assert judge(request, **given).typed == request["typed_data"]


# What no setting allows, and what nobody but a person should answer where it smells.
OTHERWISE: dict[str, tuple[dict[str, Any], bool]] = {
    "not a party": (asked(payee="0x" + "09" * 20), True),
    "both parties": (asked(payer=OWN), True),
    "lapsed": (asked(fund_by=int(NOW.timestamp())), False),
    "to be delivered before it opens": (asked(deliver_by=FUND_BY), False),
    "a successor": (asked(replaces=DELIVERY), False),
    "a supply of nothing": (asked(parent=NOTHING), True),
    "a delivery of something": (sold(parent=DELIVERY), True),
    "what is ordered is not shown": (asked() | {"specification": None}, False),
    "something else is shown": (asked() | {"specification": supply_document(COVER)}, True),
    "a price in words is another one in the terms": (sold(document=delivery_document(60_001)), True),
    "a day in words is another one in the terms": (sold(deliver_by=DELIVER_BY + 1), True),
    "half a piece": (asked(document=supply_document(LINE | {"quantity": 0.5})), True),
    "no pieces": (asked(document=supply_document(LINE | {"quantity": 0})), True),
    "pieces that are a truth value": (asked(document=supply_document(LINE | {"quantity": True})), True),
    "a delivery without a quote": (sold(document=delivery_document() | {"quote": 5}), True),
}


@pytest.mark.parametrize(("request_", "suspicious"), OTHERWISE.values(), ids=OTHERWISE.keys())
def test_what_no_limit_allows_is_refused(request_: dict[str, Any], suspicious: bool) -> None:
    assert refused(request_).suspicious is suspicious


def _altered_amount(typed: dict[str, Any]) -> None:
    typed["message"]["amount"] = str(600_000 * UNIT)


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


def _another_chain(typed: dict[str, Any]) -> None:
    typed["domain"]["chainId"] = 1


def _another_factory(typed: dict[str, Any]) -> None:
    typed["domain"]["verifyingContract"] = "0x" + "fb" * 20


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
        _another_chain,
        _another_factory,
    ],
    ids=lambda alter: alter.__name__.strip("_"),
)
def test_altered_typed_data_is_refused(alter: Callable[[dict[str, Any]], None]) -> None:
    request = asked()
    alter(request["typed_data"])
    refused(request)


@pytest.mark.parametrize("nothing", [None, [], "typed", 7, {}])
def test_what_is_no_request_is_refused(nothing: object) -> None:
    assert refused(nothing).suspicious
    assert refused({"id": "r1", "typed_data": nothing}).suspicious


def test_types_and_domain_that_came_along_are_not_signed() -> None:
    """Another type under the same name would be another promise; a key must not make it."""
    request = asked()
    typed = request["typed_data"]
    typed["types"]["Terms"] = typed["types"]["Terms"][:3]
    typed["domain"]["name"] = "Bank"
    assert judge(request).typed == asked()["typed_data"]


def test_what_the_server_says_beside_the_typed_data_counts_for_nothing() -> None:
    request = asked(amount=500_001 * UNIT) | {"agreement": {"amount_minor": 1}, "readable": [], "role": "payer"}
    assert refused(request).limit == "limits.most_received_minor"


@pytest.mark.parametrize("what", [what for what in What if what is not What.ACCEPT])
def test_no_other_action_is_signed(what: What) -> None:
    refused(acceptance(what=what))


def test_an_acceptance_carries_nothing_else() -> None:
    assert refused(acceptance(data=b"\x01" * 32)).suspicious


class TestWithALog:
    """What was signed before counts."""

    @pytest.fixture
    def log(self, tmp_path: Path) -> Log:
        """An empty one."""
        return Log.open(tmp_path / "log.jsonl")

    def sign(self, log: Log, request: dict[str, Any], at: datetime = NOW, **given: Any) -> None:
        """As the agent does."""
        verdict = judge(request, log=log, now=at, **given)
        log.signed(at, request["id"], verdict.digest, verdict.promise, verdict.typed["message"])

    def test_the_same_request_with_other_content_is_never_signed(self, log: Log) -> None:
        self.sign(log, asked())
        assert judge(asked(), log=log).typed == asked()["typed_data"]
        refusal = refused(asked(salt=b"\x03" * 32), log=log)
        assert refusal.limit == "request"
        assert refusal.suspicious
        assert judge(asked("r2", salt=b"\x03" * 32), log=log)

    def test_a_day_is_24_hours(self, log: Log) -> None:
        given = {"most_received_per_day_minor": 20_000}
        for number in (1, 2):
            self.sign(log, asked(f"r{number}", salt=bytes([number]) * 32), **given)
        third = asked("r3", salt=b"\x03" * 32)
        refusal = refused(third, log=log, **given)
        assert (refusal.limit, refusal.passing) == ("limits.most_received_per_day_minor", True)
        assert judge(asked("r1", salt=b"\x01" * 32), log=log, **given)  # signed already: the same promise
        assert judge(bought("r4"), log=log, **given)  # paid money is counted by itself
        later = asked("r3", salt=b"\x03" * 32, fund_by=FUND_BY + 86_400)
        refused(later, log=log, now=NOW + timedelta(hours=23, minutes=59), **given)
        assert judge(later, log=log, now=NOW + timedelta(hours=24), **given)

    def test_an_agreement_is_a_load_until_its_day_has_passed(self, log: Log) -> None:
        self.sign(log, asked(), most_running=1)
        other = asked("r2", salt=b"\x03" * 32)
        assert refused(other, log=log, most_running=1).limit == "limits.most_running"
        assert judge(other, log=log, most_running=2)
        assert judge(bought("r3"), log=log, most_running=1)
        past = NOW + timedelta(days=11)
        later = asked("r2", fund_by=FUND_BY + 11 * 86_400, deliver_by=DELIVER_BY + 11 * 86_400)
        assert judge(later, log=log, now=past, most_running=1)

    def test_the_margin_is_what_the_signed_supplies_leave_of_the_signed_delivery(self, log: Log) -> None:
        given = {"least_margin_bps": 5_000}
        delivery = sold(total_minor=60_000)  # 2 % fee leave € 588.00, half of € 600.00 are € 300.00
        parent = digest(delivery["typed_data"])
        first = bought("s1", parent=parent, amount=18_800 * UNIT)
        refusal = refused(first, log=log, **given)
        assert (refusal.limit, refusal.passing) == ("limits.least_margin_bps", True)
        self.sign(log, delivery, **given)
        self.sign(log, first, **given)
        covers = supply_document(COVER)
        second = {"parent": parent, "document": covers, "salt": b"\x07" * 32}
        assert (
            refused(bought("s2", amount=10_001 * UNIT, **second), log=log, **given).limit == "limits.least_margin_bps"
        )
        self.sign(log, bought("s2", amount=10_000 * UNIT, **second), **given)
        # Whoever takes the first one's place makes the same lines, and the dearer of the two counts.
        instead = {"parent": parent, "salt": b"\x08" * 32}
        self.sign(log, bought("s3", amount=10_000 * UNIT, **instead), **given)
        refused(bought("s4", amount=18_801 * UNIT, **instead), log=log, **given)
        assert judge(bought("s4", amount=18_800 * UNIT, **instead), log=log, **given)
        refused(bought("s5", amount=UNIT, parent=DELIVERY), log=log, **given)  # of a delivery that is not ours


def test_a_document_of_another_order_does_not_fit() -> None:
    own, other = supply_document(), supply_document(order="0x" + "0e" * 32)
    assert hashed(own) != hashed(other)
    assert refused(asked() | {"specification": other}).limit == "specification"
