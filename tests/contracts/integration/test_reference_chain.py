"""One story on our devchain over HTTP and on eth-tester through web3: whatever one chain says, the other says.

The devchain drives py-evm itself (docs/adr/0007); this suite is what keeps it an Ethereum chain. The transcript ends
with the root of the whole state after every block, so not one storage slot may differ.
"""

import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts import events
from contracts.bindings import agreement, factory, token
from contracts.bindings.agreement import Party, State
from contracts.bindings.call import Call
from contracts.errors import NodeRefused, Reverted
from contracts.terms import Terms, What
from contracts.transactions import Fees, estimate_gas, sign_call
from tests.contracts.chains import CHAIN_ID, TestChain, open_devchain, open_eth_tester
from tests.contracts.conftest import deploy_and_fund
from tests.contracts.world import ADDRESS, DAY, EURO, PEOPLE, PRODUCTION_FINISHED, SIGNERS, START, World

pytestmark = pytest.mark.integration

CHAINS: dict[str, Callable[[Path], contextlib.AbstractAsyncContextManager[TestChain]]] = {
    "devchain": open_devchain,
    "eth-tester": open_eth_tester,
}
ESTIMATES = 4
CHAIN_WORDS = {"blockHash", "blockTimestamp", "type", "removed", "state_root", "logsBloom"}
"""Members of logs and receipts that follow from the block's header, or that only one of the two tells."""


class Narrator(World):
    """A world whose every transaction goes into the transcript."""

    def __init__(self, chain: TestChain, book: Any) -> None:
        super().__init__(chain, book, CHAIN_ID)
        self.receipts: list[dict[str, Any]] = []
        self.reverts: list[tuple[str, str, dict[str, Any]]] = []
        self.estimates: list[tuple[int, int]] = []

    async def send(self, who: str, call: Call) -> dict[str, Any]:
        # eth-tester looks for an estimate by bisection, a dozen runs each: a few moves are enough to compare.
        estimate = None
        if len(self.estimates) < ESTIMATES:
            estimate = await estimate_gas(self.rpc, ADDRESS[who], call)
        receipt = await self.force(who, call)
        assert receipt["status"] == "0x1"
        if estimate is not None:
            self.estimates.append((estimate, int(receipt["gasUsed"], 16)))
        return receipt

    async def force(self, who: str, call: Call, gas: int = 2_000_000) -> dict[str, Any]:
        receipt = await super().force(who, call, gas)
        self.receipts.append(_told(receipt))
        return receipt

    async def refused(self, label: str, who: str, call: Call) -> None:
        """Notes why a call reverts, asked by `eth_estimateGas` and by `eth_call`."""
        with pytest.raises(Reverted) as asked:
            await estimate_gas(self.rpc, ADDRESS[who], call)
        self.reverts.append((label, asked.value.name, asked.value.arguments))
        message = {"from": ADDRESS[who], "to": call.to, "data": "0x" + call.data.hex()}
        with pytest.raises(Reverted) as called:
            await self.rpc.call("eth_call", message, "latest")
        self.reverts.append((label, called.value.name, called.value.arguments))

    async def head(self) -> dict[str, Any]:
        block: dict[str, Any] = await self.rpc.call("eth_getBlockByNumber", "latest", False)
        return block

    async def later(self, seconds: int) -> None:
        await self.rpc.warp(int((await self.head())["timestamp"], 16) + seconds)


@dataclasses.dataclass(frozen=True)
class Story:
    """What one chain said."""

    book: Any
    agreements: tuple[str, ...]
    receipts: list[dict[str, Any]]
    reverts: list[tuple[str, str, dict[str, Any]]]
    estimates: list[tuple[int, int]]
    paid: dict[str, dict[str, int]]
    refusals: int
    logs: dict[str, list[dict[str, Any]]]
    events: list[events.Event]
    nonces: dict[str, dict[str, int]]
    history: list[dict[str, Any]]
    blocks: list[dict[str, Any]]


CHAPTERS = [field.name for field in dataclasses.fields(Story) if field.name not in {"estimates", "events"}]
"""What must be equal: estimates are each chain's own, events are decoded logs."""


def _told(value: Any) -> Any:
    if isinstance(value, list):
        return [_told(item) for item in value]
    if isinstance(value, dict):
        return {key: _told(item) for key, item in value.items() if key not in CHAIN_WORDS}
    return value


