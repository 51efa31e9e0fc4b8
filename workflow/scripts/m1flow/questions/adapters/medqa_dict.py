"""A JSON mapping of keys to questions, the form of MedQA and MedMCQA."""

from __future__ import annotations

from collections.abc import Iterator

from m1flow.files.records import READERS, Record
from m1flow.questions.adapter import Adapter
from m1flow.questions.entry import SourceEntry
from m1flow.questions.raw_options import answer_position, labelled_options


def rows(entry: SourceEntry) -> Iterator[Record]:
    """The entries of a JSON mapping: id (else the key), question, options {A: text}, correct_answer (a letter)."""
    for file, row in entry.records():
        labels, options = labelled_options(entry.field(file, row, "options"), f"{file}: {entry.name}: options")
        yield {
            "stem": entry.field(file, row, "question"),
            "options": options,
            "answer_index": answer_position(entry.field(file, row, "correct_answer"), labels, options),
            "origin_id": row.get("id") or row.get("_key"),
        }


ADAPTER = Adapter(reads=tuple(READERS), takes=("part", "where"), rows=rows)
