"""Solidity reads the golden vectors: every signature of the file moves a real agreement, and no other one does.

The chain is told nothing but what the file holds; afterwards its books are compared with the ones kept in Python.
"""

import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final

import pytest

from contracts.bindings import agreement, factory, token
from contracts.bindings.agreement import Authorisation, Evidence, Party, State
from contracts.bindings.call import Call, build
from contracts.errors import BadProof, BadSignature, ContractsError
from contracts.terms import Terms, What, handover_hash
from contracts.verification.verify import verify
from tests.contracts import golden
from tests.contracts.world import DAY, START, World

VECTORS: Final[dict[str, Any]] = json.loads(golden.FILE.read_text("utf-8"))
DELIVERY, SUPPLY, SUCCESSOR = VECTORS["agreements"]
ACTIONS: Final = {What(one["message"]["what"]): one for one in DELIVERY["actions"]}


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text[2:])


def _terms(vector: dict[str, Any]) -> Terms:
    return Terms.from_message(vector["terms"])


def _consent(signed: dict[str, Any]) -> Authorisation:
    return Authorisation(int(signed["message"]["deadline"]), _bytes(signed["signature"]))


def _entry(vector: dict[str, Any]) -> factory.Entry:
    return factory.Entry(_terms(vector), _bytes(vector["payer"]["signature"]), _bytes(vector["payee"]["signature"]))


def evidence() -> Evidence:
    """The event of the file, first leaf of its largest tree, under the root that the attestor signed."""
    told, tree = VECTORS["evidence"], VECTORS["evidence"]["trees"][-1]
    root = told["root"]["message"]
    assert root["root"] == tree["root"]
    return Evidence(
        at_ms=int(told["atMs"]),
        payload_hash=_bytes(told["payloadHash"]),
        proof=tuple(map(_bytes, tree["proofs"][0])),
        root=_bytes(root["root"]),
        sequence=int(root["sequence"]),
        previous=_bytes(root["previous"]),
        signature=_bytes(told["root"]["signature"]),
    )


@dataclass(frozen=True)
class Story:
    """The delivery, opened by the file's signatures; the second supply, which the file leaves out, is signed here."""

    world: World
    terms: Terms

    @property
    def address(self) -> str:
        """Where the file says that it is."""
        return str(DELIVERY["address"])

    async def send(self, call: Call) -> None:
        """By somebody who is no party: signatures alone decide."""
        await self.world.send("stranger", call)

    async def claim(self) -> None:
        """The file's evidence."""
        await self.send(agreement.claim(self.address, self.terms, 1, [evidence()]))

    async def hand_over(self) -> None:
        """The file's secret."""
        await self.send(agreement.delivered_by_secret(self.address, self.terms, _bytes(VECTORS["handoverSecret"])))

    async def dispute(self, at: int) -> None:
        """By the payee, mined at a second of our choice."""
        self.world.rpc.warp(at - 1)
        consent = _consent(ACTIONS[What.DISPUTE])
        await self.send(agreement.dispute(self.address, self.terms, Party.PAYEE, consent))


@pytest.fixture
async def story(world: World) -> Story:
    """Open."""
    terms = _terms(DELIVERY)
    entries = [_entry(DELIVERY), _entry(SUPPLY), await world.entry(world.supply_terms(terms, "b"))]
    await world.send("stranger", factory.open_batch(VECTORS["factory"], entries))
    assert await agreement.agreement_id(world.rpc, DELIVERY["address"]) == _bytes(DELIVERY["id"])
    assert await agreement.agreement_id(world.rpc, SUPPLY["address"]) == _bytes(SUPPLY["id"])
    return Story(world, terms)


Move = Callable[[Story, Authorisation], Awaitable[None]]


async def _accept(story: Story, consent: Authorisation) -> None:
    await story.hand_over()
    await story.send(agreement.accept(story.address, story.terms, consent))


async def _contest(story: Story, consent: Authorisation) -> None:
    await story.claim()
    await story.send(agreement.contest(story.address, story.terms, 1, consent))


async def _approve(story: Story, consent: Authorisation) -> None:
    await story.send(agreement.approve(story.address, story.terms, 1, consent))


async def _cancel(story: Story, consent: Authorisation) -> None:
    await story.send(agreement.cancel(story.address, story.terms, story.terms.amount, consent))


async def _dispute(story: Story, consent: Authorisation) -> None:
    await story.send(agreement.dispute(story.address, story.terms, Party.PAYEE, consent))


async def _delivered(story: Story, consent: Authorisation) -> None:
    await story.send(agreement.delivered_by_carrier(story.address, story.terms, consent))


async def _revoke(story: Story, consent: Authorisation) -> None:
    await story.send(agreement.revoke(story.address, story.terms, consent))


async def _resolve(story: Story, consent: Authorisation) -> None:
    await story.dispute(START + 3_600)
    await story.send(agreement.resolve(story.address, story.terms, golden.SPLIT_BPS, consent))


