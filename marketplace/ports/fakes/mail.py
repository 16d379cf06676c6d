"""A mail server in memory."""

from collections import deque

from marketplace.ports.mail import Letter, MailRefused, MailUnavailable


class FakeMailSender:
    """`MailSender` that keeps what it is handed."""

    def __init__(self) -> None:
        self.sent: list[Letter] = []
        self._failures: deque[MailUnavailable] = deque()
        self._refused: set[str] = set()

    def fail_next(self, failure: MailUnavailable) -> None:
        """Refuse the next letter with `failure`; further calls queue up behind it."""
        self._failures.append(failure)

    def refuse(self, to: str) -> None:
        """Nothing can ever be delivered to this address."""
        self._refused.add(to)

    async def send(self, letter: Letter) -> None:
        """As the port says."""
        if self._failures:
            raise self._failures.popleft()
        if letter.to in self._refused or "\n" in letter.to + letter.subject or "\r" in letter.to + letter.subject:
            raise MailRefused("this letter cannot be delivered")
        self.sent.append(letter)
