"""Sending letters by e-mail."""

from dataclasses import dataclass
from typing import Protocol


class MailUnavailable(Exception):
    """The mail server cannot take the letter now, or none is set up; trying later makes sense."""


class MailRefused(Exception):
    """The letter can never be delivered: its address or its words are refused."""


@dataclass(frozen=True, slots=True)
class Letter:
    """Plain text to one person. `id` makes a repeat recognisable (it is in the Message-ID)."""

    id: str
    to: str
    subject: str
    text: str


class MailSender(Protocol):
    """Port to a mail server."""

    async def send(self, letter: Letter) -> None:
        """Hand the letter over. Raises MailUnavailable, MailRefused."""
        ...


class NoMail:
    """Where no mail server is set up."""

    async def send(self, letter: Letter) -> None:
        """Raises MailUnavailable."""
        del letter
        raise MailUnavailable("no mail server is set up: set MAIL_URL")


NO_MAIL: MailSender = NoMail()
