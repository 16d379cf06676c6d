"""A real Safe (v1.5.0, two of three owners) as a party by ERC-1271: it opens agreements, moves them and is paid.

The Safe is the one that organisations use: its published build from npm, not a stand-in.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from eth_abi.abi import decode, encode
from eth_account import Account
from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from contracts.bindings import agreement, factory, token
from contracts.bindings.agreement import Authorisation, Party, State
from contracts.bindings.call import Call
from contracts.bindings.factory import Entry
from contracts.eip712 import TypedData, digest
from contracts.errors import BadSignature
from contracts.terms import (
    ZERO_ADDRESS,
    ZERO_WORD,
    Terms,
    What,
    action_typed_data,
    number_word,
    split_typed_data,
    typed_data,
)
from contracts.verification.verdict import Check, Voucher
from contracts.verification.verify import verify
from tests.contracts.world import ADDRESS, CHAIN_ID, DAY, EURO, PRODUCTION_FINISHED, SIGNERS, START, World
from tests.support import require_server
from tests.tooling.foundry import AUDIT

BUILD = AUDIT / "node_modules" / "@safe-global" / "safe-smart-account" / "build" / "artifacts" / "contracts"
SINGLETON, PROXIES, HANDLER = (
    Path("Safe.sol", "Safe.json"),
    Path("proxies", "SafeProxyFactory.sol", "SafeProxyFactory.json"),
    Path("handler", "CompatibilityFallbackHandler.sol", "CompatibilityFallbackHandler.json"),
)
OWNER_KEYS = [bytes([number]) * 32 for number in (0x41, 0x42, 0x43)]
OWNERS = [Account.from_key(key).address for key in OWNER_KEYS]
FOR_EVER = START + 365 * DAY
TRANSACTION = "address,uint256,bytes,uint8,uint256,uint256,uint256,address,address"


def _call(to: str, signature: str, *arguments: Any) -> Call:
    types = signature[signature.index("(") + 1 : -1]
    return Call(to, keccak(signature.encode())[:4] + encode(types.split(",") if types else [], arguments))


async def _create(world: World, build: Path) -> str:
    creation = json.loads((BUILD / build).read_text("utf-8"))["bytecode"]
    receipt = await world.send("stranger", Call(None, bytes.fromhex(creation[2:])))
    return str(to_checksum_address(receipt["contractAddress"]))


@dataclass
class Safe:
    """An account of three owners that two of them move."""

    world: World
    address: str

    @classmethod
    async def create(cls, world: World, salt: int = 1, owners: Sequence[str] = OWNERS) -> "Safe":
        """As Safe's own deployments do: singleton, proxy factory, and the handler that speaks ERC-1271."""
        if not (BUILD / SINGLETON).is_file():
            require_server("no Safe: run `make setup-audit`")
        singleton, proxies, handler = [await _create(world, build) for build in (SINGLETON, PROXIES, HANDLER)]
        setup = _call(
            singleton,
            "setup(address[],uint256,address,bytes,address,address,uint256,address)",
            list(owners),
            2,
            ZERO_ADDRESS,
            b"",
            handler,
            ZERO_ADDRESS,
            0,
            ZERO_ADDRESS,
        )
        made = _call(proxies, "createProxyWithNonce(address,bytes,uint256)", singleton, setup.data, salt)
        receipt = await world.send("stranger", made)
        created = "0x" + keccak(b"ProxyCreation(address,address)").hex()
        [log] = [log for log in receipt["logs"] if log["topics"][0] == created]
        return cls(world, str(to_checksum_address(log["topics"][1][-40:])))

    def sign(self, message: TypedData, owners: Sequence[int] = (0, 1)) -> bytes:
        """The owners' signatures of a SafeMessage about the digest: what Safe's interface makes of typed data."""
        domain = keccak(
            encode(
                ["bytes32", "uint256", "address"],
                [keccak(b"EIP712Domain(uint256 chainId,address verifyingContract)"), CHAIN_ID, self.address],
            )
        )
        inner = keccak(encode(["bytes32"], [digest(message)]))
        struct = keccak(encode(["bytes32", "bytes32"], [keccak(b"SafeMessage(bytes message)"), inner]))
        return self._signatures(keccak(b"\x19\x01" + domain + struct), owners)

    @staticmethod
    def _signatures(hashed: bytes, owners: Sequence[int]) -> bytes:
        """In the order of their addresses, as Safe wants them."""
        keys = sorted((OWNER_KEYS[owner] for owner in owners), key=lambda key: int(Account.from_key(key).address, 16))
        return b"".join(bytes(Account.unsafe_sign_hash(hashed, key).signature) for key in keys)

    async def execute(self, call: Call, owners: Sequence[int] = (0, 2)) -> dict[str, Any]:
        """A transaction of the Safe's own, sent by a stranger."""
        arguments = [call.to, 0, call.data, 0, 0, 0, 0, ZERO_ADDRESS, ZERO_ADDRESS]
        nonce = await self._ask("nonce()", "uint256")
        hashed = await self._ask(f"getTransactionHash({TRANSACTION},uint256)", "bytes32", *arguments, nonce)
        signature = self._signatures(hashed, owners)
        return await self.world.send(
            "stranger", _call(self.address, f"execTransaction({TRANSACTION},bytes)", *arguments, signature)
        )

    async def _ask(self, signature: str, kind: str, *arguments: Any) -> Any:
        call = _call(self.address, signature, *arguments)
        answer = await self.world.rpc.call("eth_call", {"to": call.to, "data": "0x" + call.data.hex()}, "latest")
        return decode([kind], bytes.fromhex(answer[2:]))[0]

    # ── what a party signs ───────────────────────────────────────────────────────────────────────

    def terms(self, terms: Terms, owners: Sequence[int] = (0, 1)) -> bytes:
        """The signature under terms."""
        return self.sign(typed_data(terms, CHAIN_ID, self.world.book.factory), owners)

    def consent(
        self, terms: Terms, what: What, data: bytes = ZERO_WORD, owners: Sequence[int] = (0, 1)
    ) -> Authorisation:
        """Consent to a move."""
        message = action_typed_data(
            self.world.id(terms), what, data, FOR_EVER, chain_id=CHAIN_ID, factory=self.world.book.factory
        )
        return Authorisation(FOR_EVER, self.sign(message, owners))

    def share(self, terms: Terms, payee_bps: int) -> Authorisation:
        """Consent to a division."""
        factory_address = self.world.book.factory
        message = split_typed_data(
            self.world.id(terms), payee_bps, FOR_EVER, chain_id=CHAIN_ID, factory=factory_address
        )
        return Authorisation(FOR_EVER, self.sign(message, (1, 2)))


