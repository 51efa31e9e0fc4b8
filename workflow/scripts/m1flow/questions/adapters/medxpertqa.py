"""MedXpertQA's JSON lines."""

from __future__ import annotations

from collections.abc import Iterator

from m1flow.files.records import READERS, Record
from m1flow.questions.adapter import Adapter
from m1flow.questions.entry import SourceEntry
from m1flow.questions.raw_options import answer_position, as_list, labelled_options, without_option_copy


def rows(entry: SourceEntry) -> Iterator[Record]:
    """MedXpertQA's JSON lines: options [{letter, content}] or {A: text}; their copy at the stem's end is cut off."""
    for file, row in entry.records():
        labels, options = labelled_options(entry.field(file, row, "options"), f"{file}: {entry.name}: options")
        label = as_list(entry.field(file, row, "label"))
        yield {
            "stem": without_option_copy(entry.field(file, row, "question"), labels, options),
            "options": options,
            "answer_index": answer_position(label[0], labels, options) if len(label) == 1 else None,
            "origin_id": row.get("id"),
            "domain": row.get("body_system"),
        }


ADAPTER = Adapter(reads=tuple(READERS), takes=("part", "where"), rows=rows)
