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
        meaning: name of such a text, as in "must be a hub id".
        anchored: whether the whole text must match, not a part of it.
    """

    pattern: str
    meaning: str
    anchored: bool = True

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The text's schema, followed by the pattern."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The pattern, with its meaning as the title."""
        pattern = f"^{self.pattern}$" if self.anchored else self.pattern
        return handler(schema) | {"pattern": pattern, "title": self.meaning}

    def _check(self, text: str) -> str:
        if not (re.fullmatch if self.anchored else re.search)(self.pattern, text):
            raise mismatch(f"must be {self.meaning}")
        return text


@dataclass(frozen=True)
class OneProblem:
    """Metadata of a union: a value that has none of its types is reported as one problem, in plain words."""

    meaning: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The union's schema, which reports its problems as one."""
        return core_schema.no_info_wrap_validator_function(self._check, handler(source))

    def _check(self, value: Any, handler: Callable[[Any], Any]) -> Any:
        try:
            return handler(value)
        except ValidationError:
            raise mismatch(f"must be {self.meaning}") from None


@dataclass(frozen=True)
class OneOrMore:
    """Metadata of a list; if it has only one value, the value alone may be written."""

    meaning: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """The list's schema, which reports its problems as one."""
        return core_schema.no_info_wrap_validator_function(self._read, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The JSON schema of the value or of the list."""
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
        """The list's schema, followed by a check for repeated values."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The list's JSON schema, with unique items."""
        return handler(schema) | {"uniqueItems": True}

    def _check(self, values: tuple[Any, ...]) -> tuple[Any, ...]:
        if any(value in values[:place] for place, value in enumerate(values)):
            raise mismatch("must not repeat a value")
        return values


def mismatch(words: str) -> PydanticCustomError:
    """The problem of a value of the wrong kind; the message adds the value.

    Args:
        words: the requirement, such as "must be a hub id, owner/name".
    """
    return PydanticCustomError("mismatch", "{words}", {"words": words})


def rule(words: str) -> PydanticCustomError:
    """The problem of a value that breaks a rule; the words are the message."""
    return PydanticCustomError("rule", "{words}", {"words": words})


def _as_written(value: Any, handler: Callable[[Any], float]) -> Any:
    """The unchanged value after its check: 0 doesn't become 0.0, so that equal settings stay equal text."""
    handler(value)
    return value


AS_WRITTEN = WrapValidator(_as_written)
"""Metadata of a number, listed after its limits: whole or not, the number keeps the form that it has in the file."""
Text = Annotated[str, Field(min_length=1)]
"""A text that isn't empty."""
Name = Annotated[str, Matching(r"[A-Za-z0-9][A-Za-z0-9_.-]*", "a name of letters, digits, '_', '-' and '.'")]
"""The name of an entry of a study, which is also a file's name."""
HubId = Annotated[str, Matching(r"[A-Za-z0-9][A-Za-z0-9_.-]*/[A-Za-z0-9][A-Za-z0-9_.-]*", "a hub id, owner/name")]
Checksum = Annotated[str, Matching(r"(md5:[0-9a-f]{32}|sha256:[0-9a-f]{64})", "md5: or sha256: followed by hex digits")]
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
"""A list, read as a tuple, so that it can't be changed."""
Distinct = Annotated[tuple[T, ...], Strict(False), Unique()]
"""A list without repetitions."""
SomeDistinct = Annotated[tuple[T, ...], Strict(False), Field(min_length=1), Unique()]
"""At least one value, without repetitions."""
Range = Annotated[tuple[Count, ...], Strict(False), Field(min_length=2, max_length=2)]
"""The lowest and the highest count."""
Texts = Annotated[str | Listed[str], OneProblem("a text or a list of texts")]
LocalPath = Annotated[str, Field(min_length=1), AfterValidator(os.path.expanduser)]
"""A path on this machine; ~ is the user's home."""
Paths = Annotated[tuple[LocalPath, ...], Strict(False), OneOrMore("a path or a list of paths")]
"""One path or a list of paths; always read as several."""

REVISION = "on the hub: a commit, branch or tag; by default the commit in the lock beside the config"
TOP_P = "sample from the likeliest tokens that make up this share of probability"
GREEDY = "0 is greedy"
ANSWER_TOKENS = "maximum tokens of an answer, thinking included"
