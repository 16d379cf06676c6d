"""`docs/agreements.md` names what the contracts have, all of it and nothing else: moves, errors, actions, attacks."""

import json
import re
from collections.abc import Callable

import pytest

from contracts import artifacts
from contracts.bindings.agreement import State
from contracts.terms import What
from marketplace.application.context import Policy
from tests.contracts.cheats import by_customer, by_maker, by_others
from tests.contracts.cheats.row import ROWS
from tests.contracts.world import CENT
from tests.model.page import STATES, Page

assert ROWS, (by_customer, by_maker, by_others)

OURS = ("AgreementFactory", "DeliveryAgreement", "SupplyAgreement")
SOURCES = json.loads(artifacts.STANDARD_INPUT.read_text("utf-8"))["sources"]
_CODE = re.compile(r"`([A-Z][a-z]\w*)`")
_HOUR, _DAY = 3_600, 86_400
WORDS = {"Terms", "Permit", "EvidenceRoot", "Action", "Split"}
"""What people sign."""


def _abi(kind: str, *contracts: str) -> list[dict[str, object]]:
    return [entry for name in contracts for entry in artifacts.load(name).abi if entry["type"] == kind]


def _names(kind: str, *contracts: str) -> set[str]:
    return {str(entry["name"]) for entry in _abi(kind, *contracts)}


def _functions(*, moving: bool) -> set[str]:
    return {
        str(entry["name"])
        for entry in _abi("function", *OURS)
        if (entry["stateMutability"] not in {"view", "pure"}) is moving
    }


def states(page: Page) -> None:
    """The states, in the order of the contract's enum."""
    assert [row["state"] for row in page.table("state")] == [state.name.capitalize() for state in State] == list(STATES)


def moves(page: Page) -> None:
    """Every function that changes something has its row."""
    assert set(page.moves()) == _functions(moving=True)


def views(page: Page) -> None:
    """Every view is named where reading is spoken of."""
    [text] = re.findall(r"Reading asks for nobody's consent:(.*?)\n\n", page.text, re.DOTALL)
    assert set(re.findall(r"`(\w+)`", text)) == _functions(moving=False)


def errors(page: Page) -> None:
    """Every error is on the page, and none that does not exist."""
    named = set(_CODE.findall(page.text)) - WORDS
    assert named == _names("error", *OURS)


def refused_terms(page: Page) -> None:
    """Every rule of the terms is in their table, and whatever the table names is raised at a door."""
    listed = {name for row in page.table("rule") for name in _CODE.findall(row["error"])}
    rules = set(re.findall(r"revert IAgreementErrors\.(\w+)", SOURCES["src/libraries/TermsRules.sol"]["content"]))
    doors = set(re.findall(r"revert (\w+)\(", SOURCES["src/AgreementFactory.sol"]["content"]))
    assert rules
    assert rules <= listed <= rules | doors


def actions(page: Page) -> None:
    """The numbers of the actions mean what they mean in the contracts."""
    signed = [row["signature"] for row in page.table("signature")]
    found = {re.sub(r"`Action` ", "", name) for name in signed if name.startswith("`Action`")}
    assert found == {f"{what.value} {what.name.lower()}" for what in What}


def attacks(page: Page) -> None:
    """The attacks of `cheats/`, with their bounds."""
    found = [(row["attack"], row["the honest side loses at most"]) for row in page.table("attack")]
    assert found == [(row.title, f"{row.at_most // CENT / 100:,.2f} €") for row in ROWS]


def policy(page: Page) -> None:
    """The windows that the platform writes."""
    ours = Policy()
    said = (
        f"the platform writes {ours.contest_window_s // _HOUR} h for contesting,\n"
        f"{ours.accept_window_s // _DAY} days for acceptance and {ours.arbiter_window_s // _DAY} days for the arbiter"
    )
    assert said in page.text
    assert f"`timeoutBps` = {ours.timeout_bps // 100} %" in page.text


CHECKS = {check.__name__: check for check in (states, moves, views, errors, refused_terms, actions, attacks, policy)}


@pytest.mark.parametrize("check", CHECKS.values(), ids=CHECKS)
def test_page_says_what_the_contracts_have(check: Callable[[Page], None]) -> None:
    check(Page.read())


@pytest.mark.parametrize(
    ("name", "was", "becomes"),
    [
        ("states", "| Retained | the retention share |", "| Kept | the retention share |"),
        ("moves", "| – | succeed |", "| – | pause |"),
        ("moves", "| Open → Refunded | revoke |", "| Open → Refunded | cancel |"),
        ("views", "`isListed`, ", ""),
        ("errors", "`HandoverReused`", "a reused secret"),
        ("errors", "`NothingDue`", "`NothingOwed`"),
        ("refused_terms", "| `NoDeliveryProof` |", "| – |"),
        ("refused_terms", "| `NoDeliveryProof` |", "| `NoDeliveryProof`, `TooLate` |"),
        ("actions", "`Action` 7 revoke", "`Action` 4 revoke"),
        ("attacks", "| maker guesses the handover secret | 200.00 € |", "| maker guesses the secret | 100.00 € |"),
        ("policy", "writes 24 h", "writes 48 h"),
    ],
)
def test_a_doctored_page_is_seen(name: str, was: str, becomes: str) -> None:
    page = Page.read()
    doctored = Page(page.text.replace(was, becomes))
    assert doctored != page
    with pytest.raises((AssertionError, ValueError)):
        CHECKS[name](doctored)
