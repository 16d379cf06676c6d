"""Builds everything from the settings, in one place, and closes it again."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import rfc8785

from bootstrap import secrets_store
from bootstrap.broker import Broker
from bootstrap.calls import Calls
from bootstrap.deploy import DEVELOPMENT_CHAIN_IDS
from bootstrap.federation import federation_of
from bootstrap.files import read_if_there
from bootstrap.log_keeper import LogKeeper, kept_log
from bootstrap.logs import add_context
from bootstrap.metrics import Metrics
from bootstrap.production import wiring_refusals
from bootstrap.settings import Settings, SettingsRefused
from bootstrap.system import SystemClock, new_id, random_hash, unix_time
from bootstrap.telemetry import ProcessTelemetry
from bootstrap.tracing import TracedRpc, Tracing
from contracts.adapter import ChainAdapter
from contracts.deployer import AddressBook
from contracts.guard import Expected, GuardedNode
from contracts.rpc import HttpRpc, Rpc
from contracts.sending.policy import GWEI, SendingPolicy
from contracts.signers import KeystoreSigner, LocalSigner, Signer
from marketplace.application.catalogue import load_catalogue
from marketplace.application.context import Context, Policy
from marketplace.persistence.database import Database
from marketplace.ports import activity
from marketplace.ports.mail import NO_MAIL, MailSender
from marketplace.ports.stores import GatewayCommandStore
from matchmaking.adapter import FederationAdapter, SelectionAdapter
from matchmaking.efpf.client import FederatedClient
from matchmaking.efpf.transport import open_http_client
from notifications.adapter import MailAdapter, PushAdapter
from notifications.mail import MailFolder, MailServer, SmtpSender
from notifications.vapid import VapidKey, generate_vapid_key, load_vapid_key
from notifications.web_push import KNOWN_PUSH_SERVICES, WebPushSender
from shopfloor.adapter import JobDispatchAdapter

if TYPE_CHECKING:
    from notifications.fcm import FcmSender

log = logging.getLogger(__name__)

ADDRESS_BOOK_POLL_S = 0.05
REQUEST_WAITS_S = 3
"""How long a request waits for its turn at the database. The longest wait measured with 8 busy writers was 1.4 s."""
REQUEST_TRANSACTION_S = 4.0
"""How long one of its transactions may take before it is told that the database is away."""
CONFIRMATIONS = 12
"""Two and a half minutes of Ethereum, whose forks are a block or two deep."""
BLOCK_TIME_S = 12.0
"""Ethereum's slot."""


@dataclass(frozen=True, slots=True)
class Container:
    """What a process needs."""

    settings: Settings
    ctx: Context
    database: Database
    commands: GatewayCommandStore
    vapid: VapidKey
    jwt_secret: str
    log_keeper: LogKeeper
    metrics: Metrics
    tracing: Tracing | None = None
    broker: Broker | None = None


@asynccontextmanager
async def open_container(
    settings: Settings, tracing: Tracing | None = None, calls: Calls | None = None, *, answers_people: bool = False
) -> AsyncIterator[Container]:
    """Everything wired, the database up to date. Raises SettingsRefused.

    `tracing` is closed with the rest; into `calls` go the effects that a broker tells of. A process that
    `answers_people` tells them soon that the database is away; any other one waits for it.
    """
    async with AsyncExitStack() as stack:
        if tracing is not None:
            stack.push_async_callback(asyncio.to_thread, tracing.close)
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        database = _database(settings, hurried=answers_people)
        stack.push_async_callback(database.close)
        await database.migrate()
        clock = SystemClock()
        keeper = LogKeeper(database.log_records(), clock.now)
        add_context(activity.current)
        await stack.enter_async_context(kept_log(keeper))
        vapid, metrics = _vapid(settings), Metrics()
        chain = await _chain(settings, database, stack, tracing)
        broker = Broker(settings.broker_url, calls) if settings.broker_url else None
        if broker is not None:
            await stack.enter_async_context(broker.running())
        ctx = Context(
            uow=database.unit_of_work(broker.announce if broker else None),
            clock=clock,
            chain=chain,
            directory=FederationAdapter(await _federation(settings, clock, stack)),
            selection=SelectionAdapter(),
            push=await _push(settings, vapid, stack),
            mail=_mail(settings),
            dispatch=JobDispatchAdapter(database.gateway_commands()),
            catalogue=load_catalogue(settings.catalogue_dir),
            policy=_policy(settings, chain.depth),
            new_id=new_id,
            random_hash=random_hash,
            canonical=_canonical,
            random=random.random,
            telemetry=ProcessTelemetry(metrics, tracing),
        )
        secret = settings.jwt_secret.get_secret_value() or secrets_store.jwt_secret(settings.data_dir)
        yield Container(
            settings, ctx, database, database.gateway_commands(), vapid, secret, keeper, metrics, tracing, broker
        )


