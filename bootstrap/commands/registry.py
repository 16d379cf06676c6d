"""`lotsizeone registry`: serve our suppliers' offers to the federation, and say what they are."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from bootstrap.options import HOST, AsJson, Child, Data, Port, begin, settings_of
from bootstrap.processes import run_until_stopped

if TYPE_CHECKING:
    from marketplace.ports.offer_catalogue import OfferCatalogueStore

app = typer.Typer(
    name="registry",
    invoke_without_command=True,
    rich_markup_mode=None,
    short_help="Serve a federated registry of suppliers.",
    epilog="Example: lotsizeone registry --data .data --catalogue examples/registry.yaml",
)
offers = typer.Typer(
    name="offers",
    no_args_is_help=True,
    rich_markup_mode=None,
    short_help="Say what our suppliers offer; `registry --stored` serves it.",
    help="What our suppliers offer, in the database. A registry that runs with --stored serves each change at once.",
    epilog="Example: lotsizeone registry offers import examples/registry.yaml --data .data",
)
app.add_typer(offers)

SHOWN = 100
T = TypeVar("T")


@app.callback()
def registry(
    context: typer.Context,
    data: Data = None,
    port: Port = 8600,
    catalogue: Annotated[Path | None, typer.Option(help="What the suppliers offer (YAML).")] = None,
    stored: Annotated[
        bool, typer.Option("--stored", help="Serve what `registry offers import` put into the database.")
    ] = False,
    public_url: Annotated[
        str | None, typer.Option(help="Our address as others see it, if a proxy stands before us.")
    ] = None,
    keystore: Annotated[
        Path | None, typer.Option(help="The key that signs our entry, so that others can know us.", dir_okay=False)
    ] = None,
    password_file: Annotated[Path | None, typer.Option(help="Opens the keystore; else you are asked.")] = None,
    child: Child = False,
) -> None:
    """Serve a federated registry: token, service catalogue, search."""
    if context.invoked_subcommand is not None:
        return
    from bootstrap.registry import Serving, run_registry  # noqa: PLC0415

    if stored and catalogue is not None:
        raise ValueError("serve a file (--catalogue) or the database (--stored), not both")
    begin(child)
    settings = settings_of(data_dir=data)
    serving = Serving(catalogue, stored, public_url, keystore, _password(password_file) if keystore else "")
    run_until_stopped(lambda stop: run_registry(settings, serving, HOST, port, stop))


def _password(file: Path | None) -> str:
    """From a file, without the line's end, or from the keyboard."""
    if file is None:
        return str(typer.prompt("Password of the keystore", hide_input=True, err=True))
    return file.read_text("utf-8").rstrip("\r\n")


@offers.command(
    "import", epilog="Example: lotsizeone registry offers import examples/registry.yaml --data .data --prune"
)
def import_offers(
    file: Annotated[Path, typer.Argument(help="Parties and what they offer (YAML, as examples/registry.yaml).")],
    prune: Annotated[
        bool, typer.Option("--prune", help="Remove what parties of the file have here and the file does not name.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Add or change what the file names, all of it or nothing. The same file again changes nothing."""
    from bootstrap.system import SystemClock  # noqa: PLC0415
    from matchmaking.adapter import entries_of  # noqa: PLC0415
    from matchmaking.peer import load_catalogue  # noqa: PLC0415

    entries = entries_of(load_catalogue(file))
    changed = asdict(_run(data, lambda store: store.put(entries, SystemClock().now(), prune=prune)))
    if as_json:
        typer.echo(json.dumps(changed))
    else:
        typer.echo(", ".join(f"{number} {what}" for what, number in changed.items()))


@offers.command("remove", epilog="Example: lotsizeone registry offers remove urn:lso:item:amp:cover --data .data")
def remove_offers(
    ids: Annotated[list[str], typer.Argument(metavar="ID...", help="From `registry offers list`.")],
    party: Annotated[bool, typer.Option("--party", help="These are parties; their items stay.")] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Remove offers for good. Ends with 1 where one of them was not there."""
    removed = _run(data, lambda store: store.remove("party" if party else "item", ids))
    typer.echo(json.dumps({"removed": removed}) if as_json else f"{removed} removed")
    if removed < len(set(ids)):
        raise typer.Exit(1)


@offers.command("list", epilog="Example: lotsizeone registry offers list --data .data --json")
def list_offers(
    limit: Annotated[int, typer.Option(help="At most so many.", min=1, max=10_000)] = SHOWN,
    party: Annotated[
        str | None, typer.Option(help="Only this party's; it also sees what is for some parties only.")
    ] = None,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Show what is offered to everybody, or all that one party offers."""
    from marketplace.ports.offer_catalogue import CatalogueQuestion, FacetTest  # noqa: PLC0415

    own = () if party is None else (FacetTest("manufacturerId", (party,)),)
    page = _run(data, lambda store: store.search(CatalogueQuestion("item", party, (), own), 0, limit))
    if as_json:
        listed = [{"id": entry.id, "party": entry.party_id} | dict(entry.body["item"]) for entry in page.entries]
        typer.echo(json.dumps({"total": page.total, "offers": listed}, ensure_ascii=False))
        return
    for entry in page.entries:
        item = entry.body["item"]
        price = ", ".join(f"{amount} {currency}" for currency, amount in item["price"].items())
        hidden = "  (hidden)" if item["priceHidden"] else ""
        typer.echo(f"{entry.id:<40} {entry.party_id:<24} {price}{hidden}")
    typer.echo(f"{len(page.entries)} of {page.total} offers", err=True)


def _run(data: Path | None, work: "Callable[[OfferCatalogueStore], Awaitable[T]]") -> T:
    from marketplace.domain.errors import DomainError  # noqa: PLC0415
    from marketplace.persistence.database import Database  # noqa: PLC0415
    from marketplace.ports.unit_of_work import StoreUnavailable  # noqa: PLC0415

    async def asking() -> T:
        settings = settings_of(data_dir=data)
        settings.data_dir.mkdir(parents=True, exist_ok=True)
        database = Database(settings.database)
        try:
            await database.migrate()  # a registry needs no other process: nobody else may have made the tables
            return await work(database.offer_catalogue())
        except (StoreUnavailable, DomainError) as failure:
            raise ValueError(f"nothing was changed: {failure}") from failure
        finally:
            await database.close()

    return asyncio.run(asking())
