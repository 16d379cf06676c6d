"""Puts the contracts on a chain and writes the address book: with development keys, or with the operator's own."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from eth_utils.address import to_checksum_address

from bootstrap.files import read_if_there
from bootstrap.secrets_store import platform_keys
from bootstrap.settings import Settings, SettingsRefused
from contracts.bindings import token as token_binding
from contracts.bindings.call import read
from contracts.deployer import AddressBook, DeploymentError, Plan, carry_out, deploy, require_settings, verify
from contracts.errors import ContractsError, NodeError
from contracts.rpc import HttpRpc, Rpc
from contracts.signers import KeystoreError, KeystoreSigner, LocalSigner, Signer
from contracts.verification.reader import same

DEVELOPMENT_CHAIN_IDS: Final = frozenset({1337, 31337})
"""Chains on which development keys may sign and play money may be."""
DECIMALS: Final = range(2, 19)
"""Agreements count in cents, and no money in use divides further than 18 places."""
GAS_MONEY_WEI: Final = 10_000 * 10**18

Say = Callable[[str], None]


def address_of(key: str) -> str:
    """The address of a 0x-hex key."""
    return LocalSigner(bytes.fromhex(key[2:])).address


async def deploy_development(settings: Settings) -> AddressBook:
    """The contracts that the folder's address book names, else new ones by the development deployer.

    The folder's relayer may mint the test euro of either. Raises SettingsRefused.
    """
    if not settings.development:
        raise SettingsRefused("development keys deploy only in the development profile: name a --keystore")
    keys = platform_keys(settings.data_dir)
    deployer = LocalSigner(bytes.fromhex(keys.deployer[2:]))
    minter = address_of(keys.relayer)
    try:
        async with HttpRpc(settings.chain_url) as rpc:
            await give_gas_money(rpc, deployer.address, minter)
            book = await _known(rpc, settings.address_book, minter) or await deploy(
                rpc, deployer, fee_receiver=address_of(keys.fee_receiver), minter=minter
            )
    except ContractsError as error:
        raise SettingsRefused(f"nothing is deployed at {settings.chain_url}: {error}") from error
    book.save(settings.address_book)
    return book


async def _known(rpc: Rpc, address_book: Path, minter: str) -> AddressBook | None:
    """The address book, such as `deploy --keystore --data` leaves, if it is true of this chain and of this minter."""
    text = read_if_there(address_book)
    if text is None:
        return None
    try:
        book = AddressBook.from_json(text)
        await verify(rpc, book)
    except DeploymentError:
        return None
    money = book.test_euro
    is_ours = money is not None and same(str(await read(rpc, token_binding.CONTRACT, money, "minter")), minter)
    return book if is_ours else None


async def give_gas_money(rpc: Rpc, *accounts: str) -> None:
    """Ether for accounts that have none, on a chain that is only for development. Raises SettingsRefused, NodeError.

    Our own devchain is born with it; Anvil gives it to whoever asks.
    """
    poor = [one for one in accounts if int(await rpc.call("eth_getBalance", one, "latest"), 16) == 0]
    if not poor:
        return
    chain_id = int(await rpc.call("eth_chainId"), 16)
    if chain_id not in DEVELOPMENT_CHAIN_IDS:
        raise SettingsRefused(f"development keys do not sign on chain {chain_id}: name a --keystore")
    for account in poor:
        try:
            await rpc.call("anvil_setBalance", account, hex(GAS_MONEY_WEI))
        except NodeError as error:
            raise SettingsRefused(f"{account} has no ether to pay gas with, and this node gives none") from error


@dataclass(frozen=True, slots=True)
class Request:
    """A deployment with the operator's own key; `chain_id` None takes whatever chain the node is on."""

    rpc: str
    keystore: Path
    password: str
    fee_receiver: str
    tokens: tuple[str, ...]
    address_book: Path
    chain_id: int | None = None
    arbiter: str | None = None
    minter: str | None = None
    """Who makes test money where there is no other; None is the deployer."""

    @classmethod
    def for_folder(cls, settings: Settings, given: "Request") -> "Request":
        """With the folder's address book, and what a development folder has: its fee receiver and its relayer."""
        filled = replace(given, address_book=settings.address_book)
        if not settings.development:
            return filled
        keys = platform_keys(settings.data_dir)
        fee_receiver = given.fee_receiver or address_of(keys.fee_receiver)
        return replace(filled, fee_receiver=fee_receiver, minter=address_of(keys.relayer))

    @property
    def plan_file(self) -> Path:
        """What a run that ended too early leaves for the next one."""
        return self.address_book.with_suffix(".plan.json")


