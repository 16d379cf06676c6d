"""A process of its own that pays keys from the shared account, then looks after everything until it is ended."""

import asyncio
import json
import sys
from datetime import UTC, datetime
from typing import Any

from contracts.bindings import token
from contracts.rpc import HttpRpc
from contracts.sender import OnceSender
from contracts.sending.policy import SendingPolicy
from contracts.signers import LocalSigner
from marketplace.persistence.database import Database
from tests.contracts.sending.integration.yard import CHAIN_ID

POLICY = SendingPolicy(confirmations=1, hole_after_s=1.0)
ROUND_S = 0.1


async def work(given: dict[str, Any]) -> None:
    database = Database(given["database"])
    async with HttpRpc(given["rpc"]) as rpc:
        signer = LocalSigner(bytes.fromhex(given["key"]))
        memory = database.chain_transactions()
        sender = OnceSender(rpc, signer, memory, CHAIN_ID, POLICY, now=lambda: datetime.now(UTC))
        call = token.transfer(given["euro"], given["payee"], 1)

        async def pay(keys: list[str]) -> None:
            for key in keys:
                await sender.submit(key, call)
                print(f"sent {key}", flush=True)

        lanes = [given["keys"][lane :: given["lanes"]] for lane in range(given["lanes"])]

        async def care() -> None:
            while asked or await memory.pending(signer.address):
                await sender.reconcile()
                await asyncio.sleep(ROUND_S)

        asked = True
        caring = asyncio.create_task(care())
        await asyncio.gather(*(pay(lane) for lane in lanes))
        asked = False
        await caring
    await database.close()
    print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(work(json.loads(sys.argv[1])))
