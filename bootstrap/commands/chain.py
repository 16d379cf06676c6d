"""`lotsizeone chain`: how far the chain was read, which orders a fork froze, and an operator's word to go on."""

import asyncio
import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import typer

from bootstrap.options import AsJson, Data, settings_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bootstrap.settings import Settings
    from marketplace.application.thaw_order import FrozenOrder, Thawed
    from marketplace.ports.chain_cursor import Mark, ReadingState

app = typer.Typer(
    name="chain",
    no_args_is_help=True,
    rich_markup_mode=None,
    short_help="See how far the chain was read; thaw frozen orders.",
    help="The worker reads the chain by itself. A fork deeper than CONFIRMATIONS freezes the orders that trusted what"
    " it took away: here you see them, and let one go on.",
    epilog="Example: lotsizeone chain status",
)


@app.command(epilog="Example: lotsizeone chain status --data .data --json")
def status(data: Data = None, as_json: AsJson = False) -> None:
    """Show the last block that was read, the last that counts, and every frozen order. Asks the database alone."""
    state, frozen = asyncio.run(_status(settings_of(data_dir=data)))
    if as_json:
        document = {
            "read": _mark(state.read),
            "final": _mark(state.final),
            "head": state.head_number,
            "head_at": state.head_at,
            "distrust": state.distrust,
            "frozen": [asdict(order) | {"at": order.at.isoformat()} for order in frozen],
        }
        typer.echo(json.dumps(document, indent=1))
        return
    for line in _lines(state, frozen):
        typer.echo(line)


@app.command(epilog="Example: lotsizeone chain thaw ord_0123 --data .data")
def thaw(
    order: Annotated[str, typer.Argument(help="The order's id, from `chain status`.")],
    give_up: Annotated[
        bool, typer.Option("--give-up", help="Go on although final events are not on the chain again.")
    ] = False,
    data: Data = None,
    as_json: AsJson = False,
) -> None:
    """Let a frozen order go on as the chain now stands: what is known of its agreements is made anew from it.

    Compare the order with the chain first (`lotsizeone doctor`). Deeds that are there again are not repeated.
    """
    done = asyncio.run(_thaw(settings_of(data_dir=data), order, give_up))
    if as_json:
        typer.echo(json.dumps(asdict(done), indent=1))
        return
    typer.echo(f"{done.order_id} goes on: {done.back} events were there again, {done.applied} new ones count now")
    for words in done.given_up:
        typer.echo(f"given up: {words}")
    for words in done.refused:
        typer.echo(f"the order cannot follow: {words}")


async def _status(settings: "Settings") -> "tuple[ReadingState, Sequence[FrozenOrder]]":
    from marketplace.application.thaw_order import frozen_orders  # noqa: PLC0415
    from marketplace.persistence.database import Database  # noqa: PLC0415
    from marketplace.ports.unit_of_work import StoreUnavailable  # noqa: PLC0415

    database = Database(settings.database)
    try:
        await database.require_current()
        async with database.unit_of_work().read() as tx:
            return await tx.cursor.get(), await frozen_orders(tx)
    except StoreUnavailable as failure:
        raise ValueError(f"the database cannot be asked: {failure}") from failure
    finally:
        await database.close()


async def _thaw(settings: "Settings", order_id: str, give_up: bool) -> "Thawed":
    from bootstrap.container import open_container  # noqa: PLC0415
    from marketplace.application.thaw_order import thaw_order  # noqa: PLC0415
    from marketplace.domain.errors import Conflict, NotFound  # noqa: PLC0415
    from marketplace.ports.chain import ChainUnavailable  # noqa: PLC0415
    from marketplace.ports.unit_of_work import StoreUnavailable  # noqa: PLC0415

    async with open_container(settings) as container:
        try:
            return await thaw_order(container.ctx, order_id, give_up=give_up)
        except NotFound as failure:
            raise ValueError(f"order {order_id} is not frozen: see `lotsizeone chain status`") from failure
        except Conflict as failure:
            raise ValueError(f"{failure}; wait, or thaw with --give-up") from failure
        except (ChainUnavailable, StoreUnavailable) as failure:
            raise ValueError(f"nothing was thawed: {failure}") from failure


def _mark(mark: "Mark | None") -> dict[str, Any] | None:
    return None if mark is None else asdict(mark)


def _lines(state: "ReadingState", frozen: "Sequence[FrozenOrder]") -> list[str]:
    """For people."""
    if state.read is None:
        lines = ["the chain was not read yet"]
    else:
        final = "nothing" if state.final is None else f"block {state.final.number}"
        lines = [f"read to block {state.read.number} of {state.head_number}, final to {final}"]
    if state.distrust is not None:
        lines.append(f"THE NODE IS NOT BELIEVED: {state.distrust}")
    for order in frozen:
        lines.append(f"frozen {order.order_id} since {order.at.isoformat(timespec='seconds')}: {order.reason}")
        lines.append(f"  {order.back} of these events are on the chain again, {len(order.missing)} are missing")
        lines += [f"  missing: {words}" for words in order.missing]
    return lines if frozen else [*lines, "no order is frozen"]
