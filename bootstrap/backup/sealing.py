"""What is done to a restored copy before anybody may work on it, in the words of SQL that both databases understand.

A seal is set in the transaction that makes the copy visible: there is no moment in which it could be taken for the
database that was lost.
"""

from collections.abc import Sequence
from datetime import UTC, datetime

from marketplace.domain.effects import HELD_AFTER_RESTORE

COUNTERS = (("outbox", "id"), ("order_events", "id"), ("gateway_commands", "id"))
"""Numbers that others have seen: a phone asks for events after one, a gateway for commands after one."""
LEAP = 1_000_000
"""More rows than the lost database can have written since the backup: its numbers are not given a second time."""


def sealing(made_at: datetime, restored_at: datetime, digest: str, *, on_sqlite: bool) -> list[str]:
    """Statements, in order.

    Effects that may have been done already are held, claims of dead relays are void, nonces that were reserved and not
    signed are free again (what was signed for them is lost; the contracts take every call once), numbers leap ahead.
    """
    made, now = (_instant(at, on_sqlite=on_sqlite) for at in (made_at, restored_at))
    kinds = ", ".join(f"'{kind.value}'" for kind in sorted(HELD_AFTER_RESTORE))
    reason = f"older than the backup of {made_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} that was restored"
    return [
        "UPDATE outbox SET lease = lease + 1 WHERE status = 'waiting'",
        f"UPDATE outbox SET status = 'held', reason = '{reason}: perhaps it was done'"  # noqa: S608
        f" WHERE status = 'waiting' AND kind IN ({kinds})",
        "DELETE FROM chain_transactions WHERE outcome IS NULL"
        " AND NOT EXISTS (SELECT 1 FROM chain_attempts WHERE chain_attempts.key = chain_transactions.key)",
        "INSERT INTO restores (made_at, restored_at, digest, held)"  # noqa: S608
        f" SELECT {made}, {now}, '{digest}', count(*) FROM outbox WHERE status = 'held'",
        *_leaps(on_sqlite=on_sqlite),
    ]


def _leaps(*, on_sqlite: bool) -> Sequence[str]:
    if not on_sqlite:
        return [
            f"SELECT setval(pg_get_serial_sequence('{table}', '{key}'),"  # noqa: S608
            f" (SELECT coalesce(max({key}), 0) FROM {table}) + {LEAP})"
            for table, key in COUNTERS
        ]
    return [
        statement
        for table, key in COUNTERS
        for statement in (
            f"DELETE FROM sqlite_sequence WHERE name = '{table}'",  # noqa: S608
            f"INSERT INTO sqlite_sequence (name, seq)"  # noqa: S608
            f" SELECT '{table}', coalesce(max({key}), 0) + {LEAP} FROM {table}",
        )
    ]


def _instant(at: datetime, *, on_sqlite: bool) -> str:
    """As the tables keep instants."""
    there = at.astimezone(UTC)
    return f"'{there:%Y-%m-%d %H:%M:%S.%f}'" if on_sqlite else f"'{there.isoformat()}'"
