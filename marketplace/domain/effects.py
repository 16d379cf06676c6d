"""What must happen outside because of an event: rows of the outbox, each honoured at most once by its key."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EffectKind(StrEnum):
    """What the relay does with an effect. The ones about an agreement carry its id in `subject`."""

    FIND_SUPPLIERS = "find_suppliers"
    DRAFT_AGREEMENTS = "draft_agreements"
    NOTIFY = "notify"
    PUSH = "push"
    OPEN_AGREEMENTS = "open_agreements"
    DISPATCH_JOBS = "dispatch_jobs"
    ASK_CARRIER = "ask_carrier"
    ASK_ACCEPTANCE = "ask_acceptance"
    CLAIM_MILESTONE = "claim_milestone"
    SUBMIT_DELIVERED = "submit_delivered"
    SUBMIT_ACCEPTANCE = "submit_acceptance"
    FINALISE = "finalise"
    RELEASE = "release"
    REFUND = "refund"
    TIMEOUT = "timeout"
    PAY_OUT = "pay_out"
    FUND_TEST_ACCOUNT = "fund_test_account"
    DEADLINE = "deadline"


@dataclass(frozen=True, slots=True)
class Effect:
    """`kind` on `subject`, not before `due`. The same (kind, key) is stored once, whatever asks for it again.

    `subject` is an agreement id, a template name, a wait (`reactions.wait_of`) or a message id, as `kind` says;
    `detail` is small text.
    """

    kind: EffectKind
    key: str
    subject: str = ""
    detail: str = ""
    due: datetime | None = None
