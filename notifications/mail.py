"""Letters as e-mail (RFC 5322), and two ways out: a mail server (SMTP, RFC 5321), or files in a folder for development.

MailError
├── MailRetryable   the server is busy, away, or does not take our sign-in: send again later
└── MailInvalid     the address or the words are refused: sending again cannot help
"""

import asyncio
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote, urlsplit

import aiosmtplib

TIMEOUT_S = 10.0
"""Less than an attempt of the relay has."""
PORTS = {"smtp": 587, "smtps": 465}
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
LONGEST_SUBJECT = 200
LONGEST_TEXT = 20_000
_ADDRESS = re.compile(r"[!-?A-~]{1,64}@[!-?A-~]{1,189}")
_CONTROL = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class MailError(Exception):
    """Base of this module's errors."""


class MailRetryable(MailError):
    """The server could not take the letter now."""


class MailInvalid(MailError):
    """The address or the words are refused for good."""


@dataclass(frozen=True, slots=True)
class MailServer:
    """Where letters are handed over; `tls` from the first byte, else STARTTLS, which only loopback may do without."""

    host: str
    port: int
    user: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False

    @classmethod
    def of(cls, url: str) -> "MailServer":
        """`smtp://user:password@host:587` or `smtps://…:465`. Raises ValueError; the text repeats nothing of it."""
        parts = urlsplit(url)
        if parts.scheme not in PORTS or not parts.hostname or parts.path not in ("", "/") or parts.query:
            raise ValueError("must be smtp://user:password@host:port or smtps://…")
        user, password = unquote(parts.username or ""), unquote(parts.password or "")
        return cls(parts.hostname, parts.port or PORTS[parts.scheme], user, password, parts.scheme == "smtps")


def compose(*, identity: str, sender: str, to: str, subject: str, text: str, at: float) -> EmailMessage:
    """The message, in ASCII on the wire; the same `identity` has the same Message-ID. `at` is a Unix time.

    Raises:
        MailInvalid: an address that is none, control characters, or too long.
    """
    if not _ADDRESS.fullmatch(to) or not _ADDRESS.fullmatch(sender):
        raise MailInvalid("this is no address that we write to")
    if _CONTROL.search(subject + text) or "\n" in subject or "\t" in subject:
        raise MailInvalid("a letter has no control characters and no lone surrogates")
    if len(subject) > LONGEST_SUBJECT or len(text) > LONGEST_TEXT:
        raise MailInvalid("the letter is too long")
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.fromtimestamp(at, UTC))
    digest = sha256(identity.encode()).hexdigest()[:40]
    message["Message-ID"] = f"<{digest}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834, 5: nobody's holiday reply is wanted
    message.set_content(text, cte="quoted-printable")
    return message


class SmtpSender:
    """Hands letters to a mail server, one connection each: there are few of them."""

    def __init__(self, server: MailServer, *, sender: str, now: Callable[[], float]) -> None:
        self._server = server
        self._sender = sender
        self._now = now

    async def send(self, *, identity: str, to: str, subject: str, text: str) -> None:
        """Raises MailRetryable, MailInvalid."""
        message = compose(identity=identity, sender=self._sender, to=to, subject=subject, text=text, at=self._now())
        server = self._server
        plain = server.host in LOOPBACK
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await aiosmtplib.send(
                    message,
                    hostname=server.host,
                    port=server.port,
                    username=server.user or None,
                    password=server.password or None,
                    use_tls=server.tls,
                    start_tls=False if server.tls else (None if plain else True),
                    timeout=TIMEOUT_S,
                    local_hostname=self._sender.rpartition("@")[2],  # else a name server is asked for our own name
                )
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise _meant(error) from error


class MailFolder:
    """For development: each letter becomes a file `….eml` in `folder`, which only its owner can read."""

    def __init__(self, folder: Path, *, sender: str, now: Callable[[], float]) -> None:
        self._folder = folder
        self._sender = sender
        self._now = now

    async def send(self, *, identity: str, to: str, subject: str, text: str) -> None:
        """Raises MailRetryable, MailInvalid."""
        at = self._now()
        message = compose(identity=identity, sender=self._sender, to=to, subject=subject, text=text, at=at)
        # By time, so that a listing is in order; by identity, so that a repeat at the same instant is the same file.
        name = f"{int(at * 1000):013d}-{sha256(identity.encode()).hexdigest()[:12]}.eml"
        try:
            await asyncio.to_thread(self._write, name, message.as_bytes())
        except OSError as error:
            raise MailRetryable(f"the folder for letters: {type(error).__name__}") from error

    def _write(self, name: str, letter: bytes) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        part = self._folder / f".{name}"
        with open(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
            file.write(letter)
        part.replace(self._folder / name)


def _meant(error: Exception) -> MailError:
    """The error of ours; the server's words may repeat the address, so they are left out."""
    refused = [error] if isinstance(error, aiosmtplib.SMTPResponseException) else []
    if isinstance(error, aiosmtplib.SMTPRecipientsRefused):
        refused = list(error.recipients)
    # RFC 5321, 4.2.1: 5yz is for good. To our sign-in it is for an operator and not about the letter (RFC 4954, 6).
    ours = (aiosmtplib.SMTPAuthenticationError, aiosmtplib.SMTPHeloError, aiosmtplib.SMTPSenderRefused)
    permanent = bool(refused) and all(500 <= one.code < 600 for one in refused)
    if permanent and not isinstance(error, ours):
        return MailInvalid("the mail server refuses this letter")
    return MailRetryable(f"the mail server: {type(error).__name__}")
