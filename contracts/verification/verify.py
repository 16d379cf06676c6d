"""The whole verification of one order."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from eth_abi.exceptions import DecodingError
from eth_utils.address import to_checksum_address

from contracts.bindings.agreement import CONTRACT, Party, State
from contracts.eip712 import address_bytes
from contracts.errors import ContractsError, NodeError, NodeUnavailable
from contracts.events import AdvanceToPayee, AdvanceToSupply, FromAgreement
from contracts.rpc import Rpc
from contracts.verification.deployment import Deployment, check_deployment, parse_clone
from contracts.verification.evidence import Evidence
from contracts.verification.evidence_file import EvidenceFile
from contracts.verification.family import Member, find_family, understood
from contracts.verification.funding import groups
from contracts.verification.money import TRANSFER, Transfers, check_books, read_money, transfer
from contracts.verification.moves import Moves
from contracts.verification.opening import Advances, Openings
from contracts.verification.reader import Log, Reader, Transaction, same
from contracts.verification.replay import Replay
from contracts.verification.signatures import Signatures
from contracts.verification.verdict import Check, Discrepancy, Fact, Notes, Voucher
from contracts.verification.wording import Money


@dataclass(frozen=True)
class Summary:
    """One agreement at the end, in token units; `to_payee` counts what its advance put into supplies."""

    id: bytes
    address: str
    kind: str
    state: State
    amount: int
    to_payee: int
    to_payer: int
    fee: int
    carried: int
    holds: int


@dataclass
class Verdict:
    """What was found. `failure` is the first thing that does not add up; what comes after it was not looked at."""

    chain_id: int
    block: int
    block_hash: str
    factory: str = ""
    facts: list[Fact] = field(default_factory=list)
    agreements: list[Summary] = field(default_factory=list)
    money: Money = field(default_factory=lambda: Money(0, "units"))
    failure: Discrepancy | None = None

    @property
    def exit_code(self) -> int:
        """0, or the value of the check that failed."""
        return 0 if self.failure is None else int(self.failure.check.value)


async def verify(
    rpc: Rpc, *, address: str | None = None, factory: str | None = None, evidence: EvidenceFile | None = None
) -> Verdict:
    """Everything about the order of the agreement at `address`, or of the evidence file.

    Args:
        rpc: A node. One that lies about everything in the same way is believed.
        address: A delivery or a supply; the order's other agreements are found from it.
        factory: The factory that the agreement must come from; else the evidence file's, else the clone's own.
        evidence: What machines said.

    Raises:
        NodeError: the node does not answer, or not in a usable way.
        ValueError: neither an address nor a file that names one.
    """
    if address is None:
        if evidence is None or not evidence.agreements:
            raise ValueError("name an agreement's address, or an evidence file that holds one")
        address = evidence.agreements[0].address
    reader = await Reader.pin(rpc)
    verdict = Verdict(reader.chain_id, reader.head, reader.head_hash)
    notes = Notes(verdict.facts)
    try:
        await _Order(reader, notes, verdict).check(address, factory, evidence)
    except Discrepancy as failure:
        verdict.failure = failure
    except (DecodingError, ValueError) as error:
        # What the agreements' code returns can be decoded, and that code was checked: the node made this up.
        raise NodeUnavailable(f"an answer is not what the contract returns: {error}") from error
    return verdict


@dataclass
class _Order:
    reader: Reader
    notes: Notes
    verdict: Verdict
    replays: dict[bytes, Replay] = field(default_factory=dict)

    async def check(self, address: str, factory: str | None, evidence: EvidenceFile | None) -> None:
        deployment, agreement_id = await self._start(address, factory, evidence)
        members = await find_family(self.reader, deployment, agreement_id, self.notes)
        token = members[0].terms.token
        money = self.verdict.money = await read_money(self.reader, token)
        addresses = {member.address: member.id for member in members}
        transfers = Transfers(token, addresses, money, self.notes)
        signatures = Signatures(self.reader, deployment, self.notes)
        openings = Openings(self.reader, deployment, signatures, money, self.notes, self.replays)
        moves = Moves(deployment, signatures, money, self.notes)
        for transaction in await self._transactions(members, token):
            await self._play(transaction, members, deployment, openings, moves, transfers)
        for member in members:
            replay = self.replays[member.id]
            self._paid(replay)
            await check_books(self.reader, replay, transfers.given[member.id], money, self.notes)
            self.verdict.agreements.append(_summary(replay))
        if evidence is None:
            self._unopened(members, moves)
        else:
            by_id = {member.id: member for member in members}
            await Evidence(signatures, self.notes, by_id).check(evidence, moves.proved, self.reader.head)

    async def _start(
        self, address: str, factory: str | None, evidence: EvidenceFile | None
    ) -> tuple[Deployment, bytes]:
        """The deployment, and the agreement to begin with."""
        if evidence is not None:
            chain = evidence.chain_id
            right = chain == self.reader.chain_id
            self.notes.require(
                right, Check.CHAIN_ID, f"the evidence is of chain {chain}, the node on {self.reader.chain_id}"
            )
            pinned = factory is None or same(factory, evidence.factory)
            self.notes.require(pinned, Check.EVIDENCE_FOREIGN, f"the evidence is of factory {evidence.factory}")
            factory = evidence.factory
        found = parse_clone(await self.reader.code(address))
        if found is None:
            raise self.notes.wrong(Check.CLONE_CODE, f"at {address} there is no agreement")
        implementation, agreement_id = found
        if factory is None:
            factory = await self._own_factory(implementation)
        self.verdict.factory = str(to_checksum_address(factory))
        return await check_deployment(self.reader, self.verdict.factory, self.notes), agreement_id

    async def _own_factory(self, implementation: str) -> str:
        try:
            return str(await self.reader.read(CONTRACT, implementation, "factory"))
        except NodeError:
            raise
        except (ContractsError, ValueError) as error:
            raise self.notes.wrong(Check.CLONE_CODE, f"what is behind the clone names no factory: {error}") from error

    # ── the chain's history of this order ────────────────────────────────────────────────────────

    async def _transactions(self, members: Sequence[Member], token: str) -> list[Transaction]:
        """Every transaction that touched an agreement or its money, in order, its logs told the same way twice."""
        clones = [member.address for member in members]
        words = ["0x" + address_bytes(clone).rjust(32, b"\0").hex() for clone in clones]
        topic = "0x" + TRANSFER.hex()
        found = await self.reader.logs(clones, [])
        found += await self.reader.logs(token, [topic, words])
        found += await self.reader.logs(token, [topic, None, words])
        hashes = {log.transaction for log in found} | {member.transaction for member in members}
        transactions = []
        for tx_hash in hashes:
            transaction = await self.reader.transaction(tx_hash)
            if transaction is None:
                raise Discrepancy(Check.LOGS, f"the node has logs of {tx_hash} and not the transaction")
            transactions.append(transaction)
        self._compare(found, transactions, set(clones), token)
        return sorted(transactions, key=lambda one: (one.block, one.index))

    def _compare(self, found: Sequence[Log], transactions: Sequence[Transaction], clones: set[str], token: str) -> None:
        """Receipts and searches must tell the same logs: a node that leaves one out says so by this."""
        told = {
            log.content
            for transaction in transactions
            for log in transaction.logs
            if log.address in clones or (same(log.address, token) and _touches(log, clones))
        }
        searched = {log.content for log in found}
        self.notes.agreement = b""
        same_logs = told == searched
        self.notes.require(
            same_logs, Check.LOGS, f"{len(told ^ searched)} logs are in receipts or in searches, not in both"
        )

    async def _play(
        self,
        transaction: Transaction,
        members: Sequence[Member],
        deployment: Deployment,
        openings: Openings,
        moves: Moves,
        transfers: Transfers,
    ) -> None:
        opened = [member for member in members if member.transaction == transaction.hash]
        known = {member.id: (member.terms, member.address) for member in members}
        for member in opened:
            self.replays[member.id] = Replay(
                member.id,
                member.terms,
                member.address,
                fee_receiver=deployment.settings.fee_receiver,
                successors=known,
                money=self.verdict.money,
                notes=self.notes,
            )
        payments = []
        for agreement, logs in self._own_logs(transaction, members).items():
            happened, paid = self.replays[agreement].play(transaction, logs)
            payments += paid
            for move in happened:
                await moves.check(self.replays[agreement], move)
        for group in groups(opened):
            plan = await openings.check(group, transaction, _advances(transaction, deployment.factory))
            payments += plan.payments
        transfers.check(transaction, payments)

    def _own_logs(self, transaction: Transaction, members: Sequence[Member]) -> Mapping[bytes, list[FromAgreement]]:
        addresses = {member.address: member.id for member in members}
        own: dict[bytes, list[FromAgreement]] = defaultdict(list)
        for log in transaction.logs:
            agreement = addresses.get(log.address)
            if agreement is None:
                continue
            event = understood(log)
            if agreement not in self.replays or not isinstance(event, FromAgreement):
                raise Discrepancy(Check.LOGS, f"{log.address} logged what no agreement logs", agreement)
            own[agreement].append(event)
        return own

    def _paid(self, replay: Replay) -> None:
        """`Transfers` has compared each with the token's own log."""
        self.notes.agreement = replay.id
        told = [f"{self.verdict.money(amount)} to the {party.name.lower()}" for party, amount in replay.paid.items()]
        if told:
            statement = f"the token moved what was paid out, and nothing else: {', '.join(told)}".replace("_", " ")
            self.notes.note(Check.TRANSFER, statement, Voucher.CHAIN)

    def _unopened(self, members: Sequence[Member], moves: Moves) -> None:
        """What nobody told us, said as such."""
        for member in members:
            self.notes.agreement = member.id
            statement = "what was ordered is a hash here; an evidence file would open it"
            self.notes.note(Check.SPECIFICATION, statement, Voucher.NOBODY)
            if any(one.agreement == member.id for one in moves.proved):
                statement = "what the machines said is a hash here; an evidence file would open it"
                self.notes.note(Check.EVIDENCE_HASH, statement, Voucher.NOBODY)


def _touches(log: Log, clones: set[str]) -> bool:
    payment = transfer(log)
    return payment is not None and (payment.sender in clones or payment.to in clones)


def _advances(transaction: Transaction, factory: str) -> Advances:
    events = (understood(log) for log in transaction.logs if same(log.address, factory))
    return [event for event in events if isinstance(event, AdvanceToPayee | AdvanceToSupply)]


def _summary(replay: Replay) -> Summary:
    return Summary(
        id=replay.id,
        address=replay.address,
        kind=replay.terms.kind.name.lower(),
        state=replay.books.state,
        amount=replay.terms.amount,
        to_payee=replay.paid[Party.PAYEE] + replay.books.advance.to_payee,
        to_payer=replay.paid[Party.PAYER],
        fee=replay.paid[Party.FEE_RECEIVER],
        carried=replay.carried,
        holds=replay.books.holds,
    )
