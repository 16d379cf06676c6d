"""Puts the contracts on a chain and writes the address book."""

from bootstrap.secrets_store import platform_keys
from bootstrap.settings import Settings, SettingsRefused
from contracts.deployer import AddressBook, deploy
from contracts.errors import ContractsError
from contracts.rpc import HttpRpc
from contracts.signers import LocalSigner


def address_of(key: str) -> str:
    """The address of a 0x-hex key."""
    return LocalSigner(bytes.fromhex(key[2:])).address


async def deploy_development(settings: Settings) -> AddressBook:
    """Deploy with the development keys; the relayer may mint the test euro. Raises SettingsRefused."""
    if not settings.development:
        raise SettingsRefused("development keys deploy only in the development profile")
    keys = platform_keys(settings.data_dir)
    deployer = LocalSigner(bytes.fromhex(keys.deployer[2:]))
    minter = address_of(keys.relayer)
    try:
        async with HttpRpc(settings.chain_url) as rpc:
            book = await deploy(rpc, deployer, fee_receiver=address_of(keys.fee_receiver), minter=minter)
    except ContractsError as error:
        raise SettingsRefused(f"nothing is deployed at {settings.chain_url}: {error}") from error
    book.save(settings.address_book)
    return book
