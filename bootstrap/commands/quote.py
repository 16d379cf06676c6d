"""`lotsizeone quote`: price, dates, penalties and suppliers of one order, from a file."""

import json
from pathlib import Path
from typing import Annotated

import typer

from bootstrap.options import AsJson
from bootstrap.processes import native_words_aside

EXAMPLE = "Example: lotsizeone quote examples/quote.json --json"


def quote(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE.json", help="Product, configuration, date, offers and what is held.", dir_okay=False
        ),
    ],
    catalogue: Annotated[
        Path | None, typer.Option(help="The folder of product templates; else CATALOGUE_DIR.", file_okay=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Quote one order: every line of its price with formula and inputs, and each date with its price and penalty.

    Needs no database: what the machines are held for, and what suppliers offer, is in the file. Ends with 1 where no
    choice of offers keeps the limits.
    """
    from bootstrap.quote_file import answer, document, words  # noqa: PLC0415
    from bootstrap.settings import load_settings  # noqa: PLC0415
    from matchmaking.selection import NoFeasibleSelection  # noqa: PLC0415

    try:
        with native_words_aside():
            found = answer(file, catalogue or load_settings().catalogue_dir)
    except NoFeasibleSelection as none:
        refusal = {"feasible": False, "line": none.line_id}
        typer.echo(json.dumps(refusal, indent=1) if as_json else f"nothing can be chosen: {none}")
        raise typer.Exit(1) from none
    if as_json:
        typer.echo(json.dumps(document(found), indent=1, ensure_ascii=False))
        return
    for line in words(found):
        typer.echo(line)
