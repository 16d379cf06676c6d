"""What a key has signed, and what it has not and why: JSON lines in a file that is only ever added to.

A line is on the disk before the signature leaves the process, so a crash forgets no promise. Each line carries the
SHA-256 of the one before it: a line that was changed or taken out shows at the next start.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, Literal

FIRST: Final = "0" * 64
"""In place of the hash of the line before the first one."""
What = Literal["signed", "sent", "refused", "declined"]


@dataclass(frozen=True, slots=True)
class Promise:
    """Terms that the key has signed: `agreement` is their EIP-712 digest, `amount` counts token units."""

    agreement: str
    role: str
    amount: int
    fee_bps: int
    deliver_by: int
    parent: str
    lines: tuple[str, ...]


class Log:
    """The log of one key. One process at a time writes it."""

    def __init__(self, file: int | None, size: int = 0, last: str = FIRST) -> None:
        """Use `open` or `read`."""
        self._file = file
        self._size = size
        self._last = last
        self._digests: dict[str, str] = {}
        self._promises: dict[str, tuple[Promise, float]] = {}
        self._messages: dict[str, Mapping[str, Any]] = {}
        self._refused: set[tuple[str, str]] = set()

    @classmethod
    def open(cls, path: Path) -> "Log":
        """To be added to; a line that a crash cut off goes, since nothing was signed by it.

        Raises ValueError where another process has it open, or a line was changed.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            log = cls._of(path, file)
            os.ftruncate(file, log._size)
            os.fsync(file)
            _sync_folder(path.parent)
        except BlockingIOError:
            os.close(file)
            raise ValueError(f"{path} is in use: another signer writes it") from None
        except BaseException:
            os.close(file)
            raise
        return log

    @classmethod
    def read(cls, path: Path) -> "Log":
        """As it stands now, to look at only. Raises ValueError."""
        return cls._of(path, None) if path.exists() else cls(None)

    @classmethod
    def _of(cls, path: Path, file: int | None) -> "Log":
        content = path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        log = cls(file, len(whole))
        for number, line in enumerate(whole.splitlines(), 1):
            try:
                entry = json.loads(line)
                if entry["previous"] != log._last:
                    raise ValueError("it does not follow the line before it")
                log._take(entry)
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(f"{path} line {number} was changed: {error}") from error
            log._last = hashlib.sha256(line).hexdigest()
        return log

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    # ── what was written ─────────────────────────────────────────────────────────────────────────

    def signed(
        self, at: datetime, request: str, digest: str, promise: Promise | None, message: Mapping[str, Any]
    ) -> None:
        """The key is about to sign `message`; nothing new where the same was written for this request before.

        Raises ValueError for another content of the same request, OSError where the disk does not take it.
        """
        before = self._digests.get(request)
        if before == digest:
            return
        if before is not None:
            raise ValueError(f"request {request} was signed before with other content")
        told = {"digest": digest, "promise": None if promise is None else asdict(promise), "message": dict(message)}
        self._add("signed", at, request, told)

    def sent(self, at: datetime, request: str, answer: str) -> None:
        """The server has answered a signature."""
        self._add("sent", at, request, {"answer": answer})

    def refused(self, at: datetime, request: str, limit: str, why: str) -> None:
        """The request stays open for a person; written once for each limit."""
        if (request, limit) not in self._refused:
            self._add("refused", at, request, {"limit": limit, "why": why})

    def declined(self, at: datetime, request: str, limit: str, why: str) -> None:
        """The request is about to be declined in the organisation's name."""
        self._add("declined", at, request, {"limit": limit, "why": why})

    def _add(self, what: What, at: datetime, request: str, told: Mapping[str, Any]) -> None:
        entry = {"at": at.isoformat(), "what": what, "request": request, **told, "previous": self._last}
        line = json.dumps(entry, separators=(",", ":"), allow_nan=False).encode()
        if self._file is None:
            raise ValueError("this log is open to look at only")
        try:
            written = os.write(self._file, line + b"\n")
            if written != len(line) + 1:
                raise OSError(f"only {written} of {len(line) + 1} bytes of the log were written")
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += written
        self._last = hashlib.sha256(line).hexdigest()
        self._take(entry)

    def _take(self, entry: Mapping[str, Any]) -> None:
        match entry["what"]:
            case "signed":
                self._digests[entry["request"]] = entry["digest"]
                if entry["promise"] is not None:
                    promise = Promise(**{**entry["promise"], "lines": tuple(entry["promise"]["lines"])})
                    at = datetime.fromisoformat(entry["at"]).timestamp()
                    self._promises.setdefault(promise.agreement, (promise, at))
                    self._messages.setdefault(promise.agreement, entry["message"])
            case "refused" | "declined":
                self._refused.add((entry["request"], entry["limit"]))

    # ── what it says ─────────────────────────────────────────────────────────────────────────────

    def digest_of(self, request: str) -> str | None:
        """Of what was signed for this request, or None."""
        return self._digests.get(request)

    def promise(self, agreement: str) -> Promise | None:
        """The terms of this digest, if they were signed."""
        found = self._promises.get(agreement)
        return found[0] if found else None

    def promises(self) -> list[Promise]:
        """All terms that were signed, the first first."""
        return [promise for promise, _ in self._promises.values()]

    def supplies_with(self, supply: Promise) -> int:
        """What the supplies of a delivery cost, this one among them, in token units.

        Whoever takes a supplier's place makes the same lines, and only one of the two is opened: the dearer counts.
        """
        dearest = {supply.lines: supply.amount}
        for promise, _ in self._promises.values():
            if promise.parent == supply.parent and promise.role == "payer":
                dearest[promise.lines] = max(promise.amount, dearest.get(promise.lines, 0))
        return sum(dearest.values())

    def amount_since(self, since: datetime, role: str) -> int:
        """Token units that were promised by the key in this role since then."""
        found = self._promises.values()
        return sum(promise.amount for promise, at in found if promise.role == role and at > since.timestamp())

    def running(self, now: datetime, but: Collection[str] = ()) -> Mapping[str, Mapping[str, Any]]:
        """The terms, by digest, that the organisation has promised to deliver, whose day has not passed.

        Those that were never opened are among them: only the chain can tell, and a log is no chain. `but` are those of
        which it has told that they are not to be delivered.
        """
        seconds = now.timestamp()
        return {
            agreement: self._messages[agreement]
            for agreement, (promise, _) in self._promises.items()
            if promise.role == "payee" and promise.deliver_by > seconds and agreement not in but
        }


def _sync_folder(folder: Path) -> None:
    """The file's name must outlast a power cut too."""
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
