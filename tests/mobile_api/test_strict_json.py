"""The reader of bodies: what Python's own would let through."""

import json

import pytest

from mobile_api.strict_json import MalformedJson, RefusedJson, parse


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"{'a': 1}",
        b'{"a": 1} trailing',
        b'{"a": \xff}',
        b'"\xed\xa0\x80"',  # a surrogate in UTF-8's clothes: Python's own reader takes it from bytes
        b'{"a": ' + b"9" * 5_000 + b"}",
        b"[" * 100_000 + b"]" * 100_000,
        b"\xef\xbb\xbf{}",
    ],
    ids=range(9),
)
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    with pytest.raises(MalformedJson):
        parse(body)


def test_equal_keys_are_refused_by_name() -> None:
    with pytest.raises(RefusedJson) as refused:
        parse(b'{"amount": 1, "amount": 40}')
    assert (refused.value.field, refused.value.problem) == ("amount", "duplicate_key")
    assert json.loads(b'{"amount": 1, "amount": 40}') == {"amount": 40}  # what it protects from


def test_of_many_equal_keys_the_first_twin_is_named_at_once() -> None:
    many = ",".join(f'"key{number}": 1' for number in range(50_000))
    with pytest.raises(RefusedJson, match="duplicate") as refused:
        parse(f'{{"a": 1, "b": 2, "b": 3, "a": 4, {many}, "key7": 2}}'.encode())
    assert refused.value.field == "b"


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (rb'{"a": {"b": "\u0000"}}', "a.b"),
        (rb'{"a": ["x", "\ud800"]}', "a.1"),
        (rb'{"a": {"\udc00": 1}}', "a"),
    ],
)
def test_text_no_database_holds_is_refused_by_name(body: bytes, field: str) -> None:
    with pytest.raises(RefusedJson) as refused:
        parse(body)
    assert refused.value.field == field


def test_a_pair_of_surrogates_is_a_character() -> None:
    assert parse(rb'{"a": "\ud83d\ude00"}') == {"a": "\N{GRINNING FACE}"}
