"""Adapters: what each one declares, and the function that gives rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from m1flow.files.records import Record
from m1flow.questions.entry import SourceEntry
from m1flow.study.seams.adapters import AdapterDeclaration


@dataclass(frozen=True, kw_only=True)
class Adapter(AdapterDeclaration):
    """An adapter, one in each file of `questions.adapters`.

    Attributes:
        rows: gives the rows of a source or benchmark, as `question.make_questions` takes them: ``stem``, ``options``,
            ``answer_index`` and, where there is one, ``context``, ``origin_id``, ``split``, ``domain`` and ``drop``
            (why the row is left out).
    """

    rows: Callable[[SourceEntry], Iterator[Record]]
