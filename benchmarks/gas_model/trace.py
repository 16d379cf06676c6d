"""What a transaction did, opcode by opcode: where its gas went and what it touched. The gas stays what it is."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

from eth.vm import opcode_values
from eth.vm.forks.prague.computation import PragueComputation

_NAMES: Final = {code: name for name, code in vars(opcode_values).items() if isinstance(code, int)}
_ECRECOVER: Final = (1).to_bytes(20, "big")
_ECRECOVER_GAS: Final = 3_000
# Where in the stack, from the top, an opcode finds the address that it asks about.
_ASKS: Final = {
    **dict.fromkeys(("BALANCE", "EXTCODESIZE", "EXTCODECOPY", "EXTCODEHASH"), 0),
    **dict.fromkeys(("CALL", "CALLCODE", "DELEGATECALL", "STATICCALL"), 1),
}
_GROUPS: Final = {
    "storage": {"SLOAD", "SSTORE"},
    "transient storage": {"TLOAD", "TSTORE"},
    "calls and accounts": {*_ASKS},
    "logs": {"LOG0", "LOG1", "LOG2", "LOG3", "LOG4"},
    "creation": {"CREATE", "CREATE2"},
    "signatures": {"ECRECOVER"},
    "keccak": {"SHA3", "KECCAK256"},
    "memory": {"MLOAD", "MSTORE", "MSTORE8", "MCOPY", "CODECOPY", "RETURNDATACOPY"},
    "reading calldata": {"CALLDATALOAD", "CALLDATACOPY", "CALLDATASIZE"},
    "jumps": {"JUMP", "JUMPI", "JUMPDEST"},
}


@dataclass
class Trace:
    """One transaction.

    `gas` is by opcode, without what its callees spent and without refunds; `slots` keeps what a word was before the
    transaction and became last, and whether it ever changed; `logs` are (address, topics, bytes of data).
    """

    gas: Counter[str] = field(default_factory=Counter)
    accounts: list[bytes] = field(default_factory=list)
    slots: dict[tuple[bytes, int], tuple[int, int, bool]] = field(default_factory=dict)
    logs: list[tuple[bytes, tuple[bytes, ...], int]] = field(default_factory=list)
    signatures: int = 0
    created: list[int] = field(default_factory=list)

    def groups(self) -> Counter[str]:
        """Gas by what it was spent for."""
        found: Counter[str] = Counter()
        for name, gas in self.gas.items():
            found[next((group for group, names in _GROUPS.items() if name in names), "stack and arithmetic")] += gas
        return found


@contextmanager
def traced() -> Iterator[Trace]:
    """Records what runs inside; py-evm looks its opcodes up in a table, and this one's entries take notes."""
    trace, kind = Trace(), PragueComputation
    original: Any = kind.opcodes
    noting: Any = {code: _Noting(_NAMES[code], opcode, trace) for code, opcode in original.items()}
    kind.opcodes = noting
    try:
        yield trace
    finally:
        kind.opcodes = original


class _Noting:
    """An opcode that runs as ever and notes what it did."""

    def __init__(self, mnemonic: str, opcode: Any, trace: Trace) -> None:
        self._opcode = opcode
        self._trace = trace
        self.mnemonic = mnemonic
        self._is_frame = self.mnemonic in ("CALL", "CALLCODE", "DELEGATECALL", "STATICCALL", "CREATE", "CREATE2")
        self._note = {
            "SLOAD": self._note_slot,
            "SSTORE": self._note_slot,
            **dict.fromkeys(_GROUPS["logs"], self._note_log),
            **dict.fromkeys(_ASKS, self._note_account),
        }.get(self.mnemonic)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._opcode, name)

    def __call__(self, computation: Any) -> None:
        trace = self._trace
        before, spent = computation.get_gas_remaining(), trace.gas.total() if self._is_frame else 0
        if self._note is not None:
            self._note(computation)
        try:
            self._opcode(computation)
        finally:
            gas = before - computation.get_gas_remaining()
            if self._is_frame:
                gas -= trace.gas.total() - spent
                if self.mnemonic.startswith("CREATE"):
                    trace.created.append(self._size_of_created(computation))
            trace.gas[self.mnemonic] += gas

    def _note_slot(self, computation: Any) -> None:
        stack = computation._stack.values
        address, slot = computation.msg.storage_address, _number(stack[-1])
        state = computation.state
        was, now, written = self._trace.slots.get(
            (address, slot), (state.get_storage(address, slot, from_journal=False), 0, False)
        )
        if self.mnemonic == "SSTORE" and _number(stack[-2]) != state.get_storage(address, slot):
            now, written = _number(stack[-2]), True
        self._trace.slots[address, slot] = (was, now, written)

    def _note_account(self, computation: Any) -> None:
        address = _number(computation._stack.values[-1 - _ASKS[self.mnemonic]]).to_bytes(32, "big")[12:]
        if address == _ECRECOVER:
            self._trace.signatures += 1
            self._trace.gas["ECRECOVER"] += _ECRECOVER_GAS
        elif not computation.state.is_address_warm(address):
            self._trace.accounts.append(address)

    def _note_log(self, computation: Any) -> None:
        values = [_number(value) for value in reversed(computation._stack.values)]
        topics = tuple(topic.to_bytes(32, "big") for topic in values[2 : 2 + int(self.mnemonic[3])])
        self._trace.logs.append((computation.msg.storage_address, topics, values[1]))

    @staticmethod
    def _size_of_created(computation: Any) -> int:
        address = _number(computation._stack.values[-1]).to_bytes(32, "big")[12:]
        return len(computation.state.get_code(address))


def _number(value: Any) -> int:
    found = value[1] if isinstance(value, tuple) else value
    return int.from_bytes(found, "big") if isinstance(found, bytes) else int(found)
