"""Where questions come from: which files, which of their rows, through which adapter."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import pandas as pd

from m1flow.adapters import ADAPTERS, as_list
from m1flow.errors import M1FlowError
from m1flow.id_lists import read_ids
from m1flow.questions import make_questions
from m1flow.recordings import RecordedOrders
from m1flow.rows import Row, data_files, read_rows

log = logging.getLogger(__name__)


class SourceSpec:
    """One entry of ``sources`` or ``benchmarks``: its settings, and how its problems are named."""

    def __init__(self, name: str, settings: Mapping[str, Any], formulary: Mapping[str, Any] | None = None):
        self.name = name
        self.settings = settings
        self.formulary = formulary
        self.not_selected = 0
        wanted = (settings.get("where") or {}).items()
        self._wanted = {field: {str(value) for value in as_list(values)} for field, values in wanted}
        self._found: dict[str, Counter[str]] = {field: Counter() for field in self._wanted}

    @property
    def where(self) -> str:
        """The files, or the adapter, for messages."""
        paths = self.settings.get("path")
        return ", ".join(map(str, as_list(paths))) if paths else f"config: {self.name}"

    def files(self) -> list[Path]:
        """The entry's files; a folder stands for the data files in it."""
        if not self.settings.get("path"):
            raise M1FlowError(f"config: {self.name}: path: adapter {self.settings['adapter']!r} reads a file; name it")
        found: list[Path] = []
        for path in map(Path, as_list(self.settings["path"])):
            members = data_files(path) if path.is_dir() else [path]
            if not members or not path.exists():
                raise M1FlowError(f"{path}: {self.name}: path: no such data file; correct the path or fetch the file")
            found += members
        return found

    def records(self) -> Iterator[tuple[Path, Row]]:
        """Every file's rows, as mappings: those of the entry's ``part`` that have what its ``where`` asks for."""
        for file in self.files():
            for row in read_rows(file, self.settings.get("part")):
                if self._selected(file, row):
                    yield file, row
        for field, values in self._wanted.items():
            if missing := sorted(values - set(self._found[field])):
                there = ", ".join(value for value, _ in self._found[field].most_common(20))
                raise M1FlowError(
                    f"{self.where}: {self.name}: where.{field}: no row has {missing[0]!r}; there are {there}"
                )

    def _selected(self, file: Path, row: Row) -> bool:
        found = {field: str(self.field(file, row, field)) for field in self._wanted}
        for field, value in found.items():
            self._found[field][value] += 1
        selected = all(value in self._wanted[field] for field, value in found.items())
        self.not_selected += not selected
        return selected

    def field(self, file: Path, row: Mapping[str, Any], name: str) -> Any:
        """``row[name]``; dots reach into nested mappings.

        Raises:
            M1FlowError: the row has no such field; names the file, the field, and the fields there are.
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


def load(
    name: str,
    spec: Mapping[str, Any],
    study_seed: int,
    formulary_spec: Mapping[str, Any] | None = None,
    recordings: Iterable[Path | str] = (),
) -> tuple[pd.DataFrame, dict]:
    """Read one source or benchmark.

    Args:
        name: its name in the config.
        spec: its entry: ``adapter``, ``path`` (a file, a folder or a list; relative to the working directory),
            ``part`` (of a JSON file with several lists of rows), ``where`` (values that fields must have), ``ids`` or
            ``without_ids`` (files of origin ids to keep or leave out), ``split`` (the name of the split, "train" by
            default), ``limit`` (at most so many rows), ``expected`` (how many rows there should be), ``shuffle`` (the
            order of the options, true by default; recorded questions keep theirs, since their traces speak of
            letters), and what the adapter takes.
        study_seed: seeds the order of the options.
        formulary_spec: the demo's world, for the ``formulary`` adapter.
        recordings: files of recorded traces; the questions in them get their options in the recorded order.

    Returns:
        A questions table and a report of counts, see `questions.make_questions`; beside those, ``split``,
        ``not_selected`` (rows that ``where`` or a list of ids leaves out) and, where a number is expected, ``expected``
        and ``difference`` (rows read less that).

    Raises:
        M1FlowError: a file is missing or unreadable, lacks a field, or leaves no question; a listed id isn't there.
    """
    adapter = ADAPTERS.get(spec.get("adapter", ""))
    if adapter is None:
        raise M1FlowError(f"config: {name}: adapter: {spec.get('adapter')!r} is none of {', '.join(sorted(ADAPTERS))}")
    for key in ("part", "where"):
        if spec.get(key) and spec["adapter"] in ("formulary", "headqa", "mmlu_csv"):
            raise M1FlowError(
                f"config: {name}: {key}: the adapter {spec['adapter']} has no use for it; remove this key"
            )
    source = SourceSpec(name, spec, formulary_spec)
    rows: Iterable[Row] = _listed(_shaped(adapter(source), source), source)
    if spec.get("limit") is not None:
        rows = islice(rows, spec["limit"])
    questions, report = make_questions(
        rows,
        name,
        where=f"{source.where}: {name}",
        split=spec.get("split") or "train",
        seed=study_seed,
        shuffle=spec.get("shuffle", True) and spec["adapter"] != "recorded_questions",
        order=RecordedOrders(recordings).order,
    )
    report |= {"split": spec.get("split") or "train", "not_selected": source.not_selected}
    if spec.get("expected") is not None:
        report["expected"] = min(spec["expected"], spec.get("limit") or spec["expected"])
        report["difference"] = report["read"] - report["expected"]
        if report["difference"]:
            log.warning("%(source)s: %(read)d rows where %(expected)d were expected (%(difference)+d)", report)
    return questions, report


def _shaped(rows: Iterable[Row], spec: SourceSpec) -> Iterator[Row]:
    """The adapter's rows; one that it can't take apart (a null for a list, a text for a mapping) is named by number."""
    number = 1
    try:
        for row in rows:
            yield row
            number += 1
    except (TypeError, AttributeError, IndexError, KeyError) as error:
        raise M1FlowError(
            f"{spec.where}: {spec.name}: row {number} isn't shaped as the adapter {spec.settings['adapter']} reads "
            f"them ({' '.join(str(error).split())[:120]}); mend the row, or choose another adapter"
        ) from error


def _listed(rows: Iterable[Row], spec: SourceSpec) -> Iterator[Row]:
    """The rows that the entry's lists of ids keep. A listed id must be there, else list and data don't fit."""
    for key, keeps in (("ids", True), ("without_ids", False)):
        for file in map(Path, as_list(spec.settings.get(key))):
            rows = _by_id(rows, spec, key, file, keeps)
    yield from rows


def _by_id(rows: Iterable[Row], spec: SourceSpec, key: str, file: Path, keeps: bool) -> Iterator[Row]:
    listed = read_ids(file)
    missing = dict.fromkeys(listed)
    for row in rows:
        identity = str(row.get("origin_id"))
        missing.pop(identity, None)
        if (identity in listed) == keeps:
            yield row
        else:
            spec.not_selected += 1
    if missing:
        raise M1FlowError(
            f"{file}: {spec.name}: {key}: {len(missing)} of {len(listed)} ids are not in {spec.where} (the first is "
            f"{next(iter(missing))!r}); the list is of another data set or revision: correct one of them"
        )
