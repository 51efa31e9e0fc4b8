"""The demo's fictitious formulary, whose questions are generated."""

from __future__ import annotations

from collections.abc import Iterator

from m1flow.files.records import Record
from m1flow.questions import formulary
from m1flow.questions.adapter import Adapter
from m1flow.questions.entry import SourceEntry


def rows(entry: SourceEntry) -> Iterator[Record]:
    """Distinct questions drawn with a seed, as many as the entry asks for."""
    settings = entry.settings
    yield from formulary.questions(
        entry.formulary,
        settings.questions or 0,
        settings.chain or (1, 1),
        settings.split or "train",
        seed=settings.seed or 0,
        kind=settings.drugs,
    )


ADAPTER = Adapter(
    reads=(),
    takes=("questions", "chain", "drugs", "seed"),
    needs=("questions", "chain"),
    takes_formulary=True,
    rows=rows,
)
