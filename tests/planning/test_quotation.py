"""Price, date and penalty come from one plan: what fills the shop moves all three, and nothing is promised too soon."""

from dataclasses import replace
from datetime import date, timedelta
from functools import cache
from pathlib import Path

import pytest

from marketplace.application.catalogue import load_catalogue
from marketplace.application.catalogue_engineering import facts_of_nothing
from marketplace.domain.configuration import configure
from marketplace.domain.money import BPS
from marketplace.domain.product import Template
from marketplace.planning.calendar import Calendar
from marketplace.planning.date_curve import DatePolicy
from marketplace.planning.lead_time import Made
from marketplace.planning.machines import MachinesDiffer, Wanted, machines_of, names_of, one_shift, routing_of
from marketplace.planning.one_off import PRIOR, features, offset, routed_job
from marketplace.planning.promise import BEFORE_ANY, Delivered, Promises, learn_promises
from marketplace.planning.quotation import Moment, Quotation, date_policy, quotation, supplied, usual_supplies
from marketplace.planning.schedule import Shop
from marketplace.planning.schedule_check import violations
from tests.domain.products import MASK

TODAY = date(2027, 3, 1)
NOON = Moment(TODAY, 12 * 60)
BOUNDS = {"penalty_day_bps": 100, "penalty_cap_bps": 1_000}


@cache
def templates() -> dict[str, Template]:
    return dict(load_catalogue(Path(__file__).parents[2] / "examples"))


def wanted(product: str = "engraved-sign", **values: object) -> Wanted:
    template = templates()[product]
    configuration = configure(template, values)
    known = {**configuration.values, **facts_of_nothing(tuple(template.options()))}
    return Wanted(template, configuration, template.engineering.sheet(known))


def empty_shop() -> Shop:
    return Shop(machines_of(templates().values()), {})


def full_shop(days: int, share: float = 1.0) -> Shop:
    """The shop of the examples without a free minute."""
    return taken(empty_shop(), days, share)


def taken(shop: Shop, days: int, share: float = 1.0) -> Shop:
    """Every shift of the first days is taken, or its first part."""
    machines = {}
    for name, machine in shop.machines.items():
        calendar, a_day = machine.calendar, machine.calendar.shifts.a_week // 7
        for day in range(days):
            calendar = calendar.reserve(day * a_day, day * a_day + int(a_day * share), f"order {day}")
        machines[name] = replace(machine, calendar=calendar)
    return replace(shop, machines=machines)


def quoted(one: Wanted, shop: Shop, promises: Promises = BEFORE_ANY, moment: Moment = NOON, **policy: int) -> Quotation:
    found = replace(date_policy(one, **BOUNDS), **policy)
    return quotation(one, shop, promises, moment, usual_supplies(one), found, fee_bps=100)


@pytest.mark.req(45, 52)
def test_in_an_empty_shop_the_lead_time_of_the_template_can_be_kept() -> None:
    for product, days in (("pneumatic-cylinder", 5), ("engraved-sign", 4)):
        one = wanted(product)
        found = quoted(one, empty_shop())
        assert found.earliest == TODAY + timedelta(days=days)
        assert found.p50_day <= found.p90_day
        assert violations(empty_shop(), routing_of(one, found.schedule.start), found.schedule) == []
        assert [offer.day for offer in found.offers] == sorted({offer.day for offer in found.offers})
        assert found.offers[0].day == found.earliest
        chosen = found.at(found.recommended)
        assert chosen in found.offers
        assert chosen.probability_bps >= 9_000
        promise = found.promise(found.recommended)
        assert (promise.probability_bps, promise.p90_day) == (chosen.probability_bps, found.p90_day)
        assert (promise.penalty_bps_per_day, promise.basis) == (chosen.penalty_bps_per_day, "prior")


@pytest.mark.req(45, 52)
def test_a_full_shop_moves_dates_and_prices() -> None:
    one = wanted(amount=10)
    calm, busy = quoted(one, empty_shop()), quoted(one, full_shop(20))
    assert busy.p50_day >= calm.p50_day + timedelta(days=14)
    assert busy.earliest >= busy.p50_day
    assert busy.offers[0].price.total_minor > calm.offers[0].price.total_minor
    half = quoted(one, full_shop(60, 0.5))
    assert calm.offers[0].price.total_minor < half.offers[0].price.total_minor < busy.offers[0].price.total_minor
    codes = {line.code for line in half.offers[0].price.trace.lines} if half.offers[0].price.trace else set()
    assert "rush@1900" in codes
    later = [offer.price.total_minor for offer in half.offers]
    assert later == sorted(later, reverse=True)


@pytest.mark.req(45)
def test_each_rate_of_tax_has_its_share_of_what_an_early_date_costs() -> None:
    one = wanted("pneumatic-cylinder", amount=40, engraving="Ana 2026")
    calm, half = quoted(one, empty_shop()), quoted(one, full_shop(60, 0.5))
    assert calm.at(TODAY + timedelta(days=10)).price.total_minor == 60_000
    price = half.offers[0].price
    assert price.total_minor > 60_000
    assert {"rush@500", "rush@1900"} <= {line.code for line in price.trace.lines} if price.trace else False


