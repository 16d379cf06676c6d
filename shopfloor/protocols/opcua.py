"""OPC UA client for an ISA-95 job-order receiver: one session, and the outer loop that keeps having one.

Three kinds of failure are told apart, because a person does something else about each: the machine is offline
(wait), it refuses our credentials or certificate (fix the settings), it is not what we need (never will be).
asyncua's own reconnection stays off: two loops would race, and only ours reads everything again afterwards.
"""

import asyncio
import logging
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from ipaddress import ip_address
from urllib.parse import urlsplit

from asyncua import ua
from asyncua.client.client import Client
from asyncua.crypto.security_policies import SecurityPolicyBasic256Sha256
from asyncua.crypto.truststore import TrustStore
from asyncua.crypto.validator import CertificateValidator, CertificateValidatorOptions

from shopfloor.protocols.ending import end
from shopfloor.protocols.isa95 import NAMESPACE_URI, ExecutionMode
from shopfloor.protocols.opcua_errors import (
    CertificateRefused,
    CredentialsRefused,
    MachineError,
    MachineOffline,
    MachineUnsuitable,
    translated,
)
from shopfloor.protocols.opcua_session import QUEUE_SIZE, Gap, MachineSession, OpcuaSettings, Security, Update

__all__ = [
    "CertificateRefused",
    "CredentialsRefused",
    "Gap",
    "MachineError",
    "MachineOffline",
    "MachineSession",
    "MachineUnsuitable",
    "OpcuaSettings",
    "Security",
    "Update",
    "keep_session",
    "open_session",
]

_log = logging.getLogger(__name__)
_SESSION_MS = 600_000  # what servers grant anyway; asking for more only makes asyncua complain
_METHODS = ("StoreAndStart", "Abort")


def _is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    with suppress(ValueError):
        return ip_address(host).is_loopback
    return host == "localhost"


async def _client(settings: OpcuaSettings) -> Client:
    client = Client(
        settings.url, timeout=settings.request_timeout_s, watchdog_intervall=settings.watchdog_s, auto_reconnect=False
    )
    client.session_timeout = _SESSION_MS
    client.set_user(settings.user)
    client.set_password(settings.password)
    if (security := settings.security) is None:
        if not _is_loopback(settings.url):
            raise CertificateRefused("a password leaves this host only encrypted: set up certificates")
        return client
    client.application_uri = security.application_uri
    # Unless a validator is set, asyncua trusts any server certificate.
    trust = TrustStore([security.trusted], [])
    await trust.load()
    options = CertificateValidatorOptions
    client.certificate_validator = CertificateValidator(options.TRUSTED_VALIDATION | options.PEER_SERVER, trust)
    await client.set_security(SecurityPolicyBasic256Sha256, str(security.certificate), str(security.private_key))
    return client


@asynccontextmanager
async def open_session(settings: OpcuaSettings) -> AsyncIterator[MachineSession]:
    """Connect, log in, find the cell, subscribe. Raises the MachineError that says what is wrong."""
    with translated():
        client = await _client(settings)
        try:
            async with asyncio.timeout(settings.connect_timeout_s):
                await client.connect()
        except BaseException:
            client.disconnect_socket()  # asyncua leaves it open when connect is cancelled
            raise
    tasks: list[asyncio.Task[None]] = []
    try:
        with translated():
            session = await _prepare(client, settings)
            session.offer(Update(await session.job_list(), resync=True))
            subscription = await client.create_subscription(settings.publish_ms, queue_maxsize=QUEUE_SIZE)
            await subscription.subscribe_data_change(session.nodes["JobOrderList"], queuesize=QUEUE_SIZE)

        async def lost(error: Exception) -> None:
            session.fail(MachineOffline(type(error).__name__))

        client.connection_lost_callback = lost
        tasks = [asyncio.create_task(session.pump(subscription)), asyncio.create_task(session.watch())]
        yield session
    finally:
        await end(tasks, 1.0)
        with suppress(Exception):  # a dead link has nothing left to close
            async with asyncio.timeout(settings.request_timeout_s):
                await client.disconnect()


async def _prepare(client: Client, settings: OpcuaSettings) -> MachineSession:
    try:
        index = await client.get_namespace_index(NAMESPACE_URI)
        cell = await client.nodes.objects.get_child(ua.QualifiedName(settings.cell, index))
        nodes = {
            name: await cell.get_child(ua.QualifiedName(name, index))
            for name in (*_METHODS, "JobOrderList", "JobExecutionMode")
        }
    except (ua.uaerrors.BadNoMatch, ValueError) as error:
        raise MachineUnsuitable("no job-order receiver of this name") from error
    session = MachineSession(client, cell, nodes, settings)
    session.mode = ExecutionMode(await nodes["JobExecutionMode"].read_value())
    return session


async def keep_session(settings: OpcuaSettings, serve: Callable[[MachineSession], Awaitable[None]]) -> None:
    """Serve one session after another, for ever, until cancelled; the second and later ones carry `gap`.

    `serve` ends by raising a MachineError. Waits grow with full jitter up to `backoff_max_s`, at once to the
    maximum when a person is needed. Each change of condition is logged once.
    """
    loop = asyncio.get_running_loop()
    lost_at, reason, delay = None, "", settings.backoff_min_s
    while True:
        try:
            async with open_session(settings) as session:
                if lost_at is not None:
                    session.gap = Gap(loop.time() - lost_at, reason)
                _log.info("%s: connected", settings.cell)
                lost_at, reason, delay = None, "", settings.backoff_min_s
                await serve(session)
        except MachineError as error:
            lost_at = loop.time() if lost_at is None else lost_at
            if (said := f"{type(error).__name__}: {error}") != reason:
                _log.warning("%s: %s", settings.cell, said)
            reason = said
            if not isinstance(error, MachineOffline):
                delay = settings.backoff_max_s
        await asyncio.sleep(random.SystemRandom().uniform(delay / 2, delay))
        delay = min(delay * 2, settings.backoff_max_s)
