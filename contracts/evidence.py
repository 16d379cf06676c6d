"""Evidence trees: which events a gateway's signature covers, and the proof that one of them is among them.

A leaf is hashed twice, so no inner node passes for one; pairs are sorted, so a proof needs no directions; an odd node
moves up unchanged. OpenZeppelin's `MerkleProof` verifies exactly this.
"""

from collections.abc import Sequence

from eth_abi.abi import encode
from eth_hash.auto import keccak


def leaf(agreement_id: bytes, spec_hash: bytes, event_code: int, at_ms: int, payload_hash: bytes) -> bytes:
    """The leaf of one event of one agreement; `at_ms` is the witness's clock in milliseconds since 1970."""
    words = encode(
        ["bytes32", "bytes32", "uint16", "uint64", "bytes32"],
        [agreement_id, spec_hash, event_code, at_ms, payload_hash],
    )
    return keccak(keccak(words))


def merkle_root(leaves: Sequence[bytes]) -> bytes:
    """The root over the leaves in their order.

    Raises:
        ValueError: there are none.
    """
    return _levels(leaves)[-1][0]


def merkle_proof(leaves: Sequence[bytes], index: int) -> tuple[bytes, ...]:
    """The siblings from leaf `index` up to the root.

    Raises:
        IndexError: there is no such leaf.
    """
    if not 0 <= index < len(leaves):
        raise IndexError(f"no leaf {index} among {len(leaves)}")
    proof = []
    for level in _levels(leaves)[:-1]:
        sibling = index ^ 1
        if sibling < len(level):
            proof.append(level[sibling])
        index //= 2
    return tuple(proof)


def verify(root: bytes, leaf_: bytes, proof: Sequence[bytes]) -> bool:
    """Whether the leaf is under the root."""
    for sibling in proof:
        leaf_ = _pair(leaf_, sibling)
    return leaf_ == root


def _levels(leaves: Sequence[bytes]) -> list[list[bytes]]:
    if not leaves:
        raise ValueError("a tree has at least one leaf")
    levels = [list(leaves)]
    while len(levels[-1]) > 1:
        below = levels[-1]
        above = [_pair(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)]
        levels.append(above + below[len(above) * 2 :])
    return levels


def _pair(one: bytes, other: bytes) -> bytes:
    return keccak(one + other if one < other else other + one)
