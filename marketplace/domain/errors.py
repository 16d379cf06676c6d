"""The domain's refusals.

DomainError
├── InvalidInput           a value breaks a rule; names the field
│   └── NotMakeable        values that do not go together, or that no machine can make; names fields and limits
├── InvalidTransition      the lifecycle does not allow this now
├── NotFound               no such thing, or not for this caller
├── Forbidden              the caller may see it and may not do it
├── Conflict               somebody else was faster, or the same name is taken
│   └── PriceChanged       it costs something else by now than what was agreed to
└── Unauthenticated        who is asking is not known

None of them knows HTTP: one table in `mobile_api/errors.py` translates.
"""

from dataclasses import dataclass


class DomainError(Exception):
    """What the domain refuses, in words a person can act on."""


class InvalidInput(DomainError):
    """A value breaks a rule. `field` is the path of the value, `message` says what would be right."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field
        self.message = message


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong with a configuration; a machine's refusal has its `limit` and the `value` outside it."""

    field: str
    message: str
    limit: str | None = None
    value: str | int | float | None = None


class NotMakeable(InvalidInput):
    """Each value may be chosen, but not together: a rule is broken or a machine's limit passed."""

    def __init__(self, findings: tuple[Finding, ...]) -> None:
        super().__init__(findings[0].field, findings[0].message)
        self.findings = findings


class InvalidTransition(DomainError):
    """The lifecycle does not allow `wanted` while the order is `current`."""

    def __init__(self, current: str, wanted: str) -> None:
        super().__init__(f"an order that is {current} cannot {wanted}")
        self.current = current
        self.wanted = wanted


class NotFound(DomainError):
    """No such thing for this caller. Someone else's thing answers the same, so that ids cannot be probed."""

    def __init__(self, what: str) -> None:
        super().__init__(f"no such {what}")
        self.what = what


class Forbidden(DomainError):
    """The caller is known and may not do this; `reason` says why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Conflict(DomainError):
    """The thing exists already or has changed since it was read."""


class PriceChanged(Conflict):
    """It costs something else by now than what the caller agreed to; both amounts as people read them."""

    def __init__(self, agreed: str, now: str) -> None:
        super().__init__(f"the price is {now} now, and no longer {agreed}: look at it and order again")
        self.agreed = agreed
        self.now = now


class Unauthenticated(DomainError):
    """Who is asking is not known: wrong password, or a token that is not valid (any more)."""
