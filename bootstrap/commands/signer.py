"""`lotsizeone signer`."""

import asyncio
import json
from dataclasses import asdict
from typing import Annotated

import typer

from bootstrap.options import AsJson, Child, Config, begin
from bootstrap.processes import run_until_stopped

EXAMPLE = "Example: lotsizeone signer --config signer.json --check"


def signer(
    config: Config,
    check: Annotated[
        bool, typer.Option("--check", help="Try settings, key, log and sign-in, say what would be signed, and end.")
    ] = False,
    as_json: AsJson = False,
    child: Child = False,
) -> None:
    """Answer signature requests at once with the organisation's own key, within its own limits.

    What it signs is written down before the signature leaves; what it does not, with the reason. The settings file is
    described in docs/operating.md.
    """
    from bootstrap.signing.agent import check_signer, run_signer  # noqa: PLC0415
    from bootstrap.signing.config import load_config  # noqa: PLC0415

    begin(child)
    loaded = load_config(config)
    if not check:
        run_until_stopped(lambda stop: run_signer(loaded, stop))
        return
    foreseen = asyncio.run(check_signer(loaded))
    if as_json:
        typer.echo(json.dumps([asdict(one) for one in foreseen]))
        return
    typer.echo(f"{config} is right; {len(foreseen)} requests are open")
    for one in foreseen:
        typer.echo(f"would {one.deed} {one.request}{f': {one.why}' if one.why else ''}")
