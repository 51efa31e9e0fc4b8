"""Reading the questions of a source or benchmark: its files and rows, through its adapter."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

import pandas as pd

from m1flow.errors import M1FlowError
from m1flow.files.records import Record
from m1flow.questions.adapter import Adapter
from m1flow.questions.entry import SourceEntry
from m1flow.questions.id_lists import read_ids
from m1flow.questions.question import make_questions
from m1flow.questions.recordings import RecordedOrders
from m1flow.study.seams.adapters import ADAPTERS
from m1flow.study.settings.formulary import FormularySettings
from m1flow.study.settings.question_sets import QuestionSetSettings

log = logging.getLogger(__name__)


def load(
    name: str,
    settings: QuestionSetSettings,
    study_seed: int,
    formulary: FormularySettings | None = None,
    recordings: Iterable[Path | str] = (),
) -> tuple[pd.DataFrame, dict]:
    """Read one source or benchmark.

    Args:
        name: its name in the config.
        settings: its entry.
        study_seed: seed of the order of the options.
        formulary: the demo's world, for the ``formulary`` adapter.
        recordings: files of recorded traces; the questions in them get their options in the recorded order.

    Returns:
        A questions table and a report of counts, see `question.make_questions`; beside those, ``split``,
        ``not_selected`` (rows that ``where`` or a list of ids leaves out) and, if a number is expected, ``expected``
        and ``difference`` (rows read minus expected).

    Raises:
        M1FlowError: a file is missing or unreadable, lacks a field, or leaves no question; a listed id is missing.
    """
    adapter = ADAPTERS.load(settings.adapter, Adapter)
    if unused := settings.keys_beyond(adapter.keys):
        raise M1FlowError(
            f"config: {name}: {unused[0]}: the adapter {settings.adapter} doesn't use this key; remove it"
        )
    source = SourceEntry(name, settings, formulary or FormularySettings(), adapter.reads)
    rows: Iterable[Record] = _listed(_shaped(adapter.rows(source), source), source)
    if settings.limit is not None:
        rows = islice(rows, settings.limit)
    questions, report = make_questions(
        rows,
        name,
        where=f"{source.where}: {name}",
        split=settings.split or "train",
        seed=study_seed,
        shuffle=settings.shuffle and not adapter.keeps_order,
        order=RecordedOrders(recordings).order,
    )
    report |= {"split": settings.split or "train", "not_selected": source.not_selected}
    if settings.expected is not None:
        report["expected"] = min(settings.expected, settings.limit or settings.expected)
        report["difference"] = report["read"] - report["expected"]
        if report["difference"]:
            log.warning("%(source)s: %(read)d rows where %(expected)d were expected (%(difference)+d)", report)
    return questions, report


def _shaped(rows: Iterable[Record], spec: SourceEntry) -> Iterator[Record]:
    """The adapter's rows; if one can't be read (it has a null for a list, for instance), the error names its number."""
    number = 1
    try:
        for row in rows:
            yield row
            number += 1
    except (TypeError, AttributeError, ValueError, LookupError) as error:
        raise M1FlowError(
            f"{spec.where}: {spec.name}: row {number} isn't in the form that the adapter {spec.settings.adapter} reads "
            f"({' '.join(str(error).split())[:120]}); correct the row, or choose another adapter"
        ) from error


def _listed(rows: Iterable[Record], spec: SourceEntry) -> Iterator[Record]:
    """The rows that the entry's lists of ids keep. Every listed id must exist; otherwise, list and data don't match."""
    for key, keeps in (("ids", True), ("without_ids", False)):
        for file in map(Path, getattr(spec.settings, key)):
            rows = _by_id(rows, spec, key, file, keeps)
    yield from rows


def _by_id(rows: Iterable[Record], spec: SourceEntry, key: str, file: Path, keeps: bool) -> Iterator[Record]:
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
            f"{next(iter(missing))!r}); the list belongs to another data set or revision: correct one of the two"
        )
