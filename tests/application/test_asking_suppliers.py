"""What a supplier is told and shown when it is asked: its own lines, until when, and nobody else's money."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
import rfc8785

from marketplace.application.devices import add_device
from marketplace.application.gather_signatures import decline, requests
from marketplace.application.inbox import messages
from marketplace.application.notify import notify
from marketplace.application.present import present_request
from marketplace.application.views import SignatureRequestView
from marketplace.domain.agreement import AgreementKind
from marketplace.domain.effects import Effect, EffectKind
from marketplace.ports.push import PushAddress, PushKind
from tests.application.example import TOTAL_MINOR
from tests.application.world import World

PHONE = PushAddress(PushKind.FCM, "token-of-a-supplier")


async def asked(world: World, name: str) -> SignatureRequestView:
    """The request that lies longest before an organisation."""
    return (await requests(world.ctx, world[name], open_only=True))[0]


async def sourcing(world: World) -> str:
    """An order whose suppliers are asked."""
    order_id = (await world.place()).id
    await world.work()
    return order_id


def is_behind(world: World, request: SignatureRequestView) -> bool:
    """Whether what is shown is what the terms carry the hash of."""
    shown = world.ctx.chain.keccak(rfc8785.dumps(request.specification))
    return bool(shown == request.typed_data["message"]["specHash"])


@pytest.mark.req(78)
async def test_a_supplier_is_shown_its_own_lines_and_one_hash_for_the_rest(world: World) -> None:
    order_id = await sourcing(world)
    delivery, *supplies = await world.agreements(order_id)
    for name in ("amp", "reconcavo"):
        request = await asked(world, name)
        assert is_behind(world, request)
        document: dict[str, Any] = request.specification or {}
        assert sorted(document) == ["lines", "order", "product", "salt", "version"]
        assert document["order"] == delivery.terms.spec_hash
        (own,) = [one for one in supplies if one.payee_id == world[name].party_id]
        assert [line["id"] for line in document["lines"]] == sorted(own.lines)
        assert {line["quantity"] for line in document["lines"]} == {40}
        text = json.dumps([document, request.typed_data])
        others = [one for one in supplies if one is not own]
        hidden = [TOTAL_MINOR, delivery.terms.amount, *(one.terms.amount for one in others)]
        assert not [value for value in hidden if re.search(rf"\b{value}\b", text)]
        assert not [line for one in others for line in one.lines if f'"{line}"' in text]
        assert delivery.terms.salt not in text  # with it the rest could be guessed, and the guess be checked


async def test_the_manufacturer_is_shown_all_of_both(world: World) -> None:
    order_id = await sourcing(world)
    order = await world.order(order_id)
    shown = await requests(world.ctx, world["maker"], open_only=True)
    assert all(is_behind(world, request) for request in shown)
    (delivery,) = [one.specification for one in shown if one.agreement.kind == "delivery"]
    assert delivery is not None
    assert delivery["configuration"] == order.configuration
    assert delivery["quote"]["total_minor"] == TOTAL_MINOR


async def test_whoever_carries_the_goods_is_shown_none_of_it(world: World) -> None:
    order_id = await sourcing(world)
    agreement = (await world.agreements(order_id))[1]
    async with world.ctx.uow.read() as tx:
        request = (await tx.signatures.of_agreement(agreement.id))[0]
        assert (await present_request(tx, request)).specification is not None
        assert (await present_request(tx, replace(request, purpose="delivered"))).specification is None


async def test_the_next_in_rank_is_shown_the_same_lines_of_the_same_order(world: World) -> None:
    order_id = await sourcing(world)
    before = (await asked(world, "amp")).specification or {}
    await decline(world.ctx, world["amp"], (await asked(world, "amp")).id, reason="no capacity")
    await world.work()
    request = await asked(world, "tejo")
    assert is_behind(world, request)
    assert (request.specification or {}) | {"salt": ""} == before | {"salt": ""}
    kinds = [one.kind for one in await world.agreements(order_id)]
    assert kinds == [AgreementKind.DELIVERY, AgreementKind.SUPPLY, AgreementKind.SUPPLY]


@pytest.mark.req(46, 71)
async def test_suppliers_are_told_once_when_they_are_asked(world: World) -> None:
    for name in ("amp", "tejo"):
        await add_device(world.ctx, world[name], replace(PHONE, endpoint=name))
    order_id = await sourcing(world)
    await world.work()
    (pushed,) = world.push.shown(replace(PHONE, endpoint="amp"))
    assert (pushed.title, pushed.url) == ("You are asked to sign", f"/orders/{order_id}")
    (told,) = (await messages(world.ctx, world["amp"])).items
    firm_by = (await world.order(order_id)).firm_by
    assert firm_by is not None
    assert f"answer by {firm_by:%-d %B, %H:%M} UTC" in told.body
    assert not any(sign in f"{told.title} {told.body} {pushed.body}" for sign in ("€", "600", "Customer"))
    assert world.push.shown(replace(PHONE, endpoint="tejo")) == []
    await decline(world.ctx, world["amp"], (await asked(world, "amp")).id, reason="no capacity")
    await world.work()
    assert len(world.push.shown(replace(PHONE, endpoint="tejo"))) == 1
    assert len(world.push.shown(replace(PHONE, endpoint="amp"))) == 1


async def test_who_is_no_longer_asked_is_not_told(world: World) -> None:
    """A message that comes late, when another supplier is asked already."""
    order_id = await sourcing(world)
    gone = next(one for one in await world.agreements(order_id) if one.payee_id == world["amp"].party_id)
    await decline(world.ctx, world["amp"], (await asked(world, "amp")).id, reason="no")
    before = len((await messages(world.ctx, world["amp"])).items)
    await notify(world.ctx, order_id, Effect(EffectKind.NOTIFY, "late", "SupplierAsked", f"supplier:{gone.id}"))
    await notify(world.ctx, order_id, Effect(EffectKind.NOTIFY, "odd", "SupplierAsked", "supplier:0x"))
    assert len((await messages(world.ctx, world["amp"])).items) == before
