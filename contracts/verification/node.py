"""A node that is not trusted: an answer of another form than its method's is no answer."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from contracts.errors import NodeUnavailable
from contracts.rpc import Rpc

_DATA: Final = re.compile("0x(?:[0-9a-fA-F]{2})*")
_NUMBER: Final = re.compile("0x[0-9a-fA-F]{1,64}")


def _matches(form: re.Pattern[str]) -> Callable[[object], bool]:
    return lambda answer: isinstance(answer, str) and form.fullmatch(answer) is not None


def _is_found(answer: object) -> bool:
    return answer is None or isinstance(answer, dict)


_FORMS: Final[Mapping[str, Callable[[object], bool]]] = {
    "eth_chainId": _matches(_NUMBER),
    "eth_call": _matches(_DATA),
    "eth_getCode": _matches(_DATA),
    "eth_getLogs": lambda answer: isinstance(answer, list),
    "eth_getBlockByNumber": _is_found,
    "eth_getTransactionByHash": _is_found,
    "eth_getTransactionReceipt": _is_found,
}


@dataclass(frozen=True)
class Doubted:
    """Passes on what has the method's form; the reader doubts the rest."""

    rpc: Rpc

    async def call(self, method: str, *params: object) -> Any:
        """Raises as `Rpc.call` does."""
        answer = await self.rpc.call(method, *params)
        if not _FORMS[method](answer):
            raise NodeUnavailable(f"{method}: the answer has another form")
        return answer