async def _live(world: Narrator) -> list[Terms]:
    """Open, prove, refuse, deliver, accept, release, pay out: with a mistake at every turn."""
    batch = world.batch()
    delivery, supply, _ = batch
    at = world.address(delivery)
    await world.open(batch)
    again = [await world.entry(terms) for terms in batch]
    await world.refused("open twice", "relayer", factory.open_batch(world.book.factory, again))
    await world.refused("refund early", "stranger", agreement.refund(at, delivery))
    proof = await world.evidence("attestor", delivery, PRODUCTION_FINISHED)
    await world.refused("forged", "maker", agreement.claim(at, delivery, 2, [proof, proof]))
    await world.claim(delivery, 1, proof)
    await world.refused("claim twice", "stranger", agreement.claim(at, delivery, 1, [proof]))
    assert world.book.test_euro is not None
    await world.force("stranger", token.mint(world.book.test_euro, ADDRESS["stranger"], EURO))
    await world.later(delivery.contest_window + 1)
    await world.send("stranger", agreement.withdraw(at, delivery, Party.PAYEE))
    await world.refused("nothing due", "stranger", agreement.withdraw(at, delivery, Party.PAYEE))
    await world.refused("wrong secret", "maker", agreement.delivered_by_secret(at, delivery, bytes(32)))
    await world.hand_over(delivery)
    consent = await world.consent("carrier", supply, What.DELIVERED)
    await world.send("stranger", agreement.delivered_by_carrier(world.address(supply), supply, consent))
    await world.refused("not the payer", "maker", agreement.accept(at, delivery))
    acceptance = await world.consent("customer", delivery, What.ACCEPT)
    await world.send("relayer", agreement.accept(at, delivery, acceptance))
    await world.later(delivery.retention_window + DAY)
    await world.send("stranger", agreement.release(at, delivery))
    await world.send("stranger", agreement.finalise(world.address(supply), supply))
    return batch


async def _leave(world: Narrator) -> dict[str, Terms]:
    """The other ways out, an agreement each; the replaced one brings a new supply and one that was sourced anew."""
    lone = [world.delivery_terms(supplies=0, salt=bytes([index]) * 32) for index in range(2, 6)]
    for terms in lone:
        await world.open([terms])
    cancelled, resolved, divided, replaced = lone
    await world.refused("costs more", "customer", agreement.cancel(world.address(cancelled), cancelled, 200 * EURO))
    most = await world.consent_number("customer", cancelled, What.CANCEL, 280 * EURO)
    await world.act("relayer", agreement.cancel, cancelled, 280 * EURO, most)

    await world.act("maker", agreement.dispute, resolved, Party.PAYEE)
    await world.refused("dispute twice", "customer", agreement.dispute(world.address(resolved), resolved, Party.PAYER))
    await world.refused("timeout early", "stranger", agreement.timeout(world.address(resolved), resolved))
    await world.act("relayer", agreement.resolve, resolved, 4_000, await world.verdict(resolved, 4_000))

    by_maker = await world.split_consent("maker", divided, 5_000)
    await world.act("customer", agreement.split, divided, 5_000, agreement.SENT_BY_PARTY, by_maker)

    successor = world.successor_terms(replaced, supply_count=1)
    supply = world.supply_terms(successor, "a")
    await world.novate(replaced, successor, supply, least=800 * EURO)
    resourced = world.supply_terms(replaced, "b")
    entry = await world.entry(resourced)
    await world.refused("closed parent", "maker", factory.open_supply(world.book.factory, entry, [replaced]))
    await world.open_supply(resourced, replaced, successor)
    await world.act("supplier_b", agreement.revoke, resourced)
    names = ("cancelled", "resolved", "divided", "replaced", "successor", "supply", "resourced")
    return dict(zip(names, (*lone, successor, supply, resourced), strict=True))


async def _refusals(world: Narrator) -> int:
    """Transactions that no block takes: a nonce that is used, and money that is not there."""
    payment, fees = Call(ADDRESS["fees"], b"", 1), Fees(10**11, 10**9)
    used = await sign_call(SIGNERS["relayer"], payment, nonce=0, gas=21_000, fees=fees, chain_id=CHAIN_ID)
    large = dataclasses.replace(payment, value=10**30)
    poor = await sign_call(SIGNERS["witness"], large, nonce=0, gas=21_000, fees=fees, chain_id=CHAIN_ID)
    before = await world.head()
    for signed in (used, poor):
        with pytest.raises(NodeRefused):
            await world.rpc.call("eth_sendRawTransaction", "0x" + signed.raw.hex())
    assert await world.head() == before
    return 2


async def _logs(world: Narrator, batch: list[Terms]) -> dict[str, list[dict[str, Any]]]:
    everything = {"fromBlock": "0x0", "toBlock": "latest"}
    queries: dict[str, dict[str, Any]] = {
        "all": everything,
        "ours": everything | {"topics": [events.topics()]},
        "an address": everything | {"address": world.address(batch[0])},
        "some blocks": {"fromBlock": "0x9", "toBlock": "0xb"},
        "one agreement": everything | {"topics": [None, "0x" + world.id(batch[1]).hex()]},
    }
    return {name: _told(await world.rpc.call("eth_getLogs", query)) for name, query in queries.items()}


async def _history(world: Narrator, delivery: Terms, number: int) -> dict[str, Any]:
    assert world.book.test_euro is not None
    at, tag = world.address(delivery), hex(number)
    code = await world.rpc.call("eth_getCode", at, tag)
    deployed = number >= world.book.deployed_block
    money = [
        await token.balance_of(world.rpc, world.book.test_euro, ADDRESS[who], block=number) if deployed else 0
        for who in PEOPLE
    ]
    return {
        "wei": [await world.rpc.call("eth_getBalance", ADDRESS[who], tag) for who in PEOPLE],
        "money": money,
        "code": code,
        "books": None if code == "0x" else await agreement.books(world.rpc, at, delivery, block=number),
    }


