"""How facts are put in words."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from contracts.terms import Kind, Terms
from contracts.verification.verdict import Voucher


@dataclass(frozen=True)
class Money:
    """Writes token units as people do."""

    decimals: int
    symbol: str

    def __call__(self, units: int) -> str:
        """ "1,234.56 EURX"; all digits of what is no whole cent."""
        whole, rest = divmod(units, 10**self.decimals)
        digits = str(rest).rjust(self.decimals, "0").rstrip("0").ljust(min(2, self.decimals), "0")
        return f"{whole:,}{'.' if digits else ''}{digits} {self.symbol}"


_LAST: Final = 253_402_300_799
"""The last second that a calendar of four digits has; deadlines may lie behind it."""


def moment(seconds: int) -> str:
    """A second since 1970, in UTC."""
    if seconds > _LAST:
        return "the end of time"
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%d %H:%M:%S")


def short(value: bytes) -> str:
    """Enough of an id to find it by."""
    return "0x" + value.hex()[:8]


def title(terms: Terms) -> str:
    """What kind of agreement it is."""
    return "delivery" if terms.kind is Kind.DELIVERY else "supply"


def payer(terms: Terms) -> Voucher:
    """Whose signature the payer's is."""
    return Voucher.CUSTOMER if terms.kind is Kind.DELIVERY else Voucher.MAKER


def payee(terms: Terms) -> Voucher:
    """Whose signature the payee's is."""
    return Voucher.MAKER if terms.kind is Kind.DELIVERY else Voucher.SUPPLIER


def gateway(terms: Terms) -> Voucher:
    """Whose machines the attestor stands beside."""
    return Voucher.GATEWAY if terms.kind is Kind.DELIVERY else Voucher.SUPPLIERS_GATEWAY