async def _novate(story: Story, consent: Authorisation) -> None:
    least = int(ACTIONS_OF_SUCCESSOR[What.NOVATE]["message"]["data"], 16)
    call = factory.novate(VECTORS["factory"], story.terms, [_entry(SUCCESSOR)], least, consent)
    await story.send(call)
    assert await agreement.agreement_id(story.world.rpc, SUCCESSOR["address"]) == _bytes(SUCCESSOR["id"])


ACTIONS_OF_SUCCESSOR: Final = {What(one["message"]["what"]): one for one in SUCCESSOR["actions"]}
MOVES: Final[dict[What, tuple[Move, State]]] = {
    What.ACCEPT: (_accept, State.RETAINED),
    What.CONTEST: (_contest, State.OPEN),
    What.APPROVE: (_approve, State.OPEN),
    What.CANCEL: (_cancel, State.REFUNDED),
    What.DISPUTE: (_dispute, State.DISPUTED),
    What.DELIVERED: (_delivered, State.DELIVERED),
    What.REVOKE: (_revoke, State.REFUNDED),
    What.RESOLVE: (_resolve, State.RESOLVED),
    What.NOVATE: (_novate, State.RESOLVED),
}


def test_every_action_is_played() -> None:
    assert MOVES.keys() == ACTIONS.keys() == set(What)


def _signed(what: What) -> dict[str, Any]:
    """A novation is signed about the successor's id."""
    return dict((ACTIONS_OF_SUCCESSOR if what is What.NOVATE else ACTIONS)[what])


@pytest.mark.parametrize("what", What, ids=lambda what: what.name.lower())
async def test_no_other_signature_of_the_file_moves_it(story: Story, what: What) -> None:
    """Neither by another's hand nor about something else."""
    other = ACTIONS[What.REVOKE if what is not What.REVOKE else What.DISPUTE]
    with pytest.raises(BadSignature):
        await MOVES[what][0](story, _consent(other))


@pytest.mark.parametrize("what", What, ids=lambda what: what.name.lower())
async def test_an_action_of_the_file_leads_to_the_state_that_python_keeps(story: Story, what: What) -> None:
    """`verify` recomputes the books from the logs and compares them with the contract's own."""
    move, state = MOVES[what]
    await move(story, _consent(_signed(what)))
    books = await story.world.books(story.terms)
    assert books.state is state
    verdict = await verify(story.world.rpc, address=story.address)
    assert verdict.failure is None
    told = {summary.id: summary.state for summary in verdict.agreements}
    assert told[_bytes(DELIVERY["id"])] is state


async def test_a_split_of_the_file_divides(story: Story) -> None:
    payer, payee = map(_consent, DELIVERY["splits"])
    with pytest.raises(BadSignature):
        await story.send(agreement.split(story.address, story.terms, golden.SPLIT_BPS, payee, payer))
    await story.send(agreement.split(story.address, story.terms, golden.SPLIT_BPS, payer, payee))
    assert (await story.world.books(story.terms)).state is State.RESOLVED


async def test_leaf_and_root_of_the_file_prove_one_event(story: Story) -> None:
    """Another leaf of the same tree proves nothing, nor does another milestone."""
    other = VECTORS["evidence"]["trees"][-1]["proofs"][1]
    good = evidence()
    bad = Evidence(**{**vars(good), "proof": tuple(map(_bytes, other))})
    with pytest.raises(BadProof):
        await story.send(agreement.claim(story.address, story.terms, 1, [bad]))
    await story.claim()
    with pytest.raises(ContractsError):
        await story.claim()


async def test_the_handover_secret_of_the_file_delivers(story: Story) -> None:
    secret = _bytes(VECTORS["handoverSecret"])
    assert "0x" + handover_hash(secret).hex() == DELIVERY["terms"]["handover"]
    with pytest.raises(BadProof):
        await story.send(agreement.delivered_by_secret(story.address, story.terms, secret[::-1]))
    await story.hand_over()
    assert (await story.world.books(story.terms)).state is State.DELIVERED


async def test_the_permit_of_the_file_is_an_allowance(world: World) -> None:
    permit, signature = VECTORS["permit"]["message"], _bytes(VECTORS["permit"]["signature"])
    owner, spender, money = permit["owner"], permit["spender"], VECTORS["token"]
    arguments = [owner, spender, int(permit["value"]), int(permit["deadline"])]
    arguments += [signature[64], signature[:32], signature[32:64]]
    await world.send("stranger", build(token.CONTRACT, money, "permit", arguments))
    assert await token.allowance(world.rpc, money, owner, spender) == int(permit["value"])
    assert await token.permit_nonce(world.rpc, money, owner) == 1


async def test_a_signature_of_the_file_ends_with_its_deadline(story: Story) -> None:
    story.world.rpc.warp(golden.DEADLINE + DAY)
    with pytest.raises(BadSignature):
        await _revoke(story, _consent(ACTIONS[What.REVOKE]))
