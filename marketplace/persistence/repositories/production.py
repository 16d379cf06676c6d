"""Jobs and what gateways reported."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import ColumnElement, Table, and_, exists, func, select

from marketplace.domain.errors import Conflict
from marketplace.domain.evidence import ShopFloorEvent, SignedBatch
from marketplace.domain.production import Job
from marketplace.persistence.late import Connection
from marketplace.persistence.mapping import columns_of, row_of, value_of
from marketplace.persistence.statements import held, insert_missing, insert_once, upsert
from marketplace.persistence.tables import jobs, production_batches, production_events, production_lanes

Lane = tuple[str, str, str]
"""Gateway, epoch and lane."""

_JOB = columns_of(jobs, Job)
_EVENT = columns_of(production_events, ShopFloorEvent)
_BATCH = columns_of(production_batches, SignedBatch)


class SqlProduction:
    """Jobs, production events and batches, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add_job(self, job: Job) -> None:
        """Insert; a job with this id stays as it is."""
        await insert_once(self._connection, jobs, row_of(jobs, job))

    async def job(self, job_id: str) -> Job | None:
        """By id; a writing transaction holds it until its end."""
        wanted = select(*_JOB).where(jobs.c.id == job_id)
        row = (await self._connection.execute(held(self._connection, wanted))).mappings().first()
        return None if row is None else value_of(Job, row)

    async def jobs(self, job_ids: Collection[str]) -> Mapping[str, Job]:
        """By id; a writing transaction holds them until its end, in one order whoever asks."""
        wanted = select(*_JOB).where(jobs.c.id.in_(job_ids)).order_by(jobs.c.id)
        rows = (await self._connection.execute(held(self._connection, wanted))).mappings()
        return {row["id"]: value_of(Job, row) for row in rows}

    async def save_job(self, job: Job) -> None:
        """Replace."""
        await upsert(self._connection, jobs, row_of(jobs, job), "id")

    async def jobs_of_agreement(self, agreement_id: str) -> Sequence[Job]:
        """In the order in which they run."""
        wanted = select(*_JOB).where(jobs.c.agreement_id == agreement_id).order_by(jobs.c.serial)
        return [value_of(Job, row) for row in (await self._connection.execute(wanted)).mappings()]

    async def jobs_of_organisation(self, organisation_id: str, limit: int) -> Sequence[Job]:
        """Newest first."""
        mine = select(*_JOB).where(jobs.c.organisation_id == organisation_id)
        wanted = mine.order_by(jobs.c.serial.desc()).limit(limit)
        return [value_of(Job, row) for row in (await self._connection.execute(wanted)).mappings()]

    async def add_events(self, events: Sequence[ShopFloorEvent]) -> Sequence[ShopFloorEvent]:
        """Gives those that were not stored already. Raises Conflict if an identity is taken by other bytes."""
        lanes: dict[Lane, list[int]] = defaultdict(list)
        for event in events:
            lanes[event.gateway, event.epoch, event.lane].append(event.seq)
        known = {lane: await self._known(lane, places) for lane, places in lanes.items()}
        new = []
        for event in events:
            bytes_ = (event.body, event.payload_hash)
            stored = known[event.gateway, event.epoch, event.lane].setdefault(event.seq, bytes_)
            if stored is bytes_:
                new.append(event)
            elif stored != bytes_:
                raise Conflict(f"event {event.seq} of lane {event.lane} is stored with other bytes")
        rows = [row_of(production_events, event) for event in new]
        written = await insert_missing(self._connection, production_events, rows, production_events.c.serial)
        if len(written) != len(rows):
            raise Conflict("somebody else uploads the same events just now")
        return new

    async def _known(self, lane: Lane, places: Sequence[int]) -> dict[int, tuple[str, str]]:
        """Body and hash of what is stored at these places of a lane."""
        columns = production_events.c
        wanted = select(columns.seq, columns.body, columns.payload_hash)
        here = _in_lane(production_events, *lane)
        rows = await self._connection.execute(wanted.where(here, columns.seq.in_(places)))
        return {row.seq: (row.body, row.payload_hash) for row in rows}

    async def add_batch(self, batch: SignedBatch) -> bool:
        """False if it is stored already. Raises Conflict if its place in the lane is taken by another root."""
        if await insert_once(self._connection, production_batches, row_of(production_batches, batch)):
            await self._mark(batch.gateway, batch.epoch, batch.lane)
            return True
        lane = _in_lane(production_batches, batch.gateway, batch.epoch, batch.lane)
        wanted = select(*_BATCH).where(lane, production_batches.c.sequence == batch.sequence)
        row = (await self._connection.execute(wanted)).mappings().first()
        if row is None or value_of(SignedBatch, row) != batch:
            raise Conflict(f"batch {batch.sequence} of lane {batch.lane} is stored with other contents")
        return False

    async def last_batch(self, gateway: str, epoch: str) -> SignedBatch | None:
        """The batch with the highest number of a gateway's epoch, or None before the first."""
        columns = production_batches.c
        wanted = (
            select(*_BATCH)
            .where(columns.gateway == gateway, columns.epoch == epoch)
            .order_by(columns.sequence.desc())
            .limit(1)
        )
        row = (await self._connection.execute(wanted)).mappings().first()
        return None if row is None else value_of(SignedBatch, row)

    async def acknowledged(self, gateway: str, epoch: str, lane: str) -> int:
        """The highest sequence number up to which nothing is missing; a lane begins with 1."""
        mark: int | None = await self._connection.scalar(
            select(production_lanes.c.acknowledged).where(_in_lane(production_lanes, gateway, epoch, lane))
        )
        return await self._walk(gateway, epoch, lane, mark or 0)

    async def _walk(self, gateway: str, epoch: str, lane: str, mark: int) -> int:
        """The end of the unbroken run that goes on after `mark`."""
        here, following = production_events.alias(), production_events.alias()
        first = exists().where(_in_lane(production_events, gateway, epoch, lane), production_events.c.seq == mark + 1)
        if not await self._connection.scalar(select(first)):
            return mark
        followed = exists().where(
            and_(
                following.c.gateway == gateway,
                following.c.epoch == epoch,
                following.c.lane == lane,
                following.c.seq == here.c.seq + 1,
            )
        )
        ends = select(func.min(here.c.seq)).where(
            here.c.gateway == gateway, here.c.epoch == epoch, here.c.lane == lane, here.c.seq > mark, ~followed
        )
        end: int = await self._connection.scalar(ends)
        return end

    async def _mark(self, gateway: str, epoch: str, lane: str) -> None:
        """Remember how far the lane is complete, so that later walks begin here."""
        end = await self.acknowledged(gateway, epoch, lane)
        row = {"gateway": gateway, "epoch": epoch, "lane": lane, "acknowledged": end}
        await upsert(self._connection, production_lanes, row, "gateway", "epoch", "lane")

    async def span(self, agreement_id: str) -> tuple[int, int] | None:
        """First and last event."""
        at = production_events.c.at_ms
        wanted = select(func.min(at).label("first"), func.max(at).label("last")).where(
            production_events.c.agreement_id == agreement_id
        )
        found = (await self._connection.execute(wanted)).mappings().one()
        return None if found["first"] is None else (found["first"], found["last"])

    async def last_hash(self, agreement_id: str, gateway: str) -> str | None:
        """Payload hash of the event of this pair that was stored last, or None before the first."""
        events = production_events.c
        newest = (
            select(events.payload_hash)
            .where(events.agreement_id == agreement_id, events.gateway == gateway)
            .order_by(events.serial.desc())
            .limit(1)
        )
        found: str | None = await self._connection.scalar(newest)
        return found

    async def batch_with(self, agreement_id: str, code: int) -> tuple[SignedBatch, Sequence[ShopFloorEvent]] | None:
        """The first batch whose events are all stored and one of which has this agreement and code."""
        held = production_events.alias()
        wanted = (
            select(*_BATCH)
            .where(exists().where(_held(held), held.c.agreement_id == agreement_id, held.c.code == code))
            .order_by(production_batches.c.serial)
        )
        for row in (await self._connection.execute(wanted)).mappings().all():
            batch = value_of(SignedBatch, row)
            events = await self.events_of(batch)
            if len(events) == batch.last - batch.first + 1:
                return batch, events
        return None

    async def events_of(self, batch: SignedBatch) -> Sequence[ShopFloorEvent]:
        """The events that the batch covers, in order."""
        lane = _in_lane(production_events, batch.gateway, batch.epoch, batch.lane)
        place = production_events.c.seq
        wanted = select(*_EVENT).where(lane, place.between(batch.first, batch.last)).order_by(place)
        return [value_of(ShopFloorEvent, row) for row in (await self._connection.execute(wanted)).mappings()]


def _in_lane(table: Table, gateway: str, epoch: str, lane: str) -> ColumnElement[bool]:
    return and_(table.c.gateway == gateway, table.c.epoch == epoch, table.c.lane == lane)


def _held(event: object) -> ColumnElement[bool]:
    """The event row (an alias) lies in the batch row."""
    held, batch = event.c, production_batches.c  # type: ignore[attr-defined]
    return and_(
        held.gateway == batch.gateway,
        held.epoch == batch.epoch,
        held.lane == batch.lane,
        held.seq.between(batch.first, batch.last),
    )
