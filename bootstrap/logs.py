"""One record, three readers: people at a console, machines that read JSON lines, and the database.

Each record has the fields of requirement 153. `extra={"component": …}` names the source component, everything else in
`extra` becomes a detail in `additional_info`: an alarm is `extra={"alarm": "relayer-funds"}`.
"""

import json
import logging
import re
import sys
import traceback
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any

from bootstrap.redaction import clean, clean_value

HERE = str(Path(__file__).resolve().parents[1]) + "/"
INSTALLED = "site-packages/"
LONGEST_TRACEBACK = 12_000
PEOPLE, JSON_LINES = "text", "json"
LEVELS = ((logging.CRITICAL, "FATAL"), (logging.ERROR, "ERROR"), (logging.WARNING, "WARN"), (logging.INFO, "INFO"))
_OF_EVERY_RECORD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "entry_"}
_CONTROL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f\x85\u2028\u2029]")
_contexts: list[Callable[[], Mapping[str, str | None]]] = []

Entry = dict[str, Any]
"""A record ready to be written: the columns of the log without the id, nothing in it that must stay out."""


def add_context(source: Callable[[], Mapping[str, str | None]]) -> None:
    """From now on each record holds what `source` gives when it is made: `user_id`, and details by their names."""
    if source not in _contexts:
        _contexts.append(source)


def entry_of(record: logging.LogRecord) -> Entry:
    """The entry of a record; computed once, whoever asks. Never raises: a log must not break what it tells about."""
    known = getattr(record, "entry_", None)
    if known is None:
        try:
            known = _entry(record)
        except Exception as failure:
            known = _bare(record, f"a record that cannot be read ({type(failure).__name__}) of {record.name}")
        record.entry_ = known
    found: Entry = known
    return found


def _entry(record: logging.LogRecord) -> Entry:
    details = {name: value for name, value in vars(record).items() if name not in _OF_EVERY_RECORD}
    component = str(details.pop("component", record.name))
    details |= dict(details.pop("additional_info", None) or {})
    around = {name: value for source in _contexts for name, value in source().items() if value is not None}
    user = around.pop("user_id", None)
    info = {clean(str(name), longest=100): clean_value(str(name), value) for name, value in (around | details).items()}
    if record.exc_info and record.exc_info[1] is not None:
        info["exception"] = clean(_traceback(record.exc_info), longest=LONGEST_TRACEBACK)
    entry = _bare(record, clean(record.getMessage()))
    return entry | {"user_id": user and clean(user), "additional_info": info, "source_component": clean(component)}


def _bare(record: logging.LogRecord, message: str) -> Entry:
    return {
        "timestamp": datetime.fromtimestamp(record.created, UTC),
        "user_id": None,
        "additional_info": {},
        "level": level_name(record.levelno),
        "message": message,
        "source_component": record.name,
        "source_file": _source(record.pathname),
        "source_line": record.lineno,
    }


def level_name(number: int) -> str:
    """One of the four levels that are kept, or DEBUG, which is not."""
    return next((name for least, name in LEVELS if number >= least), "DEBUG")


@cache
def _source(path: str) -> str:
    """The file's path inside its package: where it is installed is this machine's business."""
    _, installed, inside = path.rpartition(INSTALLED)
    return inside if installed else path.removeprefix(HERE).rpartition("/python3.")[2]


def _traceback(info: tuple[Any, BaseException | None, TracebackType | None]) -> str:
    return "".join(traceback.format_exception(info[0], info[1], info[2])).replace(HERE, "").rstrip()


class JsonLines(logging.Formatter):
    """A record as one line of JSON."""

    def format(self, record: logging.LogRecord) -> str:
        """The line, without its end."""
        entry = entry_of(record)
        stamp = entry["timestamp"].isoformat(timespec="milliseconds")
        return json.dumps(entry | {"timestamp": stamp}, ensure_ascii=False, allow_nan=False, default=str)


class PeoplesLines(logging.Formatter):
    """A record as people read it: time, level, component, message, details; then the traceback, if there is one."""

    def format(self, record: logging.LogRecord) -> str:
        """The lines. A message cannot begin a line of its own: nobody writes a record into the log from outside."""
        entry = entry_of(record)
        details = dict(entry["additional_info"])
        raised = details.pop("exception", None)
        told = "".join(f" {name}={value}" for name, value in details.items())
        line = f"{self.formatTime(record)} {entry['level']} {entry['source_component']} {entry['message']}{told}"
        line = _CONTROL.sub(lambda found: found.group().encode("unicode_escape").decode(), line)
        return f"{line}\n{raised}" if raised else line


FORMATTERS: Mapping[str, type[logging.Formatter]] = {PEOPLE: PeoplesLines, JSON_LINES: JsonLines}


def start_log(*, verbose: bool = False) -> None:
    """Records to standard error, for people; `write_as` changes the form."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PeoplesLines())
    logging.basicConfig(level=logging.DEBUG if verbose else logging.INFO, handlers=[handler])
    for noisy in ("httpx", "httpcore", "asyncua", "uvicorn.access", "web3", "aio_pika", "aiormq"):
        logging.getLogger(noisy).setLevel(logging.WARNING)


def write_as(form: str) -> None:
    """Change the form of what goes to standard error: "text" or "json". Does nothing where no log was started."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, PeoplesLines | JsonLines):
            handler.setFormatter(FORMATTERS[form]())
