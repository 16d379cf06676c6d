"""Invitations by link: a company that a registry names is asked to join, for one order.

Whoever holds the link and reads the mail of the contact that the registry names is the company. The link is used once;
the code of the mail is good for minutes and a few tries. Links and codes are known here by their digests only.
"""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum

from marketplace.domain.errors import Conflict

LIFETIME = timedelta(days=7)
"""A contact may be on holiday for some days; the order waits for hours, so a longer one would help nobody."""
CODE_LIFETIME = timedelta(minutes=15)
CODE_DIGITS = 6
MOST_TRIES = 5
"""Of one code."""
MOST_CODES = 5
"""Of one invitation. With five tries each the chance of guessing is 25 in a million, and then the link is dead."""
CODE_EVERY = timedelta(seconds=30)
"""A second tap sends no second mail."""
MOST_MAILS_A_DAY = 5
"""Invitations to one contact: nobody's mailbox is flooded by a manufacturer who is in a hurry."""

_EMAIL = re.compile(
    r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9-]+)+"
)
LONGEST_EMAIL = 254
"""RFC 5321, 4.5.3.1.3."""


class InvitationStatus(StrEnum):
    """What has become of an invitation; one that has lapsed is still open, and no good."""

    OPEN = "open"
    USED = "used"
    REVOKED = "revoked"


@dataclass(frozen=True, slots=True)
class Invitation:
    """`registry_party_id` with its contact `email`, asked to join for `order_id` by the organisation `invited_by`.

    `origin` is where the marketplace was found when it was asked for: the link begins with it. `token_hash` is there
    once the link was sent, `code_hash` while a code is out, `account_id` once somebody joined by it; `note` says why it
    was revoked.
    """

    id: str
    order_id: str
    invited_by: str
    registry_party_id: str
    party_name: str
    email: str
    origin: str
    created_at: datetime
    expires_at: datetime
    status: InvitationStatus = InvitationStatus.OPEN
    token_hash: str | None = None
    code_hash: str | None = None
    code_until: datetime | None = None
    code_asked_at: datetime | None = None
    codes: int = 0
    tries: int = 0
    account_id: str | None = None
    note: str | None = None

    def is_good(self, now: datetime) -> bool:
        """Whether somebody may still join by it."""
        return self.status is InvitationStatus.OPEN and now < self.expires_at

    def may_send_code(self, now: datetime) -> bool:
        """Whether another code may be sent now."""
        waited = self.code_asked_at is None or now - self.code_asked_at >= CODE_EVERY
        return self.is_good(now) and waited and self.codes < MOST_CODES

    def asking_code(self, now: datetime) -> "Invitation":
        """A code was asked for; the one before is no good any more."""
        return replace(self, code_asked_at=now, codes=self.codes + 1, code_hash=None, code_until=None, tries=0)

    def with_code(self, code_hash: str, now: datetime) -> "Invitation":
        """A code is on its way."""
        return replace(self, code_hash=code_hash, code_until=now + CODE_LIFETIME, tries=0)

    def fits(self, code_hash: str, now: datetime) -> bool:
        """Whether this is the code, in time and among the first few tries."""
        out = self.code_hash is not None and self.code_until is not None and now < self.code_until
        return self.is_good(now) and out and self.tries < MOST_TRIES and self.code_hash == code_hash

    def tried(self) -> "Invitation":
        """A wrong code was given."""
        return replace(self, tries=self.tries + 1)

    def used(self, account_id: str) -> "Invitation":
        """Somebody joined by it: neither link nor code is good again."""
        return replace(self, status=InvitationStatus.USED, account_id=account_id, code_hash=None, code_until=None)

    def revoked(self, note: str) -> "Invitation":
        """It was taken back. Raises Conflict where somebody has joined by it already."""
        if self.status is InvitationStatus.USED:
            raise Conflict("this invitation has been used: the company has joined")
        return replace(self, status=InvitationStatus.REVOKED, note=note, code_hash=None, code_until=None)


def is_email(text: str) -> bool:
    """Whether `text` is an address that we write to: ASCII, one @, a domain with a dot; no quotes, no comments."""
    return len(text) <= LONGEST_EMAIL and text.isascii() and _EMAIL.fullmatch(text) is not None


def masked(email: str) -> str:
    """An address that its owner knows again and nobody else learns: `r•••@reconcavo.example`."""
    name, _, domain = email.rpartition("@")
    return f"{name[:1]}•••@{domain}"
