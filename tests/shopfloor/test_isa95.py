"""Job orders and ReturnStatus as OPC 10031-4 spells them."""

import json

import pytest

from shopfloor.protocols.isa95 import JobOrder, ReturnStatus
from shopfloor.protocols.job_list import load_job_list
from shopfloor.strict_json import JsonRefused
from tests.shopfloor.worlds import AGREEMENT, job_order


@pytest.mark.req(108)
def test_a_job_order_keeps_its_content_over_opc_ua() -> None:
    order = job_order(drilling_s="3", base_mm="40", inspection="complete")
    assert JobOrder.loads(order.dumps()) == order
    raw = json.loads(order.dumps())
    assert raw["JobOrderID"] == "job-1"
    assert {"ID": "drilling_s", "Value": "3", "EngineeringUnits": ""} in raw["JobOrderParameters"]


def test_the_content_hash_tells_contents_apart() -> None:
    assert job_order().content_hash == job_order().content_hash
    assert job_order().content_hash != job_order(quantity=41).content_hash
    assert job_order().content_hash != job_order(drilling_s="3").content_hash


def test_checksummed_addresses_and_hashes_are_the_same_job() -> None:
    raw = job_order().to_wire()
    assert JobOrder.from_wire({**raw, "agreement": AGREEMENT.upper().replace("0X", "0x")}) == job_order()


def test_success_is_one_and_never_zero() -> None:
    assert ReturnStatus(1).accepted
    assert not ReturnStatus(0).accepted
    assert not ReturnStatus(ReturnStatus.SUCCESS | ReturnStatus.CANNOT_ACCEPT).accepted
    assert ReturnStatus(16).reason == "cannot accept the job order"
    assert ReturnStatus(1 << 32).reason == "invalid request"
    assert ReturnStatus(2).reason == "unknown job order"
    assert ReturnStatus(8).reason == "invalid job order status"
    assert ReturnStatus(0).reason == "refused without a reason"


@pytest.mark.req(42)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("job_id", ""),
        ("job_id", "a b"),
        ("job_id", "x" * 65),
        ("order_id", None),
        ("agreement", "0x12"),
        ("spec", 5),
        ("operation", "Bases"),
        ("quantity", 0),
        ("quantity", True),
        ("quantity", 1_000_001),
        ("parameters", {}),
        ("parameters", [{"id": "a", "value": "1"}, {"id": "a", "value": "2"}]),
        ("parameters", [{"id": "a", "value": 1}]),
        ("parameters", [{"id": "a", "value": "\ud800"}]),
        ("parameters", [{"id": "a", "value": "x\u0000"}]),
        ("parameters", [{"id": f"p{i}", "value": "1"} for i in range(65)]),
        ("chain_id", 0),
        ("factory", "0x" + "g" * 40),
    ],
)
def test_bad_job_orders_are_refused(field: str, value: object) -> None:
    with pytest.raises(JsonRefused):
        JobOrder.from_wire({**job_order().to_wire(), field: value})


@pytest.mark.parametrize("text", ["", "{}", "[]", "1", '{"JobOrderID":1.5}', "x" * 20_000])
def test_texts_that_are_no_job_order_are_refused(text: str) -> None:
    with pytest.raises(JsonRefused):
        JobOrder.loads(text)


@pytest.mark.parametrize("text", ["", "{}", "[1]", '[{"State":[]}]', "[" + "{}," * 300 + "{}]"])
def test_texts_that_are_no_job_list_are_refused(text: str) -> None:
    with pytest.raises(JsonRefused):
        load_job_list(text)
