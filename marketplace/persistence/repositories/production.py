"""Jobs and what gateways reported."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import ColumnElement, FromClause, and_, bindparam, exists, func, select

from marketplace.domain.errors import Conflict
from marketplace.domain.evidence import ShopFloorEvent, SignedBatch
from marketplace.domain.production import Job
from marketplace.persistence.late import Connection
from marketplace.persistence.mapping import columns_of, row_of, value_of
from marketplace.persistence.statements import Held, insert_missing, insert_once, upsert
from marketplace.persistence.tables import jobs, production_batches, production_events, production_lanes

Lane = tuple[str, str, str]
"""Gateway, epoch and lane."""

_JOB = columns_of(jobs, Job)
_EVENT = columns_of(production_events, ShopFloorEvent)
_BATCH = columns_of(production_batches, SignedBatch)
_AT, _OF = production_events.c, production_batches.c
_HERE, _NEXT, _ITS = production_events.alias(), production_events.alias(), production_events.alias()


def _same_lane(one: FromClause, other: FromClause) -> ColumnElement[bool]:
    return and_(*(one.c[name] == other.c[name] for name in ("gateway", "epoch", "lane")))


def _in_lane(table: FromClause) -> ColumnElement[bool]:
    return and_(*(table.c[name] == bindparam(name) for name in ("gateway", "epoch", "lane")))


_JOB_BY_ID = Held(select(*_JOB).where(jobs.c.id == bindparam("job")))
_JOBS_BY_ID = Held(select(*_JOB).where(jobs.c.id.in_(bindparam("jobs", expanding=True))).order_by(jobs.c.id))
_JOBS_OF_AGREEMENT = select(*_JOB).where(jobs.c.agreement_id == bindparam("agreement")).order_by(jobs.c.serial)

_AT_PLACES = select(_AT.seq, _AT.body, _AT.payload_hash).where(
    _in_lane(production_events), _AT.seq.in_(bindparam("places", expanding=True))
)
_BETWEEN = (
    select(*_EVENT)
    .where(_in_lane(production_events), _AT.seq.between(bindparam("first"), bindparam("last")))
    .order_by(_AT.seq)
)
_SPAN = select(func.min(_AT.at_ms).label("first"), func.max(_AT.at_ms).label("last")).where(
    _AT.agreement_id == bindparam("agreement")
)
_LAST_HASH = (
    select(_AT.payload_hash)
    .where(_AT.agreement_id == bindparam("agreement"), _AT.gateway == bindparam("gateway"))
    .order_by(_AT.serial.desc())
    .limit(1)
)

_BATCH_AT = select(*_BATCH).where(_in_lane(production_batches), _OF.sequence == bindparam("sequence"))
_LAST_BATCH = (
    select(*_BATCH)
    .where(_OF.gateway == bindparam("gateway"), _OF.epoch == bindparam("epoch"))
    .order_by(_OF.sequence.desc())
    .limit(1)
)
_BATCHES_WITH = (
    select(*_BATCH)
    .where(
        exists().where(
            _same_lane(_ITS, production_batches),
            _ITS.c.seq.between(_OF.first, _OF.last),
            _ITS.c.agreement_id == bindparam("agreement"),
            _ITS.c.code == bindparam("code"),
        )
    )
    .order_by(_OF.serial)
)

_MARK = select(production_lanes.c.acknowledged).where(_in_lane(production_lanes))
_GOES_ON = select(exists().where(_in_lane(production_events), _AT.seq == bindparam("mark") + 1))
_END_OF_RUN = select(func.min(_HERE.c.seq)).where(
    _in_lane(_HERE),
    _HERE.c.seq > bindparam("mark"),
    ~exists().where(_same_lane(_NEXT, _HERE), _NEXT.c.seq == _HERE.c.seq + 1),
)
"""The first event after the mark that has no follower."""


class SqlProduction:
    """Jobs, production events and batches, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def add_job(self, job: Job) -> None:
        """Insert; a job with this id stays as it is."""
        await insert_once(self._connection, jobs, row_of(jobs, job))

    async def job(self, job_id: str) -> Job | None:
        """By id; a writing transaction holds it until its end."""
        asked = _JOB_BY_ID.on(self._connection), {"job": job_id}
        row = (await self._connection.execute(*asked)).mappings().first()
        return None if row is None else value_of(Job, row)

    async def jobs(self, job_ids: Collection[str]) -> Mapping[str, Job]:
        """By id; a writing transaction holds them until its end, in one order whoever asks."""
        asked = _JOBS_BY_ID.on(self._connection), {"jobs": list(job_ids)}
        rows = (await self._connection.execute(*asked)).mappings()
        return {row["id"]: value_of(Job, row) for row in rows}

    async def save_job(self, job: Job) -> None:
        """Replace."""
        await upsert(self._connection, jobs, row_of(jobs, job), "id")

    async def jobs_of_agreement(self, agreement_id: str) -> Sequence[Job]:
        """In the order in which they run."""
        rows = (await self._connection.execute(_JOBS_OF_AGREEMENT, {"agreement": agreement_id})).mappings()
        return [value_of(Job, row) for row in rows]

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
        rows = await self._connection.execute(_AT_PLACES, {**_lane(*lane), "places": list(places)})
        return {row.seq: (row.body, row.payload_hash) for row in rows}

    async def add_batch(self, batch: SignedBatch) -> bool:
        """False if it is stored already. Raises Conflict if its place in the lane is taken by another root."""
        if await insert_once(self._connection, production_batches, row_of(production_batches, batch)):
            await self._mark(batch.gateway, batch.epoch, batch.lane)
            return True
        where = {**_lane(batch.gateway, batch.epoch, batch.lane), "sequence": batch.sequence}
        row = (await self._connection.execute(_BATCH_AT, where)).mappings().first()
        if row is None or value_of(SignedBatch, row) != batch:
            raise Conflict(f"batch {batch.sequence} of lane {batch.lane} is stored with other contents")
        return False

    async def last_batch(self, gateway: str, epoch: str) -> SignedBatch | None:
        """The batch with the highest number of a gateway's epoch, or None before the first."""
        row = (await self._connection.execute(_LAST_BATCH, {"gateway": gateway, "epoch": epoch})).mappings().first()
        return None if row is None else value_of(SignedBatch, row)

    async def acknowledged(self, gateway: str, epoch: str, lane: str) -> int:
        """The highest sequence number up to which nothing is missing; a lane begins with 1."""
        mark: int | None = await self._connection.scalar(_MARK, _lane(gateway, epoch, lane))
        return await self._walk(gateway, epoch, lane, mark or 0)

    async def _walk(self, gateway: str, epoch: str, lane: str, mark: int) -> int:
        """The end of the unbroken run that goes on after `mark`."""
        after = {**_lane(gateway, epoch, lane), "mark": mark}
        if not await self._connection.scalar(_GOES_ON, after):
            return mark
        end: int = await self._connection.scalar(_END_OF_RUN, after)
        return end

    async def _mark(self, gateway: str, epoch: str, lane: str) -> None:
        """Remember how far the lane is complete, so that later walks begin here."""
        end = await self.acknowledged(gateway, epoch, lane)
        row = {"gateway": gateway, "epoch": epoch, "lane": lane, "acknowledged": end}
        await upsert(self._connection, production_lanes, row, "gateway", "epoch", "lane")

    async def span(self, agreement_id: str) -> tuple[int, int] | None:
        """First and last event."""
        found = (await self._connection.execute(_SPAN, {"agreement": agreement_id})).mappings().one()
        return None if found["first"] is None else (found["first"], found["last"])

    async def last_hash(self, agreement_id: str, gateway: str) -> str | None:
        """Payload hash of the event of this pair that was stored last, or None before the first."""
        found: str | None = await self._connection.scalar(_LAST_HASH, {"agreement": agreement_id, "gateway": gateway})
        return found

    async def batch_with(self, agreement_id: str, code: int) -> tuple[SignedBatch, Sequence[ShopFloorEvent]] | None:
        """The first batch whose events are all stored and one of which has this agreement and code."""
        asked = {"agreement": agreement_id, "code": code}
        for row in (await self._connection.execute(_BATCHES_WITH, asked)).mappings().all():
            batch = value_of(SignedBatch, row)
            events = await self.events_of(batch)
            if len(events) == batch.last - batch.first + 1:
                return batch, events
        return None

    async def events_of(self, batch: SignedBatch) -> Sequence[ShopFloorEvent]:
        """The events that the batch covers, in order."""
        where = {**_lane(batch.gateway, batch.epoch, batch.lane), "first": batch.first, "last": batch.last}
        return [value_of(ShopFloorEvent, row) for row in (await self._connection.execute(_BETWEEN, where)).mappings()]


def _lane(gateway: str, epoch: str, lane: str) -> dict[str, str]:
    return {"gateway": gateway, "epoch": epoch, "lane": lane}
