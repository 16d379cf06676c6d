"""The marketplace's `Chain` port on these contracts: translates words and types; `sender` sends what is sent once."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from eth_hash.auto import keccak
from eth_utils.address import to_checksum_address

from contracts import terms
from contracts.bindings import agreement as moves
from contracts.bindings import factory, token
from contracts.bindings.call import Call
from contracts.deployer import AddressBook
from contracts.errors import NodeDistrusted, NodeRefused, NodeUnavailable, Reverted
from contracts.events import Event
from contracts.guard import GuardedNode
from contracts.rpc import Rpc
from contracts.sender import DEFAULT_POLICY, OnceSender
from contracts.sending.policy import Health, SendingPolicy
from contracts.signers import SignatureError, Signer, recover_typed_data
from contracts.translation import (
    PARTS_OF_A_LOG,
    Said,
    address_of,
    evidence_of,
    hexed,
    is_ours,
    opened_terms,
    packed,
    statements,
    unhexed,
    unpacked,
)
from marketplace.domain.agreement import ActionKind, Agreement, AgreementKind, Milestone, Terms
from marketplace.domain.evidence import EventCode, Witness
from marketplace.ports.chain import (
    NO_CONSENT,
    ChainDistrusted,
    ChainEvent,
    ChainFundsLow,
    ChainParameters,
    ChainRefused,
    ChainUnavailable,
    Consent,
    Head,
    Proof,
    SendingHealth,
    TypedData,
)
from marketplace.ports.stores import ChainTransactionStore

SECRET_BYTES = 32
SHARE = 0xFFFF
"""The lowest bits of `resolution`: what the call itself says."""
FINALIZED_AFTER = 64
"""Blocks from the head to the one that Ethereum calls finalized: two epochs, when all is well."""
DUES = {"payee": moves.Party.PAYEE, "payer": moves.Party.PAYER, "fee": moves.Party.FEE_RECEIVER}


def _address(agreement: Agreement) -> str:
    return str(to_checksum_address(agreement.address))


def _agreed(agreed: Terms) -> terms.Terms:
    """The terms as the contracts count and pack them, or ChainRefused where a member does not fit its field."""
    try:
        return packed(agreed)
    except ValueError as error:
        raise ChainRefused("BadTerms") from error


def _stated(agreed: terms.Terms) -> Terms:
    """The contracts' terms in the port's words."""
    values = unpacked(agreed)
    milestones = tuple(Milestone(bps, EventCode(code), Witness(who)) for bps, code, who in values["milestones"])
    return Terms(**values | {"kind": AgreementKind(agreed.kind), "milestones": milestones})


def _given(consent: Consent) -> moves.Authorisation:
    return moves.Authorisation(consent.deadline, unhexed(consent.signature))


ACTIONS: Mapping[ActionKind, Callable[[str, terms.Terms, Consent], Call]] = {
    ActionKind.ACCEPT: lambda to, agreed, by: moves.accept(to, agreed, _given(by)),
    ActionKind.CONTEST: lambda to, agreed, by: moves.contest(to, agreed, by.number, _given(by)),
    ActionKind.APPROVE: lambda to, agreed, by: moves.approve(to, agreed, by.number, _given(by)),
    ActionKind.CANCEL: lambda to, agreed, by: moves.cancel(to, agreed, by.number, _given(by)),
    ActionKind.DISPUTE: lambda to, agreed, by: moves.dispute(to, agreed, DUES[by.by], _given(by)),
    ActionKind.DELIVERED: lambda to, agreed, by: moves.delivered_by_carrier(to, agreed, _given(by)),
    ActionKind.REVOKE: lambda to, agreed, by: moves.revoke(to, agreed, _given(by)),
    ActionKind.RESOLVE: lambda to, agreed, by: moves.resolve(to, agreed, by.number & SHARE, _given(by)),
}
"""Calls of the actions that one party signs."""


def _event(event: Event, said: Said) -> ChainEvent:
    place = event.place
    return ChainEvent(
        block=place.block_number,
        block_hash=place.block_hash,
        log_index=place.log_index * PARTS_OF_A_LOG + said.part,
        transaction=place.tx_hash,
        agreement_id=said.agreement_id,
        name=said.name,
        fields=said.fields,
    )


class ChainAdapter:
    """`Chain` over JSON-RPC. `arbiter` and `fee_bps` are what the platform's terms name.

    What it says of blocks and logs is `node`'s, which is asked before anything is sent.
    """

    def __init__(
        self,
        rpc: Rpc,
        node: GuardedNode,
        book: AddressBook,
        relayer: Signer,
        store: ChainTransactionStore,
        *,
        money: str,
        arbiter: str,
        fee_bps: int,
        development: bool,
        now: Callable[[], datetime],
        sending: SendingPolicy = DEFAULT_POLICY,
    ) -> None:
        self._rpc = rpc
        self._node = node
        self._book = book
        self._sender = OnceSender(
            rpc, relayer, store, book.chain_id, replace(sending, confirmations=node.confirmations), now=now
        )
        self._token = money
        self._arbiter = arbiter
        self._fee_bps = fee_bps
        self._development = development
        self._known: ChainParameters | None = None

    @property
    def depth(self) -> int:
        """About how many blocks make one final."""
        return FINALIZED_AFTER if self._node.confirmations is None else self._node.confirmations

    async def parameters(self) -> ChainParameters:
        """As the port says; read once, since nothing of it can change."""
        if self._known is None:
            settings = await self._ask(factory.settings(self._rpc, self._book.factory))
            self._known = ChainParameters(
                chain_id=self._book.chain_id,
                factory=self._book.factory,
                token=self._token,
                token_symbol="tEUR" if self._token == self._book.test_euro else "EUR",
                token_decimals=6,
                unit=token.UNITS_PER_CENT,
                fee_bps=self._fee_bps,
                fee_receiver=settings.fee_receiver,
                self_attested_bps=settings.self_attested_bps,
                arbiter=self._arbiter,
                start_block=self._book.deployed_block,
                confirmations=self.depth,
            )
        return self._known

    async def head(self) -> Head:
        """As the port says."""
        block = await self._ask(self._node.head())
        return Head(block.number, block.hash, block.timestamp)

    async def final_number(self, head: Head) -> int:
        """As the port says."""
        found: int = await self._ask(self._node.final_number(head.number))
        return found

    async def corroborate(self, first: int, last: int, block_hash: str, events: Sequence[ChainEvent]) -> None:
        """As the port says."""
        other = await self._ask(self._node.witnessed(first, last, block_hash))
        if other is not None and self._told(other) != list(events):
            await self._ask(self._node.disagree(f"the second node has other events in blocks {first} to {last}"))

    async def block_hash(self, number: int) -> str | None:
        """As the port says."""
        block = await self._ask(self._node.block(number))
        return None if block is None else block.hash

    async def events(self, first: int, last: int) -> Sequence[ChainEvent]:
        """As the port says: logs of the factory and of clones whose address follows from their id, no others."""
        return self._told(await self._ask(self._node.events(first, last)))

    def _told(self, found: Sequence[Event]) -> list[ChainEvent]:
        ours = (event for event in found if is_ours(self._book, event))
        return [_event(event, said) for event in ours for said in statements(event, token.UNITS_PER_CENT)]

    async def opened_by_us(self, event: ChainEvent) -> Terms | None:
        """As the port says."""
        sent = await self._ask(self._rpc.call("eth_getTransactionByHash", event.transaction))
        logs = await self._ask(self._node.events(event.block, event.block))
        agreed = opened_terms(self._book, logs, event.agreement_id)
        if sent is None or agreed is None:
            raise ChainUnavailable(f"block {event.block} no longer opens {event.agreement_id}")
        return _stated(agreed) if str(sent["from"]).lower() == self._sender.address.lower() else None

    async def terms_id(self, terms_: Terms) -> tuple[str, str]:
        """As the port says."""
        identity = terms.terms_id(_agreed(terms_), self._book.chain_id, self._book.factory)
        return hexed(identity), address_of(self._book, identity, terms.Kind(int(terms_.kind))).lower()

    async def terms_to_sign(self, terms_: Terms) -> TypedData:
        """As the port says."""
        return terms.typed_data(_agreed(terms_), self._book.chain_id, self._book.factory)

    async def permit_to_sign(self, owner: str, amount: int, deadline: int) -> TypedData:
        """As the port says."""
        nonce = await self._ask(token.permit_nonce(self._rpc, self._token, owner))
        name = await self._ask(token.name(self._rpc, self._token))
        return terms.permit_typed_data(
            owner=owner,
            spender=self._book.factory,
            value=amount,
            nonce=nonce,
            deadline=deadline,
            token=self._token,
            token_name=name,
            chain_id=self._book.chain_id,
        )

    async def action_to_sign(self, agreement_id: str, action: ActionKind, deadline: int, number: int = 0) -> TypedData:
        """As the port says."""
        return terms.action_typed_data(
            unhexed(agreement_id),
            terms.What(int(action)),
            terms.number_word(number),
            deadline,
            chain_id=self._book.chain_id,
            factory=self._book.factory,
        )

    async def split_to_sign(self, agreement_id: str, payee_bps: int, deadline: int) -> TypedData:
        """As the port says."""
        return terms.split_typed_data(
            unhexed(agreement_id), payee_bps, deadline, chain_id=self._book.chain_id, factory=self._book.factory
        )

    def signed_by(self, typed: TypedData, signature: str) -> str | None:
        """As the port says."""
        try:
            return recover_typed_data(typed, unhexed(signature))
        except (SignatureError, ValueError):
            return None

    def keccak(self, data: bytes) -> str:
        """As the port says."""
        return hexed(keccak(data))

    async def open_batch(self, key: str, delivery: Agreement, supplies: Sequence[Agreement]) -> None:
        """As the port says."""
        entries = [self._entry(agreement) for agreement in (delivery, *supplies)]
        await self._submit(key, factory.open_batch(self._book.factory, entries))

    async def open_supply(self, key: str, supply: Agreement, lineage: Sequence[Terms]) -> None:
        """As the port says."""
        parents = [_agreed(parent) for parent in lineage]
        await self._submit(key, factory.open_supply(self._book.factory, self._entry(supply), parents))

    async def novate(
        self,
        key: str,
        old: Agreement,
        successor: Agreement,
        supplies: Sequence[Agreement],
        payer: Consent,
        payee: Consent = NO_CONSENT,
    ) -> None:
        """As the port says."""
        entries = [self._entry(agreement) for agreement in (successor, *supplies)]
        consents = _given(payer), _given(payee)
        await self._submit(
            key, factory.novate(self._book.factory, _agreed(old.terms), entries, payer.number, *consents)
        )

    async def claim(self, key: str, agreement: Agreement, milestone: int, proofs: Sequence[Proof]) -> None:
        """As the port says."""
        signed = [evidence_of(proof) for proof in proofs]
        await self._submit(key, moves.claim(_address(agreement), _agreed(agreement.terms), milestone, signed))

    async def delivered_by_secret(self, key: str, agreement: Agreement, secret: str) -> None:
        """As the port says."""
        agreed, revealed = _agreed(agreement.terms), unhexed(secret)
        if len(revealed) != SECRET_BYTES:
            raise ChainRefused("WrongSecret")
        await self._submit(key, moves.delivered_by_secret(_address(agreement), agreed, revealed))

    async def act(self, key: str, agreement: Agreement, action: ActionKind, consent: Consent) -> None:
        """As the port says."""
        move = ACTIONS.get(action)
        if move is None:
            raise ChainRefused(f"{action.name} is not relayed")
        await self._submit(key, move(_address(agreement), _agreed(agreement.terms), consent))

    async def split(self, key: str, agreement: Agreement, payer: Consent, payee: Consent) -> None:
        """As the port says."""
        agreed = _agreed(agreement.terms)
        call = moves.split(_address(agreement), agreed, payer.number, _given(payer), _given(payee))
        await self._submit(key, call)

    async def finalise(self, key: str, agreement: Agreement) -> None:
        """As the port says."""
        await self._submit(key, moves.finalise(_address(agreement), _agreed(agreement.terms)))

    async def release(self, key: str, agreement: Agreement) -> None:
        """As the port says."""
        await self._submit(key, moves.release(_address(agreement), _agreed(agreement.terms)))

    async def refund(self, key: str, agreement: Agreement) -> None:
        """As the port says."""
        await self._submit(key, moves.refund(_address(agreement), _agreed(agreement.terms)))

    async def timeout(self, key: str, agreement: Agreement) -> None:
        """As the port says."""
        await self._submit(key, moves.timeout(_address(agreement), _agreed(agreement.terms)))

    async def pay_out(self, key: str, agreement: Agreement, party: str) -> None:
        """As the port says."""
        agreed = _agreed(agreement.terms)
        try:
            await self._submit(key, moves.withdraw(_address(agreement), agreed, DUES[party]))
        except ChainRefused as refused:
            # Somebody else was faster: anyone may push a due to its owner.
            if refused.reason != "NothingDue":
                raise

    async def fund_test_account(self, key: str, address: str, amount_minor: int) -> None:
        """As the port says."""
        if not self._development or self._book.test_euro is None:
            raise ChainRefused("there is no test money on this chain")
        amount = amount_minor * token.UNITS_PER_CENT
        await self._submit(key, token.mint(self._book.test_euro, str(to_checksum_address(address)), amount))

    async def watch_deadline(self, timestamp: int) -> None:
        """As the port says; a chain that mines by itself does not know the method, and need not."""
        try:
            await self._ask(self._rpc.call("devchain_waitUntil", timestamp))
        except ChainRefused:
            return

    async def reconcile(self) -> None:
        """As the port says."""
        await self._ask(self._node.require())
        await self._ask(self._sender.reconcile())

    async def require_funds(self) -> None:
        """As the port says."""
        if await self._ask(self._sender.spare_wei()) < 0:
            raise ChainFundsLow("the account that pays for gas is below its reserve")

    async def sending(self) -> SendingHealth:
        """As the port says."""
        health: Health = await self._ask(self._sender.health())
        return SendingHealth(
            pending=health.pending,
            oldest_s=health.oldest_s,
            balance=health.balance_wei,
            reserve=health.reserve_wei,
            alarms=health.alarms,
            last_alarm=health.last_alarm,
        )

    async def _submit(self, key: str, call: Call) -> None:
        await self._ask(self._node.require())
        await self._ask(self._sender.submit(key, call))

    def _entry(self, agreement: Agreement) -> factory.Entry:
        permit = None
        if agreement.permit is not None:
            given = agreement.permit
            permit = factory.Permit(int(given["value"]), int(given["deadline"]), unhexed(str(given["signature"])))
        return factory.Entry(
            terms=_agreed(agreement.terms),
            payer_signature=unhexed(agreement.payer_signature),
            payee_signature=unhexed(agreement.payee_signature),
            permit=permit,
        )

    async def _ask(self, question: Any) -> Any:
        """The answer of the node, its failures in the port's words."""
        try:
            return await question
        except Reverted as reverted:
            raise ChainRefused(reverted.name) from reverted
        except NodeRefused as refused:
            raise ChainRefused(str(refused)) from refused
        except NodeDistrusted as distrusted:
            raise ChainDistrusted(str(distrusted)) from distrusted
        except NodeUnavailable as unavailable:
            raise ChainUnavailable(str(unavailable)) from unavailable
