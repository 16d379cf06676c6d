"""What verification says: facts, who vouches for each, and the first thing that does not add up."""

from dataclasses import dataclass, field
from enum import Enum, StrEnum


class Voucher(StrEnum):
    """On whose word a fact rests. Never more than is proved."""

    CHAIN = "the chain"
    CUSTOMER = "the customer's signature"
    MAKER = "the maker's signature"
    SUPPLIER = "the supplier's signature"
    GATEWAY = "the maker's gateway"
    SUPPLIERS_GATEWAY = "the supplier's gateway"
    WITNESS = "the witness"
    CARRIER = "the carrier's signature"
    SECRET = "the recipient's secret"  # noqa: S105 - whose word it is
    ARBITER = "the arbiter's signature"
    CLOCK = "the chain's clock"
    ARITHMETIC = "recomputed here"
    NOBODY = "nobody"


class Check(Enum):
    """What can fail. The value is the exit code, which scripts may rely on; 0 to 2 are the command's own."""

    CHAIN_ID = 10
    FACTORY_CODE = 11
    FACTORY_SETTINGS = 12
    IMPLEMENTATION_CODE = 13
    AGREEMENT_UNKNOWN = 14
    TERMS_HASH = 15
    AGREEMENT_ADDRESS = 16
    CLONE_CODE = 17
    LOGS = 18
    OPENING_CALL = 20
    TERMS_SIGNATURE = 21
    TERMS_RULES = 22
    BATCH = 23
    FUNDING = 24
    LINEAGE = 25
    STATE = 30
    CLOCK = 31
    CREDIT = 32
    PAYOUT = 33
    TRANSFER = 34
    LATENESS = 35
    MOVE_CALL = 36
    CONSENT_SIGNATURE = 37
    CLAIM_PROOF = 40
    CLAIM_SIGNATURE = 41
    CLAIM_EVENT = 42
    DELIVERY_PROOF = 43
    BOOKS = 50
    BALANCE = 51
    EVIDENCE_FILE = 60
    EVIDENCE_FOREIGN = 61
    EVIDENCE_HASH = 62
    EVIDENCE_PROOF = 63
    EVIDENCE_SIGNATURE = 64
    EVIDENCE_CHAIN = 65
    EVIDENCE_SEQUENCE = 66
    EVIDENCE_MISSING = 67
    SPECIFICATION = 68


@dataclass(frozen=True)
class Fact:
    """Something that was checked and found true; `agreement` is an id, empty where it concerns all of them."""

    check: Check
    statement: str
    voucher: Voucher
    agreement: bytes = b""


class Discrepancy(Exception):
    """Something does not add up."""

    def __init__(self, check: Check, statement: str, agreement: bytes = b"") -> None:
        super().__init__(f"{check.name}: {statement}")
        self.check = check
        self.statement = statement
        self.agreement = agreement


@dataclass
class Notes:
    """Facts as they are found; `agreement` is the one that is looked at."""

    facts: list[Fact] = field(default_factory=list)
    agreement: bytes = b""

    def note(self, check: Check, statement: str, voucher: Voucher) -> None:
        """A fact about the agreement that is looked at."""
        self.facts.append(Fact(check, statement, voucher, self.agreement))

    def wrong(self, check: Check, statement: str) -> Discrepancy:
        """What to raise about the agreement that is looked at."""
        return Discrepancy(check, statement, self.agreement)

    def require(self, condition: bool, check: Check, statement: str) -> None:
        """Raises Discrepancy unless `condition`."""
        if not condition:
            raise self.wrong(check, statement)
