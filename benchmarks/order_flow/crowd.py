"""Many customers at once, and everybody who makes, carries and signs for them."""

import asyncio
import os
import uuid
from collections.abc import Awaitable, Iterable
from dataclasses import replace

from benchmarks.order_flow.posting import body_of
from bootstrap.demo.actors import CUSTOMER, Actor
from tests.faults.people import People

AT_ONCE = 16
MOST_DEEDS = 32


class Crowd(People):
    """The cast of the fault laboratory, with customers who are there before the first order."""

    customers: list[Actor]

    async def welcome(self, number: int, *, phones: bool) -> None:
        """So many customers join, perhaps each with a phone that hears pushes, and ask for test money."""
        self.customers = [
            Actor(
                replace(CUSTOMER, email=f"customer-{index}@example.org"), self._http, "as good as any", os.urandom(32)
            )
            for index in range(number)
        ]
        await _some_at_once(self._welcomed(customer, phones=phones) for customer in self.customers)

    async def _welcomed(self, customer: Actor, *, phones: bool) -> None:
        await customer.join()
        if phones:
            await self._subscribe(customer)
        await customer.call("POST", "/v1/dev/funds", {})

    async def order(self) -> None:
        """Every customer orders once. Raises Refused."""
        await _some_at_once(self._ordered(customer) for customer in self.customers)

    async def _ordered(self, customer: Actor) -> None:
        order = await customer.call("POST", "/v1/orders", body_of(customer, str(uuid.uuid4())))
        self.placed[order["id"]] = customer


async def _some_at_once(deeds: Iterable[Awaitable[None]]) -> None:
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(deed: Awaitable[None]) -> None:
        async with gate:
            await deed

    async with asyncio.TaskGroup() as tasks:
        for deed in deeds:
            tasks.create_task(one(deed))
