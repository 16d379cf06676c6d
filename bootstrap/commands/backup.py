"""`lotsizeone backup` and `lotsizeone restore`: a copy of everything while it runs, and the way back from one."""

import asyncio
import json
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bootstrap.options import AsJson, Data, settings_of

if TYPE_CHECKING:
    from bootstrap.backup.learning import Learnt
    from bootstrap.backup.making import Made
    from bootstrap.backup.returning import Returned

BACKUP_EXAMPLE = "Example: lotsizeone backup /var/backups/lotsizeone --data .data"
RESTORE_EXAMPLE = "Example: lotsizeone restore lotsizeone-20261121T020000Z.backup --data .data --replace"
TOLD_EVERY_S = 2.0


def backup(
    target: Annotated[
        Path, typer.Argument(metavar="FILE|DIR", help="A new file, or a folder in which one gets a name by its time.")
    ],
    with_secrets: Annotated[
        bool, typer.Option("--with-secrets", help="Keys and secrets of the data folder too: then hide the file well.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Copy the database and the contracts' addresses into one file, while everything runs, and read it again.

    The file appears whole or not at all. Secrets are not in it unless you say so; what is left out is told.
    """
    from bootstrap.backup.making import make_backup  # noqa: PLC0415

    made = make_backup(settings_of(data_dir=data), target, _Progress(), with_secrets=with_secrets)
    if as_json:
        typer.echo(json.dumps(_made(made)))
        return
    facts = made.backup.manifest.facts
    typer.echo(
        f"{made.backup.path}: {made.bytes} bytes, {facts.counts['orders']} orders, {made.seconds:.1f} s, verified"
    )
    typer.echo(f"as of {made.backup.manifest.made_at:%Y-%m-%d %H:%M:%S} UTC, chain read to {_block(facts.cursor)}")
    for words in made.backup.manifest.left_out:
        typer.echo(f"not in it: {words}")


def restore(
    file: Annotated[Path, typer.Argument(help="A file that `backup` wrote.", dir_okay=False)],
    replace: Annotated[
        bool, typer.Option("--replace", help="The database is not empty: keep it aside, and go on.")
    ] = False,
    no_chain: Annotated[bool, typer.Option("--no-chain", help="Leave the reading of the chain to the worker.")] = False,
    patience: Annotated[float, typer.Option(help="Seconds for reading the chain to its end.", min=0)] = 900.0,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Bring a backup back, then read the chain to its end: what was paid since is learnt, and nobody is paid twice.

    Stop API and workers first. Effects older than the restore are held where people would meet them twice: look at
    them (`lotsizeone effects list --status held`), then release or drop them. Ends with 1 if the chain was not read to
    its end: the worker goes on, and does nothing else before.
    """
    from bootstrap.backup.learning import learn  # noqa: PLC0415
    from bootstrap.backup.returning import bring_back  # noqa: PLC0415

    settings, progress = settings_of(data_dir=data), _Progress()
    returned = bring_back(settings, file, progress, replace=replace)
    learnt = None
    why_not = "the worker will read it: --no-chain"
    if not no_chain:
        try:
            learnt = asyncio.run(learn(settings, progress, patience))
            why_not = learnt.why_not
        except ValueError as refused:
            why_not = str(refused)
    if as_json:
        typer.echo(json.dumps(_returned(returned, learnt, why_not)))
    else:
        for line in _words(returned, learnt, why_not):
            typer.echo(line)
    if not no_chain and (learnt is None or not learnt.caught_up):
        raise typer.Exit(1)


def _made(made: "Made") -> dict[str, Any]:
    manifest = json.loads(made.backup.manifest.to_json())
    place = {"file": str(made.backup.path), "bytes": made.bytes, "seconds": round(made.seconds, 1)}
    return place | {"digest": made.backup.digest, "manifest": manifest}


def _returned(returned: "Returned", learnt: "Learnt | None", why_not: str) -> dict[str, Any]:
    manifest = returned.backup.manifest
    return {
        "database": returned.database,
        "set_aside": returned.set_aside,
        "written": list(returned.written),
        "node": returned.node,
        "made_at": manifest.made_at.isoformat(),
        "digest": returned.backup.digest,
        "counts": dict(manifest.facts.counts),
        "members": {name: asdict(member) for name, member in manifest.members.items()},
        "seconds": round(returned.seconds, 1),
        "chain": {"caught_up": False, "why_not": why_not} if learnt is None else learnt.as_document(),
    }


def _words(returned: "Returned", learnt: "Learnt | None", why_not: str) -> list[str]:
    """For people, at night."""
    manifest = returned.backup.manifest
    lines = [
        f"{returned.database} is as it was on {manifest.made_at:%Y-%m-%d %H:%M:%S} UTC"
        f" ({manifest.facts.counts['orders']} orders, {returned.seconds:.1f} s); {returned.node}"
    ]
    if returned.set_aside is not None:
        lines.append(f"what was there is kept: {returned.set_aside}")
    lines += [f"written: {path}" for path in returned.written]
    lines += [f"not in the backup: {words}" for words in manifest.left_out]
    if learnt is None or not learnt.caught_up:
        lines.append(f"THE CHAIN WAS NOT READ TO ITS END: {why_not}. Nothing is done before a worker has read it.")
    if learnt is not None:
        lines.append(f"{learnt.events} events were learnt from the chain, up to block {learnt.to_block}")
        for lost in learnt.lost:
            terms, order = lost.agreement.terms, lost.agreement.order_id
            lines.append(
                f"the chain has an agreement that this database does not know: {lost.agreement.id},"
                f" {terms.amount_minor} cents from {terms.payer} to {terms.payee}, opened in block {lost.block},"
                f" {lost.agreement.status}" + (f", of order {order}, which is frozen" if order else "")
            )
        for kind, number in learnt.held.items():
            lines.append(f"held: {number} x {kind}")
        if learnt.held:
            lines.append("look at them: lotsizeone effects list --status held; then release or drop them")
    return [*lines, "next: lotsizeone doctor, then start worker and API"]


def _block(cursor: Any) -> str:
    number = cursor.get("final_number")
    return "nothing" if number is None else f"block {number}"


class _Progress:
    """A line on standard error now and then, where the work is long."""

    def __init__(self) -> None:
        self._next = time.monotonic() + TOLD_EVERY_S

    def __call__(self, what: str, done: int, of: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + TOLD_EVERY_S
            sys.stderr.write(f"{what}: {done} of {of}\n")
