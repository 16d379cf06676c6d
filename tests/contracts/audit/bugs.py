"""Bugs to plant in the contracts, each one small edit, to see the forge suites catch it (docs/audit.md)."""

from dataclasses import dataclass
from typing import Final

from tests.contracts.weakened import Cut

_CORE: Final = "src/AgreementCore.sol"
_FACTORY: Final = "src/AgreementFactory.sol"
_LEDGER: Final = "src/core/Ledger.sol"
_CONSENT: Final = "src/core/Consent.sol"
_PROGRESS: Final = "src/libraries/Progress.sol"
_MILESTONES: Final = "src/libraries/Milestones.sol"
_RULES: Final = "src/libraries/TermsRules.sol"
_INCLUDED: Final = "if (TermsHash.rootOf(leaf, evidence.proof) != evidence.root)"


@dataclass(frozen=True)
class Bug:
    """What goes wrong, and the edit that makes it so."""

    what: str
    cut: Cut


def _bug(what: str, source: str, check: str, instead: str | None = None) -> Bug:
    return Bug(what, Cut(source, check, instead))


def _also_a_leaf_of(agreement: str, product: str, event: str) -> str:
    """The check lets a second leaf pass: what the true one names stays sound, so only forged evidence shows it."""
    second = f"TermsHash.leaf({agreement}, {product}, {event}, evidence.at, evidence.payloadHash)"
    loose = f"TermsHash.rootOf({second}, evidence.proof) != evidence.root"
    return _INCLUDED.removesuffix(")") + f" && {loose})"


