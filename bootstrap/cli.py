"""`lotsizeone`: the one interface that scripts and people share. Each command imports what it needs when it runs."""

import asyncio
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from bootstrap.commands import backup, chain, doctor, effects, logs, registry, suppliers
from bootstrap.commands import quote as quoting
from bootstrap.commands import select as selecting
from bootstrap.commands import signer as signing
from bootstrap.options import HOST, Child, Config, Data, Port, begin, settings_of
from bootstrap.processes import run_until_stopped

app = typer.Typer(
    name="lotsizeone",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,  # plain help: a pipe or a narrow console cuts no box
    pretty_exceptions_enable=False,
    help="A marketplace for lot-size-one manufacturing. Try: lotsizeone demo",
)

NEVER_USED = ("httpx._main", "mako.ext.pygmentplugin")
"""Extras of our libraries that load rich and pygments where they find them: 0.3 s of each start, for nothing."""


def main() -> None:
    """Entry point of the command: a refusal is one line and exit code 2, never a traceback."""
    for name in NEVER_USED:
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]  # None: the import system's "is not there"
    try:
        app()
    except (ValueError, OSError) as refusal:
        sys.stderr.write(f"lotsizeone: {' '.join(str(refusal).split())}\n")
        raise SystemExit(2) from refusal
    except KeyboardInterrupt:
        raise SystemExit(130) from None


@app.command(
    short_help="Play one order to the settled payment; then use the app.",
    epilog="Example: lotsizeone demo --once --json demo.json --data demo-data",
)
def demo(
    once: Annotated[bool, typer.Option("--once", help="End after settlement.")] = False,
    data: Annotated[
        Path | None, typer.Option("--data", help="Keep everything in this folder.", file_okay=False)
    ] = None,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the outcome to this file.")] = None,
    evidence: Annotated[Path | None, typer.Option(help="Write what the machines said; `verify` reads it.")] = None,
    rpc: Annotated[
        str | None,
        typer.Option(help="A development chain that makes blocks by itself; else CHAIN_URL, or one of our own."),
    ] = None,
    port: Port = 0,
) -> None:
    """Play one order from the phone to the settled payment, on real processes, and leave the app running."""
    from bootstrap.demo.run import run_demo  # noqa: PLC0415

    playing = run_demo(
        once=once, data=data, json_file=json_file, evidence_file=evidence, port=port, chain_url=rpc or ""
    )
    raise typer.Exit(asyncio.run(playing))


@app.command(
    short_help="Serve the app and take in what gateways report.",
    epilog="Example: lotsizeone api --data .data --port 8000",
)
def api(
    data: Data = None,
    port: Annotated[int | None, typer.Option(help="Port; else PORT, or 8000.", min=0, max=65535)] = None,
    child: Child = False,
) -> None:
    """Serve the app and its interface, and take in what gateways report.

    Settings come from the environment. JWT_SECRET signs tokens; JWT_SECRET_ALSO_READ is a second secret, which is read
    and never signs: the next one or the former one, so that nobody is signed out while one replaces the other.
    """
    from bootstrap.api import run_api  # noqa: PLC0415

    begin(child)
    asyncio.run(run_api(settings_of(data_dir=data, port=port)))


@app.command(
    short_help="Do what orders need outside, and read the chain.", epilog="Example: lotsizeone worker --data .data"
)
def worker(data: Data = None, child: Child = False) -> None:
    """Do what orders need outside: search, contracts, jobs, messages; and read the chain."""
    from bootstrap.worker import run_worker  # noqa: PLC0415

    begin(child)
    settings = settings_of(data_dir=data)
    run_until_stopped(lambda stop: run_worker(settings, stop))


app.command(short_help="Compare every order with the chain.", epilog=doctor.EXAMPLE)(doctor.doctor)
app.command(short_help="Copy everything while it runs.", epilog=backup.BACKUP_EXAMPLE)(backup.backup)
app.command(short_help="Come back from a backup.", epilog=backup.RESTORE_EXAMPLE)(backup.restore)
app.command(short_help="Search what the processes wrote.", epilog=logs.EXAMPLE)(logs.logs)
app.command(short_help="Choose suppliers for a bill of materials.", epilog=selecting.EXAMPLE)(selecting.select)
app.command(short_help="Quote one order from a file: price, dates, penalties.", epilog=quoting.EXAMPLE)(quoting.quote)
app.add_typer(chain.app)
app.add_typer(effects.app)
app.add_typer(registry.app)
app.add_typer(suppliers.app)


@app.command(
    short_help="Serve a development chain as JSON-RPC.", epilog="Example: lotsizeone devchain --data .data --port 8545"
)
def devchain(data: Data = None, port: Port = 8545, child: Child = False) -> None:
    """Serve a development Ethereum chain as JSON-RPC on loopback; it keeps its blocks in the data folder."""
    from bootstrap.devchain import run_devchain  # noqa: PLC0415

    begin(child)
    run_devchain(settings_of(data_dir=data), HOST, port)


