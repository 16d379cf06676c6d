"""Who is asking: accounts by credentials or token, and tokens that are no longer good."""

from datetime import datetime

from marketplace.application.context import Context
from marketplace.application.views import AccountView, OrganisationView
from marketplace.domain.parties import Account


def view(account: Account) -> AccountView:
    """The account as its owner sees it."""
    organisation = account.organisation
    return AccountView(
        id=account.id,
        email=account.email,
        display_name=account.display_name,
        role=account.role,
        organisation=OrganisationView(organisation.id, organisation.name, organisation.kind) if organisation else None,
        address=account.address,
    )


async def credentials(ctx: Context, email: str) -> Account | None:
    """The account with this e-mail address, or None; the account of a client has no password, and so none to try."""
    async with ctx.uow.glance() as tx:
        found = await tx.parties.account_by_email(email.strip().lower())
    return found if found is not None and found.password_hash else None


async def account(ctx: Context, account_id: str) -> Account | None:
    """The account with this id, or None."""
    async with ctx.uow.glance() as tx:
        return await tx.parties.account(account_id)


async def revoke(ctx: Context, jti: str, expires_at: datetime) -> None:
    """Sign out: the token is never accepted again, by any process, after any restart."""
    async with ctx.uow.write() as tx:
        await tx.parties.revoke_token(jti, expires_at)


async def bearer(ctx: Context, account_id: str, jti: str) -> tuple[Account | None, bool]:
    """Whose token this is, or None, and whether it was signed out."""
    async with ctx.uow.glance() as tx:
        return await tx.parties.bearer(account_id, jti)


async def is_revoked(ctx: Context, jti: str) -> bool:
    """Whether the token was signed out."""
    async with ctx.uow.glance() as tx:
        return await tx.parties.is_revoked(jti)
