"""The kinds of values that several sections take: names, paths, hub ids, counts, shares."""

from __future__ import annotations

import os.path
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, Field, GetCoreSchemaHandler, GetJsonSchemaHandler, Strict, WrapValidator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError, ValidationError, core_schema

T = TypeVar("T")


@dataclass(frozen=True)
class Matching:
    """Metadata of a text that must match a pattern from end to end.

    Attributes:
        pattern: a regular expression that Python and JSON Schema read alike, without anchors.
        meaning: what such a text is, as in "must be a hub id".
        anchored: whether the whole text must match, not a part of it.
    """

    pattern: str
    meaning: str
    anchored: bool = True

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The text's schema, then the pattern."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The pattern, and what it means as the title."""
        pattern = f"^{self.pattern}$" if self.anchored else self.pattern
        return handler(schema) | {"pattern": pattern, "title": self.meaning}

    def _check(self, text: str) -> str:
        if not (re.fullmatch if self.anchored else re.search)(self.pattern, text):
            raise mismatch(f"must be {self.meaning}")
        return text


@dataclass(frozen=True)
class OneProblem:
    """Metadata of a union: a value that is of none of its kinds is one problem, in plain words."""

    meaning: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The union's schema, whose problems become one."""
        return core_schema.no_info_wrap_validator_function(self._check, handler(source))

    def _check(self, value: Any, handler: Callable[[Any], Any]) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise mismatch(f"must be {self.meaning}") from None


@dataclass(frozen=True)
class OneOrMore:
    """Metadata of a list that may be written as its only value."""

    meaning: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The list's schema, whose problems become one."""
        return core_schema.no_info_wrap_validator_function(self._read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The value's, or the list's."""
        several = handler(schema)
        return {"anyOf": [several["items"], several]}

    def _read(self, value: Any, handler: Callable[[Any], Any]) -> Any:
        try:
            return handler([value] if isinstance(value, str) else value)
        except ValidationError:
            raise mismatch(f"must be {self.meaning}") from None


@dataclass(frozen=True)
class Unique:
    """Metadata of a list that must not repeat a value."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The list's schema, then the comparison."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The list's, with its items unique."""
        return handler(schema) | {"uniqueItems": True}

    def _check(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if any(value in values[:place] for place, value in enumerate(values)):
            raise mismatch("must not repeat a value")
        return values


def mismatch(words: str) -> PydanticCustomError:
    """The problem of a value that isn't what it must be; the message adds what stands there.

    Args:
        words: such as "must be a hub id, owner/name".
    """
    return PydanticCustomError("mismatch", "{words}", {"words": words})


def rule(words: str) -> PydanticCustomError:
    """The problem of a value that breaks a rule; the words are the message."""
    return PydanticCustomError("rule", "{words}", {"words": words})


def _as_written(value: Any, handler: Callable[[Any], float]) -> Any:
    """The value itself, once it has been checked: 0 isn't made 0.0, so that equal settings stay equal text."""
    handler(value)
    return value


AS_WRITTEN = WrapValidator(_as_written)
"""Metadata of a number, after its limits: whole or not, it keeps the form that it has in the file."""
Text = Annotated[str, Field(min_length=1)]
"""A text that isn't empty."""
Name = Annotated[str, Matching(r"[A-Za-z0-9][A-Za-z0-9_.-]*", "a name of letters, digits, '_', '-' and '.'")]
"""What something in a study is called; also a file's name."""
HubId = Annotated[str, Matching(r"[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*", "a hub id, owner/name")]
Checksum = Annotated[str, Matching(r"(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})", "md5: or sha256: and hex digits")]
Count = Annotated[int, Field(ge=1)]
Amount = Annotated[int, Field(ge=0)]
"""A count that may be 0."""
Number = Annotated[float, AS_WRITTEN]
Positive = Annotated[float, Field(gt=0), AS_WRITTEN]
NonNegative = Annotated[float, Field(ge=0), AS_WRITTEN]
Share = Annotated[float, Field(ge=0, le=1), AS_WRITTEN]
Temperature = Annotated[float, Field(ge=0, le=2), AS_WRITTEN]
PositiveShare = Annotated[float, Field(gt=0, le=1), AS_WRITTEN]
Listed = Annotated[tuple[T, ...], Strict(False)]
"""A list; a tuple once it is read, so that nobody changes it."""
Distinct = Annotated[tuple[T, ...], Strict(False), Unique()]
"""A list without repetitions."""
SomeDistinct = Annotated[tuple[T, ...], Strict(False), Field(min_length=1), Unique()]
"""At least one value, and none of them twice."""
Range = Annotated[tuple[Count, ...], Strict(False), Field(min_length=2, max_length=2)]
"""The lowest and the highest of some counts."""
Texts = Annotated[str | Listed[str], OneProblem("a text or a list of texts")]
LocalPath = Annotated[str, Field(min_length=1), AfterValidator(os.path.expanduser)]
"""A path on this machine; ~ is the user's home."""
Paths = Annotated[tuple[LocalPath, ...], Strict(False), OneOrMore("a path or a list of paths")]
"""One path or several; several once they are read."""

REVISION = "on the hub: a commit, branch or tag; by default what the lock beside the config says"
TOP_P = "sample from the likeliest tokens that make up this share"
GREEDY = "0 is greedy"
ANSWER_TOKENS = "of an answer, thinking included"
