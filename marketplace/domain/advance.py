"""How large the advance must be so that it pays the suppliers and the manufacturer needs no money of its own."""

from bisect import bisect_left

from marketplace.domain.money import share


def net_advance(total_minor: int, bps: int, fee_bps: int) -> int:
    """What an advance of `bps` leaves after its fee, by the contract's rounding."""
    gross = share(total_minor, bps)
    return gross - share(gross, fee_bps)


def advance_bps(total_minor: int, supplies_minor: int, *, fee_bps: int, least_bps: int, most_bps: int) -> int | None:
    """The smallest share from `least_bps` to `most_bps` whose net advance covers the supplies, or None.

    All amounts in cents, fees below 100 %: a larger share then never leaves less.
    """
    shares = range(least_bps, most_bps + 1)
    found = bisect_left(shares, supplies_minor, key=lambda bps: net_advance(total_minor, bps, fee_bps))
    return shares[found] if found < len(shares) else None
