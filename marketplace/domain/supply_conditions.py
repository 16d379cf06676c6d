"""What a supplier asks, and gives, for all that is ordered from it at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Literal

BPS = 10_000

Refusal = Literal["capacity", "minimum_order"]


@dataclass(frozen=True, slots=True)
class Charge:
    """What one supplier's lines come to, in cents: goods, plus `freight_minor`, less `discount_minor`."""

    goods_minor: int
    freight_minor: int = 0
    discount_minor: int = 0

    @property
    def amount_minor(self) -> int:
        """What is paid."""
        return self.goods_minor + self.freight_minor - self.discount_minor


@dataclass(frozen=True, slots=True)
class SupplyConditions:
    """As the supplier states them; what it does not state it does not ask, and does not give.

    `freight_minor` cents are paid once. The goods must come to `minimum_order_minor` before the discount, and take at
    most `capacity_h` hours (None: any). From `bundle_lines` lines on, `bundle_bps` ten-thousandths of the goods are
    deducted, floored to a cent.
    """

    freight_minor: int = 0
    minimum_order_minor: int = 0
    capacity_h: int | None = None
    bundle_lines: int = 1
    bundle_bps: int = 0

    def __post_init__(self) -> None:
        if min(self.freight_minor, self.minimum_order_minor, self.capacity_h or 0) < 0:
            raise ValueError("freight, minimum order and capacity are not negative")
        if self.bundle_lines < 1 or not 0 <= self.bundle_bps < BPS:
            raise ValueError("a bundle has at least 1 line and a discount from 0 to 9999 ten-thousandths")

    def charge(self, goods: Sequence[int]) -> Charge:
        """What lines of these prices cost together."""
        value = sum(goods)
        earned = len(goods) >= self.bundle_lines
        return Charge(value, self.freight_minor, value * self.bundle_bps // BPS if earned else 0)

    def refusal(self, goods: Sequence[int], hours: int) -> Refusal | None:
        """Why the supplier would not take lines of these prices that need `hours` of its capacity, or None."""
        if self.capacity_h is not None and hours > self.capacity_h:
            return "capacity"
        return "minimum_order" if sum(goods) < self.minimum_order_minor else None

    def stricter(self, other: "SupplyConditions") -> "SupplyConditions":
        """Where two statements differ, of each condition the one that is worse for the buyer."""
        capacities = [one.capacity_h for one in (self, other) if one.capacity_h is not None]
        return SupplyConditions(
            freight_minor=max(self.freight_minor, other.freight_minor),
            minimum_order_minor=max(self.minimum_order_minor, other.minimum_order_minor),
            capacity_h=min(capacities, default=None),
            bundle_lines=max(self.bundle_lines, other.bundle_lines),
            bundle_bps=min(self.bundle_bps, other.bundle_bps),
        )


NO_CONDITIONS = SupplyConditions()


def strictest(stated: Sequence[SupplyConditions]) -> SupplyConditions:
    """One supplier's conditions out of all that its offers state."""
    return reduce(SupplyConditions.stricter, stated) if stated else NO_CONDITIONS
