"""Accounts, organisations, their rules and gateways."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import BindParameter, ColumnElement, Select, bindparam, exists, or_, select, union_all, update
from sqlalchemy.exc import IntegrityError

from marketplace.domain.acceptance import AcceptanceRule
from marketplace.domain.errors import Conflict
from marketplace.domain.parties import Account, Organisation
from marketplace.persistence.late import Connection, ask
from marketplace.persistence.mapping import (
    account_columns,
    account_of,
    account_row,
    address_key,
    columns_of,
    email_key,
    row_of,
    value_of,
)
from marketplace.persistence.statements import Held, insert_once, upsert
from marketplace.persistence.tables import acceptance_rules, accounts, gateways, organisations, revoked_tokens
from marketplace.ports.unit_of_work import Gateway

_ACCOUNTS = (
    select(*account_columns())
    .select_from(accounts.outerjoin(organisations, accounts.c.organisation_id == organisations.c.id))
    .order_by(accounts.c.serial)
)
_JTI = revoked_tokens.c.jti
_BEARERS = (
    # Each account beside all of the tokens that are signed out: hardly ever one, and of a few that are asked for.
    select(*account_columns(), _JTI)
    .select_from(
        accounts.outerjoin(organisations, accounts.c.organisation_id == organisations.c.id).outerjoin(
            revoked_tokens, _JTI.in_(bindparam("jtis", expanding=True))
        )
    )
    .where(accounts.c.id.in_(bindparam("account_ids", expanding=True)))
)
_ORGANISATION = columns_of(organisations, Organisation)
_NAMED = select(*_ORGANISATION).where(organisations.c.name.in_(bindparam("names", expanding=True)))
_GATEWAY = columns_of(gateways, Gateway)
_RULE = select(*columns_of(acceptance_rules, AcceptanceRule)).where(
    acceptance_rules.c.organisation_id == bindparam("it")
)


def _organisation(which: ColumnElement[bool]) -> Select[Any]:
    """Of several the oldest."""
    return select(*_ORGANISATION).where(which).order_by(organisations.c.serial)


def _gateways(which: ColumnElement[bool]) -> Select[Any]:
    return select(*_GATEWAY).where(which).order_by(gateways.c.serial)


_IT: BindParameter[str] = bindparam("it")
_ACCOUNT_BY_ID = _ACCOUNTS.where(accounts.c.id == _IT)
_ACCOUNT_BY_EMAIL = _ACCOUNTS.where(accounts.c.email_key == _IT)
_ACCOUNTS_OF = _ACCOUNTS.where(or_(accounts.c.organisation_id == _IT, accounts.c.id == _IT))
_ORGANISATION_BY_ID = _organisation(organisations.c.id == _IT)
_ORGANISATION_IN_REGISTRY = _organisation(organisations.c.registry_party_id == _IT)
_ORGANISATION_SIGNING = _organisation(organisations.c.address == _IT)
_GATEWAY_BY_ID = _gateways(gateways.c.id == _IT)
_GATEWAY_BY_ADDRESS = _gateways(gateways.c.address_key == _IT)
_GATEWAYS_OF = _gateways(gateways.c.organisation_id == _IT)
_HELD = [Held(select(table.c.id).where(table.c.id == _IT)) for table in (organisations, accounts)]
_PARTIES: BindParameter[str] = bindparam("parties", expanding=True)
_CALLED = union_all(
    select(accounts.c.id, accounts.c.display_name).where(accounts.c.id.in_(_PARTIES)),
    select(organisations.c.id, organisations.c.name).where(organisations.c.id.in_(_PARTIES)),
)


class SqlParties:
    """Who takes part, in one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._read: list[Organisation] = []
        self._people: dict[str, Account | None] = {}

    async def account(self, account_id: str) -> Account | None:
        """By id."""
        if account_id not in self._people:
            self._people[account_id] = next(iter(await self._accounts(_ACCOUNT_BY_ID, account_id)), None)
        return self._people[account_id]

    async def account_by_email(self, email: str) -> Account | None:
        """By e-mail address, whatever its case."""
        return next(iter(await self._accounts(_ACCOUNT_BY_EMAIL, email_key(email))), None)

    async def accounts_of(self, party_id: str) -> Sequence[Account]:
        """The people of an organisation, or the one person with this id; oldest first."""
        return await self._accounts(_ACCOUNTS_OF, party_id)

    async def _accounts(self, asked: Select[Any], of: str) -> Sequence[Account]:
        return [account_of(row) for row in (await self._connection.execute(asked, {"it": of})).mappings()]

    async def organisation(self, organisation_id: str) -> Organisation | None:
        """By id."""
        known = next((one for one in self._read if one.id == organisation_id), None)
        return known or await self._organisation(_ORGANISATION_BY_ID, organisation_id)

    async def names(self, party_ids: Collection[str]) -> Mapping[str, str]:
        """What organisations and people are called, by id; unknown ones are left out."""
        rows = (await self._connection.execute(_CALLED, {"parties": list(party_ids)})).all()
        return {row.id: row.display_name for row in rows}

    async def organisation_named(self, name: str) -> Organisation | None:
        """By its unique name."""
        found = await ask(self._connection, _named, name)
        return found if found is None else self._remember(found)

    async def organisation_in_registry(self, registry_party_id: str) -> Organisation | None:
        """By the id under which a registry names it."""
        return await self._organisation(_ORGANISATION_IN_REGISTRY, registry_party_id)

    async def organisation_signing(self, address: str) -> Organisation | None:
        """By its signing address; of several with the same the oldest."""
        return await self._organisation(_ORGANISATION_SIGNING, address_key(address))

    async def link(self, organisation_id: str, registry_party_id: str | None) -> None:
        """Say under which id registries name it; None takes it back. Raises Conflict where another one has the id."""
        if registry_party_id is not None:
            other = await self.organisation_in_registry(registry_party_id)
            if other is not None and other.id != organisation_id:
                raise Conflict(f"{registry_party_id} is linked to {other.name} already")
        mine = update(organisations).where(organisations.c.id == organisation_id)
        try:
            await self._connection.execute(mine.values(registry_party_id=registry_party_id))
        except IntegrityError as taken:  # by somebody whose transaction had not ended when we looked
            raise Conflict(f"{registry_party_id} has just been linked to another organisation") from taken
        self._read.clear()
        self._people.clear()

    async def _organisation(self, asked: Select[Any], of: str) -> Organisation | None:
        row = (await self._connection.execute(asked, {"it": of})).mappings().first()
        if row is None:
            return None
        return self._remember(value_of(Organisation, row))

    def _remember(self, organisation: Organisation) -> Organisation:
        self._read.append(organisation)
        return organisation

    async def organisations_of_kind(self, kind: str) -> Sequence[Organisation]:
        """All organisations of a role, oldest first."""
        wanted = select(*_ORGANISATION).where(organisations.c.kind == kind).order_by(organisations.c.serial)
        return [value_of(Organisation, row) for row in (await self._connection.execute(wanted)).mappings()]

    async def add_account(self, account: Account) -> None:
        """Insert the person, and the organisation unless it is known by its id.

        Raises Conflict if the account's id or e-mail address, or the organisation's name or registry id is taken.
        """
        self._people.clear()
        organisation = account.organisation
        if organisation is not None and not await self._known(organisation):
            raise Conflict(f"an organisation named {organisation.name} is registered already")
        if not await insert_once(self._connection, accounts, account_row(account)):
            raise Conflict("this e-mail address is registered already")

    async def _known(self, organisation: Organisation) -> bool:
        """Whether the organisation is there now; False where its name or registry id belongs to another one."""
        inserted = await insert_once(self._connection, organisations, row_of(organisations, organisation))
        return inserted or await self.organisation(organisation.id) is not None

    async def set_password(self, account_id: str, password_hash: str) -> None:
        """From now on this password opens the account."""
        mine = update(accounts).where(accounts.c.id == account_id)
        await self._connection.execute(mine.values(password_hash=password_hash))
        self._people.clear()

    async def set_address(self, account: Account, address: str) -> None:
        """Set the signing address of the account, or of its organisation where it has one."""
        if account.organisation is not None:
            own = update(organisations).where(organisations.c.id == account.organisation.id).values(address=address)
        else:
            own = update(accounts).where(accounts.c.id == account.id).values(own_address=address)
        await self._connection.execute(own)
        self._read.clear()
        self._people.clear()

    async def hold(self, party_id: str) -> None:
        """Keep the party's row from others who hold or change it: what hangs on it, its rule, may have no row yet."""
        for held in _HELD:
            await self._connection.execute(held.on(self._connection), {"it": party_id})

    async def rule(self, organisation_id: str) -> AcceptanceRule:
        """The acceptance rule, or the default."""
        row = (await self._connection.execute(_RULE, {"it": organisation_id})).mappings().first()
        return AcceptanceRule() if row is None else value_of(AcceptanceRule, row)

    async def set_rule(self, organisation_id: str, rule: AcceptanceRule) -> None:
        """Replace the rule."""
        row = row_of(acceptance_rules, rule, organisation_id=organisation_id)
        await upsert(self._connection, acceptance_rules, row, "organisation_id")

    async def gateway(self, gateway_id: str) -> Gateway | None:
        """By id."""
        return next(iter(await self._gateways(_GATEWAY_BY_ID, gateway_id)), None)

    async def gateway_by_address(self, address: str) -> Gateway | None:
        """By the address that signs its evidence, whatever its case."""
        return next(iter(await self._gateways(_GATEWAY_BY_ADDRESS, address_key(address))), None)

    async def gateways_of(self, organisation_id: str) -> Sequence[Gateway]:
        """Oldest first."""
        return await self._gateways(_GATEWAYS_OF, organisation_id)

    async def _gateways(self, asked: Select[Any], of: str) -> Sequence[Gateway]:
        return [value_of(Gateway, row) for row in (await self._connection.execute(asked, {"it": of})).mappings()]

    async def add_gateway(self, gateway: Gateway) -> None:
        """Raises Conflict if the id or the address is known already."""
        row: dict[str, Any] = row_of(gateways, gateway, address_key=address_key(gateway.address))
        if not await insert_once(self._connection, gateways, row):
            raise Conflict(f"a gateway with address {gateway.address} is registered already")

    async def revoke_token(self, jti: str, expires_at: datetime) -> None:
        """Never accept this token again."""
        await insert_once(self._connection, revoked_tokens, {"jti": jti, "expires_at": expires_at})

    async def is_revoked(self, jti: str) -> bool:
        """Whether the token was revoked."""
        return bool(await self._connection.scalar(select(exists().where(revoked_tokens.c.jti == jti))))

    async def bearer(self, account_id: str, jti: str) -> tuple[Account | None, bool]:
        """Whose token this is, and whether it was revoked, in one question; a stranger's is not."""
        return await ask(self._connection, _bearers, (account_id, jti))


async def _bearers(connection: Connection, asked: Sequence[tuple[str, str]]) -> Sequence[tuple[Account | None, bool]]:
    """For each (account, token) whose it is, and whether it was revoked."""
    keys = {"account_ids": [account_id for account_id, _ in asked], "jtis": [jti for _, jti in asked]}
    rows = (await connection.execute(_BEARERS, keys)).mappings().all()
    people = {row["id"]: row for row in rows}
    revoked = {row["jti"] for row in rows}
    return [
        (account_of(people[account_id]), jti in revoked) if account_id in people else (None, False)
        for account_id, jti in asked
    ]


async def _named(connection: Connection, names: Sequence[str]) -> Sequence[Organisation | None]:
    """The organisation of each name."""
    rows = (await connection.execute(_NAMED, {"names": names})).mappings()
    found = {row["name"]: value_of(Organisation, row) for row in rows}
    return [found.get(name) for name in names]
