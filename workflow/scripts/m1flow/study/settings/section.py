"""The base model of all sections: strict, frozen and closed; absent keys are left out of its output."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict, GetJsonSchemaHandler, model_validator
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError


class Section(BaseModel):
    """Settings with fixed keys. An attribute that is None stands for a key that is absent.

    Attributes:
        one_of: groups of keys, exactly one of which must be given completely, such as ``(("path",), ("hub",))``.
        filled_in: keys that resolving a study adds beside another key, each mapped to that other key; if both are
            there, the added key doesn't count in ``one_of``.
        needs: maps each key that needs others to the keys that must be given with it.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, defer_build=True)
    one_of: ClassVar[tuple[tuple[str, ...], ...]] = ()
    filled_in: ClassVar[Mapping[str, str]] = {}
    needs: ClassVar[Mapping[str, tuple[str, ...]]] = {}

    def dump(self) -> dict[str, Any]:
        """The settings in a config file's form: mappings, lists and values, without absent keys."""
        return {key: plain(value) for key, value in self if value is not None}

    @model_validator(mode="before")
    @classmethod
    def _check_keys(cls, values: Any) -> Any:
        """Refuse unknown keys, and keys that don't go together, before any value is checked."""
        if not isinstance(values, dict):
            return values
        known = list(cls.model_fields)
        for key in values:
            if key not in known:
                raise PydanticCustomError("unknown_key", "unknown key", {"key": key, "known": known})
        given = [key for key in values if values[key] is not None]
        counted = {key for key in given if cls.filled_in.get(key) not in given}
        chosen = [group for group in cls.one_of if set(group) <= counted]
        if cls.one_of and len(chosen) != 1:
            choices = ", ".join(" + ".join(group) for group in cls.one_of)
            raise PydanticCustomError("rule", "give exactly one of {choices}", {"choices": choices})
        for key, others in cls.needs.items():
            for other in others:
                if key in given and other not in given:
                    raise PydanticCustomError("rule", "{key} needs {other}; add {other}", {"key": key, "other": other})
        return values

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The JSON schema, with the rules on keys that go together."""
        written = handler(schema)
        described = handler.resolve_ref_schema(written)
        if cls.one_of:
            described["oneOf"] = [{"required": list(group)} for group in cls.one_of]
        if cls.needs:
            described["dependentRequired"] = {key: list(others) for key, others in cls.needs.items()}
        return written


def plain(value: Any) -> Any:
    """A setting in the types of YAML and JSON: a section as a mapping, a tuple as a list."""
    if isinstance(value, Section):
        return value.dump()
    if isinstance(value, Mapping):
        return {key: plain(entry) for key, entry in value.items()}
    return [plain(entry) for entry in value] if isinstance(value, list | tuple) else value
