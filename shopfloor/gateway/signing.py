"""The gateway's evidence key and the EIP-712 `EvidenceRoot` it signs.

The key's address is the agreement's `attestor`. It is not the upload credential: whoever steals the credential
can send nothing that pays, whoever steals the key cannot log in.
"""

from dataclasses import dataclass
from pathlib import Path

from coincurve import PrivateKey, PublicKey

from shopfloor.gateway.merkle import keccak256

_ORDER = 0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141
_HALF_ORDER = _ORDER // 2
_DOMAIN_TYPE = keccak256(b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)")
_ROOT_TYPE = keccak256(b"EvidenceRoot(bytes32 root,uint64 sequence,bytes32 previous)")
_NAME = keccak256(b"LotSizeOne")
_VERSION = keccak256(b"1")


class SignatureRefused(ValueError):
    """The 65 bytes are no signature that the contracts would take (length, v, range, high s)."""


@dataclass(frozen=True, slots=True)
class Domain:
    """The EIP-712 domain: `chain_id` and the factory's address (20 bytes as 0x-hex)."""

    chain_id: int
    factory: str

    @property
    def separator(self) -> bytes:
        """keccak256 of the encoded domain (EIP-712 §domainSeparator)."""
        address = bytes.fromhex(self.factory[2:])
        if len(address) != 20:
            raise ValueError("the factory is a 20-byte address")
        return keccak256(_DOMAIN_TYPE + _NAME + _VERSION + self.chain_id.to_bytes(32, "big") + address.rjust(32, b"\0"))


def evidence_root_digest(domain: Domain, root: bytes, sequence: int, previous: bytes) -> bytes:
    """The 32 bytes that are signed for a batch with Merkle `root`, numbered `sequence` from 1."""
    if len(root) != 32 or len(previous) != 32 or not 0 < sequence < 2**64:
        raise ValueError("roots are 32 bytes and the sequence a uint64 from 1")
    struct = keccak256(_ROOT_TYPE + root + sequence.to_bytes(32, "big") + previous)
    return keccak256(b"\x19\x01" + domain.separator + struct)


def _address(public: PublicKey) -> str:
    return "0x" + keccak256(public.format(compressed=False)[1:])[-20:].hex()


class GatewayKey:
    """A secp256k1 key; signatures are RFC 6979 (re-signing gives the same bytes) with low s."""

    def __init__(self, secret: bytes) -> None:
        """`secret` is 32 bytes. Raises ValueError when it is no valid scalar."""
        if len(secret) != 32 or not 0 < int.from_bytes(secret, "big") < _ORDER:
            raise ValueError("a secp256k1 key is 32 bytes between 1 and the order of the curve")
        self._key = PrivateKey(secret)
        self.address = _address(self._key.public_key)

    @classmethod
    def from_hex(cls, text: str) -> "GatewayKey":
        """Read 64 hex digits, with or without 0x. Raises ValueError that does not repeat them."""
        try:
            secret = bytes.fromhex(text.removeprefix("0x"))
        except ValueError:
            raise ValueError("a key is written as 64 hex digits") from None
        return cls(secret)

    @classmethod
    def from_keystore(cls, path: Path, password: str) -> "GatewayKey":
        """Open a Web3 Secret Storage v3 file. Raises ValueError for a wrong password or a broken file."""
        from eth_keyfile.keyfile import extract_key_from_keyfile  # noqa: PLC0415 - not every gateway has a keystore

        try:
            return cls(bytes(extract_key_from_keyfile(str(path), password.encode())))
        except (ValueError, KeyError, TypeError):
            raise ValueError("the keystore cannot be opened with this password") from None

    def __repr__(self) -> str:
        return f"GatewayKey({self.address})"

    def sign_digest(self, digest: bytes) -> bytes:
        """r ‖ s ‖ v (27 or 28), 65 bytes, over a 32-byte `digest`."""
        raw = self._key.sign_recoverable(digest, hasher=None)
        return raw[:64] + bytes([raw[64] + 27])

    def sign_root(self, domain: Domain, root: bytes, sequence: int, previous: bytes) -> bytes:
        """Sign `EvidenceRoot(root, sequence, previous)` in `domain`."""
        return self.sign_digest(evidence_root_digest(domain, root, sequence, previous))


def recover(digest: bytes, signature: bytes) -> str:
    """The address (0x, lower case) that signed `digest`. Raises SignatureRefused, for the high-s twin too."""
    if len(signature) != 65 or signature[64] not in (27, 28):
        raise SignatureRefused("a signature is 65 bytes with v 27 or 28")
    s = int.from_bytes(signature[32:64], "big")
    if not 0 < s <= _HALF_ORDER:
        raise SignatureRefused("s is not in the lower half of the order")
    try:
        public = PublicKey.from_signature_and_message(signature[:64] + bytes([signature[64] - 27]), digest, hasher=None)
    except Exception as error:  # coincurve raises a bare Exception when libsecp256k1 finds no point
        raise SignatureRefused("no key gives this signature") from error
    return _address(public)
