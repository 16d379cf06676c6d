"""Customers' own files: taken in once, measured, and given only to whom they concern."""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from marketplace.application.access import order_for
from marketplace.application.catalogue_engineering import facts_of_nothing
from marketplace.application.configuration_views import DesignFileView
from marketplace.application.context import Context
from marketplace.domain.errors import Conflict, InvalidInput, NotFound
from marketplace.domain.formula import Scalar
from marketplace.domain.parties import Account
from marketplace.domain.product import FileFormat, FileOption, OptionValue, Template
from marketplace.planning.sketch import Sketch
from marketplace.planning.stl_file import BadSolid, read_solid
from marketplace.planning.svg_file import BadDrawing, read_drawing
from marketplace.ports.design_files import DesignFile

LARGEST = 5 << 20
"""Bytes of one file: a hundred thousand triangles."""
MOST_FILES = 100
MOST_BYTES = 50 << 20
"""What one account may hold. Files can be dropped; those of orders stay and then count no more."""


@dataclass(frozen=True, slots=True)
class Designs:
    """The files that a configuration names, by digest."""

    files: Mapping[str, DesignFile]

    def facts(self, template: Template, values: Mapping[str, OptionValue]) -> dict[str, Scalar]:
        """What formulas read of them; zero and false for an option without a file."""
        facts: dict[str, Scalar] = dict(facts_of_nothing(tuple(template.options())))
        for option, file in self._chosen(template, values):
            facts |= {f"{option.id}.{name}": value for name, value in file.facts.items()}
        return facts

    def sketches(self, template: Template, values: Mapping[str, OptionValue]) -> Mapping[str, Sketch]:
        """What a preview draws, by option."""
        return {
            option.id: Sketch(
                file.sketch["width"], file.sketch["height"], tuple((d, shade) for d, shade in file.sketch["paths"])
            )
            for option, file in self._chosen(template, values)
        }

    def _chosen(self, template: Template, values: Mapping[str, OptionValue]) -> Iterator[tuple[FileOption, DesignFile]]:
        for option in template.options():
            file = self.files.get(str(values[option.id])) if isinstance(option, FileOption) else None
            if isinstance(option, FileOption) and file is not None:
                yield option, file


def digests_in(template: Template, values: Mapping[str, OptionValue]) -> Iterator[str]:
    """The digests that a configuration names."""
    for option in template.options():
        if isinstance(option, FileOption) and values[option.id]:
            yield str(values[option.id])


async def designs_of(
    ctx: Context, template: Template, values: Mapping[str, OptionValue], account_id: str | None
) -> Designs:
    """The files of a configuration, held by this account; with None, by anybody.

    Raises InvalidInput, naming the option, for a file that is not there or not of the option's format.
    """
    wanted = set(digests_in(template, values))
    if not wanted:
        return Designs({})
    async with ctx.uow.glance() as tx:
        found = {file.digest: file for file in await tx.designs.find(wanted, account_id)}
    for option in template.options():
        if isinstance(option, FileOption) and values[option.id]:
            file = found.get(str(values[option.id]))
            if file is None or file.format != option.format:
                raise InvalidInput(f"configuration.{option.id}", f"is no {option.format} file that you have uploaded")
    return Designs(found)


async def upload_design(ctx: Context, caller: Account, kind: FileFormat, data: bytes) -> DesignFileView:
    """Take a file in; the same file again changes nothing. Raises InvalidInput, Conflict for a full quota."""
    if not 0 < len(data) <= LARGEST:
        raise InvalidInput("file", f"must have from 1 to {LARGEST} bytes")
    # A thread: the largest file takes a second to read, and others must not wait for it.
    file, kept = await asyncio.to_thread(_measured, ctx, kind, data)
    async with ctx.uow.write() as tx:
        held = await tx.designs.held(caller.id)
        if not await tx.designs.find([file.digest], caller.id):
            if held.files >= MOST_FILES or held.size + file.size > MOST_BYTES:
                raise Conflict(f"you hold {held.files} files of {held.size} bytes: drop one you no longer need")
            await tx.designs.keep(caller.id, file, kept, ctx.clock.now())
    return _view(file)


async def list_designs(ctx: Context, caller: Account) -> tuple[DesignFileView, ...]:
    """The caller's files, newest first."""
    async with ctx.uow.glance() as tx:
        return tuple(_view(file) for file in await tx.designs.of(caller.id))


async def read_design(ctx: Context, caller: Account, digest: str) -> tuple[DesignFileView, bytes]:
    """A file of the caller's. Raises NotFound."""
    async with ctx.uow.read() as tx:
        file = next(iter(await tx.designs.find([digest], caller.id)), None)
        data = await tx.designs.data(digest) if file else None
    if file is None or data is None:
        raise NotFound("file")
    return _view(file), data


async def read_order_design(ctx: Context, caller: Account, order_id: str, digest: str) -> tuple[DesignFileView, bytes]:
    """A file that an order is made from, for those who take part in the order. Raises NotFound."""
    async with ctx.uow.read() as tx:
        await order_for(tx, caller, order_id)
        used = digest in await tx.designs.used_by(order_id)
        file = next(iter(await tx.designs.find([digest], None)), None) if used else None
        data = await tx.designs.data(digest) if file else None
    if file is None or data is None:
        raise NotFound("file")
    return _view(file), data


async def drop_design(ctx: Context, caller: Account, digest: str) -> None:
    """The caller no longer needs it; an order that is made from it keeps it. Raises NotFound."""
    async with ctx.uow.write() as tx:
        if not await tx.designs.drop(caller.id, digest):
            raise NotFound("file")


def _measured(ctx: Context, kind: FileFormat, data: bytes) -> tuple[DesignFile, bytes]:
    """The file as it is kept, with what was measured of it. Raises InvalidInput."""
    facts: dict[str, Any]
    try:
        if kind is FileFormat.SVG:
            drawing = read_drawing(data)
            kept, sketch = drawing.data, drawing.sketch
            facts = {"width_um": drawing.width_um, "height_um": drawing.height_um, "paths": drawing.paths}
        else:
            solid = read_solid(data)
            kept, sketch = data, solid.sketch
            facts = {name: value for name, value in asdict(solid).items() if name != "sketch"}
    except (BadDrawing, BadSolid) as bad:
        raise InvalidInput("file", str(bad)) from bad
    if len(kept) > LARGEST:
        raise InvalidInput("file", f"has more than {LARGEST} bytes once it is written plainly")
    digest = ctx.chain.keccak(kept)
    return DesignFile(digest, kind.value, len(kept), {"given": True, **facts}, asdict(sketch)), kept


def _view(file: DesignFile) -> DesignFileView:
    return DesignFileView(file.digest, file.format, file.size, file.facts)
