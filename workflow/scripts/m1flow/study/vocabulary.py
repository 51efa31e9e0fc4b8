"""Vocabularies: the domains that questions can have, each a short code and a name, read from a file."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from m1flow.errors import M1FlowError
from m1flow.text.normalising import normalise

COLUMNS = ("code", "name", "note")
"""The columns of a vocabulary's file."""
_SEPARATORS = re.compile(r"[\s()\[\]{}:.,;/=|*_#>$`\"'\\\u2010-\u2015-]+")


@dataclass(frozen=True)
class Term:
    """One domain: a short code, its name, and a line on its subjects, which may be empty."""

    code: str
    name: str
    note: str

    def __str__(self) -> str:
        """The text that a model is shown: "AB abnormalities: malformations"."""
        return f"{self.code} {self.name}: {self.note}" if self.note else f"{self.code} {self.name}"


class Vocabulary:
    """The domains a question can have."""

    def __init__(self, terms: Sequence[Term]):
        """Take terms whose codes and names can all be told apart; `read_vocabulary` checks that."""
        self.terms = tuple(terms)
        self.names = {term.code: term.name for term in terms}
        self.listing = "\n".join(map(str, terms))
        self._spellings: dict[str, set[str]] = defaultdict(set)
        for term in terms:
            for spelling in (term.code, term.name, f"{term.code} {term.name}", f"{term.name} {term.code}", str(term)):
                self._spellings[fold(spelling)].add(term.code)

    def read(self, text: str, *, any_case: bool = True) -> str | None:
        """The code of the one term that a short text names as a whole; None if it names none or several.

        Args:
            text: a code, a name or both; brackets and punctuation around them don't count.
            any_case: whether a code without its name may be in another case than the vocabulary's.
        """
        folded = fold(text)
        codes = self._spellings.get(folded, ())
        if len(codes) != 1:
            return None
        (code,) = codes
        spelt = any_case or folded != fold(code) or folded == fold(self.names[code]) or code in text
        return code if spelt else None


def read_vocabulary(path: Path | str) -> Vocabulary:
    """Read a vocabulary: tab-separated text with a header row and the columns code, name and note.

    Lines that begin with # are comments. Further columns are ignored.

    Raises:
        M1FlowError: the file or a column is missing; a row has another length than the header; a code or name is blank;
            codes or names differ only in case or punctuation; there are fewer than two terms.
    """
    try:
        lines = Path(path).read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError):
        raise M1FlowError(f"{path}: not a readable UTF-8 file; correct domains.vocabulary") from None
    rows = [
        (number, [normalise(cell) for cell in line.split("\t")])
        for number, line in enumerate(lines, start=1)
        if line.strip() and not line.startswith("#")
    ]
    header = rows[0][1] if rows else []
    if missing := [column for column in COLUMNS if column not in header]:
        raise M1FlowError(
            f"{path}: no column {missing[0]!r}; the first line must be code, name and note, separated by tabs"
        )
    terms: list[Term] = []
    taken: dict[str, int] = {}
    for number, cells in rows[1:]:
        if len(cells) != len(header):
            raise M1FlowError(
                f"{path}: line {number} has {len(cells)} cells, but the header has {len(header)}; correct the line"
            )
        term = Term(*(cells[header.index(column)] for column in COLUMNS))
        for column in ("code", "name"):
            spelling = getattr(term, column)
            other = taken.setdefault(fold(spelling), number)
            if not fold(spelling):
                raise M1FlowError(f"{path}: line {number}: {column} {spelling!r} has no letter or digit; correct it")
            if other != number:
                raise M1FlowError(
                    f"{path}: line {number}: {column} {spelling!r} can't be told apart from line {other}; rename one"
                )
        terms.append(term)
    if len(terms) < 2:
        raise M1FlowError(f"{path}: a vocabulary needs at least two terms, not {len(terms)}; add terms")
    return Vocabulary(terms)


def fold(text: str) -> str:
    """A spelling without case and separators, with "&" spelt out; other signs stay, so that "DI?" is not "DI"."""
    return " ".join(_SEPARATORS.sub(" ", normalise(text).casefold().replace("&", " and ")).split())
