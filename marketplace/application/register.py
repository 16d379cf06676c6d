"""A person joins, for themselves or for an organisation."""

from marketplace.application.context import Context
from marketplace.application.sign_in import view
from marketplace.application.views import AccountView
from marketplace.domain.errors import InvalidInput
from marketplace.domain.parties import ORGANISED, Account, Organisation, Role


async def register(
    ctx: Context,
    *,
    email: str,
    password_hash: str,
    display_name: str,
    role: Role,
    organisation_name: str | None,
    registry_party_id: str | None,
) -> AccountView:
    """A new account. Raises Conflict if e-mail address or organisation name is taken, InvalidInput for a bad role.

    Whom a registry means is not for the one who joins to say: it would make them the supplier of somebody else's
    offers. In development there is nobody else, and nobody to ask.
    """
    if registry_party_id is not None and not ctx.policy.development:
        raise InvalidInput(
            "registry_party_id",
            "is not taken on your word: register the signing key that the registry names for you, or ask the operator",
        )
    if role is Role.OPERATOR:
        raise InvalidInput("role", "operators are made on the command line")
    if role in ORGANISED and not organisation_name:
        raise InvalidInput("organisation_name", f"a {role} acts for an organisation: name it")
    organisation = None
    if role in ORGANISED and organisation_name:
        organisation = Organisation(
            id=f"org_{ctx.new_id()}", name=organisation_name, kind=role, registry_party_id=registry_party_id
        )
    account = Account(
        id=f"acc_{ctx.new_id()}",
        email=email.strip().lower(),
        display_name=display_name,
        role=role,
        password_hash=password_hash,
        organisation=organisation,
    )
    async with ctx.uow.write() as tx:
        await tx.parties.add_account(account)
    return view(account)
