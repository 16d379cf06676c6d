"""Options that commands share, and how each begins."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from bootstrap.logs import start_log, write_as
from bootstrap.processes import end_with_parent

if TYPE_CHECKING:
    from bootstrap.settings import Settings

HOST = "127.0.0.1"
Port = Annotated[int, typer.Option(help="Port on 127.0.0.1.", min=0, max=65535)]
Data = Annotated[
    Path | None, typer.Option("--data", help="Folder that keeps everything; else DATA_DIR, or .data.", file_okay=False)
]
Config = Annotated[
    Path, typer.Option("--config", help="The JSON file that configures it.", dir_okay=False, exists=True)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Child = Annotated[bool, typer.Option("--end-with-parent", hidden=True)]


def begin(child: bool) -> None:
    """Start the log; a child ends with the process that started it."""
    start_log()
    if child:
        end_with_parent()


def settings_of(**given: object) -> "Settings":
    """Options first, then the environment, then the defaults; an option that was not given is None."""
    from bootstrap.settings import load_settings  # noqa: PLC0415

    settings = load_settings(**{name: value for name, value in given.items() if value is not None})
    write_as(settings.log_format)
    return settings
