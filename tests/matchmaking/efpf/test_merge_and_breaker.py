"""One list out of many sources, and the rest that a failing source is given."""

import itertools
from dataclasses import replace
from decimal import Decimal

from matchmaking.efpf.breaker import Breaker
from matchmaking.efpf.item_mapping import Reader, offer_of
from matchmaking.efpf.merge import merge
from matchmaking.efpf.query import SearchQuery
from matchmaking.offers import Offer
from tests.matchmaking.helpers import item


def offer(source: str = "a", **changes: object) -> Offer:
    return offer_of(item(**changes), Reader(source, "EUR", "lso"))


def test_the_same_item_comes_once_and_a_price_conflict_is_told() -> None:
    old = replace(offer("a", price={"EUR": 9.0}), age_s=60)
    new = offer("b", price={"EUR": 10.0})
    (one,) = merge([old, new])
    assert (one.source_id, one.price, one.price_conflict) == ("b", Decimal("10"), True)
    (same,) = merge([offer("a"), offer("b")])
    assert (same.source_id, same.price_conflict) == ("a", False)


def test_the_same_item_id_of_two_parties_is_two_offers() -> None:
    assert len(merge([offer(), offer(manufacturer={"id": "other"})])) == 2


def test_the_ranking_does_not_depend_on_the_order() -> None:
    offers = [
        offer(uri="hidden", priceHidden=True),
        offer(uri="dear", price={"EUR": 20.0}),
        offer(uri="slow", price={"EUR": 1.0}),
        offer(uri="fast", price={"EUR": 1.0}, deliveryTime={"Day(s)": 1}),
        offer(uri="lot", price={"EUR": 50.0}, baseQuantities={"piece(s)": [100.0]}),
    ]
    orders = {tuple(one.item_id for one in merge(shuffled)) for shuffled in itertools.permutations(offers)}
    assert orders == {("lot", "fast", "slow", "dear", "hidden")}


def test_relevance_is_judged_here_alike_for_every_source() -> None:
    offers = [
        offer("a", uri="elsewhere", label={"en": "Plate"}, price={"EUR": 1.0}, stringValue={"material": ["Stahl@de"]}),
        offer("b", uri="both", label={"en": "Stahldeckel rot"}, price={"EUR": 9.0}),
        offer("a", uri="name", label={"en": "Stahl"}, price={"EUR": 5.0}),
        offer("c", uri="nothing", label={"en": "Plate"}, price={"EUR": 0.5}, stringValue={}),
        offer("c", uri="dollars", label={"en": "Stahl"}, price={"USD": 1.0}),
    ]
    for shuffled in itertools.permutations(offers):
        ranked = [one.item_id for one in merge(shuffled, SearchQuery(text="stahl ROT"))]
        assert ranked == ["both", "name", "dollars", "elsewhere", "nothing"]
    assert [one.item_id for one in merge(offers)][:2] == ["nothing", "elsewhere"]


def test_of_two_as_new_the_signed_one_is_kept() -> None:
    copied, signed = offer("a", price={"EUR": 1.0}), replace(offer("b", price={"EUR": 9.0}), signed_by="0x1")
    (kept,) = merge([copied, signed])
    assert (kept.source_id, kept.price_conflict) == ("b", True)


def test_five_failures_of_ten_open_the_breaker_and_a_probe_closes_it() -> None:
    breaker = Breaker()
    for _ in range(4):
        breaker.failed(0)
        breaker.succeeded()
    assert breaker.admits(0)
    breaker.failed(0)
    assert not breaker.admits(29.9)
    assert breaker.admits(30)  # the probe
    assert not breaker.admits(31)  # while it is out, nobody else
    breaker.succeeded()
    assert breaker.admits(31)
    breaker.failed(31)
    assert breaker.admits(31)  # one failure does not open a fresh breaker


def test_a_failed_probe_starts_another_rest() -> None:
    breaker = Breaker()
    for _ in range(5):
        breaker.failed(0)
    assert breaker.admits(30)
    breaker.failed(30)
    assert not breaker.admits(59)
    assert breaker.admits(60)


def test_old_failures_are_forgotten() -> None:
    breaker = Breaker()
    for _ in range(4):
        breaker.failed(0)
    for _ in range(10):
        breaker.succeeded()
    breaker.failed(0)
    assert breaker.admits(0)
