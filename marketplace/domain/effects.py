"""What must happen outside because of an event: rows of the outbox, each honoured at most once by its key."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class EffectKind(StrEnum):
    """What the relay does with an effect. The ones about an agreement carry its id in `subject`."""

    FIND_SUPPLIERS = "find_suppliers"
    DRAFT_AGREEMENTS = "draft_agreements"
    DRAFT_SUPPLY = "draft_supply"
    NOTIFY = "notify"
    PUSH = "push"
    SEND_INVITATION = "send_invitation"
    SEND_CODE = "send_code"
    OPEN_AGREEMENTS = "open_agreements"
    HOLD_SLOTS = "hold_slots"
    DISPATCH_JOBS = "dispatch_jobs"
    ASK_CARRIER = "ask_carrier"
    ASK_ACCEPTANCE = "ask_acceptance"
    CLAIM_MILESTONE = "claim_milestone"
    SUBMIT_DELIVERED = "submit_delivered"
    SUBMIT_ACCEPTANCE = "submit_acceptance"
    SUBMIT_DISPUTE = "submit_dispute"
    FINALISE = "finalise"
    RELEASE = "release"
    REFUND = "refund"
    TIMEOUT = "timeout"
    PAY_OUT = "pay_out"
    FUND_TEST_ACCOUNT = "fund_test_account"
    DEADLINE = "deadline"


ALONGSIDE = frozenset(
    {
        EffectKind.NOTIFY,
        EffectKind.PUSH,
        EffectKind.SEND_INVITATION,
        EffectKind.SEND_CODE,
        EffectKind.FUND_TEST_ACCOUNT,
    }
)
"""Kinds that may be done while another effect of their order is: nobody's next step hangs on a slow push service."""

ON_CHAIN = frozenset(
    {
        EffectKind.OPEN_AGREEMENTS,
        EffectKind.CLAIM_MILESTONE,
        EffectKind.SUBMIT_DELIVERED,
        EffectKind.SUBMIT_ACCEPTANCE,
        EffectKind.SUBMIT_DISPUTE,
        EffectKind.FINALISE,
        EffectKind.RELEASE,
        EffectKind.REFUND,
        EffectKind.TIMEOUT,
        EffectKind.PAY_OUT,
        EffectKind.FUND_TEST_ACCOUNT,
    }
)
"""Kinds that send a transaction: they wait while the chain's node is not believed."""

HELD_AFTER_RESTORE = frozenset(
    {
        EffectKind.FIND_SUPPLIERS,
        EffectKind.DRAFT_AGREEMENTS,
        EffectKind.DRAFT_SUPPLY,
        EffectKind.NOTIFY,
        EffectKind.PUSH,
        EffectKind.SEND_INVITATION,
        EffectKind.SEND_CODE,
        EffectKind.OPEN_AGREEMENTS,
        EffectKind.DISPATCH_JOBS,
        EffectKind.ASK_CARRIER,
        EffectKind.ASK_ACCEPTANCE,
        EffectKind.FUND_TEST_ACCOUNT,
    }
)
"""Kinds that a lost database may have done already, and that somebody outside would then meet twice: a message, a job
on a machine, a second set of terms to sign, test money. OPEN_AGREEMENTS takes a customer's money for a wish that may be
out of date. After a restore from a backup they wait for an operator's word.

The others go on once the chain has been read: deadlines change rows only, and every other move of an agreement is one
that the contracts take once, from whomever, for the receivers that its signed terms name. Held back they would strand
somebody's money.
"""


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
