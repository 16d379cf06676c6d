"""The one table of field names: what NIMBLE's JSON says, what its query fields are called, and what we read.

Read in nimble-platform/common (`solr-data-model`) and nimble-platform/indexing-service (`SolrServiceImpl`). The odd
spellings (`manufactuerItemId`, `commodityClassficationUri`, `trustFullfillmentOfTerms`) are theirs; a peer that
writes them properly is understood as well.
"""

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import AliasChoices

ITEM: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "uri": ("uri", "id"),
        "catalogue_id": ("catalogueId", "catalogue_id"),
        "label": ("label", "labels"),
        "price": ("price",),
        "delivery_time": ("deliveryTime",),
        "minimum_order_quantity": ("minimumOrderQuantity",),
        "base_quantities": ("baseQuantities", "baseQuantity"),
        "price_hidden": ("priceHidden",),
        "certificate_type": ("certificateType", "certificates"),
        "applicable_countries": ("applicableCountries",),
        "permitted_parties": ("permittedParties",),
        "restricted_parties": ("restrictedParties",),
        "classification_uri": ("classificationUri", "commodityClassficationUri", "commodityClassificationUri"),
        "string_value": ("stringValue",),
        "double_value": ("doubleValue",),
        "manufacturer_item_id": ("manufactuerItemId", "manufacturerItemId"),
        "manufacturer_id": ("manufacturerId",),
        "manufacturer": ("manufacturer",),
    }
)

PARTY: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "party_id": ("id", "partyId"),
        "legal_name": ("legalName",),
        "verified": ("verified",),
        "trust_score": ("trustScore",),
        "trust_rating": ("trustRating",),
        "trust_fulfilment": ("trustFullfillmentOfTerms", "trustFulfillmentOfTerms"),
        "trust_transactions": ("trustNumberOfTransactions",),
        "latitude": ("locationLatitude",),
        "longitude": ("locationLongitude",),
        "ppap_compliance_level": ("ppapComplianceLevel",),
        "base_platform_company_id": ("basePlatformCompanyId",),
        "signing_address": ("signingAddress",),
        "contact_email": ("contactEmail",),
    }
)

# Fields as Solr names them, for q, fq and sort.
QUERY_CLASSIFICATION = "commodityClassficationUri"
QUERY_PERMITTED = "permittedParties"
QUERY_RESTRICTED = "restrictedParties"

PRICE_SUFFIX = "_price"  # eUR_price: the currency with its first letter lowered
DELIVERY_SUFFIX = "_deliveryTime"


def any_of(names: tuple[str, ...]) -> AliasChoices:
    """A pydantic alias that reads any of `names`, the first one present."""
    return AliasChoices(*names)


def gather_dynamic(raw: dict[str, object]) -> dict[str, object]:
    """`raw` with flat Solr fields (`eUR_price`, `Week(s)_deliveryTime`) gathered into the nested ones JSON has."""
    gathered: dict[str, object] = {}
    for nested, suffix, named in (("price", PRICE_SUFFIX, str.upper), ("deliveryTime", DELIVERY_SUFFIX, str)):
        flat = {named(key.removesuffix(suffix)): value for key, value in raw.items() if key.endswith(suffix)}
        if flat and raw.get(nested) is None:
            gathered[nested] = flat
    return {**raw, **gathered}
