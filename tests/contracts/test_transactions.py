"""Signing, sending and the truth about it."""

import json
from pathlib import Path
from typing import Any

import pytest

from contracts.bindings import token
from contracts.bindings.call import Call
from contracts.errors import (
    AlreadyDone,
    BadTerms,
    NodeRefused,
    NotYet,
    UnknownRevert,
    from_revert,
)
from contracts.signers import KeystoreError, KeystoreSigner, LocalSigner, Signer, encrypt_key
from contracts.transactions import (
    Broadcast,
    FeeCeilingError,
    Fees,
    SignedCall,
    TransactionFailed,
    TransactionTimeout,
    broadcast,
    hand_in,
    sign_call,
    suggest_fees,
    wait_for_receipt,
)
from tests.contracts.world import ADDRESS, CHAIN_ID, SIGNERS, World

FEES = Fees(10**11, 10**9)


async def _signed(world: World, *, nonce: int = 0, gas: int = 21_000, fees: Fees = FEES, **call: Any) -> SignedCall:
    del world
    message = Call(call.get("to", ADDRESS["stranger"]), call.get("data", b""), call.get("value", 1))
    return await sign_call(SIGNERS["relayer"], message, nonce=nonce, gas=gas, fees=fees, chain_id=CHAIN_ID)


async def _receipt(world: World, signed: SignedCall) -> Any:
    return await world.rpc.call("eth_getTransactionReceipt", signed.hash)


async def test_hash_is_the_chains_and_signing_again_gives_the_same_bytes(world: World) -> None:
    signed = await _signed(world)
    assert await _signed(world) == signed
    assert await world.rpc.call("eth_sendRawTransaction", "0x" + signed.raw.hex()) == signed.hash


async def test_sending_twice_is_harmless(world: World) -> None:
    signed = await _signed(world)
    before = int(await world.rpc.call("eth_getBalance", ADDRESS["stranger"]), 16)
    assert await broadcast(world.rpc, signed.raw) is Broadcast.SENT
    assert await broadcast(world.rpc, signed.raw) is Broadcast.KNOWN
    after = int(await world.rpc.call("eth_getBalance", ADDRESS["stranger"]), 16)
    assert after - before == 1
    assert (await wait_for_receipt(world.rpc, signed.hash))["status"] == "0x1"


async def test_a_used_nonce_is_told_and_the_receipts_say_by_which_attempt(world: World) -> None:
    first, second = await _signed(world, value=1), await _signed(world, value=2)
    await broadcast(world.rpc, first.raw)
    assert await broadcast(world.rpc, second.raw) is Broadcast.NONCE_USED
    receipts = [await _receipt(world, one) for one in (first, second)]
    assert [receipt is not None for receipt in receipts] == [True, False]


async def test_waiting_transaction_is_seen_and_replaced_by_a_better_offer_only(world: World) -> None:
    node = world.rpc.node
    first = await _signed(world, nonce=1)
    node.submit(first.raw)
    worse = await _signed(world, nonce=1, fees=Fees(FEES.max_fee + 1, FEES.max_priority_fee + 1))
    assert await broadcast(world.rpc, worse.raw) is Broadcast.UNDERPRICED
    better = await _signed(world, nonce=1, fees=FEES.bumped(ceiling=10**12))
    assert await broadcast(world.rpc, better.raw) is Broadcast.SENT
    await broadcast(world.rpc, (await _signed(world, nonce=0)).raw)
    receipts = [await _receipt(world, one) for one in (first, better)]
    assert [receipt is not None for receipt in receipts] == [False, True]


