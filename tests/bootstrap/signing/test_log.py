"""The signer's log: only added to, on the disk before a signature leaves, and a line that was touched shows."""

import json
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest

from bootstrap.signing.log import Log, Promise
from tests.bootstrap.signing.asking import NOW

PROMISE = Promise("0x" + "aa" * 32, "payee", 5_000, 200, int(NOW.timestamp()) + 60, "0x" + "d0" * 32, ("base",))


def lines(path: Path) -> list[dict[str, object]]:
    """What is in the file."""
    return [json.loads(line) for line in path.read_text().splitlines()]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Where the log is."""
    return tmp_path / "log.jsonl"


def test_what_was_written_is_known_at_the_next_start(path: Path) -> None:
    log = Log.open(path)
    log.signed(NOW, "r1", "0x01", PROMISE, {"amount": "5000"})
    log.sent(NOW, "r1", "taken")
    log.signed(NOW, "a1", "0x02", None, {})
    log.refused(NOW, "r2", "limits.products", "the product 'x' is not made")
    log.refused(NOW, "r2", "limits.products", "told again")
    log.declined(NOW, "r3", "limits.lines", "not made here")
    log.close()
    assert [entry["what"] for entry in lines(path)] == ["signed", "sent", "signed", "refused", "declined"]
    assert lines(path)[0]["message"] == {"amount": "5000"}
    assert path.stat().st_mode & 0o777 == 0o600
    for again in (Log.read(path), Log.open(path)):
        assert (again.digest_of("r1"), again.digest_of("a1"), again.digest_of("r2")) == ("0x01", "0x02", None)
        assert again.promise(PROMISE.agreement) == PROMISE
        assert len(again.running(NOW)) == 1
        assert again.running(NOW, [PROMISE.agreement]) == again.running(NOW + timedelta(seconds=60)) == {}
        assert again.amount_since(NOW - timedelta(seconds=1), "payee") == 5_000
        assert again.amount_since(NOW, "payee") == again.amount_since(NOW - timedelta(days=1), "payer") == 0


def test_the_same_request_is_written_once_and_never_with_other_content(path: Path) -> None:
    log = Log.open(path)
    log.signed(NOW, "r1", "0x01", PROMISE, {})
    log.signed(NOW, "r1", "0x01", PROMISE, {})
    with pytest.raises(ValueError, match="other content"):
        log.signed(NOW, "r1", "0x02", PROMISE, {})
    assert len(lines(path)) == 1


def test_one_process_at_a_time(path: Path) -> None:
    first = Log.open(path)
    with pytest.raises(ValueError, match="another signer"):
        Log.open(path)
    Log.read(path)
    first.close()
    Log.open(path).close()


def test_a_log_to_look_at_is_not_written(path: Path) -> None:
    with pytest.raises(ValueError, match="look at"):
        Log.read(path).sent(NOW, "r1", "taken")
    assert not path.exists()


def test_a_line_that_a_crash_cut_off_goes(path: Path) -> None:
    log = Log.open(path)
    log.signed(NOW, "r1", "0x01", PROMISE, {})
    log.close()
    whole = path.read_bytes()
    for cut in (1, 20, len(whole) - 1):
        path.write_bytes(whole + whole[:cut])
        again = Log.open(path)
        assert path.read_bytes() == whole
        again.close()
    path.write_bytes(whole[:-1])  # the line of r1 itself: nothing was signed by it
    again = Log.open(path)
    assert again.digest_of("r1") is None
    again.signed(NOW, "r1", "0x01", PROMISE, {})
    again.close()
    assert path.read_bytes() == whole


@pytest.mark.parametrize("how", ["changed", "taken out", "put in", "no line of ours"])
def test_a_line_that_was_touched_shows(path: Path, how: str) -> None:
    log = Log.open(path)
    for number in range(3):
        log.refused(NOW, f"r{number}", "limits.products", "no")
    log.close()
    first, second, third = path.read_bytes().splitlines(keepends=True)
    changed = {
        "changed": [first, second.replace(b'"no"', b'"ok"'), third],
        "taken out": [first, third],
        "put in": [first, second, second, third],
        "no line of ours": [first, b"[]\n", second, third],
    }
    path.write_bytes(b"".join(changed[how]))
    with pytest.raises(ValueError, match="was changed"):
        Log.open(path)
    path.write_bytes(first + second + third)
    Log.open(path).close()


def test_what_the_disk_does_not_take_is_not_kept_either(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log.open(path)
    log.sent(NOW, "r0", "taken")
    whole = path.read_bytes()
    write = os.write
    monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:10]))
    with pytest.raises(OSError, match="10 of"):
        log.signed(NOW, "r1", "0x01", PROMISE, {})
    monkeypatch.undo()
    assert path.read_bytes() == whole
    assert log.digest_of("r1") is None
    log.signed(NOW, "r1", "0x01", PROMISE, {})
    assert len(lines(path)) == 2


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from bootstrap.signing.log import Log
log = Log.open(Path(sys.argv[1]))
number = 0
while True:
    log.signed(datetime.now(UTC), f"r{number}", f"0x{number:02x}", None, {})
    print(number, flush=True)
    number += 1
"""


def test_what_was_told_survives_kill_9(path: Path) -> None:
    """Each number is printed after its line was written, so each printed one must be there."""
    with subprocess.Popen([sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        told = [int(writer.stdout.readline()) for _ in range(20)]
        writer.send_signal(signal.SIGKILL)
        told += [int(line) for line in writer.stdout.read().splitlines()]
    log = Log.open(path)
    assert [log.digest_of(f"r{number}") for number in told] == [f"0x{number:02x}" for number in told]
