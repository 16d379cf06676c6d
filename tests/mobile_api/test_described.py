"""The description is true: data made from it, and data that breaks it in one place, are answered as it says."""

import asyncio
import copy
import json
import os
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from mobile_api.errors import PROBLEM_JSON
from tests.mobile_api.asking import Answer
from tests.mobile_api.attacks import Attack, bodies, keeping_nothing, role_of
from tests.mobile_api.house import House
from tests.mobile_api.operations import INGEST, JSON, Operation, found_at, leaves, replaced
from tests.mobile_api.schemas import ANYTHING, conforms, values

EXAMPLES = [
    pytest.param(200, id="200 each", marks=pytest.mark.nightly),
    pytest.param(8, id="8 each"),
]
STRANGE = {INGEST, "GET /v1/gateway/commands"}
"""Described in the gateway's own words, not here."""


def unlike(attack: Attack, operation: Operation, answer: Answer) -> list[str]:
    """Where an answer with a JSON body is not as it is described."""
    refused, said = answer.status >= 400, operation.said["responses"]
    described = said["default"] if refused and "default" in said else said.get(str(answer.status), {})
    schema = described.get("content", {}).get(PROBLEM_JSON if refused else JSON, {}).get("schema")
    if schema is None or operation.name in STRANGE:
        return []
    return list(conforms(answer.json(), schema, operation.schemas))


def changed(data: st.DataObject, operation: Operation, good: Any) -> Any:
    """A body that the schema allows, or a good one with one thing wrong, or anything at all."""
    assert operation.schema is not None
    match data.draw(st.sampled_from(["allowed", "mixed", "broken", "anything"])):
        case "allowed":
            return data.draw(values(operation.schema, operation.schemas))
        case "mixed":
            allowed = data.draw(values(operation.schema, operation.schemas))
            some = data.draw(st.sets(st.sampled_from(sorted(good)))) if isinstance(good, dict) and good else set()
            return {**good, **{name: allowed[name] for name in some if isinstance(allowed, dict) and name in allowed}}
        case "broken" if list(leaves(good)):
            at = data.draw(st.sampled_from(list(leaves(good))))
            if data.draw(st.booleans()):
                return replaced(good, at, data.draw(ANYTHING))
            without = copy.deepcopy(good)
            del found_at(without, at[:-1])[at[-1]]
            return without
    return data.draw(ANYTHING)


def parameters(data: st.DataObject, operation: Operation) -> dict[str, str]:
    """Some of the query's parameters, as described or not."""
    sent = {}
    for parameter in operation.said.get("parameters", []):
        if parameter["in"] == "query" and data.draw(st.booleans()):
            kind = values(parameter["schema"], operation.schemas) | st.text(max_size=20) | st.integers()
            sent[parameter["name"]] = str(data.draw(kind))
    return sent


@pytest.mark.parametrize("most", EXAMPLES)
@pytest.mark.req(19, 42)
async def test_answers_are_as_described(
    house: House, record_property: Callable[[str, object], None], most: int
) -> None:
    attack, loop = keeping_nothing(house), asyncio.get_running_loop()
    taking, seen = {one.name for one in bodies(attack.described())}, Counter[str]()

    def prove(operation: Operation) -> None:
        @settings(
            max_examples=most,
            deadline=None,
            database=None,
            derandomize="HYPOTHESIS_SEED" not in os.environ,
            phases=(Phase.generate,),
            suppress_health_check=list(HealthCheck),
        )
        @given(st.data())
        def once(data: st.DataObject) -> None:
            sent: dict[str, Any] = {"query": parameters(data, operation)}
            if operation.name in taking:
                good = operation.good(house, role_of(operation))
                sent["body"] = json.dumps(changed(data, operation, good)).encode()
            answer = asyncio.run_coroutine_threadsafe(attack.send(operation, **sent), loop).result(60)
            seen["taken" if answer.status < 300 else "refused"] += 1
            assert unlike(attack, operation, answer) == [], answer.text[:300]

        once()

    for operation in attack.described():
        plain = await attack.send(operation)
        assert unlike(attack, operation, plain) == [], operation.name
        if operation.name in taking or any(one["in"] == "query" for one in operation.said.get("parameters", [])):
            # In a thread: Hypothesis is not asynchronous, and the app's loop is this one.
            await asyncio.to_thread(prove, operation)
    record_property("requests", attack.answers.total())
    print(attack.said(f"{len(attack.described())} operations by their description, {dict(seen)}"))
    assert min(seen["taken"], seen["refused"]) > 0


def test_what_is_not_as_described_is_seen() -> None:
    """The control: a missing field, one too many, a wrong type, a number that is a text."""
    schema = {
        "type": "object",
        "properties": {"id": {"type": "string", "maxLength": 3}, "total_minor": {"type": "integer", "minimum": 0}},
        "required": ["id", "total_minor"],
    }
    good = {"id": "a", "total_minor": 1}
    assert list(conforms(good, schema, {})) == []
    for wrong in [{"id": "a"}, good | {"x": 1}, good | {"id": "abcd"}, good | {"total_minor": "1"}, [], None]:
        assert list(conforms(wrong, schema, {})), wrong
    for wrong in [good | {"total_minor": -1}, good | {"total_minor": True}, good | {"total_minor": 1.5}]:
        assert list(conforms(wrong, schema, {})), wrong
