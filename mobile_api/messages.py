"""What a refused field is told: made from the kind of refusal and our own limits, never from the value."""

from collections.abc import Mapping
from typing import Any

MESSAGES: Mapping[str, str] = {
    "missing": "is required",
    "extra_forbidden": "is not a field of this request",
    "string_type": "must be a text",
    "string_too_short": "must have at least {min_length} characters",
    "string_too_long": "must have at most {max_length} characters",
    "string_pattern_mismatch": "does not have the required form",
    "text_refused": "may not hold U+0000 or lone surrogates",
    "duplicate_key": "appears twice",
    "int_type": "must be a whole number",
    "int_parsing": "must be a whole number",
    "int_parsing_size": "must be a whole number of at most 15 digits",
    "int_from_float": "must be a whole number",
    "greater_than_equal": "must be at least {ge}",
    "less_than_equal": "must be at most {le}",
    "bool_type": "must be true or false",
    "bool_parsing": "must be true or false",
    "literal_error": "must be one of {expected}",
    "enum": "must be one of {expected}",
    "union_tag_not_found": "must be given, to say which kind this is",
    "union_tag_invalid": "must be one of {expected_tags}",
    "dict_type": "must be an object",
    "model_type": "must be an object",
    "model_attributes_type": "must be an object",
    "too_long": "has too many entries, at most {max_length}",
    "calendar_date": "must be a date such as 2027-01-31",
    "option_value": "must be a text or a whole number",
    "cursor": "is not a cursor of this list",
}
"""Message by the type of refusal (pydantic's error types and ours). Braces take limits of ours."""

UNION_TAGS = frozenset({"web_push", "fcm"})
"""What pydantic puts into a location to say which member of a union it looked at; no field of ours is named so."""

LIMITS = frozenset({"min_length", "max_length", "ge", "le", "expected", "expected_tags"})


def message_for(kind: str, context: Mapping[str, Any]) -> str:
    """The message for a refusal; `context` is pydantic's, of which only our own limits are used."""
    limits = {name: str(context.get(name, "?")) for name in LIMITS}
    return MESSAGES.get(kind, "is not acceptable").format_map(limits)
