"""When a manufacturer takes an order without a person looking at it."""

from dataclasses import dataclass

from marketplace.domain.money import BPS, spell
from marketplace.domain.pricing import Price


@dataclass(frozen=True, slots=True)
class Received:
    """What a rule asks about an order: `open_orders` and `settled_orders` are those that are there beside it."""

    price: Price
    supplies_minor: int
    days: int
    product_id: str
    customer_id: str
    open_orders: int = 0
    settled_orders: int = 0


@dataclass(frozen=True, slots=True)
class AcceptanceRule:
    """When a manufacturer's orders are accepted without a person looking at them.

    The margin is what is left of the price after supplies and platform fee. `most_open_orders` None is no limit,
    `products` empty is all of them; a customer is known once an order with this manufacturer was settled.
    """

    accept_automatically: bool = True
    max_total_minor: int = 500_000
    min_days: int = 1
    min_margin_bps: int = 0
    most_open_orders: int | None = None
    products: tuple[str, ...] = ()
    blocked_customers: tuple[str, ...] = ()
    known_customers_only: bool = False

    @property
    def looks_around(self) -> bool:
        """Whether it asks about other orders."""
        return self.most_open_orders is not None or self.known_customers_only

    def most_for_supplies(self, price: Price) -> int:
        """What supplies may cost in cents so that the margin is kept; below zero where none could be."""
        total = price.total_minor
        return total - price.platform_fee_minor - -(-total * self.min_margin_bps // BPS)

    def exception(self, received: Received) -> str | None:
        """Why a person must decide, with the limit and the value, or None when the rule accepts."""
        return self._about_the_order(received) or self._about_the_customer(received)

    def _about_the_order(self, received: Received) -> str | None:
        total, currency = received.price.total_minor, received.price.currency
        if not self.accept_automatically:
            return "this manufacturer looks at every order"
        if self.products and received.product_id not in self.products:
            return f"the product {received.product_id} is not among those accepted by rule"
        if total > self.max_total_minor:
            limit = spell(self.max_total_minor, currency)
            return f"the order is larger than the manufacturer accepts by rule: {spell(total, currency)} of {limit}"
        if received.days < self.min_days:
            told = f"in {received.days} days, and the rule asks for {self.min_days}"
            return f"the delivery date is nearer than the manufacturer accepts by rule: {told}"
        if received.supplies_minor > self.most_for_supplies(received.price):
            left = total - received.price.platform_fee_minor - received.supplies_minor
            told = f"{left * BPS // total / 100:.2f} % after supplies and fee, and the rule asks for"
            return (
                f"the margin is smaller than the manufacturer accepts by rule: {told} {self.min_margin_bps / 100:g} %"
            )
        if self.most_open_orders is not None and received.open_orders >= self.most_open_orders:
            told = f"{received.open_orders} orders are open, and the rule takes {self.most_open_orders}"
            return f"more is open than the manufacturer accepts by rule: {told}"
        return None

    def _about_the_customer(self, received: Received) -> str | None:
        if received.customer_id in self.blocked_customers:
            return "orders of this customer are not accepted by rule"
        if self.known_customers_only and not received.settled_orders:
            return "the customer is new: no order of theirs was settled here yet"
        return None
