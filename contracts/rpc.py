"""JSON-RPC to any Ethereum node through web3's HTTP provider: typed errors, a deadline on every wait."""

import asyncio
from types import TracebackType
from typing import Any, Final, Protocol, Self

from contracts.depth import check_depth
from contracts.errors import NodeRefused, NodeUnavailable, from_revert

_REVERTED: Final = 3
# Shorter than the five seconds after which common servers hang up, so an idle connection is ours to close.
_KEEP_ALIVE_S: Final = 4.0
_DEEPEST: Final = 64


class Rpc(Protocol):
    """Whatever answers JSON-RPC methods."""

    async def call(self, method: str, *params: object) -> Any:
        """The method's result.

        Raises:
            NodeUnavailable: no usable answer.
            NodeRefused: the node's error.
            Reverted: a contract's error.
        """
        ...


class HttpRpc:
    """A node behind a URL, for one event loop. Close it, or use it as a context manager."""

    def __init__(self, url: str, *, timeout_s: float = 10.0) -> None:
        # web3 takes a second to import: a process that signs and never asks a node does not pay for it.
        import aiohttp  # noqa: PLC0415
        from web3 import AsyncHTTPProvider  # noqa: PLC0415

        class BoundedProvider(AsyncHTTPProvider):
            """A node is not trusted: what it answers may not end this process."""

            @staticmethod
            def decode_rpc_response(raw_response: bytes) -> Any:
                check_depth(raw_response, _DEEPEST)
                return AsyncHTTPProvider.decode_rpc_response(raw_response)

        # No retries in the provider: a wait ends at its deadline, and the caller decides what is safe to repeat.
        self._provider = BoundedProvider(
            url,
            request_kwargs={"timeout": aiohttp.ClientTimeout(total=timeout_s)},
            exception_retry_configuration=None,
        )
        self._failures: tuple[type[Exception], ...] = (aiohttp.ClientError, TimeoutError, OSError, ValueError)
        self._connecting = asyncio.Lock()
        self._is_connected = False

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections; a later call opens new ones."""
        self._is_connected = False
        await self._provider.disconnect()

    async def call(self, method: str, *params: object) -> Any:
        """The method's result; raises as `Rpc.call` says."""
        from web3.types import RPCEndpoint  # noqa: PLC0415 - loaded with the provider

        try:
            await self._connect()
            response: object = await self._provider.make_request(RPCEndpoint(method), list(params))
        except self._failures as error:
            raise NodeUnavailable(f"{method}: {type(error).__name__}") from error
        return _result(method, response)

    async def _connect(self) -> None:
        async with self._connecting:
            if not self._is_connected:
                await self._provider.cache_async_session(self._session())
                self._is_connected = True

    @staticmethod
    def _session() -> Any:
        """Keeps connections, where web3's own opens one a call; no proxy of the environment comes in between."""
        import aiohttp  # noqa: PLC0415 - loaded with the provider

        connector = aiohttp.TCPConnector(keepalive_timeout=_KEEP_ALIVE_S)
        return aiohttp.ClientSession(raise_for_status=True, trust_env=False, connector=connector)


def _result(method: str, response: object) -> Any:
    if not isinstance(response, dict) or not {"result", "error"} & response.keys():
        raise NodeUnavailable(f"{method}: the answer is not a JSON-RPC response")
    if "error" in response:
        raise _failure(response["error"])
    return response["result"]


def _failure(error: object) -> Exception:
    if not isinstance(error, dict):
        return NodeUnavailable("the error is not a JSON-RPC error")
    code, message, data = error.get("code"), str(error.get("message", "")), error.get("data")
    if isinstance(data, str) and data.startswith("0x") and (code == _REVERTED or len(data) >= 10):
        try:
            return from_revert(bytes.fromhex(data[2:]))
        except ValueError:
            return NodeRefused(_REVERTED, message, data)
    return NodeRefused(code if isinstance(code, int) else 0, message, data)
