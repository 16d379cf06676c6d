"""What stands in a house: devices, files, clients, gateways and invitations; and links that are good at once."""

import secrets
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from marketplace.application import devices, oauth_clients, register_gateway
from marketplace.application.context import Context
from marketplace.application.design_files import upload_design
from marketplace.application.dispute_photos import upload_photo
from marketplace.application.join_by_link import digest_of
from marketplace.domain.clients import ClientKind
from marketplace.domain.invitations import CODE_LIFETIME, LIFETIME, Invitation
from marketplace.domain.parties import Account
from marketplace.domain.product import FileFormat
from marketplace.ports.fakes.supplier_directory import Listing
from marketplace.ports.push import PushAddress, PushKind
from mobile_api.security import hash_secret
from tests.application.world import World
from tests.planning.test_photo_file import photo
from tests.planning.test_svg_file import svg

if TYPE_CHECKING:
    from tests.mobile_api.house import House

SECRET = "a secret of the tests, long enough for a gateway"
ABSENT, CODE = "foundry-4711", "000000"
"""A supplier that a registry names and that has not joined; the code of every fresh link."""


def absent_supplier(world: World) -> Listing:
    """What a supplier offers that has not joined, and could be invited."""
    drills = next(one for one in world.directory.listings if one.supplier_id == "reconcavo")
    return replace(drills, id="absent-d", supplier_id=ABSENT, supplier_name="Foundry", contact="rui@foundry.example")


async def device_of(ctx: Context, person: Account) -> str:
    """The id of a phone."""
    return await devices.add_device(ctx, person, PushAddress(PushKind.FCM, f"token-of-{person.id}"))


async def file_of(world: World, name: str, width: int) -> str:
    """The digest of a drawing."""
    drawing = svg(f'<path d="M10 10h{width}v20h-{width}z"/>')
    return (await upload_design(world.ctx, world[name], FileFormat.SVG, drawing)).digest


async def photo_of(world: World, name: str, order_id: str) -> str:
    """The digest of a photo: everybody shows the same one, which is in no statement yet."""
    return (await upload_photo(world.ctx, world[name], order_id, "PNG", photo("PNG"))).digest


async def client_of(
    world: World, name: str, kind: ClientKind = ClientKind.PARTNER, redirect_uris: tuple[str, ...] = ()
) -> str:
    """The id of a program of others."""
    made = await oauth_clients.register_client(
        world.ctx,
        world[name],
        name=f"program of {name}",
        kind=kind,
        scope="read write",
        redirect_uris=redirect_uris,
        secret=SECRET,
        secret_hash=hash_secret(SECRET),
    )
    return str(made.client_id)


async def invitation_by(world: World, name: str, maker: str, order_id: str) -> str:
    """The id of an invitation by this manufacturer."""
    now = world.clock.now()
    made = Invitation(
        f"inv_{name}",
        order_id,
        world[maker].party_id,
        f"foundry of {name}",
        f"Foundry of {name}",
        f"rui@{name}.example",
        "https://shop.example",
        now,
        now + LIFETIME,
    )
    async with world.ctx.uow.write() as tx:
        await tx.invitations.add(made)
    return made.id


async def gateway_of(world: World, name: str) -> tuple[str, str]:
    """A gateway's id and address."""
    made = await register_gateway.register_gateway(
        world.ctx,
        world[name],
        name=f"{name} door",
        address=world.address(f"door of {name}"),
        secret=SECRET,
        secret_hash=hash_secret(SECRET),
    )
    return made.id, made.address


@contextmanager
def changing(file: Path) -> Iterator[sqlite3.Connection]:
    """The database behind everybody's back."""
    with closing(sqlite3.connect(file, timeout=30)) as database, database:
        yield database


def fresh_link(house: "House") -> str:
    """The secret of a new invitation for which the code is `CODE`."""
    secret = secrets.token_hex(32)
    now = house.clock.now()
    row = {
        "id": f"fresh_{secret[:24]}",
        "order_id": house.thing("order", "manufacturer", "own", "invitations"),
        "invited_by": house.crowd.people["maker"].party_id,
        "registry_party_id": secret,
        "party_name": "Foundry",
        "email": f"{secret[:16]}@foundry.example",
        "origin": "https://shop.example",
        "created_at": _stored(now),
        "expires_at": _stored(now + LIFETIME),
        "status": "open",
        "token_hash": digest_of(secret),
        "code_hash": digest_of(CODE),
        "code_until": _stored(now + CODE_LIFETIME),
        "codes": 1,
        "tries": 0,
    }
    marks = ", ".join(f":{name}" for name in row)
    with changing(house.file) as database:
        database.execute(f"INSERT INTO invitations ({', '.join(row)}) VALUES ({marks})", row)  # noqa: S608
    return secret


def _stored(at: datetime) -> str:
    """An instant as SQLite keeps it."""
    return at.strftime("%Y-%m-%d %H:%M:%S.%f")
