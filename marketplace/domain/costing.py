"""The itemised price of an order from what it costs: whole numbers in, a trace that adds up out."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from marketplace.domain.errors import InvalidInput
from marketplace.domain.money import BPS, MAX_MINOR
from marketplace.domain.price_trace import MOST_LINES, SHARE, PriceTrace, TraceLine, evaluate

LARGEST_INPUT = 10**12
"""Far above any number of a shop."""

PER_HOUR = "minutes * minor_per_hour // 60"
PER_MASS = "grams * minor_per_kg * (10000 + scrap_bps) // 10000000"
PER_PIECE = "quantity * minor_per_piece"
FIXED = "minor"
DISCOUNT = "-base_minor * bps // 10000"


@dataclass(frozen=True, slots=True)
class Work:
    """Minutes at a rate by the hour."""

    minutes: int
    minor_per_hour: int


@dataclass(frozen=True, slots=True)
class Material:
    """Mass that is used, its price, and what is lost of it in basis points of the mass."""

    grams: int
    minor_per_kg: int
    scrap_bps: int = 0


@dataclass(frozen=True, slots=True)
class Bought:
    """Pieces that are bought, taxed at their own rate."""

    id: str
    label: str
    quantity: int
    minor_per_piece: int
    tax_bps: int


@dataclass(frozen=True, slots=True)
class Costs:
    """What an order is priced from. All whole numbers; `tax_bps` is the rate of own work, material and freight.

    `run_p50` and `run_p80` are the minutes that the run stays below with 50 and 80 % probability: their difference is
    the risk that is paid for.
    """

    setup: Work
    programming: Work
    run_p50: int
    run_p80: int
    run_minor_per_hour: int
    material: Material
    finishing: Work
    inspection: Work
    freight_minor: int
    margin_bps: int
    rush_bps: int
    discount_bps: int
    tax_bps: int
    fee_bps: int
    bought: tuple[Bought, ...] = ()
    discount_label: str = "Discount"


def trace(costs: Costs, currency: str) -> PriceTrace:
    """The itemised price. Raises InvalidInput for a negative or huge input, or a total that money cannot count."""
    _check(costs)
    lines = [line for line in _cost_lines(costs) if line.amount_minor]
    steps = (("margin", "Margin", costs.margin_bps, SHARE), ("rush", "Early date", costs.rush_bps, SHARE))
    for code, label, bps, formula in (*steps, ("discount", costs.discount_label, costs.discount_bps, DISCOUNT)):
        lines += [line for line in _shares(code, label, lines, bps, formula) if line.amount_minor]
    taxes = tuple(_tax(lines, rate) for rate in sorted({line.tax_bps for line in lines if line.tax_bps}))
    return _complete(currency, lines, taxes, costs.fee_bps)


def listed(pieces: Iterable[Bought], currency: str, fee_bps: int) -> PriceTrace:
    """List prices, itemised: a line for each that costs something, tax inside. Raises InvalidInput as `trace` does."""
    lines = [_line(one.id, one.label, PER_PIECE, _pieces(one), one.tax_bps) for one in pieces]
    return _complete(currency, [line for line in lines if line.amount_minor], (), fee_bps)


def _complete(currency: str, lines: Sequence[TraceLine], taxes: tuple[TraceLine, ...], fee_bps: int) -> PriceTrace:
    fee = _share("fee", "Platform fee, inside the total", (*lines, *taxes), fee_bps, SHARE, 0)
    found = PriceTrace(currency, tuple(lines), taxes, fee)
    if not 0 < found.total_minor <= MAX_MINOR:
        raise InvalidInput("price", f"this order would cost {found.total_minor} cents, which cannot be charged")
    return found


def _check(costs: Costs) -> None:
    works = (costs.setup, costs.programming, costs.finishing, costs.inspection)
    material = costs.material
    bought = [number for one in costs.bought for number in (one.quantity, one.minor_per_piece)]
    rates = [
        costs.margin_bps,
        costs.rush_bps,
        material.scrap_bps,
        *(one.tax_bps for one in costs.bought),
        costs.tax_bps,
    ]
    times = [number for work in works for number in (work.minutes, work.minor_per_hour)]
    run = [costs.run_p50, costs.run_p80, costs.run_minor_per_hour, costs.freight_minor]
    shares = [costs.discount_bps, costs.fee_bps]
    numbers = [*times, *run, material.grams, material.minor_per_kg, *bought, *rates, *shares]
    if any(type(number) is not int or not 0 <= number <= LARGEST_INPUT for number in numbers):
        raise InvalidInput("costs", f"must be whole numbers from 0 to {LARGEST_INPUT}")
    if max(shares) > BPS or max(rates) > 100 * BPS:
        raise InvalidInput("costs", "a discount or fee is at most the whole, any other rate a hundredfold")
    if costs.run_p80 < costs.run_p50:
        raise InvalidInput("costs", "the 80 % time is not below the 50 % time")
    if len({one.id for one in costs.bought}) < len(costs.bought) or len(costs.bought) > MOST_LINES // 2:
        raise InvalidInput("costs", f"at most {MOST_LINES // 2} bought lines, each with an id of its own")


def _cost_lines(costs: Costs) -> Iterator[TraceLine]:
    rate = costs.tax_bps
    own = costs.run_minor_per_hour
    yield _work("setup", "Set-up", costs.setup, rate)
    yield _work("programming", "Programming", costs.programming, rate)
    yield _work("run", "Machine time", Work(costs.run_p50, own), rate)
    material = costs.material
    inputs = {"grams": material.grams, "minor_per_kg": material.minor_per_kg, "scrap_bps": material.scrap_bps}
    yield _line("material", "Material", PER_MASS, inputs, rate)
    yield _work("finishing", "Finishing", costs.finishing, rate)
    yield _work("inspection", "Inspection", costs.inspection, rate)
    for one in costs.bought:
        yield _line(f"bought:{one.id}", one.label, PER_PIECE, _pieces(one), one.tax_bps)
    yield _line("freight", "Freight", FIXED, {"minor": costs.freight_minor}, rate)
    yield _work("risk", "Risk: 80 % time over 50 % time", Work(costs.run_p80 - costs.run_p50, own), rate)


def _pieces(one: Bought) -> Mapping[str, int]:
    return {"quantity": one.quantity, "minor_per_piece": one.minor_per_piece}


def _work(code: str, label: str, work: Work, tax_bps: int) -> TraceLine:
    return _line(code, label, PER_HOUR, {"minutes": work.minutes, "minor_per_hour": work.minor_per_hour}, tax_bps)


def _line(
    code: str, label: str, formula: str, inputs: Mapping[str, int], tax_bps: int, over: tuple[str, ...] = ()
) -> TraceLine:
    return TraceLine(code, label, formula, tuple(inputs.items()), evaluate(formula, inputs), tax_bps, over)


def _shares(code: str, label: str, lines: Sequence[TraceLine], bps: int, formula: str) -> Iterator[TraceLine]:
    """One share for each rate of tax, so that what is added or taken off is taxed as what it belongs to.

    Where there is more than one, each says its rate: two lines of one name would puzzle who reads them.
    """
    rates = sorted({line.tax_bps for line in lines})
    for rate in rates:
        taxed_alike = [line for line in lines if line.tax_bps == rate]
        named = label if len(rates) == 1 else f"{label} ({_percent(rate)} tax)"
        yield _share(f"{code}@{rate}", named, taxed_alike, bps, formula, rate)


def _share(code: str, label: str, base: Sequence[TraceLine], bps: int, formula: str, tax_bps: int) -> TraceLine:
    inputs = {"base_minor": sum(line.amount_minor for line in base), "bps": bps}
    return _line(code, label, formula, inputs, tax_bps, tuple(line.code for line in base))


def _tax(lines: Sequence[TraceLine], rate: int) -> TraceLine:
    base = [line for line in lines if line.tax_bps == rate]
    return _share(f"tax@{rate}", f"Tax {_percent(rate)}", base, rate, SHARE, 0)


def _percent(bps: int) -> str:
    return f"{bps // 100}.{bps % 100:02d} %"
