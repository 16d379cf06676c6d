"""The part of Solr's query language that the peer understands."""

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matchmaking.efpf.query import SearchQuery, escape, phrase
from matchmaking.peer.solr import QueryRefused, compile_query

ITEM = {
    "uri": ("urn:a:1",),
    "eUR_price": ("1.20",),
    "permittedParties": ("p1", "p 2"),
    "certificateType": ("ISO 9001",),
    "_text_": ("Cylinder base 40 mm", "AMP"),
}


@pytest.mark.parametrize(
    ("query", "fits"),
    [
        ("*:*", True),
        ('uri:"urn:a:1"', True),
        (r"uri:urn\:a\:1", True),
        ('uri:"urn:a"', False),
        ('certificateType:"ISO 9001"', True),
        ('certificateType:"iso 9001"', False),
        ('permittedParties:"p 2"', True),
        ('permittedParties:"p1" OR permittedParties:"x"', True),
        ('permittedParties:"p1" AND permittedParties:"x"', False),
        ("permittedParties:[* TO *]", True),
        ("nothing:[* TO *]", False),
        ("*:* -permittedParties:[* TO *]", False),
        ('permittedParties:"x" OR (*:* -permittedParties:[* TO *])', False),
        ('permittedParties:"x" OR (*:* -nothing:[* TO *])', True),
        ('-restrictedParties:"me"', True),
        ('NOT permittedParties:"p1"', False),
        ("eUR_price:[1 TO 2]", True),
        ("eUR_price:[* TO 1.2]", True),
        ("eUR_price:[1.21 TO *]", False),
        ("uri:[1 TO 2]", False),
        ("base", True),
        ("BASE", True),
        ("cover base", True),
        ("cover", False),
        ("cover AND base", False),
        ("cyl*", True),
        ("*mm", True),
        ("c?linder*", True),
        (r"c\?linder*", False),
        (r"cyl\*", False),
        ("ba[sx]*", None),
        ("uri:urn*", True),
        ("((((base))))", True),
    ],
)
def test_what_a_query_means(query: str, fits: bool | None) -> None:
    if fits is None:
        with pytest.raises(QueryRefused):
            compile_query(query)
    else:
        assert compile_query(query)(ITEM) is fits


@pytest.mark.parametrize(
    "query",
    ["", "(", ")", "a)", "uri:", 'uri:"open', "[1 TO 2]", "a:[1 TO]", "a:[x TO y]", "a:[NaN TO 1]", "a:[1 2 3]", "OR",
     "a OR", "AND b", "()", "{!func}x", "a" * 5_000, "(" * 50 + "a" + ")" * 50, ":", "a::b", "\\"],
)  # fmt: skip
def test_what_no_query_is(query: str) -> None:
    with pytest.raises(QueryRefused):
        compile_query(query)


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=40))
def test_any_text_is_a_query_or_refused(text: str) -> None:
    with contextlib.suppress(QueryRefused):
        compile_query(text)(ITEM)


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(min_codepoint=32, max_codepoint=0x24F, exclude_characters="\x7f"), max_size=30))
def test_a_phrase_of_ours_means_exactly_its_text(text: str) -> None:
    if "{!" in text:
        return
    test = compile_query(f"uri:{phrase(text)}")
    assert test({"uri": (text,)})
    assert not test({"uri": (text + "x",)})


@settings(max_examples=300, deadline=None)
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12))
def test_a_word_of_ours_is_found_literally(word: str) -> None:
    if "{!" in word:
        return
    assert compile_query(escape(word))({"_text_": (f"x {word.lower()} y",)})


def test_the_filters_of_the_client_do_what_they_say() -> None:
    tests = [compile_query(text) for text in SearchQuery(("urn:c",), party_id="me").filters]

    def passes(**fields: tuple[str, ...]) -> bool:
        item: dict[str, tuple[str, ...]] = {"commodityClassficationUri": ("urn:c",), **fields}
        return all(test(item) for test in tests)

    assert passes()
    assert passes(permittedParties=("me", "x"))
    assert not passes(permittedParties=("x",))
    assert not passes(restrictedParties=("me",))
    assert not passes(commodityClassficationUri=("urn:d",))
