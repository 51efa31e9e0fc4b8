"""One entry of sources or benchmarks: its settings, its rows, and the wording of its problems."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from m1flow.errors import M1FlowError
from m1flow.files.records import Record, data_files, read_rows
from m1flow.questions.raw_options import as_list
from m1flow.study.settings.formulary import FormularySettings
from m1flow.study.settings.question_sets import QuestionSetSettings
from m1flow.study.settings.section import plain


class SourceEntry:
    """One entry of ``sources`` or ``benchmarks``: its settings, its files, and their rows."""

    def __init__(
        self, name: str, settings: QuestionSetSettings, formulary: FormularySettings, reads: Collection[str]
    ) -> None:
        """Take the entry and the settings that its adapter may use.

        Args:
            name: the source's or benchmark's name.
            settings: its entry in the config.
            formulary: the study's section ``formulary``.
            reads: the file endings that the adapter reads.
        """
        self.name = name
        self.settings = settings
        self.formulary = formulary
        self._reads = reads
        self.not_selected = 0
        wanted = (settings.where or {}).items()
        self._wanted = {field: {str(value) for value in as_list(plain(values))} for field, values in wanted}
        self._found: dict[str, Counter[str]] = {field: Counter() for field in self._wanted}

    @property
    def where(self) -> str:
        """The files, or the adapter if there are none, as messages name them."""
        return ", ".join(self.settings.path) or f"config: {self.name}"

    def files(self) -> list[Path]:
        """The entry's files; a folder stands for the files in it that the adapter reads."""
        if not self.settings.path:
            raise M1FlowError(f"config: {self.name}: path: missing; the adapter {self.settings.adapter} needs this key")
        found: list[Path] = []
        for path in map(Path, self.settings.path):
            members = data_files(path, self._reads) if path.is_dir() else [path]
            if not members or not path.exists():
                raise M1FlowError(f"{path}: {self.name}: path: no such data file; correct the path or fetch the file")
            if path.is_file() and path.suffix.lower() not in self._reads:
                ending = path.suffix or "a file without suffix"
                raise M1FlowError(
                    f"{path}: {self.name}: path: the adapter {self.settings.adapter} can't read {ending}; "
                    f"give a file ending in {', '.join(self._reads)}"
                )
            found += members
        return found

    def records(self) -> Iterator[tuple[Path, Record]]:
        """The rows of every file as mappings, limited to the entry's ``part`` and ``where``."""
        for file in self.files():
            for row in read_rows(file, self.settings.part):
                if self._selected(file, row):
                    yield file, row
        for field, values in self._wanted.items():
            if missing := sorted(values - set(self._found[field])):
                found_values = ", ".join(value for value, _ in self._found[field].most_common(20))
                raise M1FlowError(
                    f"{self.where}: {self.name}: where.{field}: no row has {missing[0]!r}; choose from {found_values}"
                )

    def _selected(self, file: Path, row: Record) -> bool:
        found = {field: str(self.field(file, row, field)) for field in self._wanted}
        for field, value in found.items():
            self._found[field][value] += 1
        selected = all(value in self._wanted[field] for field, value in found.items())
        self.not_selected += not selected
        return selected

    def field(self, file: Path, row: Mapping[str, Any], name: str) -> Any:
        """``row[name]``; dots reach into nested mappings.

        Raises:
            M1FlowError: the row has no such field; the message names the file, the field, and the fields that exist.
        """
        value: Any = row
        for part in name.split("."):
            if not isinstance(value, Mapping) or part not in value:
                fields = ", ".join(map(str, value)) if isinstance(value, Mapping) else "none"
                raise M1FlowError(
                    f"{file}: {self.name}: field {name!r} is missing; the file has {fields}: correct the entry's fields"
                )
            value = value[part]
        return value
