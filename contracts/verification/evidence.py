"""Holds an evidence file against the agreements: each event proved, signed and chained, none that paid left out."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import rfc8785
from eth_hash.auto import keccak

from contracts.eip712 import address_bytes
from contracts.evidence import leaf
from contracts.evidence import verify as is_included
from contracts.terms import Terms
from contracts.verification.evidence_file import EvidenceFile, FiledAgreement, FiledEvent
from contracts.verification.family import Member
from contracts.verification.moves import Proved
from contracts.verification.reader import same
from contracts.verification.signatures import Signatures
from contracts.verification.strict_json import parse
from contracts.verification.verdict import Check, Notes, Voucher
from contracts.verification.wording import gateway, moment, payer, title


@dataclass(frozen=True)
class _Record:
    """An event of the file with its payload read."""

    filed: FiledEvent
    payload: Mapping[str, Any]

    @property
    def signer(self) -> str:
        """The gateway that recorded it."""
        return str(self.payload["gateway"])


@dataclass
class Evidence:
    """Checks a file against the agreements of one order, by id."""

    signatures: Signatures
    notes: Notes
    members: Mapping[bytes, Member]

    async def check(self, file: EvidenceFile, proved: Sequence[Proved], head: int) -> None:
        """Everything in the file, and that nothing which paid is missing from it. Raises Discrepancy."""
        for filed_agreement in file.agreements:
            self._check_agreement(filed_agreement)
        opened = {filed.id for filed in file.agreements if filed.specification is not None}
        for unopened in (one for one in self.members if one not in opened):
            self.notes.agreement = unopened
            statement = "what was ordered is a hash here; the file does not open it"
            self.notes.note(Check.SPECIFICATION, statement, Voucher.NOBODY)
        told: dict[tuple[bytes, str], list[_Record]] = defaultdict(list)
        seen: dict[tuple[bytes, str], bool] = {}
        for filed in file.events:
            record = self._read(filed, file.order)
            await self._check_root(record, head, seen)
            told[filed.agreement, record.signer].append(record)
        self._check_sequences([record for records in told.values() for record in records])
        for (agreement, signer), records in told.items():
            self.notes.agreement = agreement
            self._check_chain(self.members[agreement].terms, signer, records)
        for one in proved:
            self._check_told(one, told)
        heard = {agreement for agreement, _ in told}
        for silent in (one for one in self.members if one not in heard):
            self.notes.agreement = silent
            self.notes.note(Check.EVIDENCE_CHAIN, "no machine told how this was made", Voucher.NOBODY)

    def _check_agreement(self, filed: FiledAgreement) -> None:
        member = self.members.get(filed.id)
        self.notes.agreement = filed.id
        if member is None or not same(member.address, filed.address):
            raise self.notes.wrong(Check.EVIDENCE_FOREIGN, f"agreement {filed.address} is not of this order")
        right = filed.kind is member.terms.kind
        self.notes.require(right, Check.EVIDENCE_FOREIGN, f"agreement {filed.address} is a {title(member.terms)}")
        if filed.specification is None:
            return
        try:
            text = rfc8785.dumps(dict(filed.specification))
        except (rfc8785.CanonicalizationError, ValueError) as error:
            raise self.notes.wrong(Check.SPECIFICATION, "the specification has no canonical form") from error
        right = keccak(text) == member.terms.spec_hash
        self.notes.require(right, Check.SPECIFICATION, "the specification is not the one that was signed")
        above = self.members.get(member.terms.parent)
        if above is not None and "order" in filed.specification:
            told = filed.specification["order"] == "0x" + above.terms.spec_hash.hex()
            self.notes.require(told, Check.SPECIFICATION, "the supply is for another order than its delivery's")
        statement = f"what was ordered is in the file ({', '.join(filed.specification)}), and is what both signed"
        self.notes.note(Check.SPECIFICATION, statement, payer(member.terms))

    # ── one event ────────────────────────────────────────────────────────────────────────────────

    def _read(self, filed: FiledEvent, order: str) -> _Record:
        self.notes.agreement = filed.agreement
        member = self.members.get(filed.agreement)
        if member is None or filed.spec_hash != member.terms.spec_hash:
            raise self.notes.wrong(Check.EVIDENCE_FOREIGN, "an event is of another agreement")
        right = keccak(filed.payload.encode()) == filed.payload_hash
        self.notes.require(right, Check.EVIDENCE_HASH, f"the text of an event of {_at(filed)} was changed")
        payload = self._parsed(filed)
        own = payload.get("order") == order
        self.notes.require(own, Check.EVIDENCE_FOREIGN, f"an event of {_at(filed)} is of another order than {order!a}")
        told = [payload.get(name) for name in ("agreement", "spec", "code", "at")]
        meant = ["0x" + filed.agreement.hex(), "0x" + filed.spec_hash.hex(), filed.event_code, filed.at_ms]
        self.notes.require(
            told == meant, Check.EVIDENCE_PROOF, f"an event of {_at(filed)} says something else than its leaf"
        )
        bound = leaf(filed.agreement, filed.spec_hash, filed.event_code, filed.at_ms, filed.payload_hash)
        included = is_included(filed.root, bound, filed.proof)
        self.notes.require(included, Check.EVIDENCE_PROOF, f"an event of {_at(filed)} is not under its root")
        return _Record(filed, payload)

    def _parsed(self, filed: FiledEvent) -> Mapping[str, Any]:
        try:
            payload = parse(filed.payload)
            canonical = isinstance(payload, dict) and rfc8785.dumps(payload) == filed.payload.encode()
            address_bytes(payload["gateway"] if canonical else "")
        except (rfc8785.CanonicalizationError, ValueError, KeyError) as error:
            raise self.notes.wrong(Check.EVIDENCE_HASH, "an event is not in the canonical form of RFC 8785") from error
        return dict(payload)

    async def _check_root(self, record: _Record, head: int, seen: dict[tuple[bytes, str], bool]) -> None:
        """The root is signed by the gateway that the event names, and the terms name it too."""
        terms, filed = self.members[record.filed.agreement].terms, record.filed
        named = any(same(record.signer, one) for one in (terms.attestor, terms.witness))
        self.notes.require(named, Check.EVIDENCE_SIGNATURE, f"the terms name no gateway {record.signer}")
        key = (keccak(filed.root + filed.previous + filed.signature), record.signer)
        if key not in seen:
            answer = await self.signatures.root(
                filed.root, filed.sequence, filed.previous, filed.signature, record.signer, head
            )
            seen[key] = answer is True
        self.notes.require(seen[key], Check.EVIDENCE_SIGNATURE, f"{record.signer} did not sign root {filed.sequence}")

    # ── all events ───────────────────────────────────────────────────────────────────────────────

    def _check_sequences(self, records: Iterable[_Record]) -> None:
        """A gateway has one root for each number, and each names the one before it."""
        roots: dict[tuple[str, object, int], FiledEvent] = {}
        for record in records:
            filed = record.filed
            first = roots.setdefault((record.signer, record.payload.get("epoch"), filed.sequence), filed)
            same_root = (first.root, first.previous) == (filed.root, filed.previous)
            self.notes.require(same_root, Check.EVIDENCE_SEQUENCE, f"there are two roots number {filed.sequence}")
        for (signer, epoch, sequence), filed in roots.items():
            before = roots.get((signer, epoch, sequence - 1))
            follows = before is None or before.root == filed.previous
            self.notes.require(follows, Check.EVIDENCE_SEQUENCE, f"root {sequence} does not follow root {sequence - 1}")

    def _check_chain(self, terms: Terms, signer: str, records: Sequence[_Record]) -> None:
        """From the specification on each event names the one before it: none was dropped, moved or added."""
        following: dict[str, _Record] = {}
        for record in records:
            before = str(record.payload.get("prev"))
            self.notes.require(before not in following, Check.EVIDENCE_CHAIN, "two events follow the same one")
            following[before] = record
        link, length = "0x" + terms.spec_hash.hex(), 0
        while link in following:
            link, length = "0x" + following[link].filed.payload_hash.hex(), length + 1
        broken = len(records) - length
        self.notes.require(not broken, Check.EVIDENCE_CHAIN, f"{broken} events do not follow from the specification on")
        roots = len({record.filed.root for record in records})
        modes = ", ".join(sorted({str(record.payload.get("mode", "unknown")) for record in records}))
        whose = gateway(terms) if same(signer, terms.attestor) else Voucher.WITNESS
        statement = (
            f"{length} events under {roots} roots of {signer}, unbroken from the specification on (mode: {modes})"
        )
        self.notes.note(Check.EVIDENCE_CHAIN, statement, whose)

    def _check_told(self, one: Proved, told: Mapping[tuple[bytes, str], Sequence[_Record]]) -> None:
        """The event behind a claim is in the file, in words."""
        self.notes.agreement = one.agreement
        terms = self.members[one.agreement].terms
        for (agreement, signer), records in told.items():
            if agreement != one.agreement or not same(signer, one.signer):
                continue
            for record in records:
                if record.filed.payload_hash == one.evidence.payload_hash:
                    whose = gateway(terms) if same(signer, terms.attestor) else Voucher.WITNESS
                    self.notes.note(Check.EVIDENCE_HASH, _words(record), whose)
                    return
        raise self.notes.wrong(Check.EVIDENCE_MISSING, f"event {one.event_code}, which was claimed, is not in the file")


def _at(filed: FiledEvent) -> str:
    return moment(filed.at_ms // 1000)


def _words(record: _Record) -> str:
    payload = record.payload
    values = payload.get("value")
    told = ", ".join(f"{name} {value}" for name, value in sorted(values.items())) if isinstance(values, dict) else ""
    where = f" at {payload['station']}" if "station" in payload else ""
    return f"{payload.get('kind', record.filed.event_code)}{where}, {_at(record.filed)}{': ' if told else ''}{told}"
