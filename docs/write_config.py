"""Write a study's JSON schema, for editors, and config.md, the reference of its keys, from the models of its sections.

`make docs` runs it. Every mapping with fixed keys becomes a section with a table. One that may stand in several places
is shown at the first of them, and the others link to it.
"""

from __future__ import annotations

import copy
import json
import re
import sys
from pathlib import Path
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from m1flow.study.settings.study_file import StudyFile  # noqa: E402

SCHEMA, PAGE = ROOT / "config" / "schema.json", ROOT / "docs" / "reference" / "config.md"
LONGEST_DEFAULT = 60
NAME = "<name>"
INTRODUCTION = """\
# Settings

A study is one YAML file, or several laid over each other: mappings merge, lists and values replace, and null takes a
key away. Unknown keys and wrong values stop before any work, with one line that says where. The default study,
[config/config.yaml](../../config/config.yaml), shows most of these keys in use; presets and overlays are in `config/`.

`<name>` stands for a name of your own: letters, digits, `_`, `-` and `.`. `make docs` writes this page and
[config/schema.json](../../config/schema.json), with which editors complete and check a study that begins with
`# yaml-language-server: $schema=config/schema.json` (the schema's path from the folder of that file).
"""
WORDS = {
    "integer": ("whole number", "whole numbers"),
    "number": ("number", "numbers"),
    "string": ("text", "texts"),
    "boolean": ("true or false", "truth values"),
    "object": ("mapping", "mappings"),
    "array": ("list", "lists"),
}


class _Schema(GenerateJsonSchema):
    """pydantic's schema without what says nothing here: titles made of names, and null for an absent key."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        """No: a title says what a text must be."""
        return False

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        """What may stand there; null stands for an absent key anywhere, and `for_editors` says so."""
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        """Without a default where that is an absent key."""
        if schema.get("default", ...) is None:
            return self.generate_inner(schema["schema"])
        return super().default_schema(schema)

    def dict_schema(self, schema: core_schema.DictSchema) -> JsonSchemaValue:
        """Names that don't match their pattern are wrong, not free."""
        written = super().dict_schema(schema)
        if patterns := written.pop("patternProperties", None):
            [(pattern, entry)] = patterns.items()
            written |= {"additionalProperties": entry, "propertyNames": {"pattern": pattern}}
        return written


def study_schema() -> dict[str, Any]:
    """The JSON schema of a study, as the reference reads it."""
    return StudyFile.model_json_schema(schema_generator=_Schema)