def _database(settings: Settings, *, hurried: bool) -> Database:
    if not hurried:
        return Database(settings.database)
    return Database(settings.database, REQUEST_WAITS_S, transaction_timeout_s=REQUEST_TRANSACTION_S)


def _canonical(value: Any) -> bytes:
    return rfc8785.dumps(value)


def _policy(settings: Settings, confirmations: int) -> Policy:
    return Policy(
        quote_validity_s=settings.quote_validity_s,
        answer_s=settings.answer_s,
        answer_share_bps=settings.answer_share_bps,
        contest_window_s=settings.contest_window_s,
        accept_window_s=settings.accept_window_s,
        search_retry_s=settings.search_retry_s,
        confirmations=confirmations,
        development=settings.development,
    )


async def _chain(
    settings: Settings, database: Database, stack: AsyncExitStack, tracing: Tracing | None
) -> ChainAdapter:
    book = AddressBook.from_json(await _address_book(settings.address_book, settings.start_patience_s))
    relayer, arbiter = _platform_signers(settings, book)
    money = settings.token or book.test_euro
    if money is None:
        raise SettingsRefused("no settlement token: set TOKEN, or deploy the test euro in development")
    if not settings.development:
        _refuse_development_parts(book, money=money, relayer=relayer.address, arbiter=arbiter)
    rpc = HttpRpc(settings.chain_url)
    stack.push_async_callback(rpc.close)
    traced: Rpc = rpc if tracing is None else TracedRpc(rpc, tracing)
    return ChainAdapter(
        traced,
        _guarded(settings, book, traced, stack),
        book,
        relayer,
        database.chain_transactions(),
        money=money,
        arbiter=arbiter,
        fee_bps=settings.fee_bps,
        development=settings.development,
        now=SystemClock().now,
        sending=SendingPolicy(
            max_fee_wei=settings.max_fee_gwei * GWEI,
            replace_after_s=settings.replace_after_s,
            reserve_wei=settings.relayer_reserve_gwei * GWEI,
        ),
    )


def _guarded(settings: Settings, book: AddressBook, rpc: Rpc, stack: AsyncExitStack) -> GuardedNode:
    """The node, and what is expected of its chain. One for development forks never, and rests while nobody needs it."""
    rests = book.chain_id in DEVELOPMENT_CHAIN_IDS
    depth, beat_s, witness = settings.confirmations, settings.block_time_s, None
    if depth is None:
        depth = 0 if rests else CONFIRMATIONS
    if beat_s is None:
        beat_s = 0.0 if rests else BLOCK_TIME_S
    if settings.chain_witness_url:
        witness = HttpRpc(settings.chain_witness_url)
        stack.push_async_callback(witness.close)
    expected = Expected(book.chain_id, book.genesis, beat_s, None if depth == "finalized" else depth)
    return GuardedNode(rpc, expected, SystemClock().now, witness)


def _refuse_development_parts(book: AddressBook, *, money: str, relayer: str, arbiter: str) -> None:
    ids = frozenset(DEVELOPMENT_CHAIN_IDS)
    found = "; ".join(
        wiring_refusals(book.chain_id, ids, money=money, test_euro=book.test_euro, relayer=relayer, arbiter=arbiter)
    )
    if found:
        raise SettingsRefused(found)


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
    return FederatedClient(federation_of(settings), http, clock=clock.now)


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


def _mail(settings: Settings) -> MailSender:
    """By the mail server; without one, in development, into a folder where people look for their letters."""
    if settings.mail_url:
        server = MailServer.of(settings.mail_url)
        return MailAdapter(SmtpSender(server, sender=settings.mail_from, now=unix_time))
    if settings.development:
        return MailAdapter(MailFolder(settings.data_dir / "mail", sender=settings.mail_from, now=unix_time))
    return NO_MAIL


def _fcm(settings: Settings) -> "FcmSender | None":
    if settings.fcm_credentials is None:
        return None
    import firebase_admin  # noqa: PLC0415 - a second to import, and only where it is used
    from firebase_admin import credentials  # noqa: PLC0415

    from notifications.fcm import FcmSender  # noqa: PLC0415

    app = firebase_admin.initialize_app(credentials.Certificate(str(settings.fcm_credentials)))
    return FcmSender(app, now=unix_time)
