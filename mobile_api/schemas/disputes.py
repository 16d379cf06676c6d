"""Disputes about a delivery: what is at stake, what both sides say and show, and how it ended."""

from typing import Annotated, Literal

from pydantic import Field

from mobile_api.schemas.base import In, Instant, Labelled, Minor, Out, Signature, Text, TypedData

Side = Literal["customer", "manufacturer"]
Digest = Annotated[str, Field(pattern=r"^0x[0-9a-f]{64}$", examples=["0x" + "6f" * 32])]
Photos = Annotated[
    list[Digest],
    Field(default_factory=list, max_length=6, description="Digests of photos that were uploaded before."),
]
Words = Annotated[Text, Field(max_length=2_000)]


class Photo(Out):
    """A photo, by its digest (keccak-256 of the JPEG that is kept)."""

    digest: str
    size: int
    width: int
    height: int


class Statement(Out):
    """What one side said, and what it showed."""

    by: Side
    name: str
    text: str
    photos: list[Photo]
    at: Instant


class Outcome(Out):
    """How what was held was divided: by the arbiter (verdict), by time (silence), or as both signed (share)."""

    why: Literal["verdict", "silence", "share"]
    customer_minor: Minor
    manufacturer_minor: Minor
    fee_minor: Minor


class Dispute(Out):
    """An order's dispute, or what one would mean in words and euros.

    `typed_data` is what the customer signs to open it, where that is possible now; `why_not` says why it is not.
    """

    state: Literal["none", "sent", "open", "decided"]
    may_open: bool
    why_not: str | None
    may_answer: bool
    held_minor: Minor
    currency: str
    readable: list[Labelled]
    open_until: Instant | None
    decide_by: Instant | None
    typed_data: TypedData | None
    statements: list[Statement]
    photos: Annotated[list[Photo], Field(description="The reader's own that are in no statement yet.")]
    outcome: Outcome | None


class DisputeOpen(In):
    """What is wrong, what it looks like, and the customer's signature under `typed_data`."""

    reason: Annotated[Words, Field(min_length=1)]
    photos: Photos
    signature: Signature


class StatementBody(In):
    """What a side adds: words, photos, or both."""

    text: Words = ""
    photos: Photos
