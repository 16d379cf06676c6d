"""MailSender: a letter arrives with its words, and each failure says whether to wait or to give up.

The adapter hands letters to a real mail server on loopback, and to a folder.
"""

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from typing import Any, Protocol

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope

from marketplace.ports.fakes.mail import FakeMailSender
from marketplace.ports.mail import NO_MAIL, Letter, MailRefused, MailSender, MailUnavailable
from notifications.adapter import MailAdapter
from notifications.mail import MailFolder, MailInvalid, MailServer, SmtpSender, compose

FROM, TO, DEAD = "shop@lso.example", "rui@bahia.example", "nobody@bahia.example"
NOW = 1_800_000_000.0
LETTER = Letter(
    "invite:inv_1", TO, "Recôncavo – a link for you", "Olá,\n\nhttps://shop.example/#/join/00ff\n\n.\nEnd.\n"
)


class Post(Protocol):
    """A mail server in a test's hands."""

    sender: MailSender

    async def letters(self) -> list[tuple[str, str, str]]: ...
    async def busy_once(self) -> None: ...


@dataclass
class MemoryPost:
    sender: FakeMailSender = field(default_factory=FakeMailSender)

    def __post_init__(self) -> None:
        self.sender.refuse(DEAD)

    async def letters(self) -> list[tuple[str, str, str]]:
        return [(one.to, one.subject, one.text) for one in self.sender.sent]

    async def busy_once(self) -> None:
        self.sender.fail_next(MailUnavailable("busy"))


@dataclass
class Inbox:
    """What the server on loopback was handed, and how it answers next."""

    sent: list[EmailMessage] = field(default_factory=list)
    busy: int = 0

    async def handle_RCPT(self, server: Any, session: Any, envelope: Envelope, address: str, options: Any) -> str:
        if address == DEAD:
            return f"550 5.1.1 <{address}>: nobody of this name"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:
        if self.busy:
            self.busy -= 1
            return "451 4.3.0 come back later"
        assert isinstance(envelope.content, bytes)
        self.sent.append(message_from_bytes(envelope.content, policy=default))  # type: ignore[arg-type]
        return "250 OK"


@contextmanager
def mail_server(inbox: Inbox, **more: Any) -> Iterator[int]:
    """A real SMTP server; gives its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    controller = Controller(inbox, hostname="127.0.0.1", port=port, server_hostname="mail.example", **more)
    controller.start()
    try:
        yield port
    finally:
        controller.stop()


@dataclass
class SmtpPost:
    sender: MailSender
    inbox: Inbox

    async def letters(self) -> list[tuple[str, str, str]]:
        return [read(one) for one in self.inbox.sent]

    async def busy_once(self) -> None:
        self.inbox.busy += 1


@dataclass
class FolderPost:
    sender: MailSender
    folder: Path

    async def letters(self) -> list[tuple[str, str, str]]:
        files = sorted(self.folder.glob("*.eml"))
        return [read(message_from_bytes(file.read_bytes(), policy=default)) for file in files]  # type: ignore[arg-type]

    async def busy_once(self) -> None:
        """The disk is full, as far as anybody can see: the folder's name is taken by a file until somebody looks."""
        self.folder.touch()


def read(message: EmailMessage) -> tuple[str, str, str]:
    body = message.get_body()
    assert body is not None
    return message["To"], message["Subject"], body.get_content().replace("\r\n", "\n")


def smtp(port: int, **more: Any) -> MailAdapter:
    return MailAdapter(SmtpSender(MailServer("127.0.0.1", port, **more), sender=FROM, now=lambda: NOW))


@pytest.fixture(params=["fake", "folder", pytest.param("smtp", marks=pytest.mark.integration)])
async def post(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Post]:
    match request.param:
        case "fake":
            yield MemoryPost()
        case "folder":
            folder = tmp_path / "mail"
            yield FolderPost(MailAdapter(MailFolder(folder, sender=FROM, now=lambda: NOW)), folder)
        case _:
            inbox = Inbox()
            with mail_server(inbox) as port:
                yield SmtpPost(smtp(port), inbox)


async def test_a_letter_arrives_with_its_words(post: Post) -> None:
    await post.sender.send(LETTER)
    assert await post.letters() == [(LETTER.to, LETTER.subject, LETTER.text)]


@pytest.mark.parametrize(
    ("to", "subject"),
    [(f"{TO}\r\nBcc: eve@example.org", "Hello"), (TO, "Hello\r\nBcc: eve@example.org"), (TO, "Hello\nthere")],
)
async def test_no_line_is_added_to_the_head(post: Post, to: str, subject: str) -> None:
    with pytest.raises(MailRefused):
        await post.sender.send(Letter("1", to, subject, "Text"))
    assert await post.letters() == []


