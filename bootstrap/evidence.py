"""An order's evidence as a file that stands on its own: `docs/operating.md` has its form, `verify` reads it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from eth_hash.auto import keccak
from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from bootstrap.files import read_if_there
from bootstrap.settings import Settings, SettingsRefused
from contracts.deployer import AddressBook
from contracts.evidence import leaf, merkle_proof
from contracts.verification.evidence_file import FORMAT, VERSION
from marketplace.domain.agreement import Agreement, AgreementStatus
from marketplace.domain.evidence import ShopFloorEvent, SignedBatch
from marketplace.persistence.engines import open_engines
from marketplace.persistence.mapping import columns_of, value_of
from marketplace.persistence.tables import production_batches, production_events
from marketplace.persistence.unit_of_work import SqlTransaction

NOT_ON_CHAIN = frozenset({AgreementStatus.DRAFTED, AgreementStatus.SIGNED, AgreementStatus.VOID})


async def evidence_of(settings: Settings, order_id: str) -> dict[str, Any]:
    """The evidence file of an order, for its parties: payloads are not public. Raises SettingsRefused, ValueError."""
    text = read_if_there(settings.address_book)
    if text is None:
        raise SettingsRefused(f"{settings.address_book} is missing: run `lotsizeone deploy` first")
    book = AddressBook.from_json(text)
    engines = open_engines(settings.database)
    try:
        async with engines.read.begin() as connection:
            tx = SqlTransaction(connection)
            order = await tx.orders.get(order_id)
            if order is None:
                raise ValueError(f"there is no order {order_id} in {settings.data_dir}")
            agreements = [one for one in await tx.agreements.of_order(order_id) if one.status not in NOT_ON_CHAIN]
            batches = await _batches(connection, [agreement.id for agreement in agreements])
            filed = [(batch, await tx.production.events_of(batch)) for batch in batches]
    finally:
        await engines.dispose()
    known = {agreement.id for agreement in agreements}
    return {
        "format": FORMAT,
        "version": VERSION,
        "chain_id": book.chain_id,
        "factory": book.factory,
        "order": order_id,
        "agreements": [_agreement(agreement) for agreement in agreements],
        "events": [event for batch, events in filed for event in _events(batch, events, known)],
    }


def write_evidence(path: Path, document: dict[str, Any]) -> None:
    """The file."""
    path.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", "utf-8")


async def _batches(connection: AsyncConnection, agreement_ids: Sequence[str]) -> list[SignedBatch]:
    """Every signed batch that covers an event of these agreements, in the order in which they came."""
    batch, event = production_batches.c, production_events.c
    covers = and_(
        event.gateway == batch.gateway,
        event.epoch == batch.epoch,
        event.lane == batch.lane,
        event.seq.between(batch.first, batch.last),
        event.agreement_id.in_(agreement_ids),
    )
    held = select(1).where(covers).correlate(production_batches).exists()
    wanted = select(*columns_of(production_batches, SignedBatch)).where(held).order_by(batch.serial)
    return [value_of(SignedBatch, row) for row in (await connection.execute(wanted)).mappings()]


def _agreement(agreement: Agreement) -> dict[str, Any]:
    """With what was ordered, where that gives the hash in the terms."""
    entry: dict[str, Any] = {
        "id": agreement.id,
        "address": agreement.address,
        "kind": agreement.kind.name.lower(),
    }
    text = agreement.specification
    if text is not None and "0x" + keccak(text.encode()).hex() == agreement.terms.spec_hash:
        entry["specification"] = json.loads(text)
    return entry


def _events(batch: SignedBatch, events: Sequence[ShopFloorEvent], known: set[str]) -> list[dict[str, Any]]:
    """Those of this order; of the others under the same root only hashes leave."""
    leaves = [
        leaf(_bytes(event.agreement_id), _bytes(event.spec_hash), event.code, event.at_ms, _bytes(event.payload_hash))
        for event in events
    ]
    return [
        {
            "payload": event.body,
            "agreement": event.agreement_id,
            "spec_hash": event.spec_hash,
            "event_code": event.code,
            "at_ms": event.at_ms,
            "payload_hash": event.payload_hash,
            "proof": ["0x" + one.hex() for one in merkle_proof(leaves, index)],
            "root": batch.root,
            "sequence": batch.sequence,
            "previous": batch.previous,
            "signature": batch.signature,
        }
        for index, event in enumerate(events)
        if event.agreement_id in known
    ]


def _bytes(text: str) -> bytes:
    return bytes.fromhex(text.removeprefix("0x"))
