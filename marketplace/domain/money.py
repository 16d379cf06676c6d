"""Money is whole cents with a currency. There is one rounding rule: floor, and the remainder goes to the payer."""

from dataclasses import dataclass

from marketplace.domain.errors import InvalidInput

MAX_MINOR = 2**53 - 1
"""The largest amount: the largest integer that every JSON reader keeps exactly (RFC 8259 section 6)."""

BPS = 10_000
"""Basis points in a whole."""


@dataclass(frozen=True, slots=True)
class Money:
    """`minor` cents of `currency` (ISO 4217). Raises InvalidInput below 0 or above MAX_MINOR."""

    minor: int
    currency: str

    def __post_init__(self) -> None:
        if isinstance(self.minor, bool) or not isinstance(self.minor, int) or not 0 <= self.minor <= MAX_MINOR:
            raise InvalidInput("amount_minor", f"must be a whole number of cents from 0 to {MAX_MINOR}")


def share(amount_minor: int, bps: int) -> int:
    """`bps` basis points of `amount_minor`, floored to a cent."""
    return amount_minor * bps // BPS


def spell(amount_minor: int, currency: str) -> str:
    """The amount as people write it: `spell(60000, "EUR")` is `€ 600.00`."""
    sign = "-" if amount_minor < 0 else ""
    whole, cents = divmod(abs(amount_minor), 100)
    symbol = "€" if currency == "EUR" else currency
    return f"{sign}{symbol} {whole:,}.{cents:02d}"
