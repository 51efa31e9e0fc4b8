"""The questions in files of recorded traces."""

from __future__ import annotations

from collections.abc import Iterator

from m1flow.files.records import READERS, Record
from m1flow.questions.adapter import Adapter
from m1flow.questions.entry import SourceEntry
from m1flow.questions.raw_options import answer_position, labelled_options


def rows(entry: SourceEntry) -> Iterator[Record]:
    """The questions in files of recorded traces (question, options {A: text}, answer_idx, completion, ...).

    Several models answer the same questions, so files repeat them; only the first copy of each question is kept.
    """
    seen: set[tuple] = set()
    for file, row in entry.records():
        labels, options = labelled_options(entry.field(file, row, "options"), f"{file}: {entry.name}: options")
        stem = entry.field(file, row, "question")
        key = (stem, *options)
        repeated = key in seen
        seen.add(key)
        yield {
            "stem": stem,
            "options": options,
            "answer_index": answer_position(entry.field(file, row, "answer_idx"), labels, options),
            "origin_id": row.get("realidx"),
            "domain": row.get("subject"),
            "drop": "another recording of the question" if repeated else None,
        }


ADAPTER = Adapter(reads=tuple(READERS), takes=("part", "where"), keeps_order=True, rows=rows)
