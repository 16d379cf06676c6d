"""Suppliers of many moods: each answers through its own signer, but for those that decline, are silent or want more."""

import json
import random
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, Final

import httpx
import yaml

from bootstrap.demo.actors import Actor, Refused, Role
from bootstrap.settings import EXAMPLES
from bootstrap.signing.agent import SigningAgent
from bootstrap.signing.config import SignerConfig
from bootstrap.signing.log import Log
from contracts.deployer import AddressBook

PASSWORD: Final = "as good as any here"  # noqa: S105 - it guards play money for minutes
RANKS: Final = 6
"""The chosen one, and as many behind it as an order keeps."""
DEARER_CENTS: Final = 1
"""So much a piece costs more at the next in rank."""
COUNTER_CENTS: Final = 10
"""Less than the next in rank costs more: such a counter keeps to the rule."""
ITEMS: Final = {
    "parts": (
        ("cylinder-base", 120, "category", {"material": ["aluminium"]}, {"diameter@mm": [40]}),
        ("cylinder-cover", 70, "category", {"material": ["aluminium"]}, {"diameter@mm": [20, 40]}),
    ),
    "drilling": (("machining", 80, "operation", {"material": ["aluminium"]}, {"drilling@s": [1, 2, 3, 4, 5, 6]}),),
}


class Mood(StrEnum):
    """How a supplier answers when it is first asked for an order."""

    SIGNS = "signs"
    DECLINED = "declined"
    SILENT = "silent"
    COUNTERED = "countered"
    COUNTERED_TOO_MUCH = "countered too much"


SHARES: Final[Mapping[Mood, float]] = {
    Mood.DECLINED: 0.10,
    Mood.SILENT: 0.10,
    Mood.COUNTERED: 0.03,
    Mood.COUNTERED_TOO_MUCH: 0.02,
}
"""Of all that are asked; the others sign at once."""


def mood_of(seed: int, order: int, supplier: str) -> Mood:
    """The mood of a supplier towards the order of this number: the same in every run with the same seed."""
    drawn = random.Random(f"{seed}:{order}:{supplier}").random()
    for mood, share in SHARES.items():
        if drawn < share:
            return mood
        drawn -= share
    return Mood.SIGNS


def roles() -> list[Role]:
    """The suppliers: as many ranks for parts as for drilling."""
    return [
        Role(
            f"{kind}-{rank}",
            "supplier",
            f"{kind} {rank}",
            f"{kind}-{rank}@example.org",
            f"{kind} {rank} Ltd",
            f"{kind}-{rank}",
        )
        for kind in ITEMS
        for rank in range(RANKS)
    ]


def write_catalogue(folder: Path) -> Path:
    """The products of the demonstration with a registry of these suppliers; gives the folder."""
    shutil.copytree(EXAMPLES, folder)
    parties = [_party(kind, rank) for kind in ITEMS for rank in range(RANKS)]
    registry = {"realm": "efpf", "registry_id": "efpf-sr", "title": "Suppliers of many moods", "parties": parties}
    (folder / "registry.yaml").write_text(yaml.safe_dump(registry, allow_unicode=True), "utf-8")
    return folder


def _party(kind: str, rank: int) -> dict[str, Any]:
    name = f"{kind}-{rank}"
    items = [
        {
            "uri": f"urn:lso:item:{name}:{category}",
            "label": {"en": category},
            "price": {"EUR": f"{(cents + rank * DEARER_CENTS) / 100:.2f}"},
            "deliveryTime": {"Day(s)": 2},
            "classificationUri": [f"urn:lso:{scheme}:{category}"],
            "certificateType": ["ISO 9001"],
            "applicableCountries": ["BR", "PT", "DE"],
            "stringValue": texts,
            "doubleValue": numbers,
            "manufacturerItemId": f"{name}-{category}",
        }
        for category, cents, scheme, texts, numbers in ITEMS[kind]
    ]
    return {"id": name, "legalName": f"{kind} {rank} Ltd", "verified": True, "trustScore": "4.5", "items": items}


@dataclass
class Signing:
    """An organisation whose own signer answers; a supplier in another mood answers otherwise."""

    actor: Actor
    agent: SigningAgent
    log: Log
    seed: int
    numbers: Mapping[str, int]
    """Order id → its number."""
    moods: Counter[Mood] = field(default_factory=Counter)
    complaints: Counter[str] = field(default_factory=Counter)
    _asked: dict[str, str] = field(default_factory=dict)
    _answered: set[str] = field(default_factory=set)

    async def answer_all(self) -> None:
        """Answer what is open. Raises httpx.HTTPError."""
        for request in await self.agent.open_requests():
            if request["id"] in self._answered or request["order_id"] not in self.numbers:
                continue
            mood = self._mood(request)
            if mood is Mood.SIGNS:
                await self.agent.answer(request)
                continue
            self._answered.add(request["id"])
            await self._otherwise(request, mood)

    def _mood(self, request: Mapping[str, Any]) -> Mood:
        """Whoever was heard once signs what it is asked for then."""
        order = request["order_id"]
        if self.actor.role.role != "supplier":
            return Mood.SIGNS
        known = self._asked.get(order)
        if known is not None and known != request["id"]:
            return Mood.SIGNS
        mood = mood_of(self.seed, self.numbers[order], self.actor.role.name)
        if known is None:
            self._asked[order] = request["id"]
            self.moods[mood] += 1
        return mood

    async def _otherwise(self, request: Mapping[str, Any], mood: Mood) -> None:
        path = f"/v1/signature-requests/{request['id']}"
        amount = request["agreement"]["amount_minor"]
        try:
            match mood:
                case Mood.DECLINED:
                    await self.actor.call("POST", f"{path}/decline", {"reason": "no capacity"})
                case Mood.COUNTERED:
                    body = {"amount_minor": amount + COUNTER_CENTS, "reason": "steel is dearer"}
                    await self.actor.call("POST", f"{path}/counter", body)
                case Mood.COUNTERED_TOO_MUCH:
                    await self.actor.call("POST", f"{path}/counter", {"amount_minor": amount * 3, "reason": "more"})
                case _:
                    pass
        except Refused:  # the request was void meanwhile: nobody waits for this answer
            return


def signing(
    actor: Actor, folder: Path, book: AddressBook, http: httpx.AsyncClient, *, seed: int, numbers: Mapping[str, int]
) -> Signing:
    """The signer of an organisation, as `lotsizeone signer` would start it, with limits and a log of its own."""
    limits = {
        "chain_id": book.chain_id,
        "factory": book.factory,
        "token": book.test_euro,
        "most_paid_minor": 20_000,
        "most_received_minor": 100_000 if actor.role.role == "manufacturer" else 20_000,
        "products": ["pneumatic-cylinder"],
        "least_margin_bps": 5_000 if actor.role.role == "manufacturer" else None,
        "least_days": 2,
        "acceptances": True,
    }
    settings = {
        "api_url": str(http.base_url),
        "email": actor.role.email,
        "password": actor.password,
        "keystore": "none.json",
        "keystore_password": "none",
        "log": str(folder / f"{actor.role.name}.log.jsonl"),
        "limits": limits,
    }
    config = SignerConfig.model_validate_json(json.dumps(settings))
    log = Log.open(config.log)
    return Signing(actor, SigningAgent(config, actor.signer, http, log), log, seed, numbers)


def moods(signers: Sequence[Signing]) -> Counter[Mood]:
    """How all suppliers answered when they were first asked."""
    return sum((one.moods for one in signers), Counter())
