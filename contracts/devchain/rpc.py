"""JSON-RPC 2.0: one request or a batch in, responses out."""

import json
import logging
import math
from collections.abc import Awaitable, Callable
from inspect import signature
from typing import Any, Final

from contracts.depth import check_depth
from contracts.devchain.errors import (
    INTERNAL_ERROR,
    INVALID_REQUEST,
    LIMIT_EXCEEDED,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
    InvalidParamsError,
    RpcError,
)

MAX_BATCH: Final = 1_000
MAX_DEPTH: Final = 32
Handler = Callable[..., Awaitable[Any]]
_log: Final = logging.getLogger(__name__)


async def answer(body: bytes, table: dict[str, Handler]) -> bytes | None:
    """The response to a request's bytes; None where only notifications came in."""
    try:
        check_depth(body, MAX_DEPTH)
        request = json.loads(body, parse_constant=_refuse)
    except ValueError:
        return _encode(_failure(None, RpcError(PARSE_ERROR, "parse error")))
    if not isinstance(request, list):
        response = await _one(request, table)
        return None if response is None else _encode(response)
    if not request:
        return _encode(_failure(None, RpcError(INVALID_REQUEST, "an empty batch")))
    if len(request) > MAX_BATCH:
        return _encode(_failure(None, RpcError(LIMIT_EXCEEDED, f"at most {MAX_BATCH} requests a batch")))
    responses = [await _one(single, table) for single in request]
    present = [response for response in responses if response is not None]
    return _encode(present) if present else None


async def _one(request: object, table: dict[str, Handler]) -> dict[str, Any] | None:
    if not isinstance(request, dict):
        return _failure(None, RpcError(INVALID_REQUEST, "a request is an object"))
    identity = request.get("id")
    if not _is_id(identity):
        return _failure(None, RpcError(INVALID_REQUEST, "id must be a string, a number or null"))
    if request.get("jsonrpc") != "2.0" or not isinstance(request.get("method"), str):
        return _failure(identity, RpcError(INVALID_REQUEST, "jsonrpc must be 2.0 and method a string"))
    response = await _respond(request, identity, table)
    return response if "id" in request else None


def _is_id(value: object) -> bool:
    if isinstance(value, float):
        # JSON's 1e999 is read as infinity, which no JSON answer can repeat.
        return math.isfinite(value)
    return value is None or (isinstance(value, (str, int)) and not isinstance(value, bool))


async def _respond(request: dict[str, Any], identity: object, table: dict[str, Handler]) -> dict[str, Any]:
    try:
        result = await _call(request, table)
    except RpcError as error:
        return _failure(identity, error)
    except Exception:
        _log.exception("a method failed: %.40r", request.get("method"))
        return _failure(identity, RpcError(INTERNAL_ERROR, "internal error"))
    return {"jsonrpc": "2.0", "id": identity, "result": result}


async def _call(request: dict[str, Any], table: dict[str, Handler]) -> Any:
    method, parameters = str(request["method"]), request.get("params", [])
    if method not in table:
        raise RpcError(METHOD_NOT_FOUND, "the method does not exist or is not available")
    if not isinstance(parameters, list):
        raise InvalidParamsError("params must be a list")
    try:
        signature(table[method]).bind(*parameters)
    except TypeError as error:
        raise InvalidParamsError(str(error)) from None
    return await table[method](*parameters)


def _failure(identity: object, error: RpcError) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": identity, "error": error.as_object()}


def _encode(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":"), allow_nan=False).encode()


def _refuse(name: str) -> None:
    raise ValueError(f"{name} is no JSON")
