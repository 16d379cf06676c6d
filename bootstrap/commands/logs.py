"""`lotsizeone logs`: what the processes of a marketplace wrote, for operators."""

import asyncio
import json
import re
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap.options import AsJson, Data, settings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootstrap.settings import Settings
    from marketplace.persistence.log_records import LogQuery, LogRecord

_AGE = re.compile(r"([0-9]{1,6})([smhd])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}
EXAMPLE = "Example: lotsizeone logs --level WARN --since 2h --component marketplace.application --data .data"


def logs(
    level: Annotated[str, typer.Option(help="This level or worse: INFO, WARN, ERROR, FATAL.")] = "INFO",
    since: Annotated[str | None, typer.Option(help="An age (90s, 15m, 2h, 3d) or an instant (ISO 8601).")] = None,
    component: Annotated[str, typer.Option(help="The beginning of a component's name.")] = "",
    order: Annotated[str, typer.Option(help="Records that name this order.")] = "",
    text: Annotated[str, typer.Option(help="A part of the message, in any case.")] = "",
    limit: Annotated[int, typer.Option(help="At most this many, the newest.", min=1, max=100_000)] = 100,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Search what API and workers wrote into the database, oldest first. Nothing found is no failure."""
    from bootstrap.system import SystemClock  # noqa: PLC0415
    from marketplace.persistence.log_records import LogQuery  # noqa: PLC0415

    settings = settings_of(data_dir=data)
    start = None if since is None else instant_of(since, SystemClock().now())
    query = LogQuery(level.upper(), start, component, order, text, limit)
    found = asyncio.run(_search(settings, query))
    if as_json:
        typer.echo(json.dumps([as_object(record) for record in found], ensure_ascii=False))
    else:
        for record in found:
            typer.echo(as_line(record))


async def _search(settings: "Settings", query: "LogQuery") -> "Sequence[LogRecord]":
    from marketplace.persistence.database import Database  # noqa: PLC0415
    from marketplace.ports.unit_of_work import StoreUnavailable  # noqa: PLC0415

    database = Database(settings.database)
    try:
        await database.require_current()
        return await database.log_records().search(query)
    except StoreUnavailable as failure:
        raise ValueError(f"the database cannot be asked: {failure}") from failure
    finally:
        await database.close()


def instant_of(since: str, now: datetime) -> datetime:
    """The instant that people mean: an age before `now`, or a date, perhaps with a time. Raises ValueError."""
    age = _AGE.fullmatch(since)
    if age:
        return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
    try:
        given = datetime.fromisoformat(since)
    except ValueError:
        raise ValueError("--since is an age such as 90s, 15m, 2h or 3d, or an instant such as 2026-11-21") from None
    return given if given.tzinfo else given.replace(tzinfo=now.tzinfo)


def as_object(record: "LogRecord") -> dict[str, object]:
    """The record as JSON takes it, with the fields of the requirement."""
    return asdict(record) | {"timestamp": record.timestamp.isoformat()}


def as_line(record: "LogRecord") -> str:
    """The record as people read it; a traceback stands on lines of its own."""
    details = dict(record.additional_info)
    raised = details.pop("exception", None)
    if record.user_id:
        details["user"] = record.user_id
    told = "".join(f" {name}={value}" for name, value in details.items())
    stamp = record.timestamp.isoformat(sep=" ", timespec="milliseconds")
    where = f"({record.source_file}:{record.source_line})"
    line = f"{stamp} {record.level:5} {record.source_component} {record.message}{told} {where}".replace("\n", "\\n")
    return f"{line}\n{raised}" if raised else line