def test_list_prices_do_not_move_with_the_date() -> None:
    configuration = configure(MASK, {"pieces": 40})
    one = Wanted(MASK, configuration, MASK.engineering.sheet(configuration.values))
    shop = Shop(machines_of([MASK]), {})
    assert {offer.price.total_minor for offer in quoted(one, taken(shop, 20)).offers} == {40 * (120 + 80 + 30)}


@pytest.mark.req(45)
def test_the_bolder_the_date_the_lower_the_penalty_and_never_above_the_bounds() -> None:
    found = quoted(wanted(amount=50), empty_shop())
    days = [TODAY + timedelta(days=number) for number in range(40)]
    rates = [found.at(day).penalty_bps_per_day for day in days]
    assert rates == sorted(rates)
    assert rates[0] < rates[-1] == 100
    assert max(found.at(day).penalty_cap_bps for day in days) == 1_000
    sure = [found.at(day).probability_bps for day in days]
    assert sure == sorted(sure)
    assert (sure[0], sure[-1]) == (0, 9_950)
    lenient = quoted(wanted(amount=50), empty_shop(), expected_penalty_bps=0)
    assert {lenient.at(day).penalty_bps_per_day for day in days} == {0}


def test_where_no_date_is_sure_the_surest_is_recommended() -> None:
    slow = learn_promises([late(number, 3) for number in range(40)])
    assert quoted(wanted(), empty_shop(), slow, slack_days=0).recommended > TODAY


def late(number: int, times: int) -> Delivered:
    """An order whose routing said 60 minutes, which took `times` as long, and came that much later, too."""
    plan = quoted(wanted(), empty_shop()).lesson.plan
    job = routed_job(60, "engraved-sign", "router")
    return Delivered(plan, Made(job, 60 * times + number % 3, number), plan.start * times + 60 * times)


@pytest.mark.req(45)
def test_our_own_deliveries_correct_the_promise() -> None:
    one = wanted(amount=50)
    before = quoted(one, empty_shop())
    slow = quoted(one, empty_shop(), learn_promises([late(number, 3) for number in range(40)]))
    assert slow.p90_day > before.p90_day
    assert slow.promise(slow.p90_day).basis == "all"
    timely = quoted(one, empty_shop(), learn_promises([late(number, 1) for number in range(40)]))
    assert timely.p90_day < slow.p90_day


def test_a_routed_job_is_what_its_routing_says_until_events_speak() -> None:
    job = routed_job(240, "sign", "router")
    assert BEFORE_ANY.lead_times.log_minutes(job) == pytest.approx(offset(job) + PRIOR[0])
    assert BEFORE_ANY.lead_times.estimate(job).p50 in (240, 241)
    assert sum(weight * value for weight, value in zip(PRIOR, features(job), strict=True)) == PRIOR[0]
    with pytest.raises(ValueError, match="routed_minutes"):
        replace(job, routed_minutes=-1)


def test_machines_are_as_many_and_open_as_the_file_says() -> None:
    template = templates()["engraved-sign"]
    router = replace(template.engineering.machine("router"), count=2, windows=((360, 840),))
    rest = tuple(one for one in template.engineering.machines if one.id != "router")
    busy = replace(template, engineering=replace(template.engineering, machines=(router, *rest)))
    found = machines_of([busy])
    assert set(found) == {"router#1", "router#2", "laser#1", "printer#1"}
    assert found["router#2"].calendar == Calendar(one_shift(480 * 60).__class__(((360, 840),)))
    assert found["laser#1"].calendar.shifts.windows[0] == (480, 960)
    assert names_of(router) == ("router#1", "router#2")
    one = wanted()
    assert len(routing_of(replace(one, template=busy), 0).operations[0]) == 2
    with pytest.raises(MachinesDiffer, match="router"):
        machines_of([template, busy])
    assert one_shift(86_400).windows[0] == (0, 1_440)


def test_a_product_without_a_routing_works_at_one_place() -> None:
    one = wanted("pneumatic-cylinder", amount=40)
    plain = replace(one.template, engineering=replace(one.template.engineering, routing=(), machines=()))
    found = routing_of(replace(one, template=plain), 0)
    assert [(choice.machine, choice.minutes) for (choice,) in found.operations] == [("assembly#1", 120)]
    assert set(machines_of([plain])) == {"assembly#1"}


def test_supplies_take_what_they_say_and_sometimes_more() -> None:
    assert (supplied(5).p50, supplied(5).p90) == (4 * 1_440, 5 * 1_440 * 5 // 4)
    assert supplied(0).p50 == 1
    assert supplied(10**9).p90 <= 10 * 365 * 1_440
    nothing = replace(wanted().template, bought=())
    assert usual_supplies(replace(wanted(), template=nothing)) == ()


def test_the_rush_of_a_file_is_at_most_tenfold() -> None:
    assert date_policy(wanted(), penalty_day_bps=20_000, penalty_cap_bps=20_000) == DatePolicy(
        rush_bps=2_500, penalty_day_bps=BPS, penalty_cap_bps=BPS
    )
