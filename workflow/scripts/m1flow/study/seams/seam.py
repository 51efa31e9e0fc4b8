"""A seam: a package in which every file is an entry, found by its name and imported only when it is used."""

from __future__ import annotations

import difflib
import importlib
import json
import pkgutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema

from m1flow.errors import M1FlowError
from m1flow.study.settings.values import rule

T = TypeVar("T")


@dataclass(frozen=True)
class Seam:
    """The entries of one kind. A setting of type ``Annotated[str, SEAM]`` takes their names.

    An entry is a module of the package, with the file's name. It defines one object that is named after the kind in
    capitals, such as ``ADAPTER``. No import statement names an entry, so that no script depends on entries that its
    study doesn't use.

    Attributes:
        kind: the kind of the entries, in one word.
        package: the package of the entries, such as ``m1flow.questions.adapters``.
        also: further names that a setting takes; they stand for one of the entries.
    """

    kind: str
    package: str
    also: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        """The entries' names, in alphabetical order, read from the folder; no entry is imported."""
        folders = importlib.import_module(self.package).__path__
        return tuple(sorted({module.name for module in pkgutil.iter_modules(folders)}))

    def file(self, name: str) -> Path:
        """An entry's file.

        Raises:
            M1FlowError: there is no such entry.
        """
        for folder in map(Path, importlib.import_module(self.package).__path__):
            if name.isidentifier() and (folder / f"{name}.py").is_file():
                return folder / f"{name}.py"
        raise M1FlowError(f"{self.kind}: {self.unknown(name)}")

    def load(self, name: str, declared: type[T]) -> T:
        """Import an entry.

        Args:
            name: the entry's name.
            declared: the class of the object that it defines, or a parent class.

        Raises:
            M1FlowError: there is no such entry, or it doesn't define the object.
        """
        file, variable = self.file(name), self.kind.upper()
        entry = getattr(importlib.import_module(f"{self.package}.{name}"), variable, None)
        if not isinstance(entry, declared):
            problem = f"{variable}: missing, or not of type {declared.__name__}"
            raise M1FlowError(f"{file}: {problem}; define it in this file, as docs/extending shows")
        return entry

    def unknown(self, name: Any) -> str:
        """The problem and cure for a name that no entry has."""
        known = [*self.also, *self.names()]
        close = difflib.get_close_matches(str(name), known, n=1)
        cure = f"; did you mean {json.dumps(close[0])}?" if close else ""
        return f"must be one of {', '.join(known)}, not {json.dumps(name, ensure_ascii=False)}{cure}"

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """A text's schema, followed by a check against the entries' names."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """The names, for editors and the reference of settings."""
        return handler(schema) | {"enum": [*self.also, *self.names()]}

    def _check(self, name: str) -> str:
        if name not in self.also and name not in self.names():
            raise rule(self.unknown(name))
        return name
