"""Leaves and trees of evidence, byte for byte as the contracts check them.

leaf = keccak(keccak(abi.encode(bytes32 agreementId, bytes32 specHash, uint16 eventCode, uint64 at,
bytes32 payloadHash))); pairs are sorted before hashing (so a proof needs no directions); an odd node is
promoted unchanged. The double hash keeps a leaf from being taken for an inner node.
"""

from collections.abc import Sequence

from Crypto.Hash import keccak


def keccak256(data: bytes) -> bytes:
    """The 32-byte Keccak-256 of Ethereum (not NIST SHA3-256)."""
    return keccak.new(digest_bits=256, data=data).digest()


def leaf_hash(agreement: bytes, spec: bytes, code: int, at_ms: int, payload_hash: bytes) -> bytes:
    """The leaf of one event; `agreement`, `spec` and `payload_hash` are 32 bytes, `at_ms` milliseconds UTC."""
    if not len(agreement) == len(spec) == len(payload_hash) == 32:
        raise ValueError("agreement, spec and payload hash are 32 bytes each")
    if not (0 <= code < 2**16 and 0 <= at_ms < 2**64):
        raise ValueError("the event code is a uint16 and the moment a uint64")
    encoded = agreement + spec + code.to_bytes(32, "big") + at_ms.to_bytes(32, "big") + payload_hash
    return keccak256(keccak256(encoded))


def _pair(left: bytes, right: bytes) -> bytes:
    return keccak256(left + right if left < right else right + left)


def _levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    if not leaves:
        raise ValueError("a tree needs a leaf")
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        level = [_pair(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)]
        if len(below) % 2:
            level.append(below[-1])
        levels.append(level)
    return levels


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root over `leaves` in order. Raises ValueError when there is none."""
    return _levels(leaves)[-1][0]


def merkle_proofs(leaves: Sequence[bytes]) -> list[tuple[bytes, ...]]:
    """One inclusion proof a leaf, in the order of `leaves`."""
    levels = _levels(leaves)
    proofs = []
    for position in range(len(leaves)):
        path, index = [], position
        for level in levels[:-1]:
            sibling = index ^ 1
            if sibling < len(level):
                path.append(level[sibling])
            index //= 2
        proofs.append(tuple(path))
    return proofs


def verify_proof(leaf: bytes, proof: Sequence[bytes], root: bytes) -> bool:
    """True when `proof` leads from `leaf` to `root`."""
    node = leaf
    for sibling in proof:
        node = _pair(node, sibling)
    return node == root