async def deploy_with_keystore(request: Request, say: Say) -> AddressBook:
    """Deploy, or go on with what an earlier run began, or find that all is there. Raises SettingsRefused."""
    try:
        signer = KeystoreSigner.open(request.keystore, request.password)
        async with HttpRpc(request.rpc) as rpc:
            plan = await _plan(rpc, signer, request)
            known = read_if_there(request.address_book)
            if known is not None:
                return await _there_already(rpc, AddressBook.from_json(known), plan, request, say)
            plan = _remembered(request, plan, say)
            book = await carry_out(rpc, signer, plan)
    except (ContractsError, KeystoreError) as error:
        raise SettingsRefused(f"nothing is deployed at {request.rpc}: {error}") from error
    book.save(request.address_book)
    request.plan_file.unlink(missing_ok=True)
    say(f"deployed on chain {book.chain_id}: {request.address_book}")
    return book


async def _there_already(rpc: Rpc, book: AddressBook, plan: Plan, request: Request, say: Say) -> AddressBook:
    """The address book names contracts of this release with the settings that are asked for."""
    await verify(rpc, book)
    await require_settings(rpc, book, plan)
    request.plan_file.unlink(missing_ok=True)
    say(f"already deployed on chain {book.chain_id}, as {request.address_book} says")
    return book


def _remembered(request: Request, plan: Plan, say: Say) -> Plan:
    """The plan of an earlier run that ended too early, else this one, written down before anything is sent."""
    text = read_if_there(request.plan_file)
    if text is None:
        plan.save(request.plan_file)
        return plan
    begun = Plan.from_json(text)
    if changed := begun.differs(plan):
        other = ", ".join(changed)
        raise DeploymentError(f"{request.plan_file} began with another {other}: repeat it as it was, or remove it")
    say(f"going on with the deployment that {request.plan_file} began")
    return begun


async def _plan(rpc: Rpc, signer: Signer, request: Request) -> Plan:
    """What is to be deployed, checked before anything is paid for. Raises SettingsRefused, NodeError."""
    chain_id = int(await rpc.call("eth_chainId"), 16)
    if request.chain_id not in (None, chain_id):
        raise SettingsRefused(f"the node is on chain {chain_id}, not on chain {request.chain_id}")
    if not request.tokens and chain_id not in DEVELOPMENT_CHAIN_IDS:
        raise SettingsRefused(f"chain {chain_id} is not for development: name the money by --token")
    fee_receiver = _account(request.fee_receiver, "fee receiver")
    if request.arbiter is not None:
        arbiter = _account(request.arbiter, "arbiter")
        if arbiter in (fee_receiver, signer.address):
            raise SettingsRefused("the arbiter must not be the platform: neither the fee receiver nor the deployer")
    tokens = tuple(_account(one, "token") for one in request.tokens)
    if len(set(tokens)) != len(tokens):
        raise SettingsRefused("a token is named twice")
    for one in tokens:
        await _require_money(rpc, one)
    return Plan(
        chain_id=chain_id,
        deployer=signer.address,
        first_nonce=int(await rpc.call("eth_getTransactionCount", signer.address, "pending"), 16),
        fee_receiver=fee_receiver,
        minter=None if tokens else request.minter or signer.address,
        tokens=tokens,
        from_block=int(await rpc.call("eth_blockNumber"), 16),
    )


def _account(text: str, what: str) -> str:
    """The address, checksummed. Raises SettingsRefused, for a slip in an address that carries its checksum too."""
    if not re.fullmatch("0x[0-9a-fA-F]{40}", text) or int(text, 16) == 0:
        raise SettingsRefused(f"{what} {text} is no address: 0x and 40 hex digits, not all zero")
    written, digits = str(to_checksum_address(text)), text[2:]
    if text != written and digits not in (digits.lower(), digits.upper()):
        raise SettingsRefused(f"{what} {text} is mistyped: its capitals are no checksum of it (ERC-55)")
    return written


async def _require_money(rpc: Rpc, token: str) -> None:
    if await rpc.call("eth_getCode", token, "latest") == "0x":
        raise SettingsRefused(f"token {token} is no contract on this chain")
    try:
        decimals = int(await read(rpc, token_binding.CONTRACT, token, "decimals"))
    except NodeError:
        raise
    except Exception as error:  # a contract may answer whatever it likes; eth-abi's errors have no public root
        raise SettingsRefused(f"token {token} does not tell its decimals: it is no ERC-20") from error
    if decimals not in DECIMALS:
        raise SettingsRefused(f"token {token} has {decimals} decimals; agreements count in cents")
