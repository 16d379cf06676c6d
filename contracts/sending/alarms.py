"""What an operator is told: each trouble once when it begins, again while it lasts, and when it is over."""

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

FUNDS: Final = "relayer-funds"
GAS_SPIKE: Final = "gas-spike"
STUCK: Final = "stuck-nonce"
GAP: Final = "nonce-gap"
FOREIGN: Final = "foreign-key-use"
UNEXPLAINED: Final = "nonce-unexplained"
REFUSED: Final = "transaction-refused"
UNMINED: Final = "settled-transactions-unmined"
GIVEN_UP: Final = "call-given-up"

AGAIN_AFTER: Final = timedelta(minutes=10)
_log: Final = logging.getLogger("contracts.sender")


class Alarms:
    """The troubles of one account. Records are of level ERROR and carry `alarm`, the code."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        self._now = now
        self._told: dict[str, datetime] = {}
        self.active: dict[str, str] = {}
        self.last: str | None = None

    def tell(self, code: str, text: str) -> None:
        """Something that happened."""
        self.last = f"{code}: {text}"
        _log.error("%s: %s", code, text, extra={"alarm": code})

    def show(self, found: dict[str, str]) -> None:
        """Everything that is wrong now; what is not among it is over."""
        for code, text in found.items():
            told = self._told.get(code)
            if told is None or self._now() - told >= AGAIN_AFTER:
                self._told[code] = self._now()
                self.tell(code, text)
        for code in self._told.keys() - found.keys():
            del self._told[code]
            _log.warning("%s is over", code, extra={"alarm_over": code})
        self.active = dict(found)
