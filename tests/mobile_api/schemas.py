"""JSON Schema in small: values that a schema allows, values near them that it does not, and whether an answer conforms.

Only what our own description says; a keyword that is new here stops the tests.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from hypothesis import strategies as st

Schema = Mapping[str, Any]
SAID = {"title", "description", "examples", "default", "discriminator", "format", "pattern", "contentMediaType"}
LIMITS = {"minimum", "maximum", "minLength", "maxLength", "maxItems", "maxProperties", "propertyNames"}
SHAPE = {"type", "properties", "required", "additionalProperties", "items", "enum", "const", "anyOf", "oneOf", "$ref"}
KNOWN = SAID | LIMITS | SHAPE
TYPES: Mapping[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}
SOME_TEXT = st.text(max_size=20)
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | SOME_TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(SOME_TEXT, inner, max_size=3),
    max_leaves=5,
)


def referred(schema: Schema, schemas: Schema) -> Schema:
    """The schema itself, or the one that it names."""
    while "$ref" in schema:
        schema = schemas[schema["$ref"].rpartition("/")[2]]
    assert set(schema) <= KNOWN, f"say here what {set(schema) - KNOWN} means"
    return schema


def values(schema: Schema, schemas: Schema) -> st.SearchStrategy[Any]:
    """Values that the schema allows."""
    schema = referred(schema, schemas)
    if "const" in schema or "enum" in schema:
        return st.sampled_from(schema.get("enum") or [schema["const"]])
    several = schema.get("anyOf") or schema.get("oneOf")
    if several:
        return st.one_of([values(one, schemas) for one in several])
    makers = {"object": _objects, "array": _arrays, "string": _texts, "integer": _numbers, "boolean": _booleans}
    return makers.get(schema.get("type", ""), _anything)(schema, schemas)


def _arrays(schema: Schema, schemas: Schema) -> st.SearchStrategy[Any]:
    return st.lists(values(schema.get("items", {}), schemas), max_size=min(3, schema.get("maxItems", 3)))


def _numbers(schema: Schema, _: Schema) -> st.SearchStrategy[Any]:
    return st.integers(schema.get("minimum"), schema.get("maximum"))


def _booleans(*_: Schema) -> st.SearchStrategy[Any]:
    return st.booleans()


def _anything(schema: Schema, _: Schema) -> st.SearchStrategy[Any]:
    return st.none() if schema.get("type") == "null" else ANYTHING


def _objects(schema: Schema, schemas: Schema) -> st.SearchStrategy[Any]:
    named = {name: values(inner, schemas) for name, inner in schema.get("properties", {}).items()}
    required = {name: inner for name, inner in named.items() if name in schema.get("required", ())}
    optional = {name: inner for name, inner in named.items() if name not in required}
    if named or schema.get("additionalProperties") is False:
        return st.fixed_dictionaries(required, optional=optional)
    more = schema.get("additionalProperties", {})
    return st.dictionaries(st.text(max_size=64), values(more if isinstance(more, dict) else {}, schemas), max_size=4)


def _texts(schema: Schema, _: Schema) -> st.SearchStrategy[str]:
    if schema.get("format") == "date":
        return st.dates(date(2020, 1, 1), date(2040, 1, 1)).map(date.isoformat)
    if "pattern" in schema:
        try:
            return st.from_regex(re.compile(schema["pattern"]), fullmatch=True)
        except re.error:  # a class that Python's own expressions do not know
            return st.sampled_from(["ada@example.org", "grace@example.org"])
    return st.text(min_size=schema.get("minLength", 0), max_size=min(schema.get("maxLength", 40), 200))


def conforms(value: Any, schema: Schema, schemas: Schema, at: str = "") -> Iterator[str]:
    """Where a value is not as its schema says."""
    schema = referred(schema, schemas)
    for several in ("anyOf", "oneOf"):
        if several in schema:
            if all(list(conforms(value, one, schemas, at)) for one in schema[several]):
                yield f"{at}: none of {several}"
            return
    wanted = schema.get("type")
    if wanted is not None and not _is_a(value, [wanted] if isinstance(wanted, str) else wanted):
        yield f"{at}: {type(value).__name__} is no {wanted}"
        return
    if value not in schema.get("enum", [value]) or value != schema.get("const", value):
        yield f"{at}: not one of the words"
    yield from _within(value, schema, at)
    if isinstance(value, dict):
        yield from _object_conforms(value, schema, schemas, at)
    if isinstance(value, list):
        for index, inner in enumerate(value):
            yield from conforms(inner, schema.get("items", {}), schemas, f"{at}.{index}")


def _is_a(value: Any, names: list[str]) -> bool:
    return any(isinstance(value, TYPES[name]) and (name == "boolean" or type(value) is not bool) for name in names)


def _object_conforms(value: dict[str, Any], schema: Schema, schemas: Schema, at: str) -> Iterator[str]:
    named, more = schema.get("properties", {}), schema.get("additionalProperties", {})
    yield from (f"{at}.{name}: missing" for name in schema.get("required", ()) if name not in value)
    for name, inner in value.items():
        if name not in named and (more is False or named):
            yield f"{at}.{name}: not described"
        else:
            yield from conforms(inner, named.get(name, more if isinstance(more, dict) else {}), schemas, f"{at}.{name}")


def _within(value: Any, schema: Schema, at: str) -> Iterator[str]:
    if isinstance(value, str):
        if not schema.get("minLength", 0) <= len(value) <= schema.get("maxLength", len(value)):
            yield f"{at}: too short or too long"
        if schema.get("format") in ("date", "date-time"):
            read = date.fromisoformat if schema["format"] == "date" else datetime.fromisoformat
            try:
                read(value)
            except ValueError:
                yield f"{at}: no {schema['format']}"
        if "pattern" in schema and re.search(schema["pattern"], value) is None:
            yield f"{at}: not of the form"
    elif type(value) in (int, float) and not (schema.get("minimum", value) <= value <= schema.get("maximum", value)):
        yield f"{at}: too small or too large"
