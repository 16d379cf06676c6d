"""Invitations by link, as manufacturers and as the invited see them."""

from typing import Annotated, Literal

from pydantic import Field

from mobile_api.schemas.accounts import Account
from mobile_api.schemas.base import In, Instant, Name, Out, Text

PartyId = Annotated[Text, Field(min_length=1, max_length=512, examples=["foundry-4711"])]
Link = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-f]{64}$",
        examples=["5e" * 32],
        description="What stands behind `#/join/` in the link: 256 random bits.",
    ),
]
Code = Annotated[str, Field(pattern=r"^[0-9]{6}$", examples=["000000"])]


class InvitationCreate(In):
    """Whom to invite, by the id that the registry gives."""

    registry_party_id: PartyId


class AbsentSupplier(Out):
    """A supplier who offers something for an order and cannot sign here; `why_not` where it cannot be invited."""

    registry_party_id: str
    name: str
    why_not: str | None


class AbsentSupplierList(Out):
    """All of them."""

    items: list[AbsentSupplier]


class Invitation(Out):
    """An invitation; of the contact only so much is shown that it can be known again."""

    id: str
    order_id: str
    registry_party_id: str
    name: str
    contact: str
    status: Literal["sending", "sent", "used", "revoked", "lapsed"]
    created_at: Instant
    expires_at: Instant
    note: str | None


class InvitationList(Out):
    """Newest first."""

    items: list[Invitation]


class LinkBody(In):
    """The secret of a link: in a body, since addresses are logged."""

    link: Link


class InvitationSeen(Out):
    """Who invites whom, until when, and where the code goes."""

    manufacturer: str
    company: str
    contact: str
    expires_at: Instant


class CodeAsked(Out):
    """The same for everybody: if the link is good, a code is on its way."""

    sent: Literal["if the link is good"] = "if the link is good"


class Joining(In):
    """What the invited person states. Without a password the company signs by links only."""

    link: Link
    code: Code
    company: Name
    country: Annotated[str, Field(pattern=r"^[A-Z]{2}$", examples=["PT"])]
    vat_id: Annotated[Text, Field(min_length=2, max_length=32, examples=["PT 501 964 843"])]
    signatory: Name
    password: Annotated[Text | None, Field(min_length=10, max_length=200)] = None


class Joined(Out):
    """A bearer token. A login-free one opens what the company is asked to sign, and nothing else."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    login_free: bool
    account: Account
