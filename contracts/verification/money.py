"""What the token itself says: its transfers and balances must be the ones that the agreements log."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from contracts.bindings import agreement
from contracts.bindings import token as binding
from contracts.bindings.agreement import Party, State
from contracts.errors import ContractsError, NodeUnavailable
from contracts.verification.journal import Payment
from contracts.verification.reader import Log, Reader, Transaction, same
from contracts.verification.replay import Replay
from contracts.verification.verdict import Check, Notes, Voucher
from contracts.verification.wording import Money

TRANSFER: Final = keccak(b"Transfer(address,address,uint256)")
"""ERC-20's event: topics from and to, data the amount."""
CLAIMS_COUNT_IN: Final = frozenset({State.OPEN, State.DELIVERED, State.DISPUTED})
"""Elsewhere the contract forgets them."""


async def read_money(reader: Reader, token: str) -> Money:
    """How the token's amounts are written; plain units where it does not say."""
    try:
        decimals = int(await reader.read(binding.CONTRACT, token, "decimals"))
        symbol = str(await reader.read(binding.CONTRACT, token, "symbol"))
    except NodeUnavailable:
        raise
    except (ContractsError, ValueError):
        return Money(0, "units")
    except Exception:  # a symbol of another type is no reason to stop; eth-abi's errors have no public root
        return Money(0, "units")
    return Money(decimals, "".join(character for character in symbol if character.isprintable())[:16])


def transfer(log: Log) -> Payment | None:
    """The payment in a token's log, or None."""
    if len(log.topics) != 3 or log.topics[0] != TRANSFER or len(log.data) != 32:
        return None
    sender, to = (str(to_checksum_address(topic[12:])) for topic in log.topics[1:])
    return Payment(sender, to, int.from_bytes(log.data, "big"))


@dataclass
class Transfers:
    """Compares, transaction by transaction, what agreements log with what the token moved.

    `given` counts what strangers sent to an agreement: the rules never pay it out.
    """

    token: str
    addresses: Mapping[str, bytes]
    money: Money
    notes: Notes
    given: Counter[bytes] = field(default_factory=Counter)

    def check(self, transaction: Transaction, expected: Iterable[Payment]) -> None:
        """Every expected payment happened, and no other left an agreement. Raises Discrepancy."""
        logs = (log for log in transaction.logs if same(log.address, self.token))
        moved = Counter(payment for log in logs if (payment := transfer(log)) is not None)
        wanted = Counter(expected)
        for payment in wanted - moved:
            self.notes.agreement = self._of(payment)
            raise self.notes.wrong(Check.TRANSFER, f"the token did not move {self._words(payment)}")
        for payment, times in (moved - wanted).items():
            if payment.sender in self.addresses:
                self.notes.agreement = self.addresses[payment.sender]
                raise self.notes.wrong(
                    Check.TRANSFER, f"the token moved {self._words(payment)}, and no log explains it"
                )
            if payment.to in self.addresses:
                self.given[self.addresses[payment.to]] += payment.amount * times

    def _of(self, payment: Payment) -> bytes:
        return self.addresses.get(payment.sender) or self.addresses.get(payment.to, b"")

    def _words(self, payment: Payment) -> str:
        return f"{self.money(payment.amount)} from {payment.sender} to {payment.to}"


async def check_books(reader: Reader, replay: Replay, given: int, money: Money, notes: Notes) -> None:
    """The books on the chain are the ones kept here, and the token is really there. Raises Discrepancy."""
    notes.agreement = replay.id
    books = replay.books
    told = await agreement.books(reader.rpc, replay.address, replay.terms, block=reader.head)
    kept = agreement.Books(
        state=books.state,
        released=books.released,
        delivered_at=books.delivered_at,
        left=books.left,
        fee_due=books.fees + books.kept[Party.FEE_RECEIVER],
        payee_due=books.kept[Party.PAYEE],
        payer_due=books.kept[Party.PAYER],
        disputed_at=books.disputed_at,
        disputed_in=books.disputed_in,
    )
    notes.require(told == kept, Check.BOOKS, f"the chain keeps {told}, recomputed are {kept}")
    if books.state in CLAIMS_COUNT_IN:
        claims = list(await agreement.claimed_at(reader.rpc, replay.address, replay.terms, block=reader.head))
        notes.require(
            claims == books.claims, Check.BOOKS, f"the chain keeps claims {claims}, recomputed {books.claims}"
        )
    balance = int(await reader.read(binding.CONTRACT, replay.terms.token, "balanceOf", replay.address))
    wanted = books.holds + given
    notes.require(balance == wanted, Check.BALANCE, f"it holds {money(balance)}, its books say {money(wanted)}")
    notes.note(Check.BALANCE, _ending(replay, given, money), Voucher.CHAIN)


def _ending(replay: Replay, given: int, money: Money) -> str:
    books, state = replay.books, replay.books.state.name.lower()
    parts = [(books.left, "not earned yet"), (books.fees, "fees until it ends")]
    parts += [
        (amount, f"that the token refused to move to the {party.name.lower()}") for party, amount in books.kept.items()
    ]
    parts += [(given, "sent by strangers, which no rule pays out")]
    held = ", ".join(f"{money(amount)} {what}" for amount, what in parts if amount)
    return f"{state}; it holds {held or 'nothing'}"
