"""Senders as they must not be, for negative controls: each has one line of ours the wrong way round."""

from contracts.bindings.call import Call
from contracts.rpc import Rpc
from contracts.sending.memory import MINED, Memory
from contracts.signers import Signer
from contracts.transactions import Fees, broadcast, sign_call
from tests.contracts.sending.desk import NOW, SENDER
from tests.contracts.world import ADDRESS, CHAIN_ID, SIGNERS

GAS = 120_000


class Careless:
    """Takes its nonces from the node. Its memory is a note that a key was sent."""

    def __init__(self, rpc: Rpc, memory: Memory) -> None:
        self.rpc = rpc
        self.memory = memory
        self.signer: Signer = SIGNERS[SENDER]

    async def submit(self, key: str, call: Call) -> None:
        raise AssertionError("a control says how")

    async def reconcile(self) -> None:
        """It never looks back."""

    async def sign(self, call: Call, nonce: int | None = None, fees: Fees | None = None) -> tuple[int, bytes, str]:
        if nonce is None:
            nonce = int(await self.rpc.call("eth_getTransactionCount", ADDRESS[SENDER], "pending"), 16)
        given = fees or Fees(10**11, 10**9)
        signed = await sign_call(self.signer, call, nonce=nonce, gas=GAS, fees=given, chain_id=CHAIN_ID)
        return nonce, signed.raw, signed.hash

    async def note(self, key: str, nonce: int, raw: bytes, tx_hash: str) -> None:
        await self.memory.reserve([key], ADDRESS[SENDER], nonce, NOW)
        await self.memory.signed([(key, 1, "0x" + raw.hex(), tx_hash, 10**11, 10**9, NOW)])
        await self.memory.settle([(key, MINED, None)])


class SendThenRecord(Careless):
    """Sends first and remembers afterwards."""

    async def submit(self, key: str, call: Call) -> None:
        if await self.memory.find(key) is None:
            nonce, raw, tx_hash = await self.sign(call)
            await broadcast(self.rpc, raw)
            await self.note(key, nonce, raw, tx_hash)


class SignAnew(Careless):
    """Remembers before it sends that it will, and on a repetition signs again, with the nonce that is then next."""

    async def submit(self, key: str, call: Call) -> None:
        known = await self.memory.find(key)
        if known is not None and known.outcome is not None:
            return
        if known is None:
            await self.memory.reserve([key], ADDRESS[SENDER], 0, NOW)
        _, raw, _ = await self.sign(call)
        await broadcast(self.rpc, raw)
        await self.memory.settle([(key, MINED, None)])


class RecordThenForget(Careless):
    """Takes a note for the deed: what was noted is never looked after."""

    async def submit(self, key: str, call: Call) -> None:
        if await self.memory.find(key) is None:
            nonce, raw, tx_hash = await self.sign(call)
            await self.note(key, nonce, raw, tx_hash)
            await broadcast(self.rpc, raw)
