"""Builds everything from the settings, in one place, and closes it again."""

import asyncio
import logging
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rfc8785

from bootstrap import secrets_store
from bootstrap.deploy import DEVELOPMENT_CHAIN_IDS
from bootstrap.files import read_if_there
from bootstrap.settings import Settings, SettingsRefused
from bootstrap.system import SystemClock, new_id, random_hash, unix_time
from contracts.adapter import ChainAdapter
from contracts.deployer import AddressBook
from contracts.rpc import HttpRpc
from contracts.signers import KeystoreSigner, LocalSigner, Signer
from marketplace.application.catalogue import load_catalogue
from marketplace.application.context import Context, Policy
from marketplace.persistence.database import Database
from marketplace.ports.stores import GatewayCommandStore
from matchmaking.adapter import FederationAdapter, SelectionAdapter
from matchmaking.efpf.client import FederatedClient
from matchmaking.efpf.config import FederationConfig, GatewayConfig
from matchmaking.efpf.transport import open_http_client
from notifications.adapter import PushAdapter
from notifications.vapid import VapidKey, generate_vapid_key, load_vapid_key
from notifications.web_push import KNOWN_PUSH_SERVICES, WebPushSender
from shopfloor.adapter import JobDispatchAdapter

if TYPE_CHECKING:
    from notifications.fcm import FcmSender

log = logging.getLogger(__name__)

ADDRESS_BOOK_POLL_S = 0.05


@dataclass(frozen=True, slots=True)
class Container:
    """What a process needs."""

    settings: Settings
    ctx: Context
    database: Database
    commands: GatewayCommandStore
    vapid: VapidKey
    jwt_secret: str


@asynccontextmanager
async def open_container(settings: Settings) -> AsyncIterator[Container]:
    """Everything wired, the database up to date. Raises SettingsRefused."""
    async with AsyncExitStack() as stack:
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        database = Database(settings.database)
        stack.push_async_callback(database.close)
        await database.migrate()
        clock = SystemClock()
        vapid = _vapid(settings)
        ctx = Context(
            uow=database.unit_of_work(),
            clock=clock,
            chain=await _chain(settings, database, stack),
            directory=FederationAdapter(await _federation(settings, clock, stack)),
            selection=SelectionAdapter(),
            push=await _push(settings, vapid, stack),
            dispatch=JobDispatchAdapter(database.gateway_commands()),
            catalogue=load_catalogue(settings.catalogue_dir),
            policy=_policy(settings),
            new_id=new_id,
            random_hash=random_hash,
            canonical=_canonical,
        )
        secret = settings.jwt_secret.get_secret_value() or secrets_store.jwt_secret(settings.data_dir)
        yield Container(settings, ctx, database, database.gateway_commands(), vapid, secret)


def _canonical(value: Any) -> bytes:
    return rfc8785.dumps(value)


def _policy(settings: Settings) -> Policy:
    return Policy(
        quote_validity_s=settings.quote_validity_s,
        contest_window_s=settings.contest_window_s,
        accept_window_s=settings.accept_window_s,
        search_retry_s=settings.search_retry_s,
        development=settings.development,
    )


async def _chain(settings: Settings, database: Database, stack: AsyncExitStack) -> ChainAdapter:
    book = AddressBook.from_json(await _address_book(settings.address_book, settings.start_patience_s))
    relayer, arbiter = _platform_signers(settings, book)
    money = settings.token or book.test_euro
    if money is None:
        raise SettingsRefused("no settlement token: set TOKEN, or deploy the test euro in development")
    if not settings.development and money == book.test_euro:
        raise SettingsRefused("the test euro is no money: set TOKEN to a listed token")
    rpc = HttpRpc(settings.chain_url)
    stack.push_async_callback(rpc.close)
    return ChainAdapter(
        rpc,
        book,
        relayer,
        database.chain_transactions(),
        money=money,
        arbiter=arbiter,
        fee_bps=settings.fee_bps,
        development=settings.development,
    )


async def _address_book(path: Path, patience_s: float) -> str:
    """The file's text, awaited where another process is about to write it. Raises SettingsRefused."""
    until = time.monotonic() + patience_s
    while (text := read_if_there(path)) is None:
        if time.monotonic() >= until:
            raise SettingsRefused(f"{path} is missing: run `lotsizeone deploy` first")
        await asyncio.sleep(ADDRESS_BOOK_POLL_S)
    return text


def _platform_signers(settings: Settings, book: AddressBook) -> tuple[Signer, str]:
    if settings.relayer_keystore is not None:
        password = settings.relayer_password.get_secret_value()
        return KeystoreSigner.open(settings.relayer_keystore, password), settings.arbiter
    if book.chain_id not in DEVELOPMENT_CHAIN_IDS:
        raise SettingsRefused(f"development keys do not sign on chain {book.chain_id}: set RELAYER_KEYSTORE")
    keys = secrets_store.platform_keys(settings.data_dir)
    arbiter = settings.arbiter or LocalSigner(bytes.fromhex(keys.arbiter[2:])).address
    return LocalSigner(bytes.fromhex(keys.relayer[2:])), arbiter


async def _federation(settings: Settings, clock: SystemClock, stack: AsyncExitStack) -> FederatedClient:
    http = await stack.enter_async_context(open_http_client())
    password = settings.registry_password.get_secret_value() or secrets_store.registry_password(settings.data_dir)
    gateway = GatewayConfig(
        gateway_id="registry",
        base_url=settings.registry_url,
        username=settings.registry_user,
        password=password,
        private=settings.development,
    )
    return FederatedClient(FederationConfig((gateway,)), http, clock=clock.now)


def _vapid(settings: Settings) -> VapidKey:
    given = settings.vapid_private_key.get_secret_value()
    if not given:
        given = secrets_store.vapid_private_key(settings.data_dir, lambda: generate_vapid_key().private_key)
    return load_vapid_key(given)


async def _push(settings: Settings, vapid: VapidKey, stack: AsyncExitStack) -> PushAdapter:
    web_push = WebPushSender(
        key=vapid,
        subject=settings.push_contact,
        now=unix_time,
        allowed_origins=(*KNOWN_PUSH_SERVICES, *settings.push_origins),
    )
    stack.push_async_callback(web_push.aclose)
    return PushAdapter(web_push=web_push, fcm=_fcm(settings))


def _fcm(settings: Settings) -> "FcmSender | None":
    if settings.fcm_credentials is None:
        return None
    import firebase_admin  # noqa: PLC0415 - a second to import, and only where it is used
    from firebase_admin import credentials  # noqa: PLC0415

    from notifications.fcm import FcmSender  # noqa: PLC0415

    app = firebase_admin.initialize_app(credentials.Certificate(str(settings.fcm_credentials)))
    return FcmSender(app, now=unix_time)
