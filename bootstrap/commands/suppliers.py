"""`lotsizeone suppliers`: ask federated registries by hand, and say who here is which of their parties."""

import asyncio
import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from urllib.parse import urlsplit

import typer

from bootstrap.options import AsJson, Data, settings_of

if TYPE_CHECKING:
    from bootstrap.settings import Settings
    from marketplace.application.invite_supplier import InvitationView
    from marketplace.domain.parties import Organisation
    from matchmaking.efpf.answer import SearchAnswer
    from matchmaking.efpf.config import FederationConfig, GatewayConfig
    from matchmaking.efpf.query import SearchQuery

app = typer.Typer(
    name="suppliers",
    no_args_is_help=True,
    rich_markup_mode=None,
    short_help="Search federated registries for suppliers; invite them, link them with organisations.",
    help="Who offers what, in all registries that can be heard, and who of them has joined here.",
    epilog="Example: lotsizeone suppliers search",
)

SHOWN = 50
WIDEST = 40


@app.command(
    epilog="Example: lotsizeone suppliers search --registry https://one.example --registry https://two.example"
    ' --user lso --password-file one.txt --password-file two.txt --query "base 40"'
)
def search(
    registry: Annotated[
        list[str] | None, typer.Option(help="A registry's gateway; repeatable. Without it REGISTRY_URL.")
    ] = None,
    user: Annotated[list[str] | None, typer.Option(help="Our name there; one for all or one for each.")] = None,
    password_file: Annotated[
        list[Path] | None, typer.Option(help="Holds our password there; one for all or one for each.", dir_okay=False)
    ] = None,
    query: Annotated[str, typer.Option(help="Words; without them all offers.")] = "",
    category: Annotated[list[str] | None, typer.Option(help="Only this classification URI; repeatable.")] = None,
    party: Annotated[str | None, typer.Option(help="The party that we are, for offers meant for some only.")] = None,
    currency: Annotated[str, typer.Option(help="The price wanted where there are several.")] = "EUR",
    limit: Annotated[int, typer.Option(help="Show at most so many offers.", min=1, max=10_000)] = SHOWN,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Search all registries at once and merge what they offer into one list, each offer once.

    Every registry that could not be heard is named. Ends with 0 if all were heard, with 3 if only some were, with 1 if
    none was.
    """
    from matchmaking.efpf.query import SearchQuery  # noqa: PLC0415

    settings = settings_of(data_dir=data)
    config = _federation(settings, registry or [settings.registry_url], user or [], password_file or [])
    question = SearchQuery(tuple(category or ()), query, party, currency)
    answer = asyncio.run(_ask(config, question))
    if as_json:
        document = answer.as_dict()
        typer.echo(json.dumps(document | {"offers": list(document["offers"])[:limit]}, ensure_ascii=False))  # type: ignore[call-overload]
    else:
        _tell(answer, limit)
    if answer.sources.ok + answer.sources.stale == 0:
        raise typer.Exit(1)
    if answer.partial:
        raise typer.Exit(3)


@app.command(epilog='Example: lotsizeone suppliers link foundry-4711 "Tejo Foundry"')
def link(
    party: Annotated[str, typer.Argument(help="The party's id, as registries name it.")],
    organisation: Annotated[str, typer.Argument(help="The organisation's name, as it joined here.")],
    data: Data = None,
) -> None:
    """Say that an organisation here is a registry's party: its offers are then asked to be signed by this organisation.

    Needed only for parties whose registry names no signing key; make sure by other means that they are the same.
    """
    linked = asyncio.run(_link(settings_of(data_dir=data), organisation, party))
    typer.echo(f"{party} is {linked.name}; undo: lotsizeone suppliers unlink {json.dumps(linked.name)}")


@app.command(epilog='Example: lotsizeone suppliers unlink "Tejo Foundry"')
def unlink(
    organisation: Annotated[str, typer.Argument(help="The organisation's name, as it joined here.")],
    data: Data = None,
) -> None:
    """Take a link back: offers of the party are not asked for here any more. What is agreed stays."""
    linked = asyncio.run(_link(settings_of(data_dir=data), organisation, None))
    typer.echo(f"{linked.name} is no registry's party any more")


@app.command(epilog="Example: lotsizeone suppliers invite foundry-4711 --order ord_5f0c9a417bd2e86f31aa04c7")
def invite(
    party: Annotated[str, typer.Argument(help="The party's id, as registries name it.")],
    order: Annotated[str, typer.Option(help="The order that needs it.")],
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Invite a registry's party that has not joined: the contact that the registry names gets a link by e-mail.

    It is good for a week and once; the worker sends it, and a code when it is opened. An earlier link for the same
    order and party is taken back. Run it with the settings of the worker; outside development it needs PUBLIC_URL and
    MAIL_URL. A party whose registry names its signing key joins with that and cannot be invited.
    """
    sent = asyncio.run(_invite(settings_of(data_dir=data), order, party))
    if as_json:
        plain = asdict(sent) | {"created_at": sent.created_at.isoformat(), "expires_at": sent.expires_at.isoformat()}
        typer.echo(json.dumps(plain, ensure_ascii=False))
        return
    typer.echo(
        f"{_shown(sent.name)} is invited at {sent.contact}, until {sent.expires_at:%Y-%m-%d %H:%M} UTC: {sent.id}"
    )


async def _invite(settings: "Settings", order_id: str, party: str) -> "InvitationView":
    """Raises ValueError where it cannot be done, in words."""
    from bootstrap.container import open_container  # noqa: PLC0415
    from marketplace.application import invite_supplier  # noqa: PLC0415
    from marketplace.domain.errors import DomainError  # noqa: PLC0415
    from marketplace.ports.mail import NO_MAIL  # noqa: PLC0415
    from marketplace.ports.supplier_directory import DirectoryMisconfigured, DirectoryUnavailable  # noqa: PLC0415
    from marketplace.ports.unit_of_work import StoreUnavailable  # noqa: PLC0415

    origin = settings.public_url or (f"http://{settings.host}:{settings.port}" if settings.development else "")
    if not origin:
        raise ValueError("set PUBLIC_URL: the link must lead somewhere")
    try:
        async with open_container(settings) as container:
            if container.ctx.mail is NO_MAIL:
                raise ValueError("set MAIL_URL: there is no way to send a letter")
            return await invite_supplier.invite(container.ctx, None, order_id, party, origin=origin)
    except DomainError as refused:
        raise ValueError(str(refused)) from refused
    except (DirectoryUnavailable, DirectoryMisconfigured, StoreUnavailable) as away:
        raise ValueError(f"cannot be asked just now: {away}") from away


async def _link(settings: "Settings", name: str, party: str | None) -> "Organisation":
    """The organisation of this name as it is now. Raises ValueError where there is none, or the party is another's."""
    from marketplace.domain.errors import Conflict  # noqa: PLC0415
    from marketplace.persistence.database import Database  # noqa: PLC0415
    from marketplace.ports.unit_of_work import StoreUnavailable  # noqa: PLC0415

    database = Database(settings.database)
    try:
        await database.require_current()
        async with database.unit_of_work().write() as tx:
            found = await tx.parties.organisation_named(name)
            if found is None:
                raise ValueError(f"no organisation is called {name!r} here")
            await tx.parties.link(found.id, party)
        return found
    except Conflict as taken:
        raise ValueError(f"{taken}: unlink it first") from taken
    except StoreUnavailable as failure:
        raise ValueError(f"the database cannot be asked: {failure}") from failure
    finally:
        await database.close()


async def _ask(config: "FederationConfig", query: "SearchQuery") -> "SearchAnswer":
    from bootstrap.system import SystemClock  # noqa: PLC0415
    from matchmaking.efpf.client import FederatedClient  # noqa: PLC0415
    from matchmaking.efpf.transport import open_http_client  # noqa: PLC0415

    async with open_http_client() as http:
        return await FederatedClient(config, http, clock=SystemClock().now).search(query)


def _federation(settings: "Settings", urls: list[str], users: list[str], files: list[Path]) -> "FederationConfig":
    from matchmaking.efpf.config import FederationConfig  # noqa: PLC0415

    for name, given in (("--user", users), ("--password-file", files)):
        if len(given) not in (0, 1, len(urls)):
            raise ValueError(f"give {name} once, or once for each --registry")
    passwords = [file.read_text("utf-8").rstrip("\r\n") for file in files] or _known_password(settings, urls)
    names = users or [settings.registry_user]
    of_all = [
        _gateway(settings, url, names[place % len(names)], passwords[place % len(passwords)])
        for place, url in enumerate(urls)
    ]
    return FederationConfig(tuple(of_all))


def _known_password(settings: "Settings", urls: list[str]) -> list[str]:
    """REGISTRY_PASSWORD for all that were named beside it; the password of our own registry for nobody else."""
    from bootstrap.secrets_store import registry_password  # noqa: PLC0415

    given = settings.registry_password.get_secret_value()
    if given:
        return [given]
    strange = [url for url in urls if url.rstrip("/") != settings.registry_url.rstrip("/")]
    if strange:
        raise ValueError(f"name our password at {strange[0]} by --password-file, or set REGISTRY_PASSWORD")
    return [registry_password(settings.data_dir)]


def _gateway(settings: "Settings", url: str, user: str, password: str) -> "GatewayConfig":
    from matchmaking.efpf.config import GatewayConfig  # noqa: PLC0415

    try:
        # Loopback and plain http are for development, as they are for the marketplace itself.
        return GatewayConfig(urlsplit(url).netloc or url, url, user, password, private=settings.development)
    except ValueError as refused:
        raise ValueError(f"--registry {url}: {refused}") from refused


def _tell(answer: "SearchAnswer", limit: int) -> None:
    """For people: offers on standard output, how the registries fared on standard error."""
    for offer in answer.offers[:limit]:
        price = "ask for a quote" if offer.price is None else f"{offer.price:f} {offer.currency}"
        each = "" if offer.base_quantity == 1 else f" / {offer.base_quantity}"
        days = f"{-(-offer.lead_time_h // 24)} d"
        marks = [
            mark for mark, there in (("signed", offer.signed_by), ("PRICES DIFFER", offer.price_conflict)) if there
        ]
        typer.echo(
            f"{_shown(offer.name):<{WIDEST}} {_shown(offer.party.legal_name):<{WIDEST}}"
            f" {price + each:>18} {days:>6}  {_shown(offer.source_id)}  {' '.join(marks)}".rstrip()
        )
    typer.echo(f"{min(limit, len(answer.offers))} of {len(answer.offers)} offers", err=True)
    typer.echo(f"{'registry':<{WIDEST}} {'status':<10} {'offers':>6} {'rejected':>8} {'ms':>6}  why", err=True)
    for report in answer.by_source:
        why = " ".join(filter(None, (report.error, report.detail)))
        typer.echo(
            f"{_shown(report.source_id):<{WIDEST}} {report.status:<10} {report.offers:>6} {report.rejected:>8}"
            f" {report.elapsed_ms:>6}  {why}".rstrip(),
            err=True,
        )


def _shown(text: str) -> str:
    """A stranger's text on one line: nothing that moves a cursor, turns the direction of reading or fills the line."""
    plain = "".join(c if c.isprintable() else "·" for c in text)
    return plain if len(plain) <= WIDEST else plain[: WIDEST - 1] + "…"
