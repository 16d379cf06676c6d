"""`lotsizeone doctor`: reads the settings, and hands plain values to an examiner that shares no code with the rest."""

import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bootstrap.options import AsJson, Data, settings_of

if TYPE_CHECKING:
    from bootstrap.doctor.examine import Question
    from bootstrap.settings import Settings

EXAMPLE = "Example: lotsizeone doctor --data .data --json"
DEEP_ENOUGH = 12
"""Blocks over one that make it final where the settings name no number and the chain is no development chain."""
TOLD_EVERY_S = 2.0


def doctor(
    order: Annotated[str | None, typer.Option(help="Look at one order only.")] = None,
    overdue: Annotated[float, typer.Option(help="Seconds that something due may wait.", min=0)] = 600.0,
    patience: Annotated[float, typer.Option(help="Seconds for each answer of node and database.", min=0.1)] = 20.0,
    as_json: AsJson = False,
    data: Data = None,
) -> None:
    """Compare every order with the chain, both ways, by code that shares nothing with what it examines.

    Reads only, also while everything runs. Ends with 0 if all agrees, 1 with findings, 2 if it could not look.
    """
    from bootstrap.doctor import report as reporting  # noqa: PLC0415
    from bootstrap.doctor.examine import examine  # noqa: PLC0415
    from bootstrap.doctor.failures import CouldNotLook  # noqa: PLC0415

    try:
        settings = settings_of(data_dir=data)
        question = question_of(settings, order=order, overdue_s=overdue, patience_s=patience)
        found = examine(question, told=_Progress())
    except (CouldNotLook, ValueError, OSError) as refusal:
        words = reporting.not_looked(str(refusal))
        if as_json:
            typer.echo(reporting.as_json(words))
        typer.echo(f"lotsizeone: could not look: {words['error']}", err=True)
        raise typer.Exit(reporting.NOT_LOOKED) from refusal
    for line in [reporting.as_json(found.as_document())] if as_json else found.as_words():
        typer.echo(line)
    raise typer.Exit(found.exit)


def question_of(settings: "Settings", **given: Any) -> "Question":
    """The settings as plain values. Raises SettingsRefused without an address book."""
    from bootstrap.deploy import DEVELOPMENT_CHAIN_IDS  # noqa: PLC0415
    from bootstrap.doctor.examine import Question  # noqa: PLC0415
    from bootstrap.files import read_if_there  # noqa: PLC0415
    from bootstrap.settings import SettingsRefused  # noqa: PLC0415
    from contracts.deployer import AddressBook  # noqa: PLC0415
    from contracts.errors import ContractsError  # noqa: PLC0415

    text = read_if_there(settings.address_book)
    if text is None:
        raise SettingsRefused(f"{settings.address_book} is missing: name its folder by --data, or run `deploy` first")
    try:
        book = AddressBook.from_json(text)
    except ContractsError as error:
        raise SettingsRefused(f"{settings.address_book}: {error}") from error
    depth = settings.confirmations
    if depth is None:
        depth = 0 if book.chain_id in DEVELOPMENT_CHAIN_IDS else DEEP_ENOUGH
    known: dict[str, Any] = {
        "database": settings.database,
        "rpc": settings.chain_url,
        "factory": book.factory,
        "chain_id": book.chain_id,
        "start_block": book.deployed_block,
        "now": time.time(),
        "confirmations": None if depth == "finalized" else depth,
        "genesis": book.genesis,
        "witness": settings.chain_witness_url or None,
    }
    return Question(**known | given)


class _Progress:
    """A line on standard error now and then, where the work is long."""

    def __init__(self) -> None:
        self._next = time.monotonic() + TOLD_EVERY_S

    def __call__(self, what: str, done: int, of: int) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + TOLD_EVERY_S
            sys.stderr.write(f"{what}: {done} of {of}\n")
