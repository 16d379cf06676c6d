"""What a dispute looks like to its two sides and its arbiter."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from marketplace.application.views import LabelledValue


@dataclass(frozen=True, slots=True)
class PhotoView:
    """A photo of a dispute, by the digest under which it is read."""

    digest: str
    size: int
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class StatementView:
    """What one side said; `by` is customer or manufacturer."""

    by: str
    name: str
    text: str
    photos: tuple[PhotoView, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class OutcomeView:
    """How what was held was divided; `why` is verdict, silence or share. The fee is beside both parts."""

    why: str
    customer_minor: int
    manufacturer_minor: int
    fee_minor: int


@dataclass(frozen=True, slots=True)
class DisputeView:
    """An order's dispute, or what one would mean. `typed_data` is there for the customer who may open it now.

    `photos` are the reader's own that are in no statement yet.
    """

    state: str
    may_open: bool
    why_not: str | None
    may_answer: bool
    held_minor: int
    currency: str
    readable: tuple[LabelledValue, ...]
    open_until: datetime | None
    decide_by: datetime | None
    typed_data: dict[str, Any] | None
    statements: tuple[StatementView, ...]
    photos: tuple[PhotoView, ...]
    outcome: OutcomeView | None
