"""One row of the table, and what attacks have in common."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from contracts.bindings import agreement
from contracts.errors import BadTerms
from contracts.terms import Milestone, Terms, What, Witnessed, part, unpack_milestones
from tests.contracts.weakened import Cut
from tests.contracts.world import CENT, World

CORE = "src/AgreementCore.sol"
FACTORY = "src/AgreementFactory.sol"
CONSENT = "src/core/Consent.sol"
LEDGER = "src/core/Ledger.sol"
RULES = "src/libraries/TermsRules.sol"

Attack = Callable[[World], Awaitable[int]]


@dataclass(frozen=True)
class Row:
    """Who cheats, the most that the honest side loses in token units, and the check that holds it."""

    title: str
    at_most: int
    cut: Cut
    attack: Attack

    @property
    def name(self) -> str:
        """Of the attack's function."""
        return str(getattr(self.attack, "__name__", self.title))

    def says(self, lost: int) -> str:
        """The row with what was measured, in cents."""
        return f"bound {self.title}: lost {lost // CENT:,} of at most {self.at_most // CENT:,} cents"


ROWS: list[Row] = []


def row(title: str, *, at_most: int, cut: Cut) -> Callable[[Attack], Attack]:
    """Enters an attack into the table."""

    def enter(attack: Attack) -> Attack:
        ROWS.append(Row(title, at_most, cut, attack))
        return attack

    return enter


async def opened(world: World, *wishes: dict[str, Any]) -> Terms:
    """The first of the wished terms that the factory opens; ordinary ones where it opens none."""
    for wish in wishes:
        try:
            return await world.open_lone(**wish)
        except BadTerms:
            continue
    return await world.open_lone()


async def claim_all(world: World, terms: Terms, maker: str = "attestor", witness: str = "attestor") -> None:
    """Claims every milestone, with signatures of whoever is at hand."""
    for index, lane in enumerate(unpack_milestones(terms.milestones)):
        if lane is not None:
            proofs = [await world.evidence(who, terms, lane.event_code) for who in _signers(lane, maker, witness)]
            await world.tries("stranger", agreement.claim(world.address(terms), terms, index, proofs))


def _signers(lane: Milestone, maker: str, witness: str) -> list[str]:
    return [maker, witness] if lane.witnessed is Witnessed.BOTH else [maker]


async def carry(world: World, terms: Terms, sender: str = "relayer") -> bool:
    """The carrier signs the delivery, somebody sends it."""
    consent = await world.consent("carrier", terms, What.DELIVERED)
    return await world.tries(sender, agreement.delivered_by_carrier(world.address(terms), terms, consent))


def earned(terms: Terms, gross: int | None = None) -> int:
    """What the payee has of `gross`, all if None, after the fee."""
    whole = terms.amount if gross is None else gross
    return whole - part(whole, terms.fee_bps, terms.unit)
