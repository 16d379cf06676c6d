"""What an operator decides about sending, and what an operator is shown of it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

GWEI: Final = 10**9


@dataclass(frozen=True)
class SendingPolicy:
    """Limits of one account.

    Attributes:
        confirmations: blocks on top of a transaction's own before its outcome is noted: 0 for a chain that never forks,
            None where the chain says itself what is finalized.
        max_fee_wei: the most that is paid for one unit of gas.
        replace_after_s: seconds that a transaction may wait before more is offered for it.
        replace_after_blocks: blocks that must have passed it by as well, if it could have been in them.
        hole_after_s: seconds after which a nonce that was reserved and not signed is used up.
        reserve_wei: below this balance no new order is taken on.
    """

    confirmations: int | None = 0
    max_fee_wei: int = 500 * GWEI
    replace_after_s: float = 60.0
    replace_after_blocks: int = 3
    hole_after_s: float = 5.0
    reserve_wei: int = 0


@dataclass(frozen=True)
class Health:
    """How an account stands: transactions without a final outcome, the age of the oldest, its money, what is wrong."""

    pending: int
    oldest_s: float
    balance_wei: int
    reserve_wei: int
    alarms: Mapping[str, str]
    """What is wrong now: a code of `alarms` → in words."""
    last_alarm: str | None
    """The last thing that was told, whether it is over or not."""
