"""Accounts, tokens and keys."""

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from mobile_api.schemas.base import Address, In, Name, Out, Signature, Text

RoleName = Literal["customer", "manufacturer", "supplier", "carrier", "operator"]


class AccountCreate(In):
    """A new account. Operators are made on the command line, not here."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "email": "ada@example.com",
                    "password": "correct horse battery",
                    "display_name": "Ada",
                    "role": "customer",
                }
            ]
        }
    )

    # No colon: HTTP Basic ends the name at the first one (RFC 7617, 2).
    email: Annotated[Text, Field(max_length=254, pattern=r"^[^@\s:\p{C}]+@[^@\s:\p{C}]+\.[^@\s:\p{C}]+$")]
    password: Annotated[Text, Field(min_length=10, max_length=200)]
    display_name: Name
    role: Literal["customer", "manufacturer", "supplier", "carrier"]
    organisation_name: Annotated[Name | None, Field(description="Required for all but customers.")] = None
    registry_party_id: Annotated[
        Name | None,
        Field(description="The party id a registry names; taken at your word in development only."),
    ] = None


class Organisation(Out):
    """A company and what it does."""

    id: str
    name: str
    kind: RoleName


class Account(Out):
    """A person, and the organisation they act for."""

    id: str
    email: str
    display_name: str
    role: RoleName
    organisation: Organisation | None
    address: Annotated[str | None, Field(description="The address that signs for this account.")]


class Token(Out):
    """A bearer token, seconds until it ends, and whose it is."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int
    account: Account


class GatewayToken(Out):
    """A bearer token of a gateway."""

    access_token: str
    token_type: Literal["Bearer"]
    expires_in: int


class SigningKey(In):
    """An address, and the EIP-712 KeyProof {account, signer} signed with its key."""

    address: Address
    signature: Signature


class ChainToken(Out):
    """The settlement money, as a wallet would ask."""

    address: str
    decimals: int
    symbol: str


class Chain(Out):
    """Where the agreements live. `unit` is token units in one cent."""

    chain_id: int
    factory: str
    token: ChainToken
    unit: str
