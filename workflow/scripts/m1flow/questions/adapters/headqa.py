"""HEAD-QA's file of exams."""

from __future__ import annotations

from collections.abc import Iterator

from m1flow.files.records import Record, read_json_file
from m1flow.questions.adapter import Adapter
from m1flow.questions.entry import SourceEntry


def rows(entry: SourceEntry) -> Iterator[Record]:
    """HEAD-QA's JSON, exams -> data: ``ra`` is the right answer's ``aid`` (from 1); image questions are dropped."""
    for file in entry.files():
        content = read_json_file(file)
        exams = entry.field(file, content, "exams")
        for exam in exams.values() if isinstance(exams, dict) else exams:
            for row in entry.field(file, exam, "data"):
                answers = entry.field(file, row, "answers")
                labels = [str(answer.get("aid")) for answer in answers]
                right = str(entry.field(file, row, "ra"))
                yield {
                    "stem": entry.field(file, row, "qtext"),
                    "options": [answer.get("atext") for answer in answers],
                    "answer_index": labels.index(right) if right in labels else None,
                    "origin_id": f"{exam.get('name', '')}/{entry.field(file, row, 'qid')}",
                    "domain": exam.get("category"),
                    "drop": "image question" if row.get("image") else None,
                }


ADAPTER = Adapter(reads=(".json",), rows=rows)
