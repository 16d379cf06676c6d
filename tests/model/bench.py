"""The contracts' own code on a state that branches: go on from any point as often as you like, at any second.

No blocks are made: a message runs in the context of the block after the head, with the stamp that it is told. What
happened since a mark can be undone, so a whole graph of moves is walked on one deployment.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from eth.vm.spoof import SpoofTransaction

from contracts.abi import function
from contracts.bindings.call import Call
from contracts.devchain.evm import GAS_LIMIT, Evm
from contracts.devchain.node import FILE_NAME
from contracts.devchain.store import Store
from contracts.errors import Reverted, from_revert

TRANSFER = bytes.fromhex("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef")
"""keccak of `Transfer(address,address,uint256)`."""


class Transfer(NamedTuple):
    """Token units that moved, and between which addresses (lower case)."""

    source: str
    to: str
    units: int


class Bench(Evm):
    """The chain that a folder holds, from its newest block on."""

    def __init__(self, folder: Path, chain_id: int) -> None:
        self._store = Store(folder / FILE_NAME)
        super().__init__(self._store.pairs, chain_id, None, 0)
        head = self.head
        self._vm: Any = self._chain.get_vm(head)
        following = self._chain.create_header_from_parent(head, timestamp=head.timestamp + 1)
        free = following.copy(base_fee_per_gas=0, state_root=head.state_root)
        vm = self._vm
        self._state_now: Any = vm.build_state(vm.chaindb.db, free, vm.chain_context, vm.previous_hashes)

    def close(self) -> None:
        """Gives the file back, unchanged."""
        self._store.close()

    def send(self, sender: str, call: Call, now: int) -> list[Transfer]:
        """A message of `sender` in a block stamped `now`; gives the transfers that came of it, in order.

        Raises:
            Reverted: the contracts refuse it.
        """
        return [
            Transfer(_address(topics[1]), _address(topics[2]), int.from_bytes(data, "big"))
            for _, topics, data in self._run_now(sender, call, now).get_log_entries()
            if topics[0] == int.from_bytes(TRANSFER, "big")
        ]

    def ask(self, contract: str, address: str, name: str, arguments: list[Any]) -> Any:
        """What a view returns."""
        fragment = function(contract, name)
        found = self.undone(lambda: self._run_now(address, Call(address, fragment.encode(arguments)), 0))
        return fragment.decode_result(bytes(found.output))

    def undone(self, do: Callable[[], Any]) -> Any:
        """What `do` gives; the state is as before it, however it ended."""
        mark = self._state_now.snapshot()
        try:
            return do()
        finally:
            self._state_now.revert(mark)

    def _run_now(self, sender: str, call: Call, now: int) -> Any:
        assert call.to is not None
        state, by = self._state_now, bytes.fromhex(sender[2:])
        # py-evm fixes the stamp for a block, and here is none.
        state.execution_context._timestamp = now
        unsigned = self._vm.create_unsigned_transaction(
            nonce=state.get_nonce(by),
            gas_price=0,
            gas=GAS_LIMIT // 3,
            to=bytes.fromhex(call.to[2:]),
            value=0,
            data=call.data,
        )
        computation = state.costless_execute_transaction(SpoofTransaction(unsigned, from_=by))
        if computation.is_error:
            raise _refusal(computation)
        return computation


def _refusal(computation: Any) -> Exception:
    if type(computation.error).__name__ != "Revert":
        return AssertionError(f"the contracts broke: {computation.error!r}")
    found: Reverted = from_revert(bytes(computation.output))
    return found


def _address(topic: int) -> str:
    return "0x" + topic.to_bytes(32, "big")[12:].hex()
