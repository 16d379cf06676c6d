"""Strict types for a stranger's JSON: no NaN, no infinity, no control characters, no `true` for a number.

Bodies are parsed by pydantic: it refuses lone surrogates, invalid UTF-8 and deep nesting where `json.loads` passes
them on or fails with RecursionError. A number is turned into a Decimal through its shortest text, so the
JSON `12.1` becomes exactly 12.1.
"""

import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Final, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, JsonValue, ValidationError

from matchmaking.efpf.errors import MalformedAnswer
from matchmaking.efpf.transport import Answer

MAX_TEXT: Final = 4_096  # characters of one text; a label or an id is far shorter
MAX_LIST: Final = 1_000  # entries of one list inside an item
_MAX_MAGNITUDE: Final = Decimal(10) ** 15  # above any price or size; below where a double loses whole numbers
_DECIMAL_TEXT = re.compile(r"-?[0-9]{1,15}(\.[0-9]{1,15})?", re.ASCII)

M = TypeVar("M", bound="Wire")


class Wire(BaseModel):
    """Base of every model that reads a stranger's JSON: strict, tolerant of unknown fields, immutable."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False, populate_by_name=True)


def _plain(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise ValueError(f"text longer than {MAX_TEXT} characters")
    # Unicode category Cc but tab, line feed and carriage return, which catalogues do use in descriptions.
    if any((c < " " and c not in "\t\n\r") or "\x7f" <= c <= "\x9f" or "\ud800" <= c <= "\udfff" for c in text):
        raise ValueError("text with control characters")
    return text


def _decimal(value: object) -> Decimal:
    if isinstance(value, bool):
        raise ValueError("a boolean is no number")
    if isinstance(value, int | float):
        number = Decimal(repr(value)) if isinstance(value, float) or abs(value) < 10**16 else Decimal("Infinity")
    elif isinstance(value, str) and _DECIMAL_TEXT.fullmatch(value):
        number = Decimal(value)
    else:
        raise ValueError("not a number")
    if not number.is_finite() or abs(number) > _MAX_MAGNITUDE:
        raise ValueError("number out of range")
    # 1e-300 has an exact form of a thousand digits; nothing we trade is finer than a billionth.
    if number and number.normalize().as_tuple().exponent < -15:  # type: ignore[operator]  # finite: an int
        raise ValueError("number too fine")
    return number


def _instant(value: object) -> datetime:
    if isinstance(value, datetime):
        return value
    if not isinstance(value, str) or not value.isascii() or len(value) > 64:
        raise ValueError("not a time")
    # Python 3.11 reads fractions of 7 to 9 digits (Go writes them) and cuts them at microseconds.
    instant = datetime.fromisoformat(value)
    # Years at the edges overflow as soon as an offset or a ttl is added.
    if instant.tzinfo is None or not 1971 <= instant.year <= 9000:
        raise ValueError("a time without offset or out of range")
    return instant.astimezone(UTC)


Text = Annotated[str, AfterValidator(_plain)]
Number = Annotated[Decimal, BeforeValidator(_decimal)]
Instant = Annotated[datetime, BeforeValidator(_instant)]


def _none_is_empty_list(value: object) -> object:
    value = [] if value is None else value
    if isinstance(value, list) and len(value) > MAX_LIST:
        raise ValueError(f"more than {MAX_LIST} entries")
    return value


def _none_is_empty_map(value: object) -> object:
    value = {} if value is None else value
    if isinstance(value, dict) and len(value) > MAX_LIST:
        raise ValueError(f"more than {MAX_LIST} entries")
    return value


NoneIsList = BeforeValidator(_none_is_empty_list)
NoneIsMap = BeforeValidator(_none_is_empty_map)
RawItems = Annotated[list[JsonValue], BeforeValidator(lambda value: [] if value is None else value)]


def read(source: str, model: type[M], answer: Answer) -> M:
    """The body of `answer` as `model`. Raises MalformedAnswer; only the *bare* content type is looked at, since
    LinkSmart sends `application/json;version=` with an empty value.
    """
    if answer.content_type != "application/json" and not answer.content_type.endswith("+json"):
        raise MalformedAnswer(source, "the answer is not JSON")
    return parse(source, model, answer.body)


def parse(source: str, model: type[M], body: bytes) -> M:
    """`body` as `model`. Raises MalformedAnswer with the place and kind of the first fault, never its content."""
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise MalformedAnswer(source, f"not the agreed JSON: {first_fault(error)}") from None


def first_fault(error: ValidationError) -> str:
    """Where and what the first fault is, in words that hold nothing of the stranger's text."""
    fault = error.errors(include_url=False, include_context=False, include_input=False)[0]
    place = next((str(part) for part in fault["loc"] if isinstance(part, str) and part.isidentifier()), "")
    message = fault["msg"] if fault["type"] == "value_error" else fault["type"]
    return f"{place[:60]}: {message}" if place else str(message)
