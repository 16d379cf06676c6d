"""What the organisation's own node says of what its key has signed: whether it is still to be delivered.

The log knows what was promised, and only the chain what became of it. The node is named in the signer's settings: the
marketplace's word would let a server sign away more than the organisation can make.
"""

from collections.abc import Iterable
from typing import Final

from eth_abi.exceptions import DecodingError

from bootstrap.signing.limits import Limits
from contracts.bindings.agreement import State, books
from contracts.bindings.factory import address_of
from contracts.errors import NodeUnavailable
from contracts.rpc import Rpc, member, quantity
from contracts.terms import Terms, terms_id

LAPSED_S: Final = 600
"""Terms can open until `fund_by`; so long after it, by the chain's own clock, no block is to come that opens them."""

TO_DELIVER: Final = frozenset({State.OPEN, State.DISPUTED})


async def no_load(rpc: Rpc, limits: Limits, promised: Iterable[Terms]) -> set[str]:
    """Ids of those that can no longer open, or that are open and need not be delivered any more.

    Raises NodeError, also where the node is another chain's.
    """
    chain = quantity(await rpc.call("eth_chainId"), "chain id")
    if chain != limits.chain_id:
        raise NodeUnavailable(f"it is a node of chain {chain}, not of {limits.chain_id}")
    head = await rpc.call("eth_getBlockByNumber", "latest", False)
    number, seconds = quantity(member(head, "number"), "number"), quantity(member(head, "timestamp"), "timestamp")
    return {
        "0x" + terms_id(terms, limits.chain_id, limits.factory).hex()
        for terms in promised
        if not await _is_load(rpc, limits.factory, terms, number, seconds)
    }


async def _is_load(rpc: Rpc, factory: str, terms: Terms, block: int, seconds: int) -> bool:
    """Whether the terms are to be delivered as of a block, or could still be opened after it."""
    try:
        address = await address_of(rpc, factory, terms)
        if await rpc.call("eth_getCode", address, hex(block)) == "0x":
            return seconds <= terms.fund_by + LAPSED_S
        return (await books(rpc, address, terms, block=block)).state in TO_DELIVER
    except (DecodingError, ValueError) as error:
        raise NodeUnavailable(f"what it says of {factory} is not what an agreement factory says") from error