async def test_refusals_that_no_retry_mends_are_raised(world: World) -> None:
    poor = LocalSigner(b"\x99" * 32)
    call = Call(ADDRESS["stranger"], b"")
    raw = (await sign_call(poor, call, nonce=0, gas=21_000, fees=FEES, chain_id=CHAIN_ID)).raw
    with pytest.raises(NodeRefused, match="insufficient funds"):
        await broadcast(world.rpc, raw)
    other = (await sign_call(SIGNERS["relayer"], call, nonce=0, gas=21_000, fees=FEES, chain_id=1)).raw
    with pytest.raises(NodeRefused, match="chain id"):
        await broadcast(world.rpc, other)
    with pytest.raises(NodeRefused, match="not a signed transaction"):
        await broadcast(world.rpc, b"\x02nonsense")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("nonce too low: next nonce 7, tx nonce 5", Broadcast.NONCE_USED),
        ("transaction already imported", Broadcast.KNOWN),
        ("already known", Broadcast.KNOWN),
        ("known transaction: 0x12", Broadcast.KNOWN),
        ("unknown transaction type", Broadcast.REFUSED),
        ("replacement transaction underpriced", Broadcast.UNDERPRICED),
        ("max fee per gas less than block base fee", Broadcast.TOO_CHEAP),
        ("Insufficient funds for gas * price + value", Broadcast.NO_MONEY),
        ("exceeds block gas limit", Broadcast.REFUSED),
    ],
)
async def test_the_words_of_nodes_are_understood(words: str, said: Broadcast) -> None:
    """Of geth, Anvil and our devchain."""

    class Refusing:
        async def call(self, method: str, *params: object) -> Any:
            raise NodeRefused(-32_000, words)

    ((found, repeated),) = await hand_in(Refusing(), [b"\x02"])
    assert found is said
    assert not repeated or words in repeated


async def test_failed_transaction_is_a_mined_one(world: World) -> None:
    assert world.book.test_euro is not None
    call = token.mint(world.book.test_euro, ADDRESS["stranger"], 5)
    signed = await _signed(world, to=call.to, data=call.data, value=0, gas=200_000)
    await broadcast(world.rpc, signed.raw)
    assert (await _receipt(world, signed))["status"] == "0x0"
    with pytest.raises(TransactionFailed):
        await wait_for_receipt(world.rpc, signed.hash)


async def test_waiting_has_a_deadline(world: World) -> None:
    with pytest.raises(TransactionTimeout):
        await wait_for_receipt(world.rpc, "0x" + "00" * 32, timeout_s=0.1, poll_s=0.02)


def test_bump_is_an_eighth_rounded_up_and_has_a_ceiling() -> None:
    assert Fees(100, 1).bumped(ceiling=113) == Fees(113, 2)
    with pytest.raises(FeeCeilingError):
        Fees(100, 1).bumped(ceiling=112)


async def test_suggested_fees_pay_for_the_next_blocks(world: World) -> None:
    fees = await suggest_fees(world.rpc)
    head = await world.rpc.call("eth_getBlockByNumber", "latest", False)
    assert fees.max_fee >= 2 * int(head["baseFeePerGas"], 16)
    assert 0 < fees.max_priority_fee < fees.max_fee


async def test_keystore_opens_with_its_password_only(tmp_path: Path) -> None:
    path = tmp_path / "relayer.json"
    path.write_text(json.dumps(encrypt_key(b"\x07" * 32, "right", iterations=2)), "utf-8")
    signer = KeystoreSigner.open(path, "right")
    assert isinstance(signer, Signer)
    assert signer.address == LocalSigner(b"\x07" * 32).address
    assert "07" * 32 not in repr(signer)
    with pytest.raises(KeystoreError):
        KeystoreSigner.open(path, "wrong")
    path.write_text("[]", "utf-8")
    with pytest.raises(KeystoreError):
        KeystoreSigner.open(path, "right")
    with pytest.raises(KeystoreError):
        KeystoreSigner.open(tmp_path / "absent.json", "right")


def test_reverts_become_types() -> None:
    from contracts.abi import fragments  # noqa: PLC0415
    from contracts.artifacts import CONTRACTS  # noqa: PLC0415
    from contracts.errors import _CLASSES  # noqa: PLC0415

    known = {one.name for contract in CONTRACTS for one in fragments(contract, "error")}
    assert _CLASSES.keys() <= known | {"UnexpectedReplacement"}
    early = next(one for one in fragments("DeliveryAgreement", "error") if one.name == "TooEarly")
    error = from_revert(early.encode([77]))
    assert isinstance(error, NotYet)
    assert error.arguments == {"opensAfter": 77}
    assert isinstance(from_revert(b""), UnknownRevert)
    assert isinstance(from_revert(b"\x01\x02\x03\x04"), UnknownRevert)
    assert not issubclass(NotYet, (AlreadyDone, BadTerms))
