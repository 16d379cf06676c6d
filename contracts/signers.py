"""Who signs. A `Signer` gives signatures and never its key; policies and hardware live behind the same three names."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol, runtime_checkable

from eth_account import Account
from eth_account.messages import encode_typed_data
from eth_account.signers.local import LocalAccount

from contracts.eip712 import TypedData

HALF_ORDER: Final = 0x7FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF5D576E7357A4501DDFE92F46681B20A0
"""Highest s that EIP-2 and OpenZeppelin accept: half of secp256k1's group order."""


class SignatureError(ValueError):
    """Not a signature that the contracts would accept."""


class KeystoreError(ValueError):
    """The keystore is damaged or the password is another one."""


@runtime_checkable
class Signer(Protocol):
    """An account that can be asked for signatures."""

    @property
    def address(self) -> str:
        """The checksummed address."""
        ...

    async def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        """The raw bytes of a transaction, complete with nonce, fees and chain id."""
        ...

    async def sign_typed_data(self, message: TypedData) -> bytes:
        """65 bytes r, s, v with a low s (EIP-712)."""
        ...


class LocalSigner:
    """A signer with its key in memory: development, tests, and what a keystore opens to."""

    def __init__(self, key: bytes) -> None:
        self._account: LocalAccount = Account.from_key(key)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.address})"

    @property
    def address(self) -> str:
        """The checksummed address."""
        return str(self._account.address)

    async def sign_transaction(self, transaction: Mapping[str, Any]) -> bytes:
        """The raw bytes of a transaction, complete with nonce, fees and chain id."""
        return bytes(self._account.sign_transaction(dict(transaction)).raw_transaction)

    async def sign_typed_data(self, message: TypedData) -> bytes:
        """65 bytes r, s, v with a low s."""
        signed = self._account.sign_message(encode_typed_data(full_message=message))
        signature = bytes(signed.signature)
        _check(signature)
        return signature


class KeystoreSigner(LocalSigner):
    """A signer from an encrypted keystore (Web3 Secret Storage, version 3)."""

    @classmethod
    def open(cls, path: Path, password: str) -> "KeystoreSigner":
        """Decrypts the file: a second of work by design.

        Raises:
            KeystoreError: unreadable, or the password does not fit.
        """
        try:
            content = json.loads(path.read_text("utf-8"))
            return cls(bytes(Account.decrypt(content, password)))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise KeystoreError(f"{path.name} does not open: {error}") from error


def encrypt_key(key: bytes, password: str, *, iterations: int | None = None) -> dict[str, Any]:
    """A keystore of the key; fewer scrypt `iterations` (a power of two) are for tests only."""
    return dict(Account.encrypt(key, password, iterations=iterations))


def recover_typed_data(message: TypedData, signature: bytes) -> str:
    """Who signed, as a checksummed address.

    Raises:
        SignatureError: not 65 bytes, a high s, or no key gives this signature.
    """
    _check(signature)
    try:
        return str(Account.recover_message(encode_typed_data(full_message=message), signature=signature))
    except Exception as error:  # eth-keys raises its own family of errors
        raise SignatureError(f"no key gives this signature: {type(error).__name__}") from error


def is_signed_by(message: TypedData, signature: bytes, address: str) -> bool:
    """Whether a plain account signed; contract accounts (ERC-1271) must be asked on chain."""
    try:
        return recover_typed_data(message, signature).lower() == address.lower()
    except SignatureError:
        return False


def _check(signature: bytes) -> None:
    if len(signature) != 65:
        raise SignatureError("a signature has 65 bytes")
    s, v = int.from_bytes(signature[32:64], "big"), signature[64]
    # eth-account recovers the high-s twin too; the contracts refuse it, so nothing may store it as valid.
    if not 0 < s <= HALF_ORDER:
        raise SignatureError("s is in the upper half of the order")
    if v not in (27, 28):
        raise SignatureError("v is 27 or 28")