@app.command(
    short_help="Put the contracts on a chain.",
    epilog="Example: lotsizeone deploy --rpc https://rpc.example.org --keystore deployer.json"
    " --password-file password --fee-receiver 0x… --token 0x…",
)
def deploy(
    data: Data = None,
    rpc: Annotated[str | None, typer.Option(help="The node's address; else CHAIN_URL, or port 8545 here.")] = None,
    keystore: Annotated[
        Path | None, typer.Option(help="The deployer's keystore file; without it development keys.", dir_okay=False)
    ] = None,
    password_file: Annotated[Path | None, typer.Option(help="Opens the keystore; else you are asked.")] = None,
    fee_receiver: Annotated[str | None, typer.Option(help="Who earns the fees.")] = None,
    token: Annotated[list[str] | None, typer.Option(help="Money that agreements may count in; repeatable.")] = None,
    chain_id: Annotated[int | None, typer.Option(help="Refuse any other chain.")] = None,
    arbiter: Annotated[
        str | None, typer.Option(help="The arbiter you will name; refused if it is the platform.")
    ] = None,
    address_book: Annotated[
        Path | None, typer.Option(help="Where the addresses are written; else contracts.json.", dir_okay=False)
    ] = None,
) -> None:
    """Put the contracts on a chain and write the address book. A second run goes on, or finds that all is there.

    With --keystore on any chain, with money that is there already; without it on a development chain, with test money.
    With --keystore and --data on a development chain, for that folder: `lotsizeone demo --data --rpc` plays there.
    """
    from bootstrap import deploy as deploying  # noqa: PLC0415

    if keystore is None:
        if any((password_file, fee_receiver, token, chain_id, arbiter, address_book)):
            raise ValueError("these options are for a deployment with a --keystore")
        book = asyncio.run(deploying.deploy_development(settings_of(data_dir=data, chain_url=rpc)))
    else:
        if rpc is None:
            raise ValueError("a deployment with a keystore names the node by --rpc")
        request = deploying.Request(
            rpc=rpc,
            keystore=keystore,
            password=_password(password_file),
            fee_receiver=fee_receiver or "",
            tokens=tuple(token or ()),
            address_book=address_book or Path("contracts.json"),
            chain_id=chain_id,
            arbiter=arbiter,
        )
        if data is not None:
            if address_book is not None:
                raise ValueError("--data has its own address book: leave out --address-book")
            request = deploying.Request.for_folder(settings_of(data_dir=data), request)
        if not request.fee_receiver:
            raise ValueError("name who earns the fees by --fee-receiver")
        book = asyncio.run(deploying.deploy_with_keystore(request, lambda words: typer.echo(words, err=True)))
    typer.echo(book.to_json())


def _password(file: Path | None) -> str:
    """From a file, without the line's end, or from the keyboard."""
    if file is None:
        return str(typer.prompt("Password of the keystore", hide_input=True, err=True))
    return file.read_text("utf-8").rstrip("\r\n")


@app.command(
    short_help="Check an order from the outside, without our server.",
    epilog="Example: lotsizeone verify evidence.json --rpc http://127.0.0.1:8545",
)
def verify(
    target: Annotated[
        str,
        typer.Argument(
            metavar="ORDER|ADDRESS|FILE", help="An agreement's address, an evidence file, or an order of --evidence."
        ),
    ],
    rpc: Annotated[str, typer.Option(help="The address of a node of the chain.")] = "http://127.0.0.1:8545",
    evidence: Annotated[
        Path | None, typer.Option(help="What machines said, exported for this order.", dir_okay=False, exists=True)
    ] = None,
    factory: Annotated[str | None, typer.Option(help="The factory that the agreement must come from.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Derive everything about an order again from the chain: who signed, who proved, who was paid what, and why.

    Asks a node and nobody else. Ends with 0 if everything adds up, else with the number of the check that failed.
    """
    from bootstrap import verify as verifying  # noqa: PLC0415

    question = verifying.Question.of(target, evidence=evidence, factory=factory)
    verdict = asyncio.run(verifying.judge(question, rpc))
    for line in [verifying.as_json(verdict)] if as_json else verifying.as_words(verdict):
        typer.echo(line)
    raise typer.Exit(verdict.exit_code)


@app.command(
    "export-evidence",
    short_help="Write what machines said about an order, with the proofs.",
    epilog="Example: lotsizeone export-evidence ord_0123 --data .data --out evidence.json",
)
def export_evidence(
    order: Annotated[str, typer.Argument(help="The order's id.")],
    data: Data = None,
    out: Annotated[Path | None, typer.Option(help="The file; else standard output.", dir_okay=False)] = None,
) -> None:
    """Write an order's evidence file: every signed event, proved, and what was ordered. `verify` needs no more."""
    from bootstrap.evidence import evidence_of, write_evidence  # noqa: PLC0415

    document = asyncio.run(evidence_of(settings_of(data_dir=data), order))
    if out is None:
        typer.echo(json.dumps(document, indent=1, ensure_ascii=False))
    else:
        write_evidence(out, document)


@app.command(short_help="Run the simulated factory.", epilog="Example: lotsizeone factory --config factory.json")
def factory(config: Config, child: Child = False) -> None:
    """Run the simulated factory: two cells behind an OPC UA server, and their inspection stations."""
    from bootstrap.factory import run_factory  # noqa: PLC0415

    begin(child)
    run_until_stopped(lambda stop: run_factory(config, stop))


@app.command(
    short_help="Stand beside a machine: start jobs, sign events.",
    epilog="Example: lotsizeone gateway --config gateway.json",
)
def gateway(config: Config, child: Child = False) -> None:
    """Stand beside a machine: fetch its jobs, start them, sign what happens and send it."""
    from bootstrap.gateway import run_gateway  # noqa: PLC0415

    begin(child)
    run_until_stopped(lambda stop: run_gateway(config, stop))


app.command(short_help="Sign at once, within your organisation's limits.", epilog=signing.EXAMPLE)(signing.signer)


@app.command(
    "push-receiver",
    short_help="Serve a small push service for demonstrations.",
    epilog="Example: lotsizeone push-receiver --port 8700",
)
def push_receiver(port: Port = 8700, child: Child = False) -> None:
    """Serve a small push service (RFC 8030) for demonstrations and tests."""
    from bootstrap.system import unix_time  # noqa: PLC0415
    from notifications.receiver import serve  # noqa: PLC0415

    begin(child)
    serve(host=HOST, port=port, now=unix_time, public_origin=f"http://{HOST}:{port}")
