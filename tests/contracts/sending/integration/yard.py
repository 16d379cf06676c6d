"""A sender on Anvil: every test has an account of its own, with money that a second payment would be missing from."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from eth_account.typed_transactions.typed_transaction import TypedTransaction
from hexbytes import HexBytes

from contracts.bindings import token
from contracts.bindings.call import Call
from contracts.errors import NodeRefused
from contracts.rpc import HttpRpc, Question
from contracts.sender import OnceSender
from contracts.sending.memory import Memory, Stored
from contracts.sending.policy import GWEI, SendingPolicy
from contracts.signers import LocalSigner
from contracts.transactions import Fees, sign_call
from marketplace.ports.fakes.stores import FakeChainTransactionStore
from tests.contracts.sending.desk import Clock

CHAIN_ID = 31337
ETHER = 10**18
STAKE = 1_000
"""Token units that an account has to pay with."""
POLICY = SendingPolicy(max_fee_wei=100 * GWEI, replace_after_s=60, reserve_wei=ETHER // 100)
_keys = itertools.count(7_000)


@dataclass
class Yard:
    """An account on a chain, its sender, and a payee of its own."""

    rpc: HttpRpc
    euro: str
    key: bytes
    payee: str
    memory: Memory = field(default_factory=FakeChainTransactionStore)
    clock: Clock = field(default_factory=Clock)
    line: Any = None
    """What the sender talks to, if not to the node itself."""

    def __post_init__(self) -> None:
        self.signer = LocalSigner(self.key)
        self.address = self.signer.address

    def sender(self, confirmations: int = 0, policy: SendingPolicy = POLICY, **changes: Any) -> OnceSender:
        given = {**vars(policy), "confirmations": confirmations, **changes}
        return OnceSender(
            self.line or self.rpc, self.signer, self.memory, CHAIN_ID, SendingPolicy(**given), now=self.clock.now
        )

    def pay(self, amount: int = 1) -> Call:
        return token.transfer(self.euro, self.payee, amount)

    async def paid(self) -> int:
        return await token.balance_of(self.rpc, self.euro, self.payee)

    async def mine(self, blocks: int = 1) -> None:
        await self.rpc.call("anvil_mine", hex(blocks))

    async def base_fee(self, wei: int) -> None:
        await self.rpc.call("anvil_setNextBlockBaseFeePerGas", hex(wei))

    async def nonce(self, block: str = "latest") -> int:
        return int(await self.rpc.call("eth_getTransactionCount", self.address, block), 16)

    async def stored(self, key: str) -> Stored:
        found = await self.memory.find(key)
        assert found is not None
        return found

    async def outcome(self, key: str) -> str | None:
        return (await self.stored(key)).outcome

    async def sent_and_mined(self, sender: OnceSender, *keys: str) -> None:
        """A payment under each key, each in a block of its own."""
        for key in keys:
            await sender.submit(key, self.pay())
            await self.mine()

    async def drop(self, key: str) -> None:
        """The node forgets what waits under a key."""
        for attempt in (await self.stored(key)).attempts:
            await self.rpc.call("anvil_dropTransaction", attempt.hash)

    async def by_hand(self, call: Call, nonce: int, fees: Fees | None = None, gas: int = 120_000) -> str:
        """Somebody uses the key outside of the sender; gives the hash."""
        signed = await sign_call(
            self.signer, call, nonce=nonce, gas=gas, fees=fees or Fees(20 * GWEI, GWEI), chain_id=CHAIN_ID
        )
        return str(await self.rpc.call("eth_sendRawTransaction", "0x" + signed.raw.hex()))

    async def rounds(self, sender: OnceSender, count: int = 6, step_s: float = POLICY.hole_after_s) -> None:
        """Rounds of care with a block after each."""
        for _ in range(count):
            await sender.reconcile()
            await self.mine()
            self.clock.advance(step_s)
        await sender.reconcile()


async def open_yard(rpc: HttpRpc, euro: str, minter: LocalSigner) -> Yard:
    """A new account with ether and a stake, and a new payee."""
    number = next(_keys)
    key, payee = number.to_bytes(32, "big"), LocalSigner((number + 10**6).to_bytes(32, "big")).address
    address = LocalSigner(key).address
    await rpc.call("anvil_setBalance", address, hex(ETHER))
    nonce = int(await rpc.call("eth_getTransactionCount", minter.address, "latest"), 16)
    call = token.mint(euro, address, STAKE)
    minted = await sign_call(minter, call, nonce=nonce, gas=120_000, fees=Fees(50 * GWEI, GWEI), chain_id=CHAIN_ID)
    await rpc.call("eth_sendRawTransaction", "0x" + minted.raw.hex())
    await rpc.call("evm_setAutomine", False)
    # A fork of a few blocks must not take the stake away.
    await rpc.call("anvil_mine", "0x8")
    return Yard(rpc, euro, key, payee)


class GethRule:
    """A way to the node that refuses, as geth does and Anvil does not, a replacement with less than 10 % more."""

    def __init__(self, rpc: HttpRpc) -> None:
        self._rpc = rpc
        self._best: dict[tuple[int, str], Fees] = {}
        self.replaced: list[tuple[Fees, Fees]] = []

    async def call(self, method: str, *params: object) -> Any:
        if method == "eth_sendRawTransaction":
            self._check(str(params[0]))
        return await self._rpc.call(method, *params)

    async def batch(self, questions: Sequence[Question]) -> list[Any]:
        return await self._rpc.batch(questions)

    def _check(self, raw: str) -> None:
        fields = TypedTransaction.from_bytes(HexBytes(raw)).as_dict()
        place = int(fields["nonce"]), str(fields["chainId"])
        new = Fees(int(fields["maxFeePerGas"]), int(fields["maxPriorityFeePerGas"]))
        old = self._best.get(place)
        if old is not None and new != old:
            if new.max_fee * 10 < old.max_fee * 11 or new.max_priority_fee * 10 < old.max_priority_fee * 11:
                raise NodeRefused(-32_000, "replacement transaction underpriced")
            self.replaced.append((old, new))
        self._best[place] = new
