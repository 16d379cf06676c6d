"""How many transactions a second a chain's node takes when they are signed before the clock starts."""

import asyncio
import os
import time

from eth_utils.address import to_checksum_address

from benchmarks.order_flow.premises import Premises
from bootstrap.secrets_store import platform_keys
from contracts.bindings import token
from contracts.rpc import HttpRpc
from contracts.signers import LocalSigner
from contracts.transactions import Fees, sign_call, suggest_fees

APPROVE_GAS = 60_000
POLL_S = 0.05
AT_ONCE = 50
LONGEST_S = 300.0


async def presigned_per_s(premises: Premises, test_euro: str, number: int) -> float:
    """Approvals of the test euro, a word of the contract's storage each as a mint is, by the deployer, who has nothing
    else to do any more: from the first broadcast to the block that holds the last one."""
    key = LocalSigner(bytes.fromhex(platform_keys(premises.folder).deployer[2:]))
    async with HttpRpc(premises.chain_url) as rpc:
        chain_id = int(await rpc.call("eth_chainId"), 16)
        first = int(await rpc.call("eth_getTransactionCount", key.address, "latest"), 16)
        suggested = await suggest_fees(rpc)
        fees = Fees(suggested.max_fee * 4, suggested.max_priority_fee)
        raw = []
        for nonce in range(first, first + number):
            call = token.approve(test_euro, str(to_checksum_address(os.urandom(20))), 1)
            raw.append((await sign_call(key, call, nonce=nonce, gas=APPROVE_GAS, fees=fees, chain_id=chain_id)).raw)
        begun = time.perf_counter()
        for start in range(0, number, AT_ONCE):
            part = raw[start : start + AT_ONCE]
            await asyncio.gather(*(rpc.call("eth_sendRawTransaction", "0x" + one.hex()) for one in part))
        async with asyncio.timeout(LONGEST_S):
            while int(await rpc.call("eth_getTransactionCount", key.address, "latest"), 16) < first + number:  # noqa: ASYNC110
                await asyncio.sleep(POLL_S)
        return number / (time.perf_counter() - begun)