_EVIDENCE: Final = (
    _bug("a claim needs no signed root", _CONSENT, "if (!Signers.signed(signer, digest, evidence.signature)) {"),
    _bug("any signed root proves any event", _CONSENT, _INCLUDED),
    _bug(
        "a leaf need not name the agreement",
        _CONSENT,
        _INCLUDED,
        _also_a_leaf_of("bytes32(0)", "specHash", "code"),
    ),
    _bug(
        "a leaf may name another product",
        _CONSENT,
        _INCLUDED,
        _also_a_leaf_of("id_", "bytes32(uint256(specHash) + 1)", "code"),
    ),
    _bug("a leaf may name another event", _CONSENT, _INCLUDED, _also_a_leaf_of("id_", "specHash", "code + 1")),
    _bug(
        "the attestor's signature does for both",
        _CONSENT,
        "if (expected == 2) _checkLeaf(id_, terms.specHash, code, terms.witness, evidence[1]);",
        "if (expected == 2) _checkLeaf(id_, terms.specHash, code, terms.attestor, evidence[0]);",
    ),
)
_CONSENTS: Final = (
    _bug("terms open unsigned", _FACTORY, "if (!Signers.signed(party, id, signature))"),
    _bug(
        "anybody speaks for a party",
        _CONSENT,
        "if (!Signers.signed(party, digest, consent.signature))",
    ),
    _bug(
        "a consent never expires",
        _CONSENT,
        "if (block.timestamp > consent.deadline)",
    ),
    _bug(
        "cancelling needs no signature", _CORE, "_authorise(move.id, terms.payer, CANCEL, bytes32(most), consent);", ""
    ),
    _bug("one party splits alone", _CORE, "_authoriseSplit(move.id, terms.payee, payeeBps, payee);", ""),
    _bug(
        "the payee disputes what it delivered",
        _CORE,
        "party == Party.Payee && from == State.Open ? terms.payee",
        "party == Party.Payee ? terms.payee",
    ),
    _bug(
        "any secret is a handover",
        _CORE,
        "if (terms.handover == 0 || keccak256(bytes.concat(secret)) != terms.handover)",
    ),
    _bug("the terms may differ from what was signed", _LEDGER, "if (actual != move.id)"),
)
_MONEY: Final = (
    _bug("a milestone pays again at each move", _LEDGER, "move.word = move.word.pay(milestone);", ""),
    _bug(
        "a paid milestone is approved once more",
        _CORE,
        "if (move.word.isPaid(milestone))",
    ),
    _bug(
        "parts are rounded up",
        _MILESTONES,
        "return exact - (exact % unit);",
        "return exact + ((unit - (exact % unit)) % unit);",
    ),
    _bug("parts are not whole cents", _MILESTONES, "return exact - (exact % unit);", "return exact;"),
    _bug("a swept claim's fee is forgotten", _LEDGER, "fees += Milestones.part(share, feeBps, unit);", ""),
    _bug(
        "the penalty passes its cap",
        _LEDGER,
        "Math.min(lateDays * terms.penaltyBpsPerDay, terms.penaltyCapBps)",
        "Math.min(lateDays * terms.penaltyBpsPerDay, Milestones.FULL_BPS)",
    ),
    _bug(
        "only full days are late",
        _LEDGER,
        "Math.ceilDiv(deliveredAt - terms.deliverBy, 1 days)",
        "(deliveredAt - terms.deliverBy) / 1 days",
    ),
    _bug(
        "the retention is paid at acceptance",
        _LEDGER,
        "if (index < Milestones.COUNT) kept =",
        "if (false && index < Milestones.COUNT) kept =",
    ),
    _bug(
        "a withdrawn due stays due",
        _LEDGER,
        "(amount, _aside.payeeDue) = (_aside.payeeDue, 0);",
        "amount = _aside.payeeDue;",
    ),
    _bug("a refused payment is forgotten", _LEDGER, "_aside.payerDue += amount.toUint96();", "{}"),
    _bug(
        "the state is stored after the payments",
        _LEDGER,
        """if (move.word != move.found) _progress = move.word;
        if (move.toPayee != 0) _push(terms, move.id, Party.Payee, terms.payee, move.toPayee);""",
        """if (move.toPayee != 0) _push(terms, move.id, Party.Payee, terms.payee, move.toPayee);
        if (move.word != move.found) _progress = move.word;""",
    ),
    _bug(
        "the customer pays twice for what its advance bought",
        _FACTORY,
        "_fund(terms, id, agreements[0], address(0), 0, spent);",
        "_fund(terms, id, agreements[0], address(0), 0, 0);",
    ),
    _bug("a token may keep a part", _FACTORY, "if (moved != expected)"),
)
_CLOCKS: Final = (
    _bug(
        "a contested claim is still paid",
        _PROGRESS,
        "if (lane > age && lane != REFUSED && !isPaid(word, milestone))",
        "if (lane > age && !isPaid(word, milestone))",
    ),
    _bug(
        "a contest is never too late",
        _CORE,
        "_requireNotAfter(move.word.claimedAt(milestone, _lastDelivery(terms)) + terms.contestWindow);",
        "",
    ),
    _bug(
        "a claim matures a second early",
        _LEDGER,
        "oldest - block.timestamp : 0",
        "oldest - block.timestamp - 1 : 0",
    ),
    _bug(
        "the first to call decides, not the clock",
        _LEDGER,
        "state == State.Open ? Math.max(age, window) : age",
        "age",
    ),
    _bug(
        "mature claims are not paid first",
        _LEDGER,
        "if (state == State.Open || state == State.Delivered) _sweep",
        "if (state == State.Delivered) _sweep",
    ),
    _bug(
        "a dispute freezes nothing",
        _LEDGER,
        "if (state == State.Open || state == State.Delivered) _sweep",
        "if (state <= State.Disputed) _sweep",
    ),
    _bug(
        "a dispute is never too late",
        _CORE,
        "_requireNotAfter(_lastDispute(terms, move));",
        "_lastDispute(terms, move);",
    ),
    _bug(
        "a refund does not wait for the grace",
        _CORE,
        "_requireState(move, State.Open); _requireAfter(_lastDelivery(terms));",
        "_requireState(move, State.Open); _requireAfter(terms.deliverBy);",
    ),
    _bug("a handover counts a second too late", _CORE, "_requireNotAfter(last);", "_requireNotAfter(last + 1);"),
    _bug("acceptance is presumed at once", _CORE, "_requireAfter(_deliveredAt(terms, move) + terms.acceptWindow);", ""),
    _bug(
        "the retention is released at once",
        _CORE,
        "_requireAfter(_deliveredAt(terms, move) + terms.retentionWindow);",
        "",
    ),
)
_EXITS: Final = (
    _bug("a cancellation ignores the signed maximum", _CORE, "if (costs > most)"),
    _bug("a cancellation is never too late", _CORE, "_requireCancellable(terms, move);", ""),
    _bug(
        "silence pays for what was not delivered",
        _CORE,
        "about == State.Open ? 0 : terms.timeoutBps",
        "terms.timeoutBps",
    ),
    _bug(
        "silence forgives lateness",
        _CORE,
        "about == State.Delivered ? Math.min(_penalty(terms, _deliveredAt(terms, move)), left) : 0",
        "0",
    ),
    _bug("the arbiter has for ever", _CORE, "_requireNotAfter(disputedAt + terms.arbiterWindow);", ""),
    _bug(
        "a handover does not restart the arbiter's time",
        _CORE,
        "if (disputed) _ask(terms, move, address(0), State.Delivered);",
        "if (disputed) _aside.disputedIn = State.Delivered;",
    ),
)
_FAMILIES: Final = (
    _bug("the ceiling of the maker's own word is not checked", _RULES, "if (selfAttested > selfAttestedBps) {"),
    _bug(
        "a novation restarts that ceiling",
        _FACTORY,
        "if (selfAttested > allowed)",
    ),
    _bug(
        "a novation carries the fees along",
        _CORE,
        "carried, fees, State.Resolved);",
        "carried, 0, State.Resolved); carried = Math.min(carried + fees, wanted);",
    ),
    _bug("anybody carries the rest away", _CORE, "if (msg.sender != factory)"),
    _bug(
        "a novation keeps the surplus",
        _CORE,
        "Reason.Replacement, 0, left - carried, fees",
        "Reason.Replacement, 0, 0, fees",
    ),
    _bug(
        "a novation may carry less than was signed",
        _FACTORY,
        "if (brought < carried)",
    ),
    _bug(
        "a novation needs no payee after the handover",
        _FACTORY,
        "if (from != State.Open) _checkConsent(id, terms.payee, uint256(from), payee);",
        "",
    ),
    _bug(
        "a successor takes a secret that is known",
        _FACTORY,
        "if (terms.handover != 0 && terms.handover == old.handover)",
    ),
    _bug(
        "a supply opens under a closed delivery",
        _FACTORY,
        "if (state != State.Open || block.timestamp > uint256(terms.deliverBy) + terms.grace)",
    ),
    _bug(
        "a supply names a stranger's delivery",
        _FACTORY,
        "else if (last[0].replaces != before)",
    ),
    _bug("a supply charges the customer", _FACTORY, "if (terms.payer != delivery.payee)"),
    _bug("a delivery opens without its supplies", _FACTORY, "if (terms.supplyCount != supplies)"),
    _bug(
        "an opening can be entered again",
        _FACTORY,
        "function open(Entry calldata entry) external nonReentrant",
        "function open(Entry calldata entry) external",
    ),
)
BUGS: Final = (*_EVIDENCE, *_CONSENTS, *_MONEY, *_CLOCKS, *_EXITS, *_FAMILIES)
