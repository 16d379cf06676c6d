"""The peer's data: parties, and the items they offer, read from a YAML file (see examples/registry.yaml)."""

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StrictInt, StringConstraints, ValidationError

_MAX_FILE_BYTES = 20 * 1024 * 1024


class CatalogueError(ValueError):
    """The catalogue cannot be used; the text names the place and the fault."""


def _finite(number: Decimal) -> Decimal:
    if not number.is_finite() or abs(number) > 10**12:
        raise ValueError("the number must be finite and below 10¹²")
    return number


Name = Annotated[str, StringConstraints(min_length=1, max_length=512, pattern=r"^[^\x00-\x1f\x7f]+$")]
Address = Annotated[str, StringConstraints(pattern=r"^0x[0-9a-fA-F]{40}$")]
Email = Annotated[str, StringConstraints(max_length=254, pattern=r"^[!-?A-~]+@[!-?A-~]+\.[!-?A-~]+$")]
Amount = Annotated[Decimal, AfterValidator(_finite)]
Price = Annotated[Decimal, Field(gt=0, le=10**9), AfterValidator(_finite)]


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class PeerItem(_Entry):
    """One item. Field names are the wire's; `price` by currency, `deliveryTime` by unit."""

    uri: Name
    label: dict[Name, Name] = Field(min_length=1)
    price: dict[Name, Price] = Field(default_factory=dict)
    deliveryTime: dict[Name, Annotated[Amount, Field(ge=0)]] = Field(min_length=1)  # noqa: N815 - the wire's spelling
    classificationUri: list[Name] = Field(min_length=1)  # noqa: N815
    baseQuantity: Annotated[StrictInt, Field(ge=1)] = 1  # noqa: N815
    minimumOrderQuantity: Annotated[StrictInt, Field(ge=1)] = 1  # noqa: N815
    priceHidden: bool = False  # noqa: N815
    certificateType: list[Name] = Field(default_factory=list)  # noqa: N815
    applicableCountries: list[Name] = Field(default_factory=list)  # noqa: N815
    permittedParties: list[Name] = Field(default_factory=list)  # noqa: N815
    restrictedParties: list[Name] = Field(default_factory=list)  # noqa: N815
    stringValue: dict[Name, list[Name]] = Field(default_factory=dict)  # noqa: N815
    doubleValue: dict[Name, list[Amount]] = Field(default_factory=dict)  # noqa: N815
    manufacturerItemId: Name | None = None  # noqa: N815


class PeerParty(_Entry):
    """One company and what it offers. Trust figures are what the registry says of it, between 0 and 5 or counts.

    `signingAddress` is the key with which it signs agreements: who holds it speaks for the party in any marketplace.
    `contactEmail` is where marketplaces invite it: who reads that mail may join for it.
    """

    id: Name
    legalName: Name  # noqa: N815
    verified: bool = False
    locationLatitude: Amount | None = None  # noqa: N815
    locationLongitude: Amount | None = None  # noqa: N815
    ppapComplianceLevel: Annotated[StrictInt, Field(ge=0, le=5)] | None = None  # noqa: N815
    trustScore: Amount | None = None  # noqa: N815
    trustRating: Amount | None = None  # noqa: N815
    trustFullfillmentOfTerms: Amount | None = None  # noqa: N815 - NIMBLE's own spelling
    trustNumberOfTransactions: Annotated[StrictInt, Field(ge=0)] | None = None  # noqa: N815
    signingAddress: Address | None = None  # noqa: N815 - in the wire's manner; NIMBLE has no such field
    contactEmail: Email | None = None  # noqa: N815 - neither has it this one
    doubleValue: dict[Name, list[Amount]] = Field(default_factory=dict)  # noqa: N815 - of all its items
    items: list[PeerItem] = Field(default_factory=list)

    def numbers_of(self, item: PeerItem) -> Mapping[str, list[Decimal]]:
        """The number properties of one of its items; what the item says itself goes first."""
        return {**self.doubleValue, **item.doubleValue}


class PeerIdentity(_Entry):
    """Who the peer is. `registry_id` is the id of its service catalogue and the audience of its tokens."""

    realm: Name = "efpf"
    registry_id: Name = "efpf-sr"
    title: Name = "Federated search"


class PeerCatalogue(PeerIdentity):
    """Everything a peer serves from a file."""

    parties: list[PeerParty]


def read_catalogue(text: str) -> PeerCatalogue:
    """The catalogue in a YAML text. Raises CatalogueError."""
    try:
        catalogue = PeerCatalogue.model_validate(yaml.safe_load(text))
    except yaml.YAMLError as error:
        raise CatalogueError(f"the catalogue is not YAML: {error}") from error
    except (ValidationError, RecursionError) as error:
        raise CatalogueError(f"the catalogue is not usable: {error}") from error
    _refuse_twins("party", [party.id for party in catalogue.parties])
    _refuse_twins("item", [item.uri for party in catalogue.parties for item in party.items])
    return catalogue


def load_catalogue(path: Path) -> PeerCatalogue:
    """The catalogue in the file at `path`. Raises CatalogueError, also if the file cannot be read."""
    try:
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise CatalogueError(f"{path} is larger than {_MAX_FILE_BYTES} bytes")
        return read_catalogue(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise CatalogueError(f"{path} cannot be read: {error}") from error


def _refuse_twins(what: str, ids: list[str]) -> None:
    seen: set[str] = set()
    for one in ids:
        if one in seen:
            raise CatalogueError(f"the {what} {one!r} is listed twice")
        seen.add(one)