async def _entry(world: World, safe: Safe, terms: Terms, owners: Sequence[int] = (0, 1)) -> Entry:
    """The Safe signs as its owners do, everybody else with a key."""
    message = typed_data(terms, CHAIN_ID, world.book.factory)
    keys = {signer.address: signer for signer in SIGNERS.values()}
    payer, payee = [
        safe.terms(terms, owners) if one == safe.address else await keys[one].sign_typed_data(message)
        for one in (terms.payer, terms.payee)
    ]
    return Entry(terms, payer, payee)


def _batch(world: World, safe: Safe) -> list[Terms]:
    """A delivery whose maker is the Safe, and a supply that the Safe pays; the advance funds it."""
    delivery = world.delivery_terms(supplies=1, payee=safe.address)
    return [delivery, world.supply_terms(delivery, "a")]


async def _open(world: World, safe: Safe, terms: Sequence[Terms]) -> None:
    entries = [await _entry(world, safe, one) for one in terms]
    await world.send("relayer", factory.open_batch(world.book.factory, entries))


@pytest.fixture
async def safe(world: World) -> Safe:
    """Two of three."""
    return await Safe.create(world)


async def test_a_safe_makes_pays_and_is_paid(world: World, safe: Safe) -> None:
    """Payee of the delivery, payer of the supply: it signs terms and acceptance, and the money arrives where it is."""
    delivery, supply = batch = _batch(world, safe)
    await _open(world, safe, batch)
    evidence = await world.evidence("attestor_a", supply, PRODUCTION_FINISHED)
    await world.claim(supply, 0, evidence)
    arrived = await world.consent("carrier", supply, What.DELIVERED)
    await world.act("relayer", agreement.delivered_by_carrier, supply, arrived)
    await world.act("relayer", agreement.accept, supply, safe.consent(supply, What.ACCEPT))
    await world.hand_over(delivery)
    accepted = await world.consent("customer", delivery, What.ACCEPT)
    await world.act("relayer", agreement.accept, delivery, accepted)
    world.rpc.warp(START + 10 * DAY)
    await world.act("stranger", agreement.release, delivery)
    assert [(await world.books(one)).state for one in batch] == [State.SETTLED, State.SETTLED]
    # 1,000 less the fee of 2.5 %, less the supply of 120 out of the advance
    assert await token.balance_of(world.rpc, delivery.token, safe.address) == (1_000 - 25 - 120) * EURO

    verdict = await verify(world.rpc, address=world.address(supply))
    assert verdict.failure is None
    signed = {(fact.agreement, fact.check, fact.voucher) for fact in verdict.facts if safe.address in fact.statement}
    assert signed == {
        (world.id(delivery), Check.TERMS_SIGNATURE, Voucher.MAKER),
        (world.id(supply), Check.TERMS_SIGNATURE, Voucher.MAKER),
        (world.id(supply), Check.CONSENT_SIGNATURE, Voucher.MAKER),
    }


