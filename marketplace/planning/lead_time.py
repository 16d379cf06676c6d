"""How many days an order needs, before any supplier has been asked."""

SECONDS_A_DAY = 24 * 3600


def working_days(pieces: int, seconds_per_piece: int, shift_seconds: int) -> int:
    """Whole days that the manufacturer's own work fills: at least one, counted in shifts of `shift_seconds`.

    Raises ValueError for a negative number, no pieces, or a shift that is empty or longer than a day.
    """
    if pieces < 1 or seconds_per_piece < 0 or not 0 < shift_seconds <= SECONDS_A_DAY:
        raise ValueError("pieces and shift must be positive, a shift is at most a day")
    return max(1, -(-pieces * seconds_per_piece // shift_seconds))


def earliest_days(pieces: int, *, base_days: int, seconds_per_piece: int, shift_seconds: int) -> int:
    """Days from order to delivery: `base_days` hold supplies, one day of own work and transport; more work adds days.

    Raises ValueError as `working_days` does.
    """
    return base_days + working_days(pieces, seconds_per_piece, shift_seconds) - 1
