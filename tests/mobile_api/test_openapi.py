"""The description of the interface: committed, fresh, and as the contract names things."""

from pathlib import Path
from typing import Any

import pytest

from mobile_api import openapi


def operations() -> dict[str, dict[str, Any]]:
    described = openapi.published_document()
    return {
        f"{method.upper()} {path}": operation
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }


@pytest.mark.req(19)
def test_the_committed_description_is_fresh() -> None:
    assert openapi.main(["--check"]) == 0, "stale: run python -m mobile_api.openapi"


def test_the_check_sees_a_stale_and_a_missing_file(tmp_path: Path) -> None:
    file = tmp_path / "openapi.json"
    assert openapi.main(["--check", "--file", str(file)]) == 1
    assert openapi.main(["--file", str(file)]) == 0
    assert openapi.main(["--check", "--file", str(file)]) == 0
    file.write_text(file.read_text("utf-8").replace("placeOrder", "orderPlace"), "utf-8")
    assert openapi.main(["--check", "--file", str(file)]) == 1


@pytest.mark.req(133)
def test_every_operation_is_named_tagged_described_and_fails_with_a_problem() -> None:
    tags = {tag["name"] for tag in openapi.TAGS}
    names = [operation["operationId"] for operation in operations().values()]
    assert len(names) == len(set(names)) == 59
    for name, operation in operations().items():
        assert operation["operationId"].isalnum(), name
        assert operation["operationId"][0].islower()
        assert operation["description"]
        assert operation["tags"]
        assert set(operation["tags"]) <= tags
        assert list(operation["responses"]["default"]["content"]) == ["application/problem+json"]
        keyed = any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", []))
        assert keyed == (name.startswith("POST") and not name.endswith(("/tokens", "/token", "/revoke")))


def test_requests_are_closed_and_references_resolve() -> None:
    described = openapi.published_document()
    schemas = described["components"]["schemas"]
    assert described["openapi"] == "3.1.0"
    for operation in operations().values():
        for content in operation.get("requestBody", {}).get("content", {}).values():
            for name in references(content):
                assert schemas[name].get("additionalProperties") is False, name
    assert set(references(described)) <= set(schemas)


def references(part: Any) -> list[str]:
    """The names of the schemas that a part of the description refers to."""
    if isinstance(part, dict):
        own = [part["$ref"].rpartition("/")[2]] if isinstance(part.get("$ref"), str) else []
        return own + [name for value in part.values() for name in references(value)]
    if isinstance(part, list):
        return [name for value in part for name in references(value)]
    return []
