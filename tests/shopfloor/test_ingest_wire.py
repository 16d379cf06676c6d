"""Bytes that are no upload: each is refused in words, quickly, and leaves nothing behind. No socket is opened."""

import gzip
import json
import os
import zlib
from typing import Any

import pytest

from shopfloor import ingest
from tests.shopfloor.ingesting import Backend, refused, started

HOSTILE = [
    b"",
    b"null",
    b"[]",
    b"{}",
    b'"text"',
    b"{",
    b"\xff\xfe\x00",
    b'{"gateway": NaN}',
    b'{"gateway": 1e400}',
    b'{"gateway": "\\ud800"}',
    b'{"gateway": "a\\u0000b"}',
    b'{"gateway": "a", "gateway": "b"}',
    b"[" * 100_000,
    b'{"gateway": ' + b"9" * 5_000 + b"}",
]


class TestWire:
    """Bytes that are no upload."""

    @pytest.mark.req(42)
    @pytest.mark.parametrize("body", HOSTILE, ids=range(len(HOSTILE)))
    async def test_bad_json(self, backend: Backend, body: bytes) -> None:
        await refused(backend, body)

    @pytest.mark.parametrize(
        "changes",
        [
            {"epoch": "E1"},
            {"epoch": ""},
            {"epoch": "e" * 33},
            {"epoch": 1},
            {"lane": "x"},
            {"lane": ""},
            {"lane": "st"},
            {"records": {}},
            {"records": [1]},
            {"records": [{"seq": True, "event": "{}"}]},
            {"records": [{"seq": 0, "event": "{}"}]},
            {"records": [{"seq": 2**53, "event": "{}"}]},
            {"records": [{"seq": 1, "event": "{}"}]},
            {"records": [{"seq": 1}]},
            {"records": [{"seq": 1, "event": "{}"}] * 1_001},
            {"batches": [1]},
            {"batches": [{}]},
            {"batches": None},
        ],
    )
    async def test_bad_fields(self, backend: Backend, changes: dict[str, Any]) -> None:
        await refused(backend, started().upload(**changes))

    @pytest.mark.parametrize(
        "changes",
        [
            {"first": 2, "last": 1},
            {"first": 1, "last": 300},
            {"first": True},
            {"root": "0x" + "AB" * 32},
            {"sequence": 0},
            {"signature": "0x00"},
            {"signature": "0x" + "00" * 65},
        ],
    )
    async def test_bad_batches(self, backend: Backend, changes: dict[str, Any]) -> None:
        machine = started()
        await refused(backend, machine.upload(batches=[machine.batches[0] | changes]))

    async def test_an_event_that_is_not_canonical(self, backend: Backend) -> None:
        machine = started()
        records = machine.upload()["records"]
        records[0]["event"] = json.dumps(json.loads(records[0]["event"]))
        await refused(backend, machine.upload(records=records), 422, "canonical")

    async def test_a_record_twice(self, backend: Backend) -> None:
        machine = started()
        await refused(backend, machine.upload(records=machine.upload()["records"] * 2), 422, "twice")

    async def test_batches_that_share_records(self, backend: Backend) -> None:
        machine = started()
        await refused(backend, machine.upload(batches=machine.batches * 400), 422, "batches.1")

    async def test_an_upload_that_is_too_large(self, backend: Backend) -> None:
        assert (await backend.post(b" " * (ingest.MAX_PACKED + 1))).status_code == 413

    async def test_a_bomb_is_not_unpacked(self, backend: Backend) -> None:
        bomb = gzip.compress(bytes(ingest.MAX_UNPACKED + 1))
        assert len(bomb) < 100_000
        assert (await backend.post_raw(bomb, "gzip")).status_code == 413
        # Members one after the other unpack as one body.
        part = gzip.compress(bytes(ingest.MAX_UNPACKED // 4 + 1))
        assert (await backend.post_raw(part * 4, "GZIP ")).status_code == 413

    async def test_broken_packing(self, backend: Backend) -> None:
        whole = gzip.compress(json.dumps(started().upload()).encode())
        flipped = bytearray(whole)
        flipped[len(whole) // 2] ^= 0xFF
        checksum = bytearray(whole)
        checksum[-6] ^= 0xFF
        hostile = [
            b"",
            b"plain",
            whole[: len(whole) // 2],
            whole[:-1],
            bytes(flipped),
            bytes(checksum),
            whole[:12] + os.urandom(64),
            whole[:10] + b"\x06" + whole[11:],
            zlib.compress(b"{}"),
        ]
        for content in hostile:
            answer = await backend.post_raw(content, "gzip")
            assert answer.status_code == 422, content
        assert (await backend.post_raw(whole, "br")).status_code == 422
        assert (await backend.post_raw(whole, "gzip")).status_code == 200

    async def test_notes_are_acknowledged_and_not_kept(self, backend: Backend) -> None:
        notes = [{"seq": seq, "event": "{}"} for seq in (4, 5)]
        answer = await backend.post(started().upload(lane="t", records=notes, batches=[]))
        assert answer.json() == {"ack": {"t": 5}}
        assert await backend.rows("production_events") == 0

    async def test_while_the_chain_is_away_the_gateway_keeps_its_events(self, backend: Backend) -> None:
        backend.chain.away = True
        answer = await backend.post(started().upload())
        assert answer.status_code == 503
        assert int(answer.headers["Retry-After"]) > 0
        backend.chain.away = False
        assert (await backend.post(started().upload())).status_code == 200
