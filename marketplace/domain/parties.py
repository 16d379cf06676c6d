"""Who takes part: accounts, organisations and what each role may do."""

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What an account acts as. One app; the role decides which side of it a person sees."""

    CUSTOMER = "customer"
    MANUFACTURER = "manufacturer"
    SUPPLIER = "supplier"
    CARRIER = "carrier"
    OPERATOR = "operator"


ORGANISED = frozenset({Role.MANUFACTURER, Role.SUPPLIER, Role.CARRIER})
"""Roles that act for an organisation, whose signing key they share."""


@dataclass(frozen=True, slots=True)
class Organisation:
    """A company. `registry_party_id` is the id under which a federated registry names it; `vat_id` is in one form
    (`PT501964843`), as the company stated it."""

    id: str
    name: str
    kind: Role
    address: str | None = None
    registry_party_id: str | None = None
    vat_id: str | None = None


@dataclass(frozen=True, slots=True)
class Account:
    """A person who can sign in. `address` is the public half of the key on the person's own device."""

    id: str
    email: str
    display_name: str
    role: Role
    password_hash: str
    organisation: Organisation | None = None
    own_address: str | None = None

    @property
    def address(self) -> str | None:
        """The address that signs for this account: the organisation's where there is one."""
        return self.organisation.address if self.organisation else self.own_address

    @property
    def party_id(self) -> str:
        """Who owns what this account does: the organisation where there is one, else the person."""
        return self.organisation.id if self.organisation else self.id
