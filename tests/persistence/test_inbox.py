"""Messages and devices; answers kept under a key."""

from dataclasses import replace
from datetime import timedelta

import pytest

from marketplace.domain.errors import Conflict
from marketplace.domain.parties import Organisation, Role
from marketplace.persistence.unit_of_work import SqlUnitOfWork
from marketplace.ports.push import PushAddress, PushKind
from marketplace.ports.unit_of_work import StoredAnswer
from tests.persistence.samples import NOW, account, message

PHONE = PushAddress(PushKind.WEB_PUSH, "https://push.example/1", "p256dh", "auth")
TABLET = PushAddress(PushKind.FCM, "token-2")


@pytest.mark.req(46)
async def test_messages_are_stored_once_and_read_newest_first(uow: SqlUnitOfWork) -> None:
    later = message("msg_2", at=NOW + timedelta(seconds=1))
    same_instant = message("msg_3")
    async with uow.write() as tx:
        assert await tx.inbox.add(message())
        assert await tx.inbox.add(later)
        assert await tx.inbox.add(same_instant)
        assert not await tx.inbox.add(message(title="another title, the same id"))
        await tx.inbox.add(message("msg_x", party_id="acc_other"))
    async with uow.read() as tx:
        assert await tx.inbox.of("acc_customer", 10) == [later, same_instant, message()]
        assert await tx.inbox.of("acc_customer", 1) == [later]
        assert await tx.inbox.get("msg_none") is None
    async with uow.write() as tx:
        assert not await tx.inbox.mark_read("acc_other", "msg_1")
        assert await tx.inbox.mark_read("acc_customer", "msg_1")
    async with uow.read() as tx:
        assert await tx.inbox.get("msg_1") == replace(message(), read=True)


async def test_an_endpoint_is_one_device(uow: SqlUnitOfWork) -> None:
    async with uow.write() as tx:
        assert await tx.inbox.add_device("dev_1", "acc_1", PHONE) == "dev_1"
        assert await tx.inbox.add_device("dev_2", "acc_1", TABLET) == "dev_2"
        assert await tx.inbox.devices_of("acc_1") == ["dev_1", "dev_2"]
        fresh = replace(PHONE, auth="fresh")
        assert await tx.inbox.add_device("dev_3", "acc_2", fresh) == "dev_1"
        assert await tx.inbox.devices_of("acc_1") == ["dev_2"]
        assert await tx.inbox.devices_of("acc_2") == ["dev_1"]
        assert await tx.inbox.device("dev_1") == fresh
        with pytest.raises(Conflict, match="dev_1"):
            await tx.inbox.add_device("dev_1", "acc_2", replace(PHONE, endpoint="https://push.example/2"))


async def test_an_organisation_is_told_on_its_peoples_devices(uow: SqlUnitOfWork) -> None:
    async with uow.write() as tx:
        maker = Organisation("org_maker", "Maker", Role.MANUFACTURER)
        await tx.parties.add_account(account("acc_ada", role=Role.MANUFACTURER, organisation=maker))
        await tx.inbox.add_device("dev_desk", "org_maker", PHONE)
        await tx.inbox.add_device("dev_ada", "acc_ada", TABLET)
        assert await tx.inbox.devices_of("org_maker") == ["dev_desk", "dev_ada"]
        assert await tx.inbox.devices_of("acc_ada") == ["dev_ada"]


async def test_a_device_is_forgotten_by_its_party_or_by_us(uow: SqlUnitOfWork) -> None:
    async with uow.write() as tx:
        await tx.inbox.add_device("dev_1", "acc_1", PHONE)
        await tx.inbox.add_device("dev_2", "acc_1", TABLET)
        assert not await tx.inbox.remove_device("dev_1", "acc_2")
        assert await tx.inbox.remove_device("dev_1", "acc_1")
        assert await tx.inbox.remove_device("dev_2")
        assert not await tx.inbox.remove_device("dev_2")
        assert await tx.inbox.device("dev_1") is None


async def test_the_first_answer_under_a_key_is_kept(uow: SqlUnitOfWork) -> None:
    answer = StoredAnswer("hash", 201, "application/json", b"\x00\xff{}")
    async with uow.write() as tx:
        await tx.idempotency.put("acc_1", "POST /orders", "key", answer, NOW)
        await tx.idempotency.put("acc_1", "POST /orders", "key", replace(answer, status=500), NOW)
    async with uow.read() as tx:
        assert await tx.idempotency.get("acc_1", "POST /orders", "key") == answer
        for other in (("acc_2", "POST /orders", "key"), ("acc_1", "POST /", "key"), ("acc_1", "POST /orders", "k")):
            assert await tx.idempotency.get(*other) is None
