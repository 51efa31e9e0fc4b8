"""Any file of rows, read through a mapping of fields."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from m1flow.errors import M1FlowError
from m1flow.files.records import READERS, Record
from m1flow.questions.adapter import Adapter
from m1flow.questions.entry import SourceEntry
from m1flow.questions.raw_options import answer_position, as_list, labelled_options, without_option_copy
from m1flow.text.letters import LETTERS


def rows(entry: SourceEntry) -> Iterator[Record]:
    """The rows of any file, read through a mapping of fields (dots reach into nested fields).

    ``fields``: question, options (a field holding a list, or a mapping by letter; or a list of fields), answer (a field
    with a letter, a 0-based index, or the option's text; or a number, the position that is always right), and
    optionally: id, context (text or a list of texts), split, domain, image (rows with an image are dropped).
    """
    if entry.settings.fields is None:
        raise M1FlowError(
            f"config: {entry.name}: fields: missing; name the fields of {entry.where} that hold question, options and "
            "answer"
        )
    fields = entry.settings.fields.dump()
    constant = isinstance(fields["answer"], int)
    numbers: set[int] = set()
    past = False
    for file, row in entry.records():

        def get(name: str, file: Path = file, row: Record = row) -> Any:
            return entry.field(file, row, fields[name]) if name in fields else None

        if isinstance(fields["options"], str):
            given = get("options")
            labels, options = labelled_options(given, f"{file}: {entry.name}: fields.options: {fields['options']!r}")
        else:
            options = [entry.field(file, row, name) for name in fields["options"]]
            while len(options) > 2 and options[-1] in (None, ""):
                options.pop()
            labels = list(LETTERS[: len(options)])
        answer = fields["answer"] if constant else get("answer")
        if not constant and (number := _bare_number(answer, labels, options)) is not None:
            numbers.add(number)
            past = past or number == len(options)
        yield {
            "context": "\n".join(map(str, as_list(get("context")))),
            "stem": without_option_copy(get("question"), labels, options),
            "options": options,
            "answer_index": answer_position(answer, [] if constant else labels, options),
            "origin_id": get("id") if "id" in fields else row.get("_key"),
            "split": get("split"),
            "domain": get("domain"),
            "drop": "image question" if get("image") else None,
        }
    if past and min(numbers) > 0:
        raise M1FlowError(
            f"{entry.where}: {entry.name}: fields.answer: {fields['answer']!r} counts options from 1 (it is never 0); "
            "count from 0, or give letters"
        )


ADAPTER = Adapter(reads=tuple(READERS), takes=("part", "where", "fields"), needs=("fields",), rows=rows)


def _bare_number(answer: Any, labels: list[str], options: list[Any]) -> int | None:
    """The answer if it can only be an index, else None."""
    text = "" if isinstance(answer, bool) or answer is None else str(answer).strip()
    if not (text.isascii() and text.isdigit()) or text in labels or text in map(str, options):
        return None
    return int(text)
