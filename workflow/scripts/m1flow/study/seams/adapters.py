"""Adapters, which turn one kind of file into questions."""

from __future__ import annotations

from dataclasses import dataclass

from m1flow.study.seams.seam import Seam

ADAPTERS = Seam("adapter", "m1flow.questions.adapters")


@dataclass(frozen=True, kw_only=True)
class AdapterDeclaration:
    """What an adapter declares.

    Attributes:
        reads: how the names of the files that it reads end, such as ``(".json", ".jsonl")``; nothing where it makes its
            questions itself. An adapter that reads files takes the keys ``path`` and ``hub``, and needs one of them.
        takes: which other keys of a source or benchmark it uses, of those that not every adapter takes
            (`QuestionSetSettings.of_adapters`).
        needs: which of these must be given.
        keeps_order: whether options stay in the order of the file whatever ``shuffle`` says.
        takes_formulary: whether it uses the study's section ``formulary``.
    """

    reads: tuple[str, ...]
    takes: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    keeps_order: bool = False
    takes_formulary: bool = False

    @property
    def keys(self) -> tuple[str, ...]:
        """All keys that it takes, of those that not every adapter takes."""
        return ("path", "hub", *self.takes) if self.reads else self.takes

    @property
    def needed(self) -> tuple[str, ...]:
        """All keys that must be given; ``hub`` does for ``path``."""
        return ("path", *self.needs) if self.reads else self.needs
