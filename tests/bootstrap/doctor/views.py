"""A node that tells the truth about a chain's file, or what a test makes of it; no socket is opened."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from contracts.devchain.errors import RpcError
from contracts.devchain.methods import Methods
from contracts.devchain.node import Node
from tests.contracts.world import CHAIN_ID, START

Lie = Callable[[str, list[Any], Any], Any]
"""Method, parameters and true result → what is told."""


def truth(method: str, params: list[Any], result: Any) -> Any:
    """What is so."""
    return result


class Refuse(Exception):
    """The node answers with an error."""


class TrueNode:
    """JSON-RPC over a chain in a folder. Answers are remembered: every test asks the same."""

    def __init__(self, folder: Path) -> None:
        self.node = Node(folder, CHAIN_ID, {}, START)
        self._table = Methods(self.node, lambda: self.node.head_timestamp + 1).table
        self._known: dict[str, Any] = {}

    def answer(self, method: str, params: list[Any]) -> Any:
        """The result. Raises RpcError."""
        key = json.dumps([method, params])
        if key not in self._known:
            self._known[key] = self._table[method](*params)
        return json.loads(json.dumps(self._known[key]))

    def transport(self, lie: Lie = truth, witness: Lie = truth) -> httpx.MockTransport:
        """A network in which this node lives, and another one at the host `witness.example`."""

        def handle(request: httpx.Request) -> httpx.Response:
            asked = json.loads(request.content)
            told = witness if request.url.host == "witness.example" else lie
            many = [self._one(one, told) for one in (asked if isinstance(asked, list) else [asked])]
            # Not by httpx's own encoder: half a character must arrive as it was told.
            return httpx.Response(200, content=json.dumps(many if isinstance(asked, list) else many[0]))

        return httpx.MockTransport(handle)

    def _one(self, asked: dict[str, Any], lie: Lie) -> dict[str, Any]:
        answer = {"jsonrpc": "2.0", "id": asked["id"]}
        try:
            result = self.answer(asked["method"], asked["params"])
            return answer | {"result": lie(asked["method"], asked["params"], result)}
        except RpcError as error:
            return answer | {"error": error.as_object()}
        except Refuse as refusal:
            return answer | {"error": {"code": -32000, "message": str(refusal)}}
