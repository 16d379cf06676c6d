"""A JSON-RPC client for any Ethereum node: one POST a call, typed errors, a deadline on every wait."""

import itertools
from types import TracebackType
from typing import Any, Final, Protocol, Self

import httpx

from contracts.errors import NodeRefused, NodeUnavailable, from_revert

_REVERTED: Final = 3


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
    """A node behind a URL."""

    def __init__(self, url: str, *, timeout_s: float = 10.0, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._url = url
        # The node is named in the settings; a proxy of the environment has no business in between.
        self._client = httpx.AsyncClient(timeout=timeout_s, transport=transport, trust_env=False)
        self._ids = itertools.count(1)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._client.aclose()

    async def call(self, method: str, *params: object) -> Any:
        """The method's result; raises as `Rpc.call` says."""
        identity = next(self._ids)
        request = {"jsonrpc": "2.0", "id": identity, "method": method, "params": list(params)}
        try:
            response = await self._client.post(self._url, json=request)
            response.raise_for_status()
            body = response.json()
        except (httpx.HTTPError, ValueError) as error:
            raise NodeUnavailable(f"{method}: {type(error).__name__}") from error
        if not isinstance(body, dict) or body.get("id") != identity:
            raise NodeUnavailable(f"{method}: the answer is not a JSON-RPC response")
        if "error" in body:
            raise _failure(body["error"])
        return body.get("result")


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
