"""The cells' OPC UA face: asyncua server with user and password, bounded messages, loopback only.

Per cell one object with the methods StoreAndStart(JobOrder: String), Abort, Pause, Resume (JobOrderID: String), each
answering ReturnStatus (UInt64), and variables: JobOrderList, JobOrderID, JobState, CurrentStep, CurrentStepNumber,
JobResult, JobExecutionMode (0, Simulation).
"""

import gc
import hmac
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any

from asyncua import ua as _asyncua_types
from asyncua.common.node import Node
from asyncua.crypto.permission_rules import User, UserRole
from asyncua.server.server import Server
from asyncua.server.user_managers import UserManager

from shopfloor.protocols.isa95 import NAMESPACE_URI, ExecutionMode, JobState, ReturnStatus
from shopfloor.protocols.job_list import dump_job_list
from shopfloor.simulator.cell import Cell

ua: Any = _asyncua_types  # its annotations want wrapper types that nobody writes
_MESSAGE_LIMIT = 1 << 20  # asyncua's default takes 100 MB a connection before authentication
_CHUNK_LIMIT = 16
_CONNECTION_LIMIT = 20
_NO_JOB = JobState.NOT_ALLOWED_TO_START


class _Users(UserManager):
    def __init__(self, passwords: Mapping[str, str]) -> None:
        self._passwords = dict(passwords)

    def get_user(
        self, iserver: Any, username: str | None = None, password: str | None = None, certificate: Any = None
    ) -> User | None:
        expected = self._passwords.get(username or "", "")
        # An unknown user costs the same comparison as a known one.
        same = hmac.compare_digest(expected.encode(), (password or "").encode(errors="replace"))
        return User(role=UserRole.User, name=username) if expected and same else None


class CellServer:
    """One server for several cells."""

    def __init__(self, passwords: Mapping[str, str], host: str = "127.0.0.1", port: int = 0) -> None:
        """Port 0 takes a free one; see `url` after `start`."""
        self._users = _Users(passwords)
        self._host, self._port = host, port
        self._server: Any = None
        self._nodes: dict[str, dict[str, Node]] = {}

    @property
    def url(self) -> str:
        """The endpoint."""
        return f"opc.tcp://{self._host}:{self._port}/factory"

    async def start(self, cells: Mapping[str, Cell], certificate: tuple[Path, Path] | None = None) -> None:
        """Build the address space and listen; `certificate` is (certificate, key) for an encrypted endpoint."""
        server: Any = Server(user_manager=self._users)
        await _build(server)
        await server.set_application_uri("urn:lotsizeone:factory")
        server.set_endpoint(self.url)
        server.set_server_name("Lot-size-one factory (simulation)")
        server.set_identity_tokens([ua.UserNameIdentityToken])
        server.limits.max_message_size = _MESSAGE_LIMIT
        server.limits.max_chunk_count = _CHUNK_LIMIT
        server.iserver.max_connections = _CONNECTION_LIMIT
        policies = [ua.SecurityPolicyType.NoSecurity]
        if certificate is not None:
            await server.load_certificate(str(certificate[0]))
            await server.load_private_key(str(certificate[1]))
            policies = [ua.SecurityPolicyType.Basic256Sha256_SignAndEncrypt]
        server.set_security_policy(policies)
        index = await server.register_namespace(NAMESPACE_URI)
        for name, cell in cells.items():
            await self._add_cell(server, index, name, cell)
        await server.start()
        self._server = server
        if self._port == 0:
            self._port = server.bserver._server.sockets[0].getsockname()[1]

    async def _add_cell(self, server: Any, index: int, name: str, cell: Cell) -> None:
        def node(member: str) -> Any:
            return ua.NodeId(f"{name}.{member}", index)

        def called(member: str) -> Any:
            return ua.QualifiedName(member, index)

        parent = await server.nodes.objects.add_object(ua.NodeId(name, index), called(name))
        methods = {
            "StoreAndStart": cell.store_and_start,
            "Abort": cell.abort,
            "Pause": cell.pause,
            "Resume": cell.resume,
        }
        for member, handler in methods.items():
            await parent.add_method(
                node(member), called(member), _method(handler), [ua.VariantType.String], [ua.VariantType.UInt64]
            )
        variables = {
            "JobOrderList": ua.Variant("[]", ua.VariantType.String),
            "JobOrderID": ua.Variant("", ua.VariantType.String),
            "JobState": ua.Variant(int(_NO_JOB), ua.VariantType.UInt16),
            "CurrentStep": ua.Variant("", ua.VariantType.String),
            "CurrentStepNumber": ua.Variant(0, ua.VariantType.UInt16),
            "JobResult": ua.Variant(0, ua.VariantType.UInt16),
            "JobExecutionMode": ua.Variant(int(ExecutionMode.SIMULATION), ua.VariantType.UInt16),
        }
        self._nodes[name] = {
            member: await parent.add_variable(node(member), called(member), value)
            for member, value in variables.items()
        }

    async def publish(self, name: str, cell: Cell) -> None:
        """Write the cell's variables; JobOrderList comes last, so whoever sees it sees the others too."""
        nodes = self._nodes[name]
        record = cell.current or (cell.records[-1] if cell.records else None)
        if record is not None:
            done = record.steps[-1] if record.steps else None
            await nodes["JobOrderID"].write_value(record.order.job_id)
            await nodes["JobState"].write_value(ua.Variant(int(record.state), ua.VariantType.UInt16))
            await nodes["CurrentStep"].write_value(done.name if done else "")
            step_number = ua.Variant(done.index if done else 0, ua.VariantType.UInt16)
            await nodes["CurrentStepNumber"].write_value(step_number)
            await nodes["JobResult"].write_value(ua.Variant(int(record.result), ua.VariantType.UInt16))
        await nodes["JobOrderList"].write_value(dump_job_list(cell.records))

    async def stop(self) -> None:
        """Stop listening."""
        if self._server is not None:
            await self._server.stop()
            self._server = None


async def _build(server: Any) -> None:
    # The standard address space is some 100,000 objects that stay; collecting garbage while they are made takes three
    # quarters of the start (2.1 s against 0.5 s).
    collecting = gc.isenabled()
    gc.disable()
    try:
        await server.init()
    finally:
        if collecting:
            gc.enable()


def _method(handler: Callable[[str], Awaitable[ReturnStatus]]) -> Callable[..., Awaitable[Any]]:
    async def call(_parent: Any, *arguments: Any) -> Any:
        text = arguments[0].Value if len(arguments) == 1 else None
        invalid = ReturnStatus(ReturnStatus.INVALID_REQUEST)
        status = await handler(text) if isinstance(text, str) else invalid
        result = ua.CallMethodResult()
        # OPC 10031-4: a refusal that is explained by bits is Uncertain, not Bad.
        code = ua.StatusCodes.Good if status.accepted else ua.StatusCodes.Uncertain
        result.StatusCode = ua.StatusCode(code)
        result.OutputArguments = [ua.Variant(status.bits, ua.VariantType.UInt64)]
        return result

    return call
