"""Frames over pyserial's `socket://`: the station, noise, floods, silence."""

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from shopfloor.protocols.inspection import InspectionResult, ask_result, parse_result
from shopfloor.protocols.serial_line import (
    FrameCorrupt,
    FrameTooLong,
    LineTimeout,
    LineUnavailable,
    SerialLine,
    decode_frame,
    encode_frame,
)
from shopfloor.simulator.station import InspectionStation

pytestmark = pytest.mark.integration


@asynccontextmanager
async def station() -> AsyncIterator[InspectionStation]:
    instrument = InspectionStation()
    await instrument.start()
    try:
        yield instrument
    finally:
        await instrument.stop()


@asynccontextmanager
async def talker(data: bytes) -> AsyncIterator[str]:
    """A line on which somebody, once spoken to, says `data` and then nothing.

    Opening a port drops what was sent before, so whoever speaks first may not be heard.
    """
    done = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(data)
        await done.wait()
        writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0)
    try:
        yield f"socket://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        done.set()
        server.close()


@pytest.mark.req(96, 98)
async def test_the_station_answers_for_the_job_that_is_asked() -> None:
    async with station() as instrument:
        await instrument.publish(InspectionResult("job-1", 40, 0))
        await instrument.publish(InspectionResult("job-2", 40, 3))
        assert (await asyncio.to_thread(ask_result, instrument.url, "job-1", 3.0)).passed
        assert not (await asyncio.to_thread(ask_result, instrument.url, "job-2", 3.0)).passed


async def test_a_result_that_comes_while_asking_is_pushed() -> None:
    async with station() as instrument:
        asking = asyncio.create_task(asyncio.to_thread(ask_result, instrument.url, "job-9", 5.0))
        await asyncio.sleep(0.2)
        await instrument.publish(InspectionResult("job-8", 1, 0))
        await instrument.publish(InspectionResult("job-9", 40, 0))
        assert (await asking).job_id == "job-9"


async def test_no_result_is_a_timeout_and_no_station_unavailable(unused_tcp_port: int) -> None:
    async with station() as instrument:
        with pytest.raises(LineTimeout):
            await asyncio.to_thread(ask_result, instrument.url, "job-1", 0.5)
    with pytest.raises(LineUnavailable):
        await asyncio.to_thread(ask_result, f"socket://127.0.0.1:{unused_tcp_port}", "job-1", 1.0)


@pytest.mark.req(96)
async def test_after_noise_and_floods_the_next_frame_is_read() -> None:
    good = encode_frame("RESULT;job-1;40;0;PASS")
    noise = bytes([good[0] ^ 1]) + good[1:]
    flood = b"x" * 5_000 + b"\r\n"

    def read(url: str) -> str:
        with SerialLine(url) as line:
            line.write_frame("HELLO")
            with pytest.raises(FrameCorrupt):
                line.read_frame(2)
            with pytest.raises(FrameTooLong):
                line.read_frame(2)
            payload = line.read_frame(2)
            with pytest.raises(LineTimeout):
                line.read_frame(0.2)
            return payload

    async with talker(noise + flood + good) as url:
        assert await asyncio.to_thread(read, url) == "RESULT;job-1;40;0;PASS"


async def test_a_flood_without_an_end_meets_the_deadline() -> None:
    def read(url: str) -> None:
        with SerialLine(url) as line:
            line.write_frame("HELLO")
            with pytest.raises(LineTimeout):
                line.read_frame(0.5)

    async with talker(b"x" * 100_000) as url:
        await asyncio.to_thread(read, url)
    assert threading.active_count() < 50


async def test_a_station_cuts_a_flooding_line_and_serves_the_next() -> None:
    async with station() as instrument:
        await instrument.publish(InspectionResult("job-1", 40, 0))
        host, port = instrument.url.removeprefix("socket://").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(b"y" * 10_000)
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        assert (await asyncio.to_thread(ask_result, instrument.url, "job-1", 3.0)).passed


def test_every_flipped_bit_of_a_frame_is_refused() -> None:
    frame = encode_frame("RESULT;job-1;40;0;PASS").rstrip(b"\r\n")
    for position in range(len(frame) * 8):
        broken = bytearray(frame)
        broken[position // 8] ^= 1 << (position % 8)
        with pytest.raises(FrameCorrupt):
            decode_frame(bytes(broken))
    assert decode_frame(frame) == "RESULT;job-1;40;0;PASS"


def test_payloads_that_do_not_fit_a_frame_are_refused() -> None:
    for payload in ("", "a*b", "x" * 241, "é", "a\nb"):
        with pytest.raises(ValueError, match=r"payload|ascii"):
            encode_frame(payload)


def test_a_verdict_that_contradicts_its_count_is_corrupt() -> None:
    for payload in ("RESULT;j;40;1;PASS", "RESULT;j;40;0;FAIL", "RESULT;j;0;0;PASS", "RESULT;j;1;2;FAIL"):
        with pytest.raises(FrameCorrupt):
            parse_result(payload)
    assert parse_result("NONE;j") is None
