"""Problems of settings, in one line each: the key, the problem, and the cure."""

from __future__ import annotations

import contextlib
import difflib
import json
import math
import re
from collections.abc import Iterable
from typing import Any, TypeVar

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from m1flow.study.settings.section import Section

S = TypeVar("S", bound=Section)
_KINDS = {
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "float_type": "a number",
    "finite_number": "a number",
    "string_type": "a text",
    "bool_type": "true or false",
    "dict_type": "a mapping",
    "model_type": "a mapping",
    "tuple_type": "a list",
}
_SECRET = "key_variable"
"""A key whose value isn't repeated: it may be a password, pasted there by mistake."""


class Rejected(Exception):
    """Settings that can't be read: the place of the problem, as keys and positions, and the problem with its cure."""

    def __init__(self, path: tuple[str | int, ...], words: str) -> None:
        super().__init__(f"{dotted(path)}: {words}" if path else words)
        self.path, self.words = path, words


def read(section: type[S], values: Any, path: tuple[str | int, ...] = ()) -> S:
    """Read settings from the mappings, lists and values of YAML or JSON.

    Args:
        section: the section or entry to read.
        values: the mapping of its keys.
        path: the place of the mapping in the config.

    Raises:
        Rejected: a key is unknown or missing, or a value is wrong; of several problems, the one nearest to the top.
    """
    try:
        return section.model_validate(values)
    except ValidationError as error:
        detail = min(_causes(error.errors(include_url=False)), key=_depth)
    place, words = _explained(detail)
    raise Rejected((*path, *place), words)


def dotted(path: Iterable[Any]) -> str:
    """A path of keys in the usual notation."""
    return ".".join(map(str, path)) or "the file"


def _causes(details: list[ErrorDetails]) -> list[ErrorDetails]:
    """The problems, except that of a list that is too short only because its wrong entries don't count."""
    places = [detail["loc"] for detail in details]
    return [
        detail
        for detail in details
        if detail["type"] != "too_short"
        or not any(place[: len(detail["loc"])] == detail["loc"] != place for place in places)
    ]


def _depth(detail: ErrorDetails) -> int:
    """The depth of the mapping or value at fault."""
    place = [part for part in detail["loc"] if part != "[key]"]
    return len(place) - (detail["type"] == "missing" or "[key]" in detail["loc"])


def _explained(detail: ErrorDetails) -> tuple[tuple[str | int, ...], str]:
    """The place of a problem, and the problem."""
    path, kind, context = detail["loc"], detail["type"], detail.get("ctx", {})
    if kind == "unknown_key":
        return _unknown(path, context["key"], context["known"])
    if kind == "missing":
        return path, "missing; add this key"
    if kind == "rule":
        return path, detail["msg"]
    named = ""
    if path and path[-1] == "[key]":  # the name of an entry
        path, named = path[:-2], "a name "
    value = json.dumps(detail["input"], ensure_ascii=False, default=str)[:80]
    if _SECRET in path:
        value = "the given value (not shown, as it may be a key)"
    else:
        value += _as_meant(detail["input"], _wanted(detail))
    return path, f"{named}{_wanted(detail)}, not {value}"


def _unknown(path: tuple[str | int, ...], key: Any, known: list[str]) -> tuple[tuple[str | int, ...], str]:
    close = difflib.get_close_matches(str(key), known, n=1)
    cure = f"did you mean {close[0]!r}?" if close else f"known keys: {', '.join(known)}"
    return (*path, key), f"unknown key; {cure}"


def _wanted(detail: ErrorDetails) -> str:
    kind, context = detail["type"], detail.get("ctx", {})
    if kind in _KINDS:
        return f"must be {_KINDS[kind]}"
    if kind == "too_short" and context.get("field_type") == "Dictionary":
        return "needs at least one entry"
    return {
        "literal_error": lambda: "must be one of " + ", ".join(re.findall("'([^']*)'", context["expected"])),
        "greater_than_equal": lambda: f"must be at least {context['ge']:g}",
        "less_than_equal": lambda: f"must be at most {context['le']:g}",
        "greater_than": lambda: f"must be more than {context['gt']:g}",
        "too_short": lambda: f"needs at least {context['min_length']} entries",
        "too_long": lambda: f"takes at most {context['max_length']} entries",
        "string_too_short": lambda: "must not be empty",
    }.get(kind, lambda: detail["msg"])()


def _as_meant(value: Any, wanted: str) -> str:
    """How to write a value so that YAML reads the wanted type: to YAML, 1e-5 is text, but a date or number is not."""
    if isinstance(value, str):
        with contextlib.suppress(ValueError):
            number = float(value)
            whole = "whole number" in wanted
            if math.isfinite(number) and "number" in wanted and (not whole or number.is_integer()):
                return f"; write {yaml.safe_dump(int(number) if whole else number).split()[0]}"
        return ""
    return "; write it in quotes" if "a text" in wanted and not isinstance(value, list | dict) else ""
