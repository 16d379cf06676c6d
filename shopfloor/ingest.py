"""The backend's side of the gateways: events in, commands out. Mounted into the API process by `bootstrap`.

Every upload is verified before anything is stored: canonical text, root over the records, the gateway's signature.
Chain and numbering are verified by the use case, which knows what came before.
"""

import asyncio
import gzip
import io
import logging
import re
import zlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Request
from pydantic import BeforeValidator
from pydantic_core import PydanticCustomError

from marketplace.application.context import Context
from marketplace.application.record_production import record_production
from marketplace.domain.errors import Forbidden, InvalidInput
from marketplace.domain.evidence import ShopFloorEvent
from marketplace.domain.evidence import SignedBatch as StoredBatch
from marketplace.ports.stores import GatewayCommandStore
from marketplace.ports.unit_of_work import Gateway
from shopfloor.gateway.batches import SignedBatch, parse_record
from shopfloor.gateway.evidence import EvidenceError, EvidenceEvent
from shopfloor.gateway.merkle import merkle_root
from shopfloor.gateway.signing import Domain, SignatureRefused, evidence_root_digest, recover
from shopfloor.strict_json import MAX_SAFE_INTEGER, JsonRefused, as_array, as_int, as_object, as_text, loads

log = logging.getLogger(__name__)

MAX_PACKED = 2 * 2**20
MAX_UNPACKED = 16 * 2**20
MAX_RECORDS = 1_000
POLL_S = 0.2
COMMANDS_AT_ONCE = 50
EVIDENCE_LANE = "s"
LANE = re.compile("[st]")
EPOCH = re.compile("[0-9a-f]{1,32}")


def _digits(text: object) -> object:
    if isinstance(text, str) and re.fullmatch("[0-9]{1,16}", text) is None:
        raise PydanticCustomError("int_parsing", "must be a whole number")
    return text


DIGITS = BeforeValidator(_digits)
"""ASCII digits and nothing else, where pydantic's own reader takes `1.0`, `+1` and `1_0`."""
Authenticate = Callable[[Request], Awaitable[Gateway]]


@dataclass(frozen=True, slots=True)
class Upload:
    """A parsed upload."""

    epoch: str
    lane: str
    records: tuple[tuple[int, str], ...]
    batches: tuple[SignedBatch, ...]


def create_router(
    ctx: Context,
    commands: GatewayCommandStore,
    authenticate: Authenticate,
    *,
    modes: frozenset[str],
    stopping: Callable[[], bool] = lambda: False,
) -> APIRouter:
    """Routes for gateways. `modes` are the execution modes whose events may count: production, on a devchain more.

    `stopping` says that the process was told to stop: a waiting gateway then gets its answer and comes back later.
    """
    router = APIRouter(tags=["gateways"])

    @router.post("/v1/ingest", operation_id="ingestEvents")
    async def ingest(request: Request, gateway: Annotated[Gateway, Depends(authenticate)]) -> dict[str, Any]:
        upload = parse_upload(await _body(request), gateway.address)
        if upload.lane != EVIDENCE_LANE:
            last = upload.records[-1][0] if upload.records else 0
            log.info("%d notes of gateway %s", len(upload.records), gateway.name)
            return {"ack": {upload.lane: last}}
        known = await ctx.chain.parameters()
        events, batches = verify(upload, gateway.address, Domain(known.chain_id, known.factory), modes)
        return {"ack": await record_production(ctx, gateway, events, batches)}

    @router.get("/v1/gateway/commands", operation_id="listGatewayCommands")
    async def list_commands(
        gateway: Annotated[Gateway, Depends(authenticate)],
        after: Annotated[int, Query(ge=0, le=MAX_SAFE_INTEGER), DIGITS] = 0,
        wait: Annotated[int, Query(ge=0, le=25), DIGITS] = 0,
    ) -> dict[str, Any]:
        loop = asyncio.get_running_loop()
        until = loop.time() + wait
        while True:
            # The rows are another process's: nothing here could wake us.
            found = await commands.after(gateway.id, after, COMMANDS_AT_ONCE)
            if found or loop.time() >= until or stopping():
                break
            await asyncio.sleep(POLL_S)
        return {"commands": [{"id": item.id, "kind": item.kind, "job": dict(item.body)} for item in found]}

    return router


async def _body(request: Request) -> bytes:
    """The request's body, unpacked, within bounds."""
    packed = bytearray()
    async for chunk in request.stream():
        packed += chunk
        if len(packed) > MAX_PACKED:
            raise HTTPException(413, f"an upload has at most {MAX_PACKED} bytes")
    if request.headers.get("content-encoding", "").strip().lower() != "gzip":
        return bytes(packed)
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(bytes(packed))) as unpacker:
            plain = unpacker.read(MAX_UNPACKED + 1)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidInput("body", "is not gzip") from error
    if len(plain) > MAX_UNPACKED:
        raise HTTPException(413, f"an upload has at most {MAX_UNPACKED} bytes unpacked")
    return plain


