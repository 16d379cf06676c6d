"""What is explored: agreements that differ in everything that opens or closes a way for their money."""

from dataclasses import replace

from marketplace.domain.agreement import ZERO_ADDRESS, ZERO_HASH, AgreementKind
from marketplace.ports.fakes.chain_books import DAY_S
from tests.model.scenes import (
    ADVANCE,
    CHECKED,
    FEES,
    HOUSE,
    LATE,
    MACHINE,
    RETENTION,
    START,
    TESTED,
    Setting,
    terms,
)

PAYER, PAYEE = "0xca", "0x3a"
OTHER_SECRET = "0x" + "52" * 32
OLD_ID = "0x" + "01" * 32
"""Stands for the id of the agreement that a successor replaces."""


CHEAPER = replace(
    terms(MACHINE, RETENTION),
    amount=70_000 * 100,
    fund_by=START + 8_000,
    deliver_by=START + 9_000,
    handover=OTHER_SECRET,
    replaces=OLD_ID,
)
"""A successor that costs less than what is left, is due later and keeps a retention of its own."""
DEARER = replace(CHEAPER, amount=120_000 * 100, milestones=(HOUSE,), retention_window=0)
"""A successor for which the payer adds money."""
SUPPLY = replace(
    terms(MACHINE), kind=AgreementKind.SUPPLY, witness=ZERO_ADDRESS, handover=ZERO_HASH, parent=OLD_ID, fee_bps=0
)

SHORT = (
    Setting("every kind of milestone", terms(ADVANCE, MACHINE, TESTED, CHECKED, cancel_until=3)),
    Setting("retention", terms(MACHINE, RETENTION, cancel_until=0, timeout_bps=6_000)),
    Setting("three days late", terms(HOUSE, grace=3 * DAY_S - LATE, penalty_cap_bps=10_000, penalty_bps_per_day=4_500)),
    Setting("by secret only", terms(ADVANCE, MACHINE, carrier=ZERO_ADDRESS)),
    Setting("by carrier only", terms(ADVANCE, HOUSE, handover=ZERO_HASH)),
    Setting("supply", SUPPLY),
    Setting("plain successor", terms(RETENTION), replace(CHEAPER, milestones=(HOUSE,), retention_window=0)),
    Setting("payee frozen for a while", terms(MACHINE, RETENTION), frozen=frozenset({PAYEE}), thaws=START + 12_000),
    Setting("payer frozen for a while", terms(MACHINE), frozen=frozenset({PAYER}), thaws=START + 30_000),
    Setting("payer frozen for ever", terms(ADVANCE, MACHINE), frozen=frozenset({PAYER})),
    Setting("fee receiver frozen for a while", terms(MACHINE), frozen=frozenset({FEES}), thaws=START + 5_000),
)
"""Explored in seconds."""
LONG = (
    Setting("all lanes", terms(ADVANCE, MACHINE, TESTED, CHECKED, HOUSE, RETENTION, cancel_until=4)),
    Setting("all lanes, late", terms(MACHINE, TESTED, CHECKED, RETENTION, grace=4 * DAY_S)),
    Setting("cheaper successor", terms(MACHINE, RETENTION), CHEAPER),
    Setting("dearer successor", terms(ADVANCE, MACHINE, HOUSE, cancel_until=1), DEARER),
    Setting("successor, payee frozen", terms(MACHINE, HOUSE), CHEAPER, frozenset({PAYEE}), START + 20_000),
    Setting("every ten minutes", terms(MACHINE, HOUSE, RETENTION), beat=600),
    Setting("two frozen", terms(MACHINE, HOUSE, RETENTION), None, frozenset({PAYER, FEES}), START + 9_500),
)
"""Explored in minutes."""
