"""JSON-RPC to any Ethereum node through web3's HTTP provider: typed errors, a deadline on every wait."""

import asyncio
import re
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Final, Protocol, Self, runtime_checkable

from contracts.depth import check_depth
from contracts.errors import NodeRefused, NodeUnavailable, Reverted, from_revert

_REVERTED: Final = 3
# Shorter than the five seconds after which common servers hang up, so an idle connection is ours to close.
_KEEP_ALIVE_S: Final = 4.0
_DEEPEST: Final = 64
_QUANTITY: Final = re.compile("0x[0-9a-fA-F]{1,64}")
# Public nodes take some hundred at most.
_LARGEST_BATCH: Final = 100


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


Question = tuple[str, Sequence[object]]
"""A method and its parameters."""


@runtime_checkable
class BatchingRpc(Protocol):
    """An Rpc that can ask several questions at once."""

    async def batch(self, questions: Sequence[Question]) -> list[Any]:
        """The answers in order, each a result or the exception that `call` would have raised.

        Raises:
            NodeUnavailable: no usable answer to any of them.
        """
        ...


async def ask_all(rpc: Rpc, questions: Sequence[Question]) -> list[Any]:
    """The answers in order, in one exchange where `rpc` can; a refusal is given, not raised: see `answer`.

    Raises:
        NodeUnavailable: a question has no usable answer.
    """
    if isinstance(rpc, BatchingRpc) and len(questions) > 1:
        return await rpc.batch(questions)
    return [await _given(rpc, method, parameters) for method, parameters in questions]


def quantity(value: object, what: str) -> int:
    """The number in a node's answer. Raises NodeUnavailable where there is none: no usable answer."""
    if not isinstance(value, str) or not _QUANTITY.fullmatch(value):
        raise NodeUnavailable(f"the answer has no {what}")
    return int(value, 16)


def member(value: object, name: str) -> Any:
    """A member of an object in a node's answer. Raises NodeUnavailable where there is none."""
    if not isinstance(value, dict) or name not in value:
        raise NodeUnavailable(f"the answer has no {name}")
    return value[name]


def answer(given: Any) -> Any:
    """An answer out of `ask_all`; raises it if it is a refusal."""
    if isinstance(given, Exception):
        raise given
    return given


async def _given(rpc: Rpc, method: str, parameters: Sequence[object]) -> Any:
    try:
        return await rpc.call(method, *parameters)
    except (NodeRefused, Reverted) as refusal:
        return refusal


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
                response: Any = AsyncHTTPProvider.decode_rpc_response(raw_response)
                if isinstance(response, list) and len({_id_of(one) for one in response}) < len(response):
                    raise ValueError("responses of a batch that cannot be told apart")
                return response

        # No retries in the provider: a wait ends at its deadline, and the caller decides what is safe to repeat.
        self._provider = BoundedProvider(
            url,
            request_kwargs={"timeout": aiohttp.ClientTimeout(total=timeout_s)},
            exception_retry_configuration=None,
        )
        self._failures: tuple[type[Exception], ...] = (aiohttp.ClientError, TimeoutError, OSError, ValueError)
        self._connecting = asyncio.Lock()
        self._is_connected = False
        self._takes_batches = True

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

    async def batch(self, questions: Sequence[Question]) -> list[Any]:
        """As `BatchingRpc.batch` says; a node that takes no batches is asked one by one from then on."""
        answers: list[Any] = []
        for start in range(0, len(questions), _LARGEST_BATCH):
            part = questions[start : start + _LARGEST_BATCH]
            responses = await self._exchange(part) if self._takes_batches else None
            if responses is None:
                answers += [await _given(self, method, parameters) for method, parameters in part]
            else:
                answers += [_outcome(method, one) for (method, _), one in zip(part, responses, strict=True)]
        return answers

    async def _exchange(self, questions: Sequence[Question]) -> list[Any] | None:
        """A batch's responses, or None where the node does not answer it as one."""
        from web3.types import RPCEndpoint  # noqa: PLC0415 - loaded with the provider

        requests: list[tuple[RPCEndpoint, Any]] = [(RPCEndpoint(name), list(given)) for name, given in questions]
        try:
            await self._connect()
            responses: object = await self._provider.make_batch_request(requests)
        except self._failures as error:
            raise NodeUnavailable(f"a batch: {type(error).__name__}") from error
        if isinstance(responses, list) and len(responses) == len(questions):
            return responses
        self._takes_batches = False
        return None

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


def _id_of(response: object) -> int:
    """The id of a response in a batch; we only send numbers. Raises ValueError."""
    identity = response.get("id") if isinstance(response, dict) else None
    if not isinstance(identity, int):
        raise ValueError("a response without the id of its request")
    return identity


def _result(method: str, response: object) -> Any:
    if not isinstance(response, dict) or not {"result", "error"} & response.keys():
        raise NodeUnavailable(f"{method}: the answer is not a JSON-RPC response")
    if "error" in response:
        raise _failure(response["error"])
    return response["result"]


def _outcome(method: str, response: object) -> Any:
    """The result in a response, or the refusal. Raises NodeUnavailable."""
    try:
        return _result(method, response)
    except (NodeRefused, Reverted) as refusal:
        return refusal


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
