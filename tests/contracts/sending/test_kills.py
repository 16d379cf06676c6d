"""Killed between every two lines, a key is still one successful transaction."""

from typing import Any

import pytest

from contracts.bindings.call import Call
from contracts.rpc import Rpc
from contracts.sender import OnceSender
from contracts.sending.memory import Memory
from contracts.signers import LocalSigner
from contracts.transactions import Fees, sign_call
from tests.contracts.sending.careless import RecordThenForget, SendThenRecord, SignAnew
from tests.contracts.sending.desk import SENDER, Desk, Line
from tests.contracts.sending.killing import Killed, Life, Make, Verdict, kill_everywhere
from tests.contracts.world import ADDRESS, CHAIN_ID, SIGNERS, World

GWEI = 10**9


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(Line(world))


def ours(desk: Desk) -> Make:
    """The sender under test, made anew as a process makes it."""

    def make(rpc: Rpc, memory: Memory) -> OnceSender:
        return OnceSender(rpc, SIGNERS[SENDER], memory, CHAIN_ID, desk.policy, now=desk.clock.now)

    return make


def base_fee(wei: int) -> dict[str, Any]:
    """A node's words for what gas costs in the next block."""
    return {"oldestBlock": "0x1", "baseFeePerGas": ["0x7", hex(wei)], "gasUsedRatio": [0.5]}


async def nothing(desk: Desk, key: str) -> None:
    """A key that nobody has heard of."""


async def failed(desk: Desk, key: str) -> None:
    """Its transaction was mined and failed: too little gas, say."""
    nonce = int(await desk.line.call("eth_getTransactionCount", ADDRESS[SENDER], "latest"), 16)
    short = await sign_call(
        SIGNERS[SENDER], desk.mint(1), nonce=nonce, gas=30_000, fees=Fees(10**11, 10**9), chain_id=CHAIN_ID
    )
    raw = "0x" + short.raw.hex()
    await desk.memory.reserve([key], ADDRESS[SENDER], nonce, desk.clock.now())
    await desk.memory.signed([(key, 1, raw, short.hash, 10**11, 10**9, desk.clock.now())])
    await desk.line.call("eth_sendRawTransaction", raw)
    desk.line.mine()


async def stuck(desk: Desk, key: str) -> None:
    """Its transaction waits in the node's queue, and gas has become dearer since."""
    desk.line.answers = {}
    await desk.restart().submit(key, desk.mint(1))
    desk.clock.advance(desk.policy.replace_after_s)
    desk.line.answers = {"eth_feeHistory": base_fee(100 * GWEI)}


async def lost(desk: Desk, key: str) -> None:
    """The node has forgotten it."""
    desk.line.swallows = True
    await desk.restart().submit(key, desk.mint(1))
    desk.line.swallows = False


async def unsigned(desk: Desk, key: str) -> None:
    """Its process died over the signature, some time ago."""

    class Dying(LocalSigner):
        async def sign_transaction(self, transaction: Any) -> bytes:
            raise Killed

    with pytest.raises(Killed):
        await desk.restart(Dying((1).to_bytes(32, "big"))).submit(key, desk.mint(1))
    desk.clock.advance(desk.policy.hole_after_s)


async def stolen(desk: Desk, key: str) -> None:
    """Somebody else with the key has used its nonce."""
    await lost(desk, key)
    await desk.line.world.send(SENDER, Call(desk.mint(0).to, desk.mint(0).data))


LIVES = {
    "new": Life(nothing, submits=True),
    "unsigned": Life(unsigned, submits=True),
    "lost": Life(lost, submits=False),
    "failed": Life(failed, submits=False),
    "stuck": Life(stuck, submits=False),
    "stolen": Life(stolen, submits=False),
    "failed, and asked for again": Life(failed, submits=True),
}


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.nightly] if "again" in name else []) for name in LIVES]
)
async def test_killed_between_any_two_calls_a_key_is_paid_once(desk: Desk, name: str) -> None:
    verdict = await kill_everywhere(desk, LIVES[name], ours(desk))
    assert (verdict.lost, verdict.doubles) == ([], [])
    assert len(verdict.points) >= 12
    for row in await desk.memory.settled_from(ADDRESS[SENDER], 0):
        assert row.outcome is not None
    assert await desk.memory.pending(ADDRESS[SENDER]) == []


async def test_replacements_were_really_among_them(desk: Desk) -> None:
    """Without it the story of the stuck one would be that of a new one."""
    await stuck(desk, "k")
    await desk.sender.reconcile()
    assert len((await desk.stored("k")).attempts) == 2


class TestControls:
    """The same stories catch senders with one line the wrong way round."""

    async def _verdict(self, desk: Desk, make: Make) -> Verdict:
        return await kill_everywhere(desk, LIVES["new"], make)

    async def test_send_then_record_pays_twice(self, desk: Desk) -> None:
        verdict = await self._verdict(desk, SendThenRecord)
        assert verdict.doubles == [f"pay {n}: killed before memory.{name}" for n, name in _after_broadcast(verdict)]
        assert verdict.doubles

    async def test_signing_anew_pays_twice(self, desk: Desk) -> None:
        assert len((await self._verdict(desk, SignAnew)).doubles) == 1

    async def test_a_record_that_nobody_looks_after_pays_never(self, desk: Desk) -> None:
        verdict = await self._verdict(desk, RecordThenForget)
        assert (verdict.doubles, bool(verdict.lost)) == ([], True)


def _after_broadcast(verdict: Verdict) -> list[tuple[int, str]]:
    """The calls between the broadcast and the first line of the memory that keeps it."""
    sent = verdict.points.index("eth_sendRawTransaction")
    return [(sent + 2, verdict.points[sent + 1].removeprefix("memory."))]
