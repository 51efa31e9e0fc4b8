"""A study against config/schema.yaml: defaults filled in, and the first problem explained in one line."""

from __future__ import annotations

import contextlib
import copy
import difflib
import functools
import json
import math
import re
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from m1flow.config_files import Where, dotted
from m1flow.errors import M1FlowError

_NAME = "a name of letters, digits, '_', '-' and '.'"
SCHEMA_PATH = Path(__file__).parents[3] / "config" / "schema.yaml"


def fill_and_check(config: dict, where: Where) -> None:
    """Fill in the schema's defaults, in place.

    Raises:
        M1FlowError: an unknown key, a wrong value, a missing one.
    """
    problems = sorted(
        _FillingValidator(_schema()).iter_errors(config),
        key=lambda error: (len(error.absolute_path), str(error.message)),
    )
    if problems:
        raise M1FlowError(_explain(problems[0], where))


@functools.cache
def _schema() -> dict:
    return yaml.safe_load(SCHEMA_PATH.read_text(encoding="utf-8"))


def _fill_defaults(validator: Any, properties: dict, instance: Any, schema: dict) -> Any:
    """The ``properties`` keyword, but absent keys get their default first (jsonschema's documented recipe)."""
    if isinstance(instance, dict):
        for key, subschema in properties.items():
            if "default" in subschema:
                instance.setdefault(key, copy.deepcopy(subschema["default"]))
    yield from jsonschema.Draft202012Validator.VALIDATORS["properties"](validator, properties, instance, schema)


def _is_number(_: Any, value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_integer(_: Any, value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)  # JSON Schema takes 1.0 for one, argparse doesn't


def _pattern(_: Any, pattern: str, instance: Any, __: dict) -> Any:
    """The ``pattern`` keyword; but Python's $ is also before a last line end, which no name may have."""
    if isinstance(instance, str) and (
        not re.search(pattern, instance) or (pattern.endswith("$") and instance.endswith("\n"))
    ):
        yield jsonschema.ValidationError(f"{instance!r} does not match {pattern!r}")


_FillingValidator = jsonschema.validators.extend(
    jsonschema.Draft202012Validator,
    {"properties": _fill_defaults, "pattern": _pattern},
    type_checker=jsonschema.Draft202012Validator.TYPE_CHECKER.redefine_many(
        {"number": _is_number, "integer": _is_integer}
    ),
)


def _explain(error: jsonschema.ValidationError, where: Where) -> str:
    """One line: file, key, what is wrong, cure."""
    if error.validator == "oneOf":
        choices = " or ".join(" + ".join(branch["required"]) for branch in error.validator_value)
        return f"{where(error.absolute_path)}: {_path(error)}: give exactly one of {choices}"
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        known = list(error.schema.get("properties", ()))
        unknown = next(key for key in error.instance if key not in known)
        path = [*error.absolute_path, unknown]
        close = difflib.get_close_matches(str(unknown), known, n=1)
        cure = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
        return f"{where(path)}: {dotted(path)}: unknown key; {cure}"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return f"{where(error.absolute_path)}: {dotted([*error.absolute_path, missing])}: missing; add this key"
    if error.validator == "dependentRequired":
        given, needed = next(
            (given, key)
            for given, keys in error.validator_value.items()
            for key in keys
            if given in error.instance and key not in error.instance
        )
        return f"{where(error.absolute_path)}: {_path(error)}: {given} needs {needed}; add this key"
    wanted = {
        "type": lambda: f"must be {_article(error.validator_value)}",
        "enum": lambda: f"must be one of {', '.join(map(str, error.validator_value))}",
        "minimum": lambda: f"must be at least {error.validator_value}",
        "maximum": lambda: f"must be at most {error.validator_value}",
        "exclusiveMinimum": lambda: f"must be more than {error.validator_value}",
        "uniqueItems": lambda: "must not repeat a value",
        "minItems": lambda: f"needs at least {error.validator_value} entries",
        "maxItems": lambda: f"takes at most {error.validator_value} entries",
        "minProperties": lambda: "needs at least one entry",
        "pattern": lambda: f"must be {error.schema.get('title', _NAME)}",
        "minLength": lambda: "must not be empty",
        "not": lambda: f"must be {error.schema['title']}",
    }.get(error.validator, lambda: error.message)()
    value = json.dumps(error.instance, ensure_ascii=False, default=str)[:80]
    if "key_variable" in error.absolute_path:
        value = "what stands there"  # it may be the key itself, which must not go round in logs
    elif error.validator == "type":
        value += _as_meant(error.instance, error.validator_value)
    named = "a name " if "propertyNames" in error.absolute_schema_path else ""
    return f"{where(error.absolute_path)}: {_path(error)}: {named}{wanted}, not {value}"


def _as_meant(value: Any, types: str | list[str]) -> str:
    """How YAML takes it as one of the types: it reads 1e-5 as a text, and a date or a number as no text."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            number = float(value)
            if math.isfinite(number) and ("number" in types or ("integer" in types and number.is_integer())):
                return f"; write {yaml.safe_dump(number if 'number' in types else int(number)).split()[0]}"
    return "; write it in quotes" if "string" in types and not isinstance(value, list | dict) else ""


def _article(types: Any) -> str:
    names = {
        "integer": "a whole number",
        "number": "a number",
        "string": "a text",
        "object": "a mapping",
        "array": "a list",
    }
    names |= {"boolean": "true or false", "null": "null"}
    return " or ".join(names[name] for name in ([types] if isinstance(types, str) else types))


def _path(error: jsonschema.ValidationError) -> str:
    return dotted(error.absolute_path)
