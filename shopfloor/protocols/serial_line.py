"""Bounded, checked lines over anything pyserial opens: a device, `socket://`, `rfc2217://`, `loop://`.

Frame: payload `*` CRC-32 in eight hex digits, CR LF. A one-byte XOR lets one corrupted block in fifty pass, so the
check is a CRC. Every wait has a deadline. Blocking: run it in a thread.
"""

import re
import time
import zlib
from types import TracebackType
from typing import Any, Self

import serial

MAX_FRAME = 256
_FRAME = re.compile(rb"([\x20-\x29\x2b-\x7e]{1,240})\*([0-9A-F]{8})")
_SLICE_S = 0.05  # how long one read may block before the deadline is looked at again


class LineError(Exception):
    """Top of the tree: the line did not give a frame."""


class LineUnavailable(LineError):
    """The port cannot be opened or has gone."""


class LineTimeout(LineError):
    """No complete frame before the deadline."""


class FrameTooLong(LineError):
    """More than `MAX_FRAME` bytes without an end of line; they are dropped up to the next one."""


class FrameCorrupt(LineError):
    """The frame has the wrong form or its CRC does not match."""


def encode_frame(payload: str) -> bytes:
    """The bytes of one frame. Raises ValueError unless `payload` is 1–240 printable ASCII without `*`."""
    body = payload.encode("ascii")
    frame = body + b"*%08X" % zlib.crc32(body)
    if _FRAME.fullmatch(frame) is None:
        raise ValueError("a payload is 1 to 240 printable ASCII characters without *")
    return frame + b"\r\n"


def decode_frame(line: bytes) -> str:
    """The payload of one line (with or without its end). Raises FrameTooLong, FrameCorrupt."""
    if len(line) > MAX_FRAME:
        raise FrameTooLong(f"more than {MAX_FRAME} bytes")
    match = _FRAME.fullmatch(line.rstrip(b"\r\n"))
    if match is None:
        raise FrameCorrupt("not a frame")
    if zlib.crc32(match[1]) != int(match[2], 16):
        raise FrameCorrupt("the checksum does not match")
    return match[1].decode("ascii")


class SerialLine:
    """One open port. Not for two threads at a time."""

    def __init__(self, url: str, *, baudrate: int = 9600) -> None:
        """`url` as `serial.serial_for_url` takes it; a device is opened exclusively, 8N1."""
        self._url = url
        self._baudrate = baudrate
        self._port: Any = None
        self._buffer = bytearray()
        self._skipping = False  # inside a line that was too long

    def __enter__(self) -> Self:
        """Open. Raises LineUnavailable."""
        options: dict[str, Any] = {} if "://" in self._url else {"exclusive": True}
        try:
            self._port = serial.serial_for_url(
                self._url, baudrate=self._baudrate, timeout=_SLICE_S, write_timeout=2.0, **options
            )
        except (serial.SerialException, OSError, ValueError) as error:
            raise LineUnavailable(f"cannot open: {type(error).__name__}") from error
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        port, self._port = self._port, None
        if port is not None:
            port.close()

    def write_frame(self, payload: str) -> None:
        """Send one frame. Raises LineTimeout, LineUnavailable."""
        try:
            self._port.write(encode_frame(payload))
            self._port.flush()
        except serial.SerialTimeoutException as error:
            raise LineTimeout("the line takes no more") from error
        except (serial.SerialException, OSError) as error:
            raise LineUnavailable("the line has gone") from error

    def read_frame(self, deadline_s: float) -> str:
        """The payload of the next frame, waiting at most `deadline_s` seconds. Raises LineError.

        After FrameTooLong or FrameCorrupt the next call reads on from the next line.
        """
        until = time.monotonic() + deadline_s
        while True:
            end = self._buffer.find(b"\n")
            if end >= 0:
                line = bytes(self._buffer[: end + 1])
                del self._buffer[: end + 1]
                if not self._skipping:
                    return decode_frame(line)
                self._skipping = False
                raise FrameTooLong(f"more than {MAX_FRAME} bytes")
            if len(self._buffer) > MAX_FRAME:
                self._buffer.clear()
                self._skipping = True
            if time.monotonic() >= until:
                raise LineTimeout("no complete frame in time")
            self._buffer += self._read_some()

    def _read_some(self) -> bytes:
        try:
            return bytes(self._port.read(max(1, min(self._port.in_waiting, MAX_FRAME))))
        except (serial.SerialException, OSError) as error:
            raise LineUnavailable("the line has gone") from error
