"""`lotsizeone effects`: what orders still need outside, and an operator's word where the relay has given up."""

import asyncio
import json
import os
import pwd
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from bootstrap.options import AsJson, Data, settings_of

if TYPE_CHECKING:
    from marketplace.persistence.effects import EffectRow, Effects, Which, Word

app = typer.Typer(
    name="effects",
    no_args_is_help=True,
    rich_markup_mode=None,
    short_help="See, retry, release or drop what orders need outside.",
    help="Effects are what orders need outside: a search, a transaction, a message. The worker does them by itself and"
    " parks those that time will not mend; here you see them and say what becomes of them.",
    epilog="Example: lotsizeone effects list",
)

SHOWN = 100
STATUSES = ("waiting", "parked", "held", "done", "dropped")
Ids = Annotated[list[int] | None, typer.Argument(metavar="[ID]...", help="Numbers from `effects list`.", min=1)]
Status = Annotated[list[str] | None, typer.Option(help=f"One of {', '.join(STATUSES)}; repeatable.")]
Kind = Annotated[str | None, typer.Option(help="Only this kind, such as open_agreements.")]
Order = Annotated[str | None, typer.Option(help="Only this order's.")]
All = Annotated[bool, typer.Option("--all", help="All that --kind and --order leave, instead of numbers.")]
By = Annotated[str | None, typer.Option(help="Who says so; else your name on this computer.")]

T = TypeVar("T")


@app.command("list", epilog="Example: lotsizeone effects list --status parked --kind open_agreements --json")
def list_effects(
    status: Status = None,
    kind: Kind = None,
    order: Order = None,
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=100_000)] = SHOWN,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """List what is not done yet, oldest first; with --status anything."""
    which = _which(None, status, kind, order)
    rows = _run(data, lambda effects: effects.list(which, limit))
    if as_json:
        typer.echo(json.dumps([_plain(row) for row in rows], indent=1))
        return
    for row in rows:
        when = f"since {_spell(row.finished_at)}" if row.finished_at else f"next {_spell(row.due)}"
        words = f"  {row.reason}" if row.reason else ""
        typer.echo(
            f"{row.id:>8} {row.status:<8} {row.kind:<18} {row.order_id:<29} {row.attempts:>3} tries, {when}{words}"
        )
    typer.echo(f"{len(rows)} effects{', perhaps more: raise --limit' if len(rows) == limit else ''}", err=True)