def parse_upload(body: bytes, attestor: str) -> Upload:
    """Read an upload of the gateway that signs as `attestor`. Raises InvalidInput, Forbidden."""
    try:
        raw = as_object(loads(body, limit=MAX_UNPACKED), "body")
        if as_text(raw.get("gateway"), "gateway").lower() != attestor:
            raise Forbidden("a gateway uploads only what it signed itself")
        return Upload(
            epoch=as_text(raw.get("epoch"), "epoch", pattern=EPOCH),
            lane=as_text(raw.get("lane"), "lane", pattern=LANE),
            records=tuple(_record(item) for item in as_array(raw.get("records"), "records", limit=MAX_RECORDS)),
            batches=tuple(
                SignedBatch.from_wire(item) for item in as_array(raw.get("batches"), "batches", limit=MAX_RECORDS)
            ),
        )
    except JsonRefused as error:
        raise InvalidInput("body", str(error)) from error
    except EvidenceError as error:
        raise InvalidInput("batches", str(error)) from error


def _record(value: object) -> tuple[int, str]:
    item = as_object(value, "record")
    seq = as_int(item.get("seq"), "seq", 1, MAX_SAFE_INTEGER)
    return seq, as_text(item.get("event"), "event", limit=MAX_UNPACKED)


def verify(
    upload: Upload, attestor: str, domain: Domain, modes: frozenset[str]
) -> tuple[Sequence[ShopFloorEvent], Sequence[StoredBatch]]:
    """Believe the upload's records and batches. Raises InvalidInput naming the record or the batch."""
    events: dict[int, EvidenceEvent] = {}
    for seq, text in upload.records:
        if seq in events:
            raise InvalidInput(f"records.{seq}", "is in this upload twice")
        try:
            event = parse_record(text)
        except EvidenceError as error:
            raise InvalidInput(f"records.{seq}", str(error)) from error
        if not isinstance(event, EvidenceEvent):
            raise InvalidInput(f"records.{seq}", "a withheld event needs an operator")
        if (event.gateway, event.epoch, event.lane, event.seq) != (attestor, upload.epoch, upload.lane, seq):
            raise InvalidInput(f"records.{seq}", "carries another identity")
        if event.quality != "good" or event.mode not in modes or event.reported_by != "machine":
            raise InvalidInput(f"records.{seq}", f"events of {event.quality} quality in mode {event.mode} do not count")
        events[seq] = event
    last = 0
    for batch in upload.batches:
        # Batches that shared records would let one upload ask for any number of trees over them.
        if batch.first <= last:
            raise InvalidInput(f"batches.{batch.sequence}", "covers records of the batch before it, or comes too late")
        _check(batch, events, attestor, domain)
        last = batch.last
    return (
        [_stored(event, text) for (_, text), event in zip(upload.records, events.values(), strict=True)],
        [_stored_batch(batch, upload, attestor) for batch in upload.batches],
    )


def _check(batch: SignedBatch, events: Mapping[int, EvidenceEvent], attestor: str, domain: Domain) -> None:
    where = f"batches.{batch.sequence}"
    covered = range(batch.first, batch.last + 1)
    if any(seq not in events for seq in covered):
        raise InvalidInput(where, "covers records that are not in this upload")
    root = merkle_root([events[seq].leaf for seq in covered])
    if "0x" + root.hex() != batch.root:
        raise InvalidInput(where, "the root over the records is not the signed one")
    digest = evidence_root_digest(domain, root, batch.sequence, bytes.fromhex(batch.previous[2:]))
    try:
        signer = recover(digest, bytes.fromhex(batch.signature[2:]))
    except SignatureRefused as error:
        raise InvalidInput(where, str(error)) from error
    if signer != attestor:
        raise InvalidInput(where, "another key than the gateway's signed it")


def _stored(event: EvidenceEvent, text: str) -> ShopFloorEvent:
    return ShopFloorEvent(
        gateway=event.gateway,
        epoch=event.epoch,
        lane=event.lane,
        seq=event.seq,
        agreement_id=event.agreement,
        spec_hash=event.spec,
        job_id=event.job,
        kind=event.kind,
        code=event.code,
        at_ms=event.at,
        station=event.station,
        value=dict(event.value),
        payload_hash="0x" + event.payload_hash.hex(),
        body=text,
        simulated=event.mode == "simulation",
    )


def _stored_batch(batch: SignedBatch, upload: Upload, attestor: str) -> StoredBatch:
    return StoredBatch(
        gateway=attestor,
        epoch=upload.epoch,
        lane=upload.lane,
        first=batch.first,
        last=batch.last,
        root=batch.root,
        sequence=batch.sequence,
        previous=batch.previous,
        signature=batch.signature,
    )
