"""What can go wrong.

DevchainError
├── NotLoopbackError      asked to listen to the network
├── WrongChainFileError   the file belongs to another chain, or another process has it
└── RpcError              becomes a JSON-RPC error object
    └── InvalidParamsError
"""

from typing import Final

PARSE_ERROR: Final = -32700
INVALID_REQUEST: Final = -32600
METHOD_NOT_FOUND: Final = -32601
INVALID_PARAMS: Final = -32602
INTERNAL_ERROR: Final = -32603
# EIP-1474 and the code that nodes give a revert.
SERVER_ERROR: Final = -32000
LIMIT_EXCEEDED: Final = -32005
REVERTED: Final = 3


class DevchainError(Exception):
    """Anything that this package refuses."""


class NotLoopbackError(DevchainError):
    """The devchain has no access control, so it never listens beyond this machine."""


class WrongChainFileError(DevchainError):
    """The file in the data directory holds another chain or is in use."""


class RpcError(DevchainError):
    """A JSON-RPC 2.0 error: a code, a message and, for a revert, the data it returned."""

    def __init__(self, code: int, message: str, data: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data

    def as_object(self) -> dict[str, object]:
        """The `error` member of a response."""
        error: dict[str, object] = {"code": self.code, "message": self.message}
        if self.data is not None:
            error["data"] = self.data
        return error


class InvalidParamsError(RpcError):
    """A parameter has the wrong shape."""

    def __init__(self, message: str) -> None:
        super().__init__(INVALID_PARAMS, message)
