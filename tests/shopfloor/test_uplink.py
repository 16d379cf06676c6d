"""Uplink and downlink against the miniature backend, in process: faults, tokens, poison."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from shopfloor.gateway.backend import Backend, BackendUnavailable, Backoff
from shopfloor.gateway.config import GatewayConfig, Retry
from shopfloor.gateway.downlink import Downlink
from shopfloor.gateway.inbox import Inbox
from shopfloor.gateway.spool import Spool
from shopfloor.gateway.uplink import Uplink
from tests.shopfloor.receiver import Receiver
from tests.shopfloor.worlds import config, fill, job_order, open_spool, until


@dataclass
class World:
    """A spool, a backend client and the receiver it talks to."""

    spool: Spool
    backend: Backend
    receiver: Receiver
    config: GatewayConfig
    uplink: Uplink


@asynccontextmanager
async def world(tmp_path: Path, receiver: Receiver, **fields: object) -> AsyncIterator[World]:
    settings = config(tmp_path / "spool.db", **fields)  # type: ignore[arg-type]
    spool = open_spool(settings.spool_path)
    backend = Backend(settings, httpx.ASGITransport(receiver))
    try:
        yield World(spool, backend, receiver, settings, Uplink(spool, backend, settings))
    finally:
        await backend.close()
        spool.store.close()


async def drain(uplink: Uplink, spool: Spool, upto: int, deadline_s: float = 15.0) -> None:
    """Run the uplink until lane s is acknowledged up to `upto`."""
    task = asyncio.create_task(uplink.run())
    try:
        async with asyncio.timeout(deadline_s):
            await until(lambda: spool.acked("s") >= upto)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.req(102, 103)
async def test_half_of_the_posts_fail_half_of_those_after_commit_and_nothing_is_lost_or_double(
    tmp_path: Path,
) -> None:
    dice = random.Random(7)
    receiver = Receiver(lambda _: dice.choice(["", "", "before", "after"]))
    async with world(tmp_path, receiver, records_per_post=8) as w:
        fill(w.spool, 120)
        await drain(w.uplink, w.spool, 120)
    assert [v.event.seq for v in receiver.believed] == list(range(1, 121))
    assert len(receiver.records) == 120
    assert receiver.posts > 15  # the control: faults did happen …
    assert len(receiver.offered) > 120  # … and some came after the commit


async def test_without_the_receivers_memory_of_identity_events_would_double(tmp_path: Path) -> None:
    """Negative control of the test above: a backend that forgets what it has counts events twice."""

    class Forgetful(Receiver):
        def _believe(self, *arguments: object) -> None:
            self.last_batch.clear()
            self.heads.clear()
            self.records.clear()
            super()._believe(*arguments)  # type: ignore[arg-type]

    receiver = Forgetful(lambda post: "after" if post == 0 else "")
    async with world(tmp_path, receiver) as w:
        fill(w.spool, 4)
        await drain(w.uplink, w.spool, 4)
    assert len(receiver.believed) == 8


@pytest.mark.req(102)
async def test_one_bad_event_is_found_and_buried_and_the_others_pass(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.poison = lambda event: event["kind"] != "tombstone" and event["seq"] == 6
    async with world(tmp_path, receiver) as w:
        fill(w.spool, 12)
        await drain(w.uplink, w.spool, 12)
        assert w.spool.quarantined() == [(6, "refused with 422")]
    assert [v.event.seq for v in receiver.believed] == [1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12]


async def test_a_backend_that_refuses_everything_makes_nobody_bury_anything(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.always = 422
    async with world(tmp_path, receiver) as w:
        fill(w.spool, 8)
        with pytest.raises(BackendUnavailable, match="every event"):
            await w.uplink.send_some()
        assert w.spool.quarantined() == []
        receiver.always = None
        await drain(w.uplink, w.spool, 8)
    assert len(receiver.believed) == 8


async def test_where_tombstones_are_refused_too_the_event_is_kept_whole(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.poison = lambda event: event["seq"] == 2
    async with world(tmp_path, receiver) as w:
        fill(w.spool, 4)
        before = w.spool.records("s", 1, 4)
        with pytest.raises(BackendUnavailable, match="stays refused"):
            await w.uplink.send_some()
        assert w.spool.quarantined() == []
        assert w.spool.records("s", 1, 4) == before
        receiver.poison = lambda _: False
        await drain(w.uplink, w.spool, 4)
    assert len(receiver.believed) == 4


@pytest.mark.parametrize("status", [401, 403, 404, 408, 429, 500, 503])
async def test_refusals_of_us_quarantine_nothing(tmp_path: Path, status: int) -> None:
    receiver = Receiver()
    receiver.always = status
    async with world(tmp_path, receiver) as w:
        fill(w.spool, 1)
        with pytest.raises(BackendUnavailable):
            await w.uplink.send_some()
        assert w.spool.quarantined() == []
        assert w.spool.acked("s") == 0


@pytest.mark.req(13)
async def test_one_token_is_fetched_for_all_who_wait(tmp_path: Path) -> None:
    receiver = Receiver()
    async with world(tmp_path, receiver) as w:
        calls = (w.backend.call("GET", "/v1/gateway/commands", params={"after": 0, "wait": 0}) for _ in range(20))
        await asyncio.gather(*calls)
        assert receiver.tokens == 1
        receiver.valid_token = "rotated"
        await w.backend.call("GET", "/v1/gateway/commands", params={"after": 0, "wait": 0})
        assert receiver.tokens == 2


@pytest.mark.req(13)
async def test_a_token_is_renewed_at_eighty_per_cent_of_its_life(tmp_path: Path) -> None:
    receiver = Receiver()
    receiver.expires_in = 1
    async with world(tmp_path, receiver) as w:
        ask = {"after": 0, "wait": 0}
        await w.backend.call("GET", "/v1/gateway/commands", params=ask)
        await w.backend.call("GET", "/v1/gateway/commands", params=ask)
        assert receiver.tokens == 1
        await asyncio.sleep(0.85)
        await w.backend.call("GET", "/v1/gateway/commands", params=ask)
        assert receiver.tokens == 2


async def test_wrong_upload_credentials_are_unavailable_not_fatal(tmp_path: Path) -> None:
    receiver = Receiver()
    async with world(tmp_path, receiver, secret="wrong") as w:
        fill(w.spool, 1)
        with pytest.raises(BackendUnavailable, match="401"):
            await w.uplink.send_some()


@pytest.mark.parametrize("ack", [{}, {"ack": {"s": "4"}}, {"ack": {"s": 9}}, {"ack": {"s": 1}}, {"ack": None}])
async def test_a_strange_acknowledgement_moves_nothing_beyond_what_was_sent(
    tmp_path: Path, ack: dict[str, object]
) -> None:
    class Strange(Receiver):
        def _commit(self, post: dict[str, object]) -> dict[str, object]:
            return ack

    async with world(tmp_path, Strange()) as w:
        fill(w.spool, 4)
        with pytest.raises((BackendUnavailable, ValueError)):
            await w.uplink.send_some()
        assert w.spool.acked("s") <= 1


async def test_notes_follow_evidence_and_are_let_go_when_refused(tmp_path: Path) -> None:
    receiver = Receiver()
    async with world(tmp_path, receiver) as w:
        w.spool.note("gap", 1, {"milliseconds": "5"})
        fill(w.spool, 1)
        assert await w.uplink.send_some()
        assert (w.spool.acked("s"), w.spool.acked("t")) == (1, 0)
        assert await w.uplink.send_some()
        assert w.spool.acked("t") == 1
        w.spool.note("gap", 2, {"milliseconds": "6"})
        receiver.always = 422
        assert await w.uplink.send_some()
        assert w.spool.acked("t") == 2
        assert not await w.uplink.send_some()


def test_retry_after_is_honoured_and_waits_stay_bounded() -> None:
    backoff = Backoff(Retry(first_s=0.5, most_s=4.0))
    waits = [backoff.next() for _ in range(50)]
    assert all(0.05 <= wait <= 4.0 for wait in waits)
    assert max(waits) > 1.0
    assert backoff.next(at_least_s=9.0) == 9.0
    backoff.reset()
    assert backoff.next() <= 0.5


@pytest.mark.req(55)
async def test_commands_come_by_long_poll_and_the_cursor_is_kept(tmp_path: Path) -> None:
    receiver, arrived = Receiver(), asyncio.Event()
    async with world(tmp_path, receiver, long_poll_s=1) as w:
        inbox = Inbox(w.spool.store)
        downlink = Downlink(inbox, w.backend, w.config, arrived.set)
        assert await downlink.fetch() == 0
        assert not arrived.is_set()
        receiver.start(job_order("job-1").to_wire())
        assert await downlink.fetch() == 1
        assert arrived.is_set()
        receiver.start({"nonsense": 1})
        receiver.start(job_order("job-2").to_wire())
        assert await downlink.fetch() == 2
        assert [j.order.job_id for j in inbox.open_jobs()] == ["job-1", "job-2"]
        assert inbox.cursor == 3


@pytest.mark.req(11)
@pytest.mark.parametrize(
    "fields",
    [
        {"backend_url": "http://market.example"},
        {"backend_url": "ftp://127.0.0.1"},
        {"backend_url": "nowhere"},
        {"gateway_id": "a:b"},
        {"secret": ""},
        {"long_poll_s": 26},
        {"records_per_post": 0},
    ],
)
def test_a_configuration_that_would_leak_or_fail_is_refused(tmp_path: Path, fields: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=next(iter(fields))):
        config(tmp_path / "s.db", **fields)  # type: ignore[arg-type]
    assert config(tmp_path / "s.db", backend_url="https://market.example").backend_url
    assert "upload-secret" not in repr(config(tmp_path / "s.db"))


async def test_a_backend_that_stays_away_is_one_line_in_the_log(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    receiver = Receiver(lambda _: "before")
    async with world(tmp_path, receiver) as w:
        fill(w.spool, 1)
        task = asyncio.create_task(w.uplink.run())
        await until(lambda: receiver.posts >= 5)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    assert [r.getMessage() for r in caplog.records if r.levelname == "WARNING"] == ["uplink: status 503"]
