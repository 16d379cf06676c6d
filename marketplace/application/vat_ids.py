"""VAT ids in one form: each country has its own digits and its own check (python-stdnum knows them)."""

import re

from stdnum.exceptions import ValidationError
from stdnum.util import get_cc_module

from marketplace.domain.errors import InvalidInput

LONGEST = 32
_COUNTRY = re.compile(r"[A-Z]{2}")
_ALPHANUMERIC = re.compile(r"[A-Za-z0-9 ./\-]{2,32}")


def vat_id_of(country: str, text: str) -> str:
    """The id with its prefix and without blanks: `PT501964843`. `country` is an ISO 3166 code, or EL for Greece.

    Only its form and its check digits are looked at: whether a tax office gave it is not known here. Raises
    InvalidInput, also for a country whose ids cannot be checked.
    """
    code = "GR" if country == "EL" else country
    if _COUNTRY.fullmatch(code) is None:
        raise InvalidInput("country", "must be two capital letters, such as PT")
    module = get_cc_module(code, "vat")
    if module is None:
        raise InvalidInput("country", "has no VAT ids that we can check: ask the operator")
    if len(text) > LONGEST or _ALPHANUMERIC.fullmatch(text) is None:
        raise InvalidInput("vat_id", "must be letters and digits")
    try:
        number = str(module.validate(text.strip().upper()))
    except ValidationError as wrong:
        raise InvalidInput("vat_id", f"is no VAT id of {country}: look for a slip") from wrong
    prefix = "EL" if code == "GR" else code
    return number if number.startswith(prefix) else prefix + number
