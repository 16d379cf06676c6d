"""How much one caller may ask of this process: a bucket for each account and for each address, out of which a request
pays for what it makes the machine do. What was paid comes back evenly, all of it within a minute.

Counted in this process alone: several of them allow several times as much. It keeps one caller from taking what all
share; whoever has a million addresses is kept out elsewhere.
"""

import math
import time
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from mobile_api.errors import OverBudget, problem_for

WINDOW_S = 60
REMEMBERED = 10_000
"""Callers kept; the longest unused one is forgotten first, so that a flood cannot fill the memory."""
A_MOMENT_S = 1e-6
"""What floating-point sums may be off by."""
HERE = "127.0.0.1"
"""This computer, by whichever of its addresses."""
HOSTS_OF_A_NETWORK = 64
"""Bits of an IPv6 address that whoever has one address chooses freely (RFC 4291, 2.5.4)."""

READING, WRITING = 1, 2
DEAR = {
    "tokens": 100,  # a slow hash, on purpose
    "accounts": 100,
    "design-files": 50,
    "quotes": 10,
    "confirm": 10,
    "ingest": 10,
    "orders": 5,
    "configuration": 5,
}
"""What a POST costs whose path ends in this word, in units of about a millisecond of a processor."""
DEAREST = max(DEAR.values())


def cost_of(method: str, path: str) -> int:
    """What a request costs, in units. Of its path only the last word counts: ids are whatever a stranger typed."""
    if method == "POST":
        return DEAR.get(path.rpartition("/")[2], WRITING)
    return READING if method in ("GET", "HEAD", "OPTIONS") else WRITING


class Budget:
    """A bucket of `units` for each caller, who may take all of them at once. Without units nobody is limited."""

    def __init__(self, name: str, units: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._name = name
        self._units = units
        self._unit_s = WINDOW_S / units if units else 0.0
        self._clock = clock
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        """How many callers it remembers."""
        return len(self._full_at)

    def spend(self, who: str, cost: int) -> None:
        """Pay. Raises OverBudget, which costs nothing, where not so much is left."""
        if not self._units:
            return
        now = self._clock()
        before = max(self._full_at.get(who, now), now)
        full_at = before + cost * self._unit_s
        if full_at - now > WINDOW_S + A_MOMENT_S:
            left = int((WINDOW_S - (before - now) + A_MOMENT_S) / self._unit_s)
            wait_s = math.ceil(full_at - now - WINDOW_S)
            raise OverBudget(self._name, self._units, WINDOW_S, left=left, retry_after_s=wait_s)
        self._full_at[who] = full_at
        self._full_at.move_to_end(who)
        if len(self._full_at) > REMEMBERED:
            self._full_at.popitem(last=False)


class AddressBudget:
    """Lets requests in as long as their address can pay. This computer's own are not counted: behind a proxy that does
    not say for whom it asks, they would be everybody's.
    """

    def __init__(self, app: ASGIApp, budget: Budget) -> None:
        self.app = app
        self.budget = budget

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] == "http" and (client := scope.get("client")) is not None:
            network = network_of(client[0])
            if network != HERE:
                try:
                    self.budget.spend(network, cost_of(scope["method"], scope["path"]))
                except OverBudget as refusal:
                    answer = problem_for(refusal, Request(scope))
                    assert answer is not None  # noqa: S101 - it is in the table
                    await answer(scope, receive, send)
                    return
        await self.app(scope, receive, send)


@lru_cache(maxsize=REMEMBERED)
def network_of(host: str) -> str:
    """By what a caller at this address is counted: the address, or the network in which it could take any other."""
    try:
        address = ip_address(host)
    except ValueError:
        return host
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        address = address.ipv4_mapped
    if address.is_loopback:
        return HERE
    if isinstance(address, IPv6Address):
        shift = 128 - HOSTS_OF_A_NETWORK
        return f"{IPv6Address(int(address) >> shift << shift)}/{HOSTS_OF_A_NETWORK}"
    return str(address)
