"""PubMedQA, in its authors' form or in the hub's."""

from __future__ import annotations

from collections.abc import Iterator

from m1flow.files.records import READERS, Record
from m1flow.questions.adapter import Adapter
from m1flow.questions.entry import SourceEntry
from m1flow.questions.raw_options import answer_position


def rows(entry: SourceEntry) -> Iterator[Record]:
    """PubMedQA: ori_pqal.json by PMID, or the hub's rows. The abstract is the context, separate from the stem."""
    options = ["yes", "no", "maybe"]
    for file, row in entry.records():
        original = "QUESTION" in row
        yield {
            "context": "\n".join(entry.field(file, row, "CONTEXTS" if original else "context.contexts")),
            "stem": entry.field(file, row, "QUESTION" if original else "question"),
            "options": options,
            "answer_index": answer_position(entry.field(file, row, "final_decision"), [], options),
            "origin_id": row.get("_key") if original else entry.field(file, row, "pubid"),
        }


ADAPTER = Adapter(reads=tuple(READERS), takes=("part", "where"), rows=rows)
