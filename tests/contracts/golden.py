"""Vectors that Solidity, Python, TypeScript and the gateway must agree on.

`python -m tests.contracts.golden` writes them. Nothing in them comes from compiled code: addresses follow from the
deployer's nonces. Readers: `tests/contracts/test_terms.py` and `verification/test_golden.py` (Python, and Solidity on
the chain), `mobile_app/tests/golden.test.ts` (TypeScript), `tests/shopfloor/test_evidence.py` (the gateway).

Signatures are RFC 6979's; an implementation with hedged nonces compares the recovered address instead.
"""

import asyncio
import json
from pathlib import Path
from typing import Any

from contracts.deployer import AddressBook, create_address
from contracts.eip712 import TYPES, TypedData, digest, members
from contracts.evidence import leaf, merkle_proof, merkle_root
from contracts.terms import (
    ZERO_WORD,
    Terms,
    What,
    action_typed_data,
    evidence_root_typed_data,
    number_word,
    permit_typed_data,
    split_typed_data,
    typed_data,
    unpack_milestones,
)
from tests.contracts.world import (
    ADDRESS,
    CHAIN_ID,
    PEOPLE,
    PRODUCTION_FINISHED,
    SECRET,
    SIGNERS,
    START,
    LocalRpc,
    World,
)

FILE = Path(__file__).parents[1] / "golden" / "agreement_vectors.json"
DEADLINE = START + 86_400
SPLIT_BPS = 6_000


def planned_book() -> AddressBook:
    """Where the test deployer's contracts end up on every new chain."""
    euro, delivery, supply, factory = (create_address(ADDRESS["deployer"], nonce) for nonce in range(4))
    return AddressBook(CHAIN_ID, factory, delivery, supply, euro, 0)


async def vectors() -> dict[str, Any]:
    """Everything, fit for JSON."""
    rpc: Any = LocalRpc.__new__(LocalRpc)
    world = World(rpc, planned_book())
    delivery, supply, _ = world.batch()
    successor = world.successor_terms(delivery)
    return {
        "about": "Test keys: never use them elsewhere. Words and addresses are hex, wide numbers decimal strings.",
        "chainId": CHAIN_ID,
        "factory": world.book.factory,
        "deliveryImplementation": world.book.delivery_implementation,
        "supplyImplementation": world.book.supply_implementation,
        "token": world.book.test_euro,
        "domain": typed_data(delivery, CHAIN_ID, world.book.factory)["domain"],
        "permitDomain": _permit(world, delivery)["domain"],
        "types": {struct: [{"name": name, "type": kind} for name, kind in members(struct)] for struct in sorted(TYPES)},
        "people": {
            name: {"key": "0x" + (index + 1).to_bytes(32, "big").hex(), "address": ADDRESS[name]}
            for index, name in enumerate(PEOPLE)
        },
        "handoverSecret": _hex(SECRET),
        "agreements": [
            await _agreement(world, "delivery", delivery, "customer", "maker"),
            await _agreement(world, "supply", supply, "maker", "supplier_a"),
            await _agreement(world, "successor", successor, "customer", "maker"),
        ],
        "evidence": await _evidence(world, delivery),
        "permit": await _signed("customer", _permit(world, delivery)),
    }


async def _agreement(world: World, name: str, terms: Terms, payer: str, payee: str) -> dict[str, Any]:
    message = typed_data(terms, CHAIN_ID, world.book.factory)
    identity = world.id(terms)
    lanes = [lane for lane in unpack_milestones(terms.milestones) if lane is not None]
    actions = [
        (payer, What.ACCEPT, ZERO_WORD),
        (payer, What.CONTEST, number_word(1)),
        (payer, What.APPROVE, number_word(1)),
        (payer, What.CANCEL, number_word(terms.amount)),
        (payee, What.DISPUTE, ZERO_WORD),
        ("carrier", What.DELIVERED, ZERO_WORD),
        (payee, What.REVOKE, ZERO_WORD),
        ("arbiter", What.RESOLVE, number_word((START + 3_600) << 16 | SPLIT_BPS)),
        # What is left of the delivery once its advance is paid, and so the least that its successor may receive.
        (payer, What.NOVATE, number_word(terms.amount * 4 // 5)),
    ]
    split = split_typed_data(identity, SPLIT_BPS, DEADLINE, chain_id=CHAIN_ID, factory=world.book.factory)
    return {
        "name": name,
        "terms": message["message"],
        "milestones": [
            {"bps": lane.bps, "eventCode": lane.event_code, "witnessed": int(lane.witnessed)} for lane in lanes
        ],
        "id": _hex(identity),
        "address": world.address(terms),
        "payer": await _signed(payer, message, typed=False),
        "payee": await _signed(payee, message, typed=False),
        "actions": [
            await _signed(
                who,
                action_typed_data(identity, what, data, DEADLINE, chain_id=CHAIN_ID, factory=world.book.factory),
            )
            for who, what, data in actions
        ],
        "splits": [await _signed(who, split) for who in (payer, payee)],
    }


async def _evidence(world: World, terms: Terms) -> dict[str, Any]:
    event = {"eventCode": PRODUCTION_FINISHED, "atMs": str(START * 1_000 + 123), "payloadHash": _hex(b"\x77" * 32)}
    ours = leaf(world.id(terms), terms.spec_hash, PRODUCTION_FINISHED, START * 1_000 + 123, b"\x77" * 32)
    trees = []
    for size in (1, 2, 3, 5, 8):
        leaves = [ours, *(bytes([number]) * 32 for number in range(1, size))]
        trees.append(
            {
                "leaves": [_hex(one) for one in leaves],
                "root": _hex(merkle_root(leaves)),
                "proofs": [[_hex(step) for step in merkle_proof(leaves, i)] for i in range(size)],
            }
        )
    root = bytes.fromhex(trees[-1]["root"][2:])
    message = evidence_root_typed_data(root, 7, b"\x66" * 32, chain_id=CHAIN_ID, factory=world.book.factory)
    return {
        "agreementId": _hex(world.id(terms)),
        "specHash": _hex(terms.spec_hash),
        **event,
        "leaf": _hex(ours),
        "trees": trees,
        "root": await _signed("attestor", message),
    }


def _permit(world: World, terms: Terms) -> TypedData:
    assert world.book.test_euro is not None
    return permit_typed_data(
        owner=ADDRESS["customer"],
        spender=world.book.factory,
        value=terms.amount,
        nonce=0,
        deadline=DEADLINE,
        token=world.book.test_euro,
        token_name="Test Euro",
        chain_id=CHAIN_ID,
    )


async def _signed(who: str, message: TypedData, *, typed: bool = True) -> dict[str, Any]:
    signature = await SIGNERS[who].sign_typed_data(message)
    shown = {"primaryType": message["primaryType"], "message": message["message"]} if typed else {}
    return {"signer": ADDRESS[who], **shown, "digest": _hex(digest(message)), "signature": _hex(signature)}


def _hex(value: bytes) -> str:
    return "0x" + value.hex()


def text() -> str:
    """The file's content."""
    return json.dumps(asyncio.run(vectors()), indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), "utf-8")