async def test_a_safe_buys_with_its_own_allowance_and_moves_by_itself(world: World, safe: Safe) -> None:
    """As payer: the allowance and the cancelling are transactions of the Safe, which then needs no signature."""
    assert world.book.test_euro is not None
    await world.send("deployer", token.mint(world.book.test_euro, safe.address, 1_000 * EURO))
    terms = world.delivery_terms(supplies=0, payer=safe.address)
    await safe.execute(token.approve(world.book.test_euro, world.book.factory, terms.amount))
    await _open(world, safe, [terms])
    await safe.execute(agreement.cancel(world.address(terms), terms, terms.amount))
    assert (await world.books(terms)).state is State.REFUNDED
    # the advance of 20 % is the maker's, and a tenth of the rest
    assert await token.balance_of(world.rpc, terms.token, safe.address) == 720 * EURO
    assert (await verify(world.rpc, address=world.address(terms))).failure is None


async def test_a_safe_splits_disputes_and_takes_new_terms(world: World, safe: Safe) -> None:
    delivery, supply = batch = _batch(world, safe)
    await _open(world, safe, batch)
    supplier = await world.split_consent("supplier_a", supply, 2_500, FOR_EVER)
    await world.act("relayer", agreement.split, supply, 2_500, safe.share(supply, 2_500), supplier)
    assert (await world.books(supply)).state is State.RESOLVED

    new = world.successor_terms(delivery)
    least = delivery.amount * 4 // 5
    entry = await _entry(world, safe, new)
    payer = await world.consent_number("customer", new, What.NOVATE, least)
    await world.send("relayer", factory.novate(world.book.factory, delivery, [entry], least, payer))
    consent = safe.consent(new, What.DISPUTE, number_word(State.OPEN))
    await world.act("relayer", agreement.dispute, new, Party.PAYEE, consent)
    books = await world.books(new)
    assert (books.state, books.disputed_in) == (State.DISPUTED, State.OPEN)
    assert (await verify(world.rpc, address=world.address(new))).failure is None


@pytest.mark.parametrize("owners", [(0,), (0, 0), ()], ids=["one owner", "one owner twice", "nobody"])
async def test_fewer_owners_than_two_open_nothing(world: World, safe: Safe, owners: tuple[int, ...]) -> None:
    delivery, supply = _batch(world, safe)
    entries = [await _entry(world, safe, delivery, owners), await _entry(world, safe, supply)]
    with pytest.raises(BadSignature):
        await world.send("relayer", factory.open_batch(world.book.factory, entries))
    await _open(world, safe, [delivery, supply])


async def test_the_same_owners_signature_for_another_safe_is_none(world: World, safe: Safe) -> None:
    """A SafeMessage names its Safe: who owns two cannot be held to one by what was signed for the other."""
    other = await Safe.create(world, salt=2)
    assert other.address != safe.address
    delivery, supply = _batch(world, safe)
    entry = await _entry(world, safe, delivery)
    replayed = Entry(delivery, entry.payer_signature, other.terms(delivery))
    entries = [replayed, await _entry(world, safe, supply)]
    with pytest.raises(BadSignature):
        await world.send("relayer", factory.open_batch(world.book.factory, entries))


async def test_an_owners_own_signature_is_not_the_safes(world: World, safe: Safe) -> None:
    """One of the owners signs the digest itself, as a key would."""
    await _open(world, safe, batch := _batch(world, safe))
    message = action_typed_data(
        world.id(batch[0]), What.REVOKE, ZERO_WORD, FOR_EVER, chain_id=CHAIN_ID, factory=world.book.factory
    )
    signature = bytes(Account.unsafe_sign_hash(digest(message), OWNER_KEYS[0]).signature)
    with pytest.raises(BadSignature):
        await world.act("relayer", agreement.revoke, batch[0], Authorisation(FOR_EVER, signature))
    await world.act("relayer", agreement.revoke, batch[0], safe.consent(batch[0], What.REVOKE))


async def test_an_owner_who_left_signs_no_more(world: World, safe: Safe) -> None:
    """The Safe is asked when a move happens: a signature that was good and was not used ends with the owner's part."""
    await _open(world, safe, batch := _batch(world, safe))
    consent = safe.consent(batch[0], What.REVOKE, owners=(0, 1))
    newcomer = ADDRESS["stranger"]
    before = await _before(safe, OWNERS[1])
    await safe.execute(
        _call(safe.address, "swapOwner(address,address,address)", before, OWNERS[1], newcomer), owners=(0, 1)
    )
    with pytest.raises(BadSignature):
        await world.act("relayer", agreement.revoke, batch[0], consent)
    verdict = await verify(world.rpc, address=world.address(batch[0]))
    assert verdict.failure is None  # what it signed before is judged by the owners of that block


async def _before(safe: Safe, owner: str) -> str:
    """Safe keeps its owners as a linked list that begins at 1."""
    owners = [str(to_checksum_address(one)) for one in await safe._ask("getOwners()", "address[]")]
    index = owners.index(owner)
    return owners[index - 1] if index else "0x" + "1".rjust(40, "0")