@app.command(epilog="Example: lotsizeone effects show 42 --json")
def show(
    effect: Annotated[int, typer.Argument(help="A number from `effects list`.", min=1)],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show all that is known of one effect, and every word of an operator about it."""
    rows = _run(data, lambda effects: effects.list(_which([effect], STATUSES, None, None), 1))
    if not rows:
        raise ValueError(f"there is no effect {effect}: see `lotsizeone effects list`")
    plain = _plain(rows[0])
    if as_json:
        typer.echo(json.dumps(plain, indent=1))
        return
    for name, value in plain.items():
        for line in value if isinstance(value, list) else [value]:
            typer.echo(f"{name:<12} {'' if line is None else line}")


@app.command(epilog='Example: lotsizeone effects retry 42 --why "the node is back"')
def retry(
    ids: Ids = None,
    everything: All = False,
    kind: Kind = None,
    order: Order = None,
    why: Annotated[str, typer.Option(help="Why it may work now; it is kept.")] = "tried again",
    by: By = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Try again at once what is parked or waits for its next try. What is not due yet stays as it is."""
    which = _meant(ids, everything, kind, order)
    word = _word(by, why)
    _tell("retried", ids, _run(data, lambda effects: effects.retry(which, word)), as_json)


@app.command(epilog='Example: lotsizeone effects release --all --order ord_0123 --why "compared with the chain"')
def release(
    why: Annotated[str, typer.Option(help="Why it may go; it is kept.")],
    ids: Ids = None,
    everything: All = False,
    kind: Kind = None,
    order: Order = None,
    by: By = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Let go what is held since a backup was restored, or parked; each when it is due."""
    which = _meant(ids, everything, kind, order)
    word = _word(by, why)
    _tell("released", ids, _run(data, lambda effects: effects.release(which, word)), as_json)


@app.command(epilog='Example: lotsizeone effects drop 42 --why "paid by hand, see ticket 7" --yes')
def drop(
    ids: Annotated[list[int], typer.Argument(metavar="ID...", help="Numbers from `effects list`.", min=1)],
    why: Annotated[str, typer.Option(help="Why it will never be done; it is kept.")],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    by: By = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Give effects up for good: they are never done, and never asked for again under the same key."""
    which = _which(ids, None, None, None)
    word = _word(by, why)
    if not yes:
        for row in _run(data, lambda effects: effects.list(which, len(ids))):
            typer.echo(f"{row.id:>8} {row.status:<8} {row.kind:<18} {row.order_id}", err=True)
        typer.confirm("Drop these for good?", abort=True, err=True)
    _tell("dropped", ids, _run(data, lambda effects: effects.drop(which, word)), as_json)


def _which(ids: Sequence[int] | None, statuses: Sequence[str] | None, kind: str | None, order: str | None) -> "Which":
    from marketplace.domain.effects import EffectKind  # noqa: PLC0415
    from marketplace.persistence.effects import UNFINISHED, Which  # noqa: PLC0415

    strange = [status for status in statuses or () if status not in STATUSES]
    if strange:
        raise ValueError(f"{strange[0]} is no status: use {', '.join(STATUSES)}")
    if kind is not None and kind not in set(EffectKind):
        raise ValueError(f"{kind} is no kind: use {', '.join(EffectKind)}")
    return Which(tuple(ids or ()), tuple(statuses or UNFINISHED), kind, order)


def _meant(ids: Sequence[int] | None, everything: bool, kind: str | None, order: str | None) -> "Which":
    if bool(ids) == everything:
        raise ValueError("name the effects by their numbers, or say --all (with --kind or --order, if you like)")
    return _which(ids, None, kind, order)


def _word(by: str | None, why: str) -> "Word":
    from bootstrap.system import SystemClock  # noqa: PLC0415
    from marketplace.persistence.effects import Word  # noqa: PLC0415

    return Word(_user() if by is None else by, SystemClock().now(), why)


def _user() -> str:
    """Who runs the command, as this computer knows them."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return f"uid {os.getuid()}"


def _run(data: Path | None, work: "Callable[[Effects], Awaitable[T]]") -> T:
    from marketplace.persistence.database import Database  # noqa: PLC0415
    from marketplace.ports.unit_of_work import StoreUnavailable  # noqa: PLC0415

    async def asking() -> T:
        database = Database(settings_of(data_dir=data).database)
        try:
            await database.require_current()
            return await work(database.effects())
        except StoreUnavailable as failure:
            raise ValueError(f"the database cannot be asked: {failure}") from failure
        finally:
            await database.close()

    return asyncio.run(asking())


def _tell(what: str, asked: Sequence[int] | None, changed: Sequence[int], as_json: bool) -> None:
    """Say what was done; ends with 1 where it was not done to all that were asked for."""
    untouched = sorted({*(asked or ())} - {*changed})
    if as_json:
        typer.echo(json.dumps({what: list(changed), "untouched": untouched}))
    else:
        typer.echo(f"{what}: {', '.join(map(str, changed)) or 'none'}")
    if untouched:
        numbers = ", ".join(map(str, untouched))
        typer.echo(f"untouched: {numbers}: no such effect, or not in a status for this; see `effects show`", err=True)
    if untouched or not changed:
        raise typer.Exit(1)


def _plain(row: "EffectRow") -> dict[str, Any]:
    """An effect as JSON takes it. A handover code is not shown: whoever has it could still claim a delivery."""
    plain = asdict(row) | {"audit": row.audit.splitlines() if row.audit else []}
    if row.detail.startswith("secret:"):
        plain["detail"] = "secret:…"
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in plain.items()}


def _spell(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