async def test_a_busy_server_takes_it_later(post: Post) -> None:
    await post.busy_once()
    with pytest.raises(MailUnavailable):
        await post.sender.send(LETTER)
    if isinstance(post, FolderPost):
        post.folder.unlink()
    await post.sender.send(LETTER)
    assert len(await post.letters()) == 1


@pytest.mark.integration
async def test_an_address_that_is_refused_for_good_is_refused() -> None:
    inbox = Inbox()
    with mail_server(inbox) as port:
        with pytest.raises(MailRefused) as refused:
            await smtp(port).send(Letter("1", DEAD, "Hello", "Text"))
        assert DEAD not in str(refused.value)
        await smtp(port).send(LETTER)
    assert len(inbox.sent) == 1


@pytest.mark.integration
@pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS:UserWarning")
async def test_a_sign_in_that_is_refused_is_for_an_operator_and_not_about_the_letter() -> None:
    def check(server: Any, session: Any, envelope: Any, mechanism: str, found: Any) -> AuthResult:
        return AuthResult(success=(found.login, found.password) == (b"lso", b"right"))

    inbox = Inbox()
    with mail_server(inbox, authenticator=check, auth_required=True, auth_require_tls=False) as port:
        with pytest.raises(MailUnavailable):
            await smtp(port, user="lso", password="wrong").send(LETTER)
        await smtp(port, user="lso", password="right").send(LETTER)
    assert len(inbox.sent) == 1


@pytest.mark.integration
async def test_a_server_that_is_away_or_speaks_no_tls_is_unavailable() -> None:
    with mail_server(Inbox()) as port, pytest.raises(MailUnavailable):
        await smtp(port, tls=True).send(LETTER)
    with pytest.raises(MailUnavailable):
        await smtp(port).send(LETTER)


@pytest.mark.integration
async def test_no_letter_goes_over_a_line_that_others_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """Elsewhere than on this computer STARTTLS is asked for, whatever the server says it can."""
    inbox = Inbox()
    monkeypatch.setattr("notifications.mail.LOOPBACK", frozenset())
    with mail_server(inbox) as port, pytest.raises(MailUnavailable, match="mail server"):
        await smtp(port).send(LETTER)
    assert inbox.sent == []


async def test_where_none_is_set_up_nothing_is_sent() -> None:
    with pytest.raises(MailUnavailable, match="MAIL_URL"):
        await NO_MAIL.send(LETTER)


async def test_letters_in_the_folder_are_for_their_owner(tmp_path: Path) -> None:
    folder = tmp_path / "mail"
    await MailAdapter(MailFolder(folder, sender=FROM, now=lambda: NOW)).send(LETTER)
    (file,) = folder.iterdir()
    assert (folder.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", MailServer("mail.example", 587)),
        ("smtp://lso:p%40ss@mail.example:2525", MailServer("mail.example", 2525, "lso", "p@ss")),
        ("smtps://lso:x@mail.example", MailServer("mail.example", 465, "lso", "x", True)),
    ],
)
def test_a_servers_address(url: str, server: MailServer) -> None:
    assert MailServer.of(url) == server


@pytest.mark.parametrize("url", ["", "mail.example", "http://mail.example", "smtp://", "smtp://a/b", "smtp://a?x=1"])
def test_what_is_no_servers_address(url: str) -> None:
    with pytest.raises(ValueError, match="smtp"):
        MailServer.of(url)


def test_a_servers_password_is_not_shown() -> None:
    assert "p@ss" not in repr(MailServer.of("smtp://lso:p%40ss@mail.example"))


@pytest.mark.parametrize(
    "changes",
    [
        {"to": "Ana <ana@example.org>"},
        {"to": "ana@example.org, eve@example.org"},
        {"to": "ana"},
        {"to": "\ud800@example.org"},
        {"sender": ""},
        {"subject": "\ud800"},
        {"subject": "a\tb"},
        {"subject": "x" * 201},
        {"text": "\x00"},
        {"text": "x" * 20_001},
    ],
)
def test_what_is_no_letter(changes: dict[str, str]) -> None:
    given: dict[str, Any] = {"identity": "1", "sender": FROM, "to": TO, "subject": "Hello", "text": "Text", "at": NOW}
    compose(**given)
    with pytest.raises(MailInvalid):
        compose(**(given | changes))


def test_a_repeat_is_recognised_by_its_id() -> None:
    given: dict[str, Any] = {"sender": FROM, "to": TO, "subject": "Hello", "text": "Text", "at": NOW}
    first, again, other = (compose(identity=identity, **given)["Message-ID"] for identity in ("1", "1", "2"))
    assert first == again != other
    assert first.endswith("@lso.example>")
