"""Building blocks: texts, hashes, money, dates and instants as the interface takes and gives them."""

import re
from collections.abc import Mapping
from datetime import UTC, date
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer
from pydantic_core import PydanticCustomError

from mobile_api.strict_json import storable

SAFE_INTEGER = 2**53 - 1
"""The largest whole number that every JSON reader keeps exactly (RFC 7493, 2.2)."""


class In(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Out(BaseModel):
    """An answer, made from a view of the application."""

    model_config = ConfigDict(from_attributes=True, frozen=True)


def _storable(text: str) -> str:
    if not storable(text):
        raise PydanticCustomError("text_refused", "may not hold U+0000 or lone surrogates")
    return text


def _calendar_date(value: object) -> date:
    if type(value) is date:  # from a view; JSON has no dates
        return value
    if isinstance(value, str) and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        try:
            return date.fromisoformat(value)
        except ValueError:
            pass
    raise PydanticCustomError("calendar_date", "must be a date such as 2027-01-31")


def _whole(text: object) -> object:
    if isinstance(text, str) and re.fullmatch("[0-9]{1,15}", text) is None:
        raise PydanticCustomError("int_parsing", "must be a whole number")
    return text


def _option_value(value: object) -> object:
    if isinstance(value, str) or (type(value) is int and abs(value) <= SAFE_INTEGER):
        return value
    raise PydanticCustomError("option_value", "must be a text or a whole number")


def _for_javascript(value: Any) -> Any:
    """Whole numbers past 2^53 as decimal text, bytes as 0x-hex: both are allowed forms of EIP-712 values in JSON."""
    if isinstance(value, Mapping):
        return {key: _for_javascript(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_for_javascript(inner) for inner in value]
    if isinstance(value, bytes):
        return "0x" + value.hex()
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > SAFE_INTEGER:
        return str(value)
    return value


Text = Annotated[str, AfterValidator(_storable)]
"""Text that can be stored and shown: no U+0000, no lone surrogates."""
Name = Annotated[Text, Field(min_length=1, max_length=120)]
Reason = Annotated[Text, Field(max_length=500)]
Address = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{40}$", examples=["0x" + "a1" * 20])]
"""A 20-byte address, as 0x-hex."""
Hash = Annotated[str, Field(pattern=r"^0x[0-9a-fA-F]{64}$", examples=["0x" + "5e" * 32])]
"""32 bytes, as 0x-hex."""
Signature = Annotated[str, Field(pattern=r"^0x(?:[0-9a-fA-F]{2}){1,1024}$", examples=["0x" + "1b" * 65])]
"""65 bytes of a key pair, or what an ERC-1271 account calls a signature."""
Uuid = Annotated[
    str,
    Field(
        pattern=r"^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$",
        examples=["0b6e9f0e-6f0a-4c58-9d9e-3f1f3f0f8a11"],
        json_schema_extra={"format": "uuid"},
    ),
]
Minor = Annotated[int, Field(strict=True, ge=0, le=SAFE_INTEGER)]
"""Money in cents."""
DIGITS = BeforeValidator(_whole)
"""For whole numbers in a query: ASCII digits and nothing else, where pydantic's own reader takes `1.0`, `+1`, `1_0`."""
CalendarDate = Annotated[date, BeforeValidator(_calendar_date)]
Instant = Annotated[AwareDatetime, AfterValidator(lambda at: at.astimezone(UTC))]
"""RFC 3339, always in UTC."""
OptionValue = Annotated[str | int, BeforeValidator(_option_value)]
Configuration = Annotated[
    dict[Annotated[str, Field(max_length=64)], OptionValue],
    Field(
        max_length=64,
        description="Values by option id; an option that is left out takes its default.",
        examples=[
            {
                "base": "base-40mm",
                "cover": "standard",
                "drilling_s": 3,
                "cleaning": "without",
                "pressing": "without",
                "inspection": "complete",
                "amount": 40,
                "engraving": "SENAI",
            }
        ],
    ),
]
TypedData = Annotated[
    dict[str, Any],
    PlainSerializer(_for_javascript, return_type=dict[str, Any]),
    Field(description="EIP-712 typed data; whole numbers past 2^53 are decimal text."),
]


class Party(Out):
    """An organisation or a product, by id and name."""

    id: str
    name: str


class Labelled(Out):
    """A line of readable text."""

    label: str
    value: str