def for_editors(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with null wherever a key may be absent, and with a model's own sweep, which needs no key."""
    schema = copy.deepcopy(schema)
    sections = schema["$defs"]
    for name in ("StudySweep", "ExtensionSettings", "PermutationSettings"):
        sections[f"{name}OfModel"] = _laid_over(sections[name], "OfModel")
    del sections["StudySweepOfModel"]["properties"]["shards"]
    sections["ModelSettings"]["properties"]["sweep"]["$ref"] += "OfModel"
    for section in (schema, *sections.values()):
        for key, node in section["properties"].items():
            if key not in section.get("required", ()):
                section["properties"][key] = _or_null(node)
            if isinstance(entry := node.get("additionalProperties"), dict):
                node["additionalProperties"] = _or_null(entry)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": "an m1flow study"}


def _laid_over(section: dict[str, Any], suffix: str) -> dict[str, Any]:
    """A section of which only some keys are given; what it refers to has the suffix."""
    section = copy.deepcopy(section)
    section.pop("required", None)
    for node in section["properties"].values():
        if "$ref" in node:
            node["$ref"] += suffix
    return section


def _or_null(node: dict[str, Any]) -> dict[str, Any]:
    apart = {key: node[key] for key in ("description", "default") if key in node}
    inner = {key: value for key, value in node.items() if key not in apart}
    choices = inner["anyOf"] if inner.keys() == {"anyOf"} else [inner]
    return {"anyOf": [*choices, {"type": "null"}], **apart}


def page(schema: dict[str, Any]) -> str:
    """The whole page, as Markdown."""
    return Reference(schema).page()


def anchor(heading: str) -> str:
    """The anchor that GitHub gives a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


class Reference:
    """The mappings of a JSON schema, each by the first of the places where it may stand."""

    def __init__(self, schema: dict):
        self._definitions = schema["$defs"]
        self._top = schema
        self._places: dict[int, list[str]] = {}  # of a mapping's properties, by identity

    def page(self) -> str:
        """Introduction, the table of the top level, then a section for each mapping, in the schema's order."""
        self._body()  # which finds all places, so that a section can name its others
        return "\n".join([INTRODUCTION, *self._body()])

    def _body(self) -> list[str]:
        parts = [self._table(self._top, "")]
        for key, node in self._top["properties"].items():
            parts += self._sections(node, key, level=2)
        return parts

    def _sections(self, node: dict, path: str, level: int) -> list[str]:
        node = self._resolve(node)
        entry = node.get("additionalProperties")
        if isinstance(entry, dict) and "properties" in (entry := self._resolve(entry)):
            node, path = entry | {"description": _described(node, path)}, f"{path}.{NAME}"
        if "properties" not in node or self._title(node, path) != path:
            return []
        others = ", ".join(f"`{place}`" for place in self._places[id(node["properties"])][1:])
        said = _described(node, path)
        parts = [
            f"{'#' * level} `{path}`\n",
            _text(f"{said[0].upper()}{said[1:]}.") + "\n",
            self._table(node, path),
            *([f"{rules}\n"] if (rules := _rules(node)) else []),
            *([f"These are also the keys of {others}.\n"] if others else []),
        ]
        for key, child in node["properties"].items():
            parts += self._sections(child, f"{path}.{key}", level=3)
        return parts

    def _table(self, node: dict, path: str) -> str:
        lines = ["| key | value | default | |", "|---|---|---|---|"]
        for key, child in node["properties"].items():
            resolved, place = self._resolve(child), f"{path}.{key}" if path else key
            cells = (
                f"`{key}`",
                self._value(child, place),
                _default(resolved, required=key in node.get("required", ())),
                _text(_described(resolved, place)),
            )
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        return "\n".join(lines) + "\n"

    def _value(self, node: dict, path: str) -> str:
        """What may stand there, in a few words; a link where it has a section."""
        node = self._resolve(node)
        if "properties" in node:
            title = self._title(node, path)
            return f"[`{title}`](#{anchor(title)})"
        if isinstance(entry := node.get("additionalProperties"), dict):
            entry = self._resolve(entry)
            if "properties" in entry:
                title = self._title(entry, f"{path}.{NAME}")
                return f"by name: [`{title}`](#{anchor(title)})"
            return f"mapping to {_types(entry)}"
        return _types(node)

    def _title(self, node: dict, path: str) -> str:
        places = self._places.setdefault(id(node["properties"]), [])
        if path not in places:
            places.append(path)
        return places[0]

    def _resolve(self, node: dict) -> dict:
        """A schema with what it refers to; what stands beside the reference wins."""
        if "$ref" not in node:
            return node
        return self._resolve(self._definitions[node["$ref"].removeprefix("#/$defs/")]) | node


def _types(node: dict) -> str:
    """What a value may be, in a few words."""
    if "anyOf" in node:
        return " or ".join(map(_types, node["anyOf"]))
    if "enum" in node or "const" in node:
        return ", ".join(f"`{_literal(choice)}`" for choice in node.get("enum", [node.get("const")]))
    if "pattern" in node and "title" in node:
        return node["title"]
    if node["type"] == "array":
        return _list(node)
    return WORDS[node["type"]][0] + _limits(node)


def _list(node: dict) -> str:
    items = node.get("items", {})
    if "enum" in items:
        return "list of " + ", ".join(f"`{choice}`" for choice in items["enum"])
    if "type" not in items:
        return "list"
    length = f"{node['minItems']} " if "maxItems" in node else ""
    return f"list of {length}{WORDS[items['type']][1]}{_limits(items)}"


def _limits(node: dict) -> str:
    low, above, high = (node.get(key) for key in ("minimum", "exclusiveMinimum", "maximum"))
    said = [
        f"from {low}" if low is not None else "",
        f"above {above}" if above is not None else "",
        f"to {high}" if high is not None else "",
    ]
    return "".join(f" {part}" for part in said if part)


def _default(node: dict, *, required: bool) -> str:
    if required:
        return "**required**"
    if not node.get("default", {}) and node.get("default") not in (False, 0):
        return ""
    text = _literal(node["default"])
    return f"`{text}`" if len(text) <= LONGEST_DEFAULT else f"`{text[:LONGEST_DEFAULT]}`..."


def _literal(value: object) -> str:
    return json.dumps(value, ensure_ascii=False) if not isinstance(value, str) or not value.isidentifier() else value


def _rules(node: dict) -> str:
    """What a mapping asks for beyond its keys: alternatives, and keys that need others."""
    said = []
    if "oneOf" in node:
        ways = [" + ".join(f"`{key}`" for key in branch["required"]) for branch in node["oneOf"]]
        said.append(f"Exactly one of: {', '.join(ways)}.")
    for key, needed in node.get("dependentRequired", {}).items():
        said.append(f"`{key}` needs {' and '.join(f'`{other}`' for other in needed)}.")
    return " ".join(said)


def _described(node: dict, path: str) -> str:
    if "description" not in node:
        raise ValueError(f"{path}: no description; say in a few words what the key does")
    return node["description"]


def _text(description: str) -> str:
    """A description as Markdown: a page of the documentation becomes a link, and `<name>` no tag."""
    return re.sub(r"docs/(\w+)/([\w-]+)\.md", r"[\2](../\1/\2.md)", description).replace("<", "&lt;")


if __name__ == "__main__":
    SCHEMA.write_text(json.dumps(for_editors(study_schema()), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    PAGE.write_text(page(study_schema()), encoding="utf-8")
