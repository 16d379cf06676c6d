"""What every use case is given: the ports, the catalogue and the platform's commercial policy."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass, field
from typing import Any

from marketplace.application.memo import Memo
from marketplace.application.plan_book import PlanBook
from marketplace.domain.formula import Values
from marketplace.domain.product import Template
from marketplace.ports.chain import Chain
from marketplace.ports.clock import Clock
from marketplace.ports.job_dispatch import JobDispatch
from marketplace.ports.mail import NO_MAIL, MailSender
from marketplace.ports.push import PushSender
from marketplace.ports.selection import Selection
from marketplace.ports.supplier_directory import SupplierDirectory
from marketplace.ports.telemetry import UNWATCHED, Telemetry
from marketplace.ports.unit_of_work import UnitOfWork


@dataclass(frozen=True, slots=True)
class Policy:
    """Commercial terms of the platform. Shares are basis points, windows are seconds; `confirmations` is how many
    blocks people are told to wait for.

    The defaults are an ordinary shop's; the demonstration shortens the windows so that a story fits into a minute.
    """

    advance_bps: int = 2_000
    machine_bps: int = 1_000
    supply_machine_bps: int = 3_000
    penalty_bps_per_day: int = 100
    penalty_cap_bps: int = 1_000
    cancel_bps: int = 1_000
    timeout_bps: int = 10_000
    quote_validity_s: int = 24 * 3600
    answer_s: int = 4 * 3600
    answer_share_bps: int = 2_500
    grace_s: int = 3 * 24 * 3600
    contest_window_s: int = 24 * 3600
    accept_window_s: int = 7 * 24 * 3600
    arbiter_window_s: int = 14 * 24 * 3600
    search_retry_s: int = 10
    confirmations: int = 0
    development: bool = False
    test_funds_minor: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Context:
    """Ports and policy. `new_id` gives random ids, `random_hash` 32 random bytes as 0x-hex, `canonical` the RFC 8785
    bytes of a JSON value, `random` a number from 0 up to 1 that spreads waits: nothing secret hangs on it;
    `plans` are the calendars that this process has at hand, `sheets` the configurations that it has tried and found
    makeable, `makers` the ids of organisations by name, neither of which ever changes."""

    uow: UnitOfWork
    clock: Clock
    chain: Chain
    directory: SupplierDirectory
    selection: Selection
    push: PushSender
    dispatch: JobDispatch
    catalogue: Mapping[str, Template]
    policy: Policy
    new_id: Callable[[], str]
    random_hash: Callable[[], str]
    canonical: Callable[[Any], bytes]
    random: Callable[[], float]
    telemetry: Telemetry = UNWATCHED
    mail: MailSender = NO_MAIL
    plans: PlanBook = field(default_factory=PlanBook)
    sheets: Memo[Hashable, Values] = field(default_factory=Memo)
    makers: dict[str, str] = field(default_factory=dict)
