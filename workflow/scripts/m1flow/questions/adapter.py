"""An adapter: its declaration, and the function that gives its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from m1flow.files.records import Record
from m1flow.questions.entry import SourceEntry
from m1flow.study.seams.adapters import AdapterDeclaration


@dataclass(frozen=True, kw_only=True)
class Adapter(AdapterDeclaration):
    """An adapter; each file of `questions.adapters` defines one.

    Attributes:
        rows: gives the rows of a source or benchmark, as `question.make_questions` takes them: ``stem``, ``options``,
            ``answer_index`` and, if there is one, ``context``, ``origin_id``, ``split``, ``domain`` and ``drop``
            (the reason to leave out the row).
    """

    rows: Callable[[SourceEntry], Iterator[Record]]
