"""What the interface answers instead of what was asked for. All of it is an ApiError.

ApiError
├── Problem     it refuses, or cannot just now
└── NotChanged  it is still what If-None-Match names
"""

from collections.abc import Mapping
from typing import Any

import httpx


class ApiError(Exception):
    """The interface gave no answer of the kind that was asked for."""


class NotChanged(ApiError):
    """304: it is as the reader has it."""


class Problem(ApiError):
    """A problem (RFC 9457), or a refusal of the token endpoint (RFC 6749, 5.2), whose `kind` is OAuth's `error`.

    `kind` is the last word of the problem's type, such as `invalid-input`; it is empty where somebody between us and
    the interface has answered. `fields` has the message for each field that was refused.
    """

    def __init__(self, status: int, kind: str, detail: str, fields: Mapping[str, str], retry_after_s: float | None):
        super().__init__(f"{status} {kind}: {detail}" + "".join(f" {name}: {said}." for name, said in fields.items()))
        self.status = status
        self.kind = kind
        self.detail = detail
        self.fields = fields
        self.retry_after_s = retry_after_s


def problem_of(response: httpx.Response) -> Problem:
    """The problem that an answer tells, whatever it looks like."""
    try:
        told = response.json()
    except ValueError:
        told = None
    said: dict[str, Any] = told if isinstance(told, dict) else {}
    kind = str(said.get("error") or said.get("type", "")).rpartition(":")[2]
    detail = str(said.get("error_description") or said.get("detail") or response.reason_phrase)
    listed = said.get("errors")
    refused = [entry for entry in listed if isinstance(entry, dict)] if isinstance(listed, list) else []
    fields = {str(entry.get("field", "")): str(entry.get("message", "")) for entry in refused}
    return Problem(response.status_code, kind, detail, fields, retry_after_s(response))


def retry_after_s(response: httpx.Response) -> float | None:
    """The seconds of `Retry-After`; None for none, and for a date, which this interface never gives."""
    value = response.headers.get("Retry-After", "")
    return float(value) if value.isascii() and value.isdigit() else None
