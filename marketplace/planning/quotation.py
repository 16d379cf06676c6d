"""One order's price, date and penalty: all of them from one plan in the finite calendars and one distribution.

The order is put into the earliest slots that are free; supplies, own work and transport around them give the
distribution of its delivery (`promise`); that gives the dates worth offering, each with its probability, its surcharge
and its penalty (`date_curve`); and the price of a date is the price of the configuration with that surcharge.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache, cached_property

from marketplace.domain.pricing import Price, price, rush_ceiling_bps
from marketplace.domain.promise import DatePromise
from marketplace.planning.conformal import BPS
from marketplace.planning.date_curve import DatePoint, DatePolicy, date_curve, point_of
from marketplace.planning.distribution import DAY, LONGEST, Duration
from marketplace.planning.lead_time import earliest_days
from marketplace.planning.machines import Wanted, routing_of, work_seconds
from marketplace.planning.one_off import OneOff, routed_job
from marketplace.planning.promise import Plan, Promises
from marketplace.planning.schedule import Routing, Schedule, Shop

LONGEST_NAME = 64
MOST_DAYS = 400
"""Nobody is promised a day further away, so nothing is worked out for it."""

SUPPLY_P50_BPS, SUPPLY_P90_BPS = 8_000, 12_500
"""Of the days that a supplier names, half of the supplies take four fifths and one in ten takes a quarter more."""

MOST_ELAPSED_BPS = 10 * BPS
"""How much longer than its work an order may take by closed hours alone; what is above it is waiting."""


@dataclass(frozen=True, slots=True)
class Moment:
    """When it is asked: the day, and the minute of the plan."""

    today: date
    minute: int

    @property
    def of_day(self) -> int:
        """Minutes since midnight."""
        return self.minute % DAY


@dataclass(frozen=True, slots=True)
class DateOffer:
    """Delivery by the end of `day` with this probability, for this total; lateness costs what `penalty` says."""

    day: date
    probability_bps: int
    price: Price
    penalty_bps_per_day: int
    penalty_cap_bps: int
    expected_penalty_bps: int


@dataclass(frozen=True, slots=True)
class Lesson:
    """How an order looked when it was quoted: what its delivery will one day be compared with."""

    plan: Plan
    job: OneOff


@dataclass(frozen=True)
class Quotation:
    """When an order can be there. `schedule` has the slots that would be held, `earliest` is the first day to promise.

    `at` works out what a day costs, and `worth` the days that are worth choosing from: only who asks for them pays.
    """

    earliest: date
    p50_day: date
    p90_day: date
    basis: str
    schedule: Schedule
    lesson: Lesson
    at: Callable[[date], DateOffer]
    worth: Callable[[], Sequence[date]]

    @cached_property
    def offers(self) -> tuple[DateOffer, ...]:
        """The dates worth choosing from, soonest first."""
        return tuple(self.at(day) for day in self.worth())

    @cached_property
    def recommended(self) -> date:
        """One of the offers: the first day that is kept nine times in ten; where there is none, the surest."""
        sure = [one for one in self.offers if one.probability_bps >= 9_000]
        return sure[0].day if sure else max(self.offers, key=lambda one: one.probability_bps).day

    def promise(self, day: date) -> DatePromise:
        """What is promised of a day."""
        chosen = self.at(day)
        return DatePromise(
            chosen.probability_bps,
            self.p50_day,
            self.p90_day,
            chosen.penalty_bps_per_day,
            chosen.penalty_cap_bps,
            chosen.expected_penalty_bps,
            self.basis,
        )


def supplied(days: int) -> Duration:
    """How long a supply takes for which so many days are named."""
    return supplied_minutes(days * DAY)


def supplied_minutes(minutes: int) -> Duration:
    """The same for minutes."""
    minutes = max(1, min(minutes, LONGEST * BPS // SUPPLY_P90_BPS))
    return Duration(-(-minutes * SUPPLY_P50_BPS // BPS), max(1, minutes * SUPPLY_P90_BPS // BPS))


def usual_supplies(wanted: Wanted) -> tuple[Duration, ...]:
    """What a template's lead time leaves for supplies, before any supplier was asked: all but a day each for own work
    and transport."""
    days = wanted.template.lead_time_days - 2
    return (supplied(days),) if days > 0 and wanted.template.bought else ()


def quotation(
    wanted: Wanted,
    shop: Shop,
    promises: Promises,
    moment: Moment,
    supplies: Sequence[Duration],
    policy: DatePolicy,
    *,
    fee_bps: int,
) -> Quotation:
    """Price, dates and penalties. Raises CannotPlan, ValueError for more work than is planned; `at` and what is made
    of it raise InvalidInput for what has no price."""
    ready = moment.minute + max((one.p50 for one in supplies), default=0)
    routing = routing_of(wanted, ready)
    schedule = shop.insert(routing)
    lesson = Lesson(_plan(wanted, schedule, moment, supplies), _job(wanted, routing))
    order = promises.distribution(lesson.plan, lesson.job)
    first = max(_rule_days(wanted), order.day(5_000, moment.of_day))
    last = min(MOST_DAYS, order.day(9_500, moment.of_day) + policy.slack_days)

    @cache
    def booked() -> Sequence[int]:
        return _booked(shop, routing, moment, max(first, last))

    def offer(point: DatePoint) -> DateOffer:
        cost = price(
            wanted.template, wanted.configuration, wanted.sheet, fee_bps=fee_bps, rush_bps=point.price_bps - BPS
        )
        late = point.penalty
        day = moment.today + timedelta(days=point.day)
        return DateOffer(day, point.probability_bps, cost, late.day_bps, late.cap_bps, late.expected_bps)

    @cache
    def at(day: date) -> DateOffer:
        return offer(point_of(order, max(0, (day - moment.today).days), moment.of_day, booked(), policy))

    def worth() -> Sequence[date]:
        # What could be there sooner is not promised sooner than the manufacturer says that anything is.
        curve = date_curve(order, moment.of_day, booked(), policy)
        return [moment.today + timedelta(days=day) for day in dict.fromkeys(max(first, point.day) for point in curve)]

    return Quotation(
        moment.today + timedelta(days=first),
        moment.today + timedelta(days=order.day(5_000, moment.of_day)),
        moment.today + timedelta(days=order.day(9_000, moment.of_day)),
        order.basis,
        schedule,
        lesson,
        at,
        worth,
    )


def date_policy(wanted: Wanted, *, penalty_day_bps: int, penalty_cap_bps: int) -> DatePolicy:
    """The manufacturer's rush surcharge under the platform's bounds of a penalty."""
    return DatePolicy(
        rush_bps=min(rush_ceiling_bps(wanted.template, wanted.sheet), 10 * BPS),
        penalty_day_bps=min(penalty_day_bps, BPS),
        penalty_cap_bps=min(penalty_cap_bps, BPS),
    )


def _rule_days(wanted: Wanted) -> int:
    template = wanted.template
    return earliest_days(
        1,
        base_days=template.lead_time_days,
        seconds_per_piece=work_seconds(wanted),
        shift_seconds=template.shift_seconds,
    )


def _plan(wanted: Wanted, schedule: Schedule, moment: Moment, supplies: Sequence[Duration]) -> Plan:
    """The order's surroundings. Waiting between its operations lies before the work, closed hours within it."""
    work = sum(slot.minutes for slot in schedule.slots)
    span = schedule.slots[-1].end - schedule.start
    elapsed = min(max(BPS, span * BPS // work), MOST_ELAPSED_BPS)
    waiting = max(0, span - work * elapsed // BPS)
    start = min(LONGEST, max(0, schedule.start - moment.minute) + waiting)
    transport = (supplied(1),) if wanted.template.lead_time_days > 1 else ()
    return Plan(start, tuple(supplies), elapsed, transport)


def _job(wanted: Wanted, routing: Routing) -> OneOff:
    """The order as what is learned by: its product, its busiest machine, and the minutes that its routing says."""
    longest = max((choices[0] for choices in routing.operations), key=lambda one: one.minutes)
    total = sum(choices[0].minutes for choices in routing.operations)
    return routed_job(total, wanted.template.id[:LONGEST_NAME], longest.machine.rpartition("#")[0][:LONGEST_NAME])


def _booked(shop: Shop, routing: Routing, moment: Moment, last: int) -> Sequence[int]:
    """For each day, what share of the capable machines' minutes is taken from now to its end, in basis points."""
    capable = {choice.machine for choices in routing.operations for choice in choices}
    calendars = [shop.machines[name].calendar for name in sorted(capable)]
    shares, taken, opened, start = [], 0, 0, moment.minute
    for day in range(last + 1):
        end = moment.minute - moment.of_day + (day + 1) * DAY
        for calendar in calendars:
            reserved, open_minutes = calendar.booked(start, end)
            taken, opened = taken + reserved, opened + open_minutes
        shares.append(min(BPS, taken * BPS // opened) if opened else 0)
        start = end
    return shares
