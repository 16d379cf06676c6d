"""The arbiter of the development chain: divides what is disputed with its own key, without the platform."""

from pathlib import Path

from eth_utils.address import to_checksum_address

from bootstrap.secrets_store import platform_keys
from bootstrap.settings import Settings
from contracts.bindings import agreement as moves
from contracts.bindings.agreement import Authorisation
from contracts.deployer import AddressBook
from contracts.rpc import HttpRpc
from contracts.signers import LocalSigner
from contracts.terms import What, action_typed_data, number_word
from contracts.transactions import broadcast, estimate_gas, sign_call, suggest_fees, wait_for_receipt
from contracts.translation import packed, unhexed
from marketplace.domain.agreement import Agreement
from marketplace.persistence.database import Database
from marketplace.ports.chain import resolution

A_LONG_TIME = 2**40 - 1


async def delivery_of(folder: Path, order_id: str) -> Agreement:
    """The delivery's agreement, as the platform remembers its terms."""
    database = Database(Settings(data_dir=folder).database)
    try:
        async with database.unit_of_work().read() as tx:
            return (await tx.agreements.of_order(order_id))[0]
    finally:
        await database.close()


async def divide(folder: Path, chain_url: str, book: AddressBook, order_id: str, payee_bps: int) -> None:
    """The arbiter signs the manufacturer's share of what is held; anybody sends it."""
    keys = platform_keys(folder)
    arbiter, sender = (LocalSigner(bytes.fromhex(key[2:])) for key in (keys.arbiter, keys.deployer))
    delivery = await delivery_of(folder, order_id)
    terms, at = packed(delivery.terms), to_checksum_address(delivery.address)
    async with HttpRpc(chain_url) as rpc:
        books = await moves.books(rpc, at, terms)
        number = number_word(resolution(books.disputed_at, payee_bps))
        place = {"chain_id": book.chain_id, "factory": book.factory}
        typed = action_typed_data(unhexed(delivery.id), What.RESOLVE, number, A_LONG_TIME, **place)
        signed = Authorisation(A_LONG_TIME, await arbiter.sign_typed_data(typed))
        call = moves.resolve(at, terms, payee_bps, signed)
        nonce = int(str(await rpc.call("eth_getTransactionCount", sender.address, "latest")), 16)
        gas, fees = await estimate_gas(rpc, sender.address, call), await suggest_fees(rpc)
        sent = await sign_call(sender, call, nonce=nonce, gas=gas, fees=fees, chain_id=book.chain_id)
        await broadcast(rpc, sent.raw)
        await wait_for_receipt(rpc, sent.hash)
