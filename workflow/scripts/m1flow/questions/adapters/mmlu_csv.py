"""MMLU's CSV files, one for each subject."""

from __future__ import annotations

import re
from collections.abc import Iterator

from m1flow.errors import M1FlowError
from m1flow.files.records import Record, read_csv_cells
from m1flow.questions.adapter import Adapter
from m1flow.questions.entry import SourceEntry
from m1flow.questions.raw_options import answer_position


def rows(entry: SourceEntry) -> Iterator[Record]:
    """MMLU's CSV files without a header (question, A, B, C, D, answer); the domain is the subject in the file name.

    ``subjects`` limits the subjects read.
    """
    wanted = entry.settings.subjects
    files = {re.sub(r"_(test|val|dev|train)$", "", file.stem): file for file in entry.files()}
    unknown = sorted(set(wanted or ()) - set(files))
    if unknown:
        raise M1FlowError(
            f"{entry.where}: {entry.name}: subjects: no file for {unknown[0]!r}; choose from {', '.join(files)}"
        )
    for subject in wanted or files:
        file = files[subject]
        for number, cells in enumerate(read_csv_cells(file), start=1):
            if len(cells) != 6:
                raise M1FlowError(
                    f"{file}: {entry.name}: row {number} has {len(cells)} columns; "
                    "MMLU has question, A, B, C, D, answer"
                )
            yield {
                "stem": cells[0],
                "options": cells[1:5],
                "answer_index": answer_position(cells[5], list("ABCD"), cells[1:5]),
                "origin_id": f"{subject}/{number}",
                "domain": subject,
            }


ADAPTER = Adapter(reads=(".csv",), takes=("subjects",), rows=rows)
