"""How far an organisation lets its key go alone. Amounts are cents, shares basis points, times days."""

import re
from typing import Annotated, Final

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

HIGHEST: Final = 2**53 - 1
"""The largest whole number that every reader of JSON holds exactly."""
_ADDRESS: Final = re.compile(r"0x[0-9a-fA-F]{40}")


def _address(value: str) -> str:
    if not _ADDRESS.fullmatch(value):
        raise ValueError("must be an address: 0x and 40 hex digits")
    return value.lower()


Address = Annotated[str, AfterValidator(_address)]
Count = Annotated[int, Field(ge=0, le=HIGHEST)]
Share = Annotated[int, Field(ge=0, le=10_000)]
Days = Annotated[int, Field(ge=0, le=3_650)]
Word = Annotated[str, Field(min_length=1, max_length=120)]


class Strict(BaseModel):
    """A part of the settings: no member more, no value of another type."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class LineLimit(Strict):
    """A line that the organisation makes: the least it takes for a piece, and how many days it needs."""

    floor_minor: Count = 0
    least_days: Days = 0


class Limits(Strict):
    """What the key may sign; None is no limit.

    `token` has `unit` units a cent; chain, factory and both are pinned, so that no server can rename amounts. `gateway`
    is the machine whose evidence the organisation is paid by: without one the terms must name none. What is `received`
    is asked of the payee of terms, what is `paid` of the payer; `…_per_day` adds up what was signed in 24 hours.
    """

    chain_id: Count
    factory: Address
    token: Address
    unit: Annotated[int, Field(ge=1, le=HIGHEST)] = 10_000
    gateway: Address | None = None
    arbiter: Address | None = None
    counterparties: tuple[Address, ...] | None = None
    most_paid_minor: Count
    most_received_minor: Count
    least_received_minor: Count = 1
    most_paid_per_day_minor: Count | None = None
    most_received_per_day_minor: Count | None = None
    highest_fee_bps: Share = 500
    highest_penalty_bps: Share = 2_000
    products: tuple[Word, ...] | None = None
    lines: dict[Word, LineLimit] | None = None
    least_margin_bps: Share | None = None
    least_days: Days = 0
    most_days: Days = 3_650
    most_hours_binding: Annotated[int, Field(ge=1, le=8_760)] | None = None
    most_running: Count | None = None
    acceptances: bool = False