async def _tell(chain: TestChain) -> Story:
    world = Narrator(chain, await deploy_and_fund(chain, CHAIN_ID))
    left = await _leave(world)
    batch = await _live(world)
    named = left | dict(zip(("delivery", "supply_a", "supply_b"), batch, strict=True))
    refusals = await _refusals(world)
    payouts = await world.payouts()
    last = int((await world.head())["number"], 16)
    blocks = [await chain.call("eth_getBlockByNumber", hex(number), False) for number in range(last + 1)]
    nonces = {
        tag: {who: int(await chain.call("eth_getTransactionCount", ADDRESS[who], tag), 16) for who in PEOPLE}
        for tag in ("latest", hex(world.book.deployed_block))
    }
    return Story(
        book=world.book,
        agreements=tuple(world.address(terms) for terms in named.values()),
        receipts=world.receipts,
        reverts=world.reverts,
        estimates=world.estimates,
        paid={name: payouts.get(world.id(terms), {}) for name, terms in named.items()},
        refusals=refusals,
        logs=await _logs(world, batch),
        events=await world.events(),
        nonces=nonces,
        history=[await _history(world, batch[0], number) for number in range(last + 1)],
        blocks=[
            {key: block[key] for key in ("number", "timestamp", "gasUsed", "gasLimit", "baseFeePerGas", "stateRoot")}
            for block in blocks
        ],
    )


async def test_one_story_on_both_chains(tmp_path: Path, subtests: pytest.Subtests) -> None:
    """One test, so that a run on many cores tells the stories once."""
    stories = {}
    for name, opened in CHAINS.items():
        async with opened(tmp_path / name) as chain:
            stories[name] = await _tell(chain)
    for chapter in CHAPTERS:
        with subtests.test(chapter=chapter):
            ours, reference = (getattr(stories[name], chapter) for name in ("devchain", "eth-tester"))
            assert ours
            assert ours == reference
    for name, story in stories.items():
        with subtests.test(chain=name):
            _check_meaning(story)
            _check_estimates(story)


def _check_meaning(story: Story) -> None:
    assert [receipt["status"] for receipt in story.receipts].count("0x0") == 1
    assert {label: error for label, error, _ in story.reverts} == {
        "costs more": "CostsMore",
        "dispute twice": "WrongState",
        "timeout early": "TooEarly",
        "closed parent": "NotOpen",
        "open twice": "FailedDeployment",
        "refund early": "TooEarly",
        "forged": "NotIncluded",
        "claim twice": "AlreadyClaimed",
        "nothing due": "NothingDue",
        "wrong secret": "WrongSecret",
        "not the payer": "Unauthorised",
    }
    assert story.history[-1]["books"].state is State.SETTLED
    assert story.history[0]["books"] is None
    assert story.history[0]["money"] != story.history[-1]["money"]
    assert story.paid == {
        # A tenth of the 800 € that were left, less its fee.
        "cancelled": {"PAYEE": (195 + 78) * EURO, "FEE_RECEIVER": 7 * EURO, "PAYER": 720 * EURO},
        "resolved": {"PAYEE": (195 + 312) * EURO, "FEE_RECEIVER": 13 * EURO, "PAYER": 480 * EURO},
        "divided": {"PAYEE": (195 + 390) * EURO, "FEE_RECEIVER": 15 * EURO, "PAYER": 400 * EURO},
        "replaced": {"PAYEE": 195 * EURO, "FEE_RECEIVER": 5 * EURO, "successor": 800 * EURO},
        "successor": {},
        "supply": {},
        "resourced": {"PAYER": 80 * EURO},
        # Its advance went into the two supplies.
        "delivery": {"PAYEE": 780 * EURO, "supplies": 195 * EURO, "FEE_RECEIVER": 25 * EURO},
        "supply_a": {"PAYEE": 117 * EURO, "FEE_RECEIVER": 3 * EURO},
        "supply_b": {},
    }
    assert len({block["stateRoot"] for block in story.blocks}) > len(story.receipts)


def _check_estimates(story: Story) -> None:
    assert len(story.estimates) == ESTIMATES
    for estimate, used in story.estimates:
        # A quarter and 60,000 are the sender's margin; refunds come back only after the gas was needed.
        assert used <= estimate < 2 * used + 90_000


async def test_another_second_would_be_noticed(tmp_path: Path) -> None:
    """Negative control: one block a second later, and the chains no longer say the same."""
    said = []
    for seconds in (1, 2):
        async with open_devchain(tmp_path / str(seconds)) as chain:
            await chain.warp(START + seconds)
            world = Narrator(chain, await deploy_and_fund(chain, CHAIN_ID))
            terms = await world.open_lone()
            await world.claim(terms, 1, await world.evidence("attestor", terms, PRODUCTION_FINISHED))
            said.append(
                (_told(await chain.call("eth_getLogs", {"fromBlock": "0x0"})), (await world.head())["stateRoot"])
            )
    (first_logs, first_root), (second_logs, second_root) = said
    assert first_logs != second_logs
    assert first_root != second_root
