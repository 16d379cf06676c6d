"""Operations as methods of a client. A method's name is the operation's; what it sends is typed, and so its answer."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from mobile_api.client_generator.schemas import NotDescribable, annotation, docstring, name_of

JSON, FORM, EVENTS = "application/json", "application/x-www-form-urlencoded", "text/event-stream"
KEY = "Idempotency-Key"
CURSOR = "cursor"


@dataclass(frozen=True)
class Operation:
    """A method and a path, and what the description says of it."""

    method: str
    path: str
    said: Mapping[str, Any]
    schemas: Mapping[str, Any]

    @property
    def name(self) -> str:
        """`placeOrder` is `place_order`."""
        return re.sub("(?<=[a-z])(?=[A-Z])", "_", self.said["operationId"]).lower()

    @property
    def tag(self) -> str:
        """Of several the narrowest, which comes last."""
        return str(self.said["tags"][-1])

    @property
    def body(self) -> Mapping[str, Any]:
        """Its media types; none where it has no body."""
        return self.said.get("requestBody", {}).get("content", {})  # type: ignore[no-any-return]

    @property
    def answer(self) -> Mapping[str, Any]:
        """The media types of what it answers when all goes well."""
        good = next(said for status, said in self.said["responses"].items() if status.startswith("2"))
        return good.get("content", {})  # type: ignore[no-any-return]

    @property
    def form_name(self) -> str:
        """The class of a form, which the description gives no name."""
        identifier = self.said["operationId"]
        return f"{identifier[0].upper()}{identifier[1:]}Form"

    @property
    def page_of(self) -> str | None:
        """What its pages hold, where it answers page by page."""
        asked = [parameter["name"] for parameter in self.said.get("parameters", [])]
        if CURSOR not in asked:
            return None
        page = self.schemas[name_of(self.answer[JSON]["schema"]["$ref"])]
        return annotation(page["properties"]["items"]["items"])

    def parameters(self, place: str) -> list[tuple[str, str, Mapping[str, Any]]]:
        """The parameters in `path`, `query` or `header`: as they are sent, as Python calls them, and the rest."""
        found = [one for one in self.said.get("parameters", []) if one["in"] == place]
        return [(one["name"], self._called(one["name"]), one) for one in found]

    def _called(self, name: str) -> str:
        """`id` below `/orders` is `order_id`: a method may have several, and `id` is Python's own."""
        if name != "id":
            return name.lower().replace("-", "_")
        before = next(word for word, after in pairwise(self.path.split("/")) if after == "{id}")
        return before.removesuffix("s").replace("-", "_") + "_id"


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    """All of them, in order."""
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            yield Operation(method.upper(), path, said, document["components"]["schemas"])


def method_of(operation: Operation) -> str:
    """The method's source, and that of its pages' items. Raises NotDescribable."""
    taken, sent = _parameters(operation)
    path = operation.path
    for name, called, _ in operation.parameters("path"):
        path = path.replace(f"{{{name}}}", f"{{part({called})}}")
    where = f'{"f" if "{" in path else ""}"{path}"'
    said = docstring(f"{operation.said['description']}\n\n{operation.method} {operation.path}", "        ")
    head = f"    async def {operation.name}(self, {taken})".replace(", )", ")")
    if EVENTS in operation.answer:
        item = annotation(operation.answer[EVENTS]["x-item-schema"])
        lines = [f"{head} -> AsyncIterator[{item}]:", said, f"        async for item in self.stream({where}, {sent}):"]
        return "\n".join([*lines, "            yield item"])
    returned = _answered(operation)
    arguments = ", ".join(filter(None, [returned or "object", f'"{operation.method}"', where, sent]))
    call = f"await self.call({arguments})"
    lines = [f"{head} -> {returned}:", said, f"        {'return ' if returned else ''}{call}"]
    return "\n".join([*lines, *_pages(operation)])


def _answered(operation: Operation) -> str | None:
    """The type of the answer; None where there is nothing in it."""
    if not operation.answer:
        return None
    if JSON not in operation.answer:
        return "bytes"
    schema = operation.answer[JSON]["schema"]
    return annotation(schema) if schema else None


def _parameters(operation: Operation) -> tuple[str, str]:
    """What the method takes, and what it hands on."""
    taken, sent = _body(operation)
    taken = [*(f"{called}: str" for _, called, _ in operation.parameters("path")), *taken]
    named = []
    security = operation.said.get("security", [])
    if {"basic": []} in security:
        named.append("basic: tuple[str, str]" + (" | None = None" if {} in security else ""))
        sent.append("basic=basic")
    if any(name == KEY for name, _, _ in operation.parameters("header")):
        sent.append("key=idempotency_key or new_key()")
    for place, argument in (("query", "query"), ("header", "headers")):
        parameters = operation.parameters(place)
        named += [f"{called}: {_kind_of(one)}" for _, called, one in parameters]
        pairs = {name: called for name, called, _ in parameters if name != KEY}
        if place == "header" and "content=content" in sent:
            pairs["Content-Type"] = "content_type"
        if pairs:
            written = ", ".join(f'"{name}": {called}' for name, called in pairs.items())
            sent.append(f"{argument}={{{written}}}")
    return ", ".join([*taken, *(["*", *_required_first(named)] if named else [])]), ", ".join(sent)


def _kind_of(parameter: Mapping[str, Any]) -> str:
    kind = annotation(parameter["schema"])
    return kind if parameter.get("required") else _or_none(kind)


def _body(operation: Operation) -> tuple[list[str], list[str]]:
    """The parameters that are the body, and how they are handed on."""
    required = operation.said.get("requestBody", {}).get("required", False)
    if JSON in operation.body:
        kind = annotation(operation.body[JSON]["schema"])
        return [f"body: {kind}" if required else f"body: {_or_none(kind)}"], ["body=body"]
    if FORM in operation.body:
        return [f"form: {operation.form_name}"], ["form=cast(Mapping[str, Any], form)"]
    if operation.body:
        media = ", ".join(f'"{one}"' for one in operation.body)
        return ["content: bytes", f"content_type: Literal[{media}]"], ["content=content"]
    return [], []


def _or_none(kind: str) -> str:
    return f"{kind} = None" if kind.endswith("None") else f"{kind} | None = None"


def _required_first(named: list[str]) -> list[str]:
    return sorted(named, key=lambda one: one.endswith("= None"))


def _pages(operation: Operation) -> list[str]:
    """An iterator over what all pages hold: `list_orders` has `all_orders`."""
    item = operation.page_of
    if item is None:
        return []
    if not operation.name.startswith("list_"):
        raise NotDescribable(f"{operation.name} answers pages and is no list")
    return [
        "",
        f"    async def {operation.name.replace('list_', 'all_', 1)}(self) -> AsyncIterator[{item}]:",
        f'        """What `{operation.name}` answers, page by page to the last."""',
        f"        page = await self.{operation.name}()",
        "        while True:",
        '            for item in page["items"]:',
        "                yield item",
        '            if page["next_cursor"] is None:',
        "                return",
        f'            page = await self.{operation.name}(cursor=page["next_cursor"])',
    ]
