"""JSON Schemas as Python types: an object is a TypedDict, everything else an annotation.

Answers are dictionaries as they came: nothing is parsed twice, and a field that is new tomorrow breaks nobody.
"""

import keyword
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

Schema = Mapping[str, Any]
PLAIN = {"string": "str", "integer": "int", "number": "float", "boolean": "bool", "null": "None"}
WIDTH = 110


class NotDescribable(ValueError):
    """The description holds something that the generator does not know how to write; the text says what."""


def annotation(schema: Schema) -> str:
    """The type of a value. Raises NotDescribable."""
    several = schema.get("anyOf") or schema.get("oneOf")
    if "$ref" in schema:
        return name_of(schema["$ref"])
    if "const" in schema or "enum" in schema:
        return "Literal[" + ", ".join(repr(word) for word in schema.get("enum", [schema.get("const")])) + "]"
    if several or isinstance(schema.get("type"), list):
        return " | ".join(dict.fromkeys(map(annotation, several or [{"type": kind} for kind in schema["type"]])))
    match schema.get("type"):
        case None:
            return "Any"
        case "array":
            return f"list[{annotation(schema.get('items', {}))}]"
        case "object":
            more = schema.get("additionalProperties")
            return f"dict[str, {annotation(more) if isinstance(more, Mapping) else 'Any'}]"
        case "string" if schema.get("format") == "binary":
            return "bytes"
        case str(kind) if kind in PLAIN:
            return PLAIN[kind]
    raise NotDescribable(f"a type {schema.get('type')}")


def typed_dict(name: str, schema: Schema) -> str:
    """The class of an object. Raises NotDescribable."""
    named = "properties" in schema or schema.get("additionalProperties") is False
    if schema.get("type") != "object" or not named:
        raise NotDescribable(f"{name} is no object with named properties")
    lines = [f"class {name}(TypedDict):", docstring(schema.get("description") or f"A {name}.")]
    required = schema.get("required", ())
    for field, inner in schema.get("properties", {}).items():
        if not field.isidentifier() or keyword.iskeyword(field):
            raise NotDescribable(f"{name}.{field} is no name in Python")
        kind = annotation(inner)
        lines.append(f"    {field}: {kind if field in required else f'NotRequired[{kind}]'}")
        if inner.get("description"):
            lines.append(docstring(inner["description"]))
    return "\n".join(lines)


def docstring(text: str, indent: str = "    ") -> str:
    """Text as a docstring within the line length."""
    paragraphs = text.replace("\\", "\\\\").split("\n\n")
    filled = "\n\n".join(textwrap.fill(" ".join(one.split()), WIDTH) for one in paragraphs)
    several = "\n" in filled
    return textwrap.indent(f'"""{filled}' + ("\n" if several else "") + '"""', indent)


def references(part: Any) -> Iterator[str]:
    """The names of the schemas that a part of the description refers to, itself."""
    if isinstance(part, Mapping):
        if isinstance(part.get("$ref"), str):
            yield name_of(part["$ref"])
        for key, value in part.items():
            if key != "examples":
                yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def name_of(reference: str) -> str:
    """The schema's name in `#/components/schemas/Name`."""
    return reference.rpartition("/")[2]
