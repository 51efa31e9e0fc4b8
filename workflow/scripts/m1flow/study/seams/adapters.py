"""Adapters, which turn one kind of file into questions."""

from __future__ import annotations

from dataclasses import dataclass

from m1flow.study.seams.seam import Seam

ADAPTERS = Seam("adapter", "m1flow.questions.adapters")


@dataclass(frozen=True, kw_only=True)
class AdapterDeclaration:
    """The declaration of an adapter.

    Attributes:
        reads: endings of the files that it reads, such as ``(".json", ".jsonl")``; empty if it makes its questions
            itself. An adapter that reads files takes the keys ``path`` and ``hub``, and needs one of them.
        takes: the further keys of a source or benchmark that it uses, among those that only some adapters take
            (`QuestionSetSettings.of_adapters`).
        needs: the keys among these that must be given.
        keeps_order: whether options stay in the file's order, whatever the value of ``shuffle``.
        takes_formulary: whether it uses the study's section ``formulary``.
    """

    reads: tuple[str, ...]
    takes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    keeps_order: bool = False
    takes_formulary: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys that it takes, among those that only some adapters take."""
        return ("path", "hub", *self.takes) if self.reads else self.takes

    @property
    def needed(self) -> tuple[str, ...]:
        """All keys that must be given; ``hub`` may replace ``path``."""
        return ("path", *self.needs) if self.reads else self.needs
