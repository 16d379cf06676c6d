"""An Ethereum chain in one process and one file, for development, demonstrations and tests.

py-evm executes; a SQLite file remembers; `serve` speaks JSON-RPC 2.0 on loopback. Time is the wall clock's: a block is
mined at once if the wall is past the parent's stamp, else at the next second, and transactions of one second share
it. Deadlines must be compared with the head's time; `devchain_waitUntil` keeps the head moving towards one.
"""

from contracts.devchain.errors import DevchainError, NotLoopbackError, WrongChainFileError
from contracts.devchain.server import create_app, serve

__all__ = ["DevchainError", "NotLoopbackError", "WrongChainFileError", "create_app", "serve"]
