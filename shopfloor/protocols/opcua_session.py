"""One live session with an ISA-95 job-order receiver, and the settings to open it."""

import asyncio
import logging
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from asyncua import ua
from asyncua.client.client import Client
from asyncua.common.node import Node

from shopfloor.protocols.isa95 import ExecutionMode, JobOrder, ReturnStatus
from shopfloor.protocols.job_list import JobRecord, load_job_list
from shopfloor.protocols.opcua_errors import MachineError, MachineOffline, MachineUnsuitable, translated
from shopfloor.strict_json import JsonRefused

_log = logging.getLogger(__name__)
QUEUE_SIZE = 16  # each list is the whole truth, so the oldest may go


@dataclass(frozen=True, slots=True)
class Security:
    """Basic256Sha256, SignAndEncrypt: our certificate and key, and the folder of trusted server certificates."""

    certificate: Path
    private_key: Path
    trusted: Path
    application_uri: str


@dataclass(frozen=True, slots=True)
class OpcuaSettings:
    """Where the receiver is. Without `security` a password is sent only to a loopback address."""

    url: str
    user: str
    password: str = field(repr=False)
    cell: str = "AMP"
    security: Security | None = None
    request_timeout_s: float = 4.0
    connect_timeout_s: float = 30.0  # asyncua's connect can hang (opcua-asyncio #1660)
    watchdog_s: float = 15.0  # asyncua's default of 1 s cuts off servers that are merely busy
    publish_ms: int = 100
    backoff_min_s: float = 1.0
    backoff_max_s: float = 60.0


@dataclass(frozen=True, slots=True)
class Gap:
    """A stretch in which updates may have been missed, `seconds` long; `reason` is the error that began it."""

    seconds: float
    reason: str


@dataclass(frozen=True, slots=True)
class Update:
    """The receiver's whole list; `resync` marks the first list of a session, None in `jobs` a mere wake-up."""

    jobs: dict[str, JobRecord] | None
    resync: bool


class MachineSession:
    """One live connection to one receiver. Any method may raise MachineOffline or MachineUnsuitable."""

    def __init__(self, client: Client, cell: Node, nodes: dict[str, Node], settings: OpcuaSettings) -> None:
        self._client = client
        self._cell = cell
        self.nodes = nodes
        self._settings = settings
        self._queue: asyncio.Queue[Update] = asyncio.Queue(QUEUE_SIZE)
        self._lost: MachineError | None = None
        self.mode = ExecutionMode.SIMULATION
        self.gap: Gap | None = None  # None on the first connection

    async def store_and_start(self, order: JobOrder) -> ReturnStatus:
        """Hand the job over (OPC 10031-4, 6.2.1). The receiver is idempotent by JobOrderID and content."""
        return await self._call("StoreAndStart", order.dumps())

    async def abort(self, job_id: str) -> ReturnStatus:
        """Stop the job for good."""
        return await self._call("Abort", job_id)

    async def _call(self, method: str, argument: str) -> ReturnStatus:
        # call_method raises on Uncertain, and the bits that say why are lost with it.
        request = ua.CallMethodRequest(
            ObjectId=self._cell.nodeid,
            MethodId=self.nodes[method].nodeid,
            InputArguments=[ua.Variant(argument, ua.VariantType.String)],
        )
        with translated():
            [result] = await self._client.uaclient.call([request])
        if result.StatusCode.is_bad():
            with translated():
                result.StatusCode.check()
        if len(result.OutputArguments) != 1:
            raise MachineUnsuitable(f"{method}: one ReturnStatus was expected")
        bits = result.OutputArguments[0].Value
        if not isinstance(bits, int) or isinstance(bits, bool):
            raise MachineUnsuitable(f"{method}: ReturnStatus is no integer")
        if bits == 0 and result.StatusCode.is_good():
            _log.warning("%s answered Good with an empty ReturnStatus; taken as success", method)
            bits = ReturnStatus.SUCCESS
        return ReturnStatus(bits)

    async def job_list(self) -> dict[str, JobRecord]:
        """Job id → record, read now."""
        with translated():
            value = await self.nodes["JobOrderList"].read_value()
        return _parsed(value)

    def poke(self) -> None:
        """Make `next_update` return soon, without a list."""
        if self._queue.empty():
            self._queue.put_nowait(Update(None, resync=False))

    async def next_update(self) -> Update:
        """Wait for the next list or poke. Raises MachineOffline as soon as the watchdog finds the link dead."""
        if self._queue.empty() and self._lost is not None:
            raise self._lost
        update = await self._queue.get()
        if update.jobs is None and self._lost is not None:
            raise self._lost
        return update

    def offer(self, update: Update) -> None:
        """Queue an update; when full, the oldest goes."""
        if self._queue.full():
            self._queue.get_nowait()
        self._queue.put_nowait(update)

    def fail(self, error: MachineError) -> None:
        """End the session: `next_update` raises `error` once it has given what is queued."""
        self._lost = self._lost or error
        self.poke()

    async def pump(self, subscription: Any) -> None:
        """Move notifications into the bounded queue; runs as a task."""
        try:
            async for event in subscription:
                if isinstance(getattr(event, "value", None), str):
                    self.offer(Update(_parsed(event.value), resync=False))
            self.fail(MachineOffline("the subscription ended"))
        except MachineError as error:
            self.fail(error)

    async def watch(self) -> None:
        """Probe the server every `watchdog_s`; runs as a task."""
        while True:
            await asyncio.sleep(self._settings.watchdog_s)
            try:
                with translated():
                    await self._client.nodes.server_state.read_value()
            except MachineError as error:
                self.fail(error)
                return


def _parsed(value: object) -> dict[str, JobRecord]:
    if not isinstance(value, str):
        raise MachineUnsuitable("JobOrderList is no string")
    try:
        return load_job_list(value)
    except JsonRefused as error:
        raise MachineUnsuitable(f"JobOrderList: {error}") from error
