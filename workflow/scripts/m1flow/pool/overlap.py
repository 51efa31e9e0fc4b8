"""Overlap of questions with benchmark questions: words and word pairs, weighted by their rarity.

All functions work on folded text, which is reduced to words: no case, accents, punctuation or white space.
"""

from __future__ import annotations

import math
import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import sparse

PRIOR = 1000
"""Added to the number of questions that words are counted in, so that in a small pool no single word is common."""

ROWS_TOGETHER = 4096
COMMON = 300
"""A feature in more questions than this is not looked up."""

LEAST_KEPT = 0.7
"""The share of a unit's surprise that is looked up in any case."""

Feature = tuple[str, str]

_APOSTROPHE = re.compile("['\u2018\u2019\u02bc`\u00b4]")
_NOT_WORD = re.compile(r"[\W_]+")


def fold(text: str) -> str:
    """The words of a text, without case and accents, with single spaces between them."""
    text = _APOSTROPHE.sub("", text.casefold())
    if not text.isascii():
        text = "".join(c for c in unicodedata.normalize("NFKD", text) if not unicodedata.combining(c)).casefold()
    return _NOT_WORD.sub(" ", text).strip()


@dataclass(frozen=True)
class FoldedQuestion:
    """A question, folded."""

    context: str
    stem: str
    options: tuple[str, ...]
    answer: str

    @property
    def body(self) -> str:
        """Context and stem."""
        return f"{self.context} {self.stem}".strip()

    @property
    def text(self) -> str:
        """The whole text with a space at either end, so that `in` finds whole words."""
        return f" {self.body} {' '.join(self.options)} "

    @cached_property
    def words(self) -> Counter[str]:
        """The number of times that each word occurs in the question and its options."""
        return Counter(self.text.split())

    @cached_property
    def features(self) -> set[Feature]:
        """Pairs of neighbouring words in the question and in each option, and each option as a whole."""
        return set(word_pairs(self.body)) | set(options_features(self.options))

    @property
    def joined(self) -> tuple[str, list[str]]:
        """The question, and its sorted options, without spaces: equal where only the formatting differs."""
        return self.body.replace(" ", ""), sorted(option.replace(" ", "") for option in self.options)

    def holds(self, option: str) -> bool:
        """Whether ``option`` is one of the options, or occurs in the text."""
        return option in self.options or f" {option} " in self.text


def word_pairs(text: str) -> Iterator[Feature]:
    """Pairs of neighbouring words; the word itself if there is only one."""
    words = text.split()
    return zip(words, words[1:] or [""], strict=False)


def options_features(options: Iterable[str]) -> Iterator[Feature]:
    """Each option as a whole, and its pairs of neighbouring words."""
    for option in options:
        yield "", option
        yield from word_pairs(option)


def folded_questions(questions: pd.DataFrame) -> list[FoldedQuestion]:
    """The questions of a table, folded. A text without words (such as a formula) stays unchanged."""
    rows = zip(questions["context"], questions["stem"], questions["options"], questions["answer_index"], strict=True)
    found = []
    for context, stem, options, answer_index in rows:
        folded = tuple(fold(option) or option for option in options)
        found.append(FoldedQuestion(fold(context), fold(stem) or stem, folded, folded[answer_index]))
    return found


class Rarity:
    """The surprise of words among questions: minus the logarithm of the share of questions that hold them."""

    def __init__(self, questions: Iterable[FoldedQuestion]):
        self._holders: Counter[str] = Counter()
        self._option_sets: Counter[frozenset[str]] = Counter()
        self._questions = 0
        for question in questions:
            self._questions += 1
            self._holders.update(set(question.body.split()))
            self._option_sets[frozenset(question.options)] += 1

    def word(self, word: str) -> float:
        """The surprise of a word, in nats; never below 0."""
        return math.log((self._questions + PRIOR) / (min(self._holders[word], self._questions) + 1))

    def feature(self, feature: Feature) -> float:
        """The surprise of a feature's rarest word; sums over pairs would count the words that they share twice."""
        first, second = feature
        return max(map(self.word, second.split() or [""])) if not first else max(self.word(first), self.word(second))

    def of(self, words: Iterable[str]) -> float:
        """The surprise of all words together."""
        return sum(map(self.word, words))

    def are_common(self, options: Iterable[str]) -> bool:
        """Whether more than one question in a thousand has exactly these options (such as yes, no and maybe)."""
        return self._option_sets[frozenset(options)] > 3 + self._questions / 1000


def containing(
    units: Sequence[set[Feature]], questions: Sequence[FoldedQuestion], rarity: Rarity, share: float
) -> Iterator[tuple[int, int]]:
    """Pairs (unit, question) where the question holds at least ``share`` of the unit's features, by surprise.

    Features that many questions share ("of the") would take most of the time, so they are left out while a unit keeps
    at least LEAST_KEPT of its surprise. They then count as held: pairs below ``share`` may be given, but none above it
    is missed.
    """
    vocabulary: dict[Feature, int] = {}
    for unit in units:
        for feature in unit:
            vocabulary.setdefault(feature, len(vocabulary))
    if not vocabulary:
        return
    surprise = np.array([rarity.feature(feature) for feature in vocabulary])
    holds = _incidence(questions, vocabulary)
    holders = np.bincount(holds.indices, minlength=len(vocabulary))
    rows, columns, least = [], [], np.zeros(len(units))
    for number, unit in enumerate(units):
        members = sorted((vocabulary[feature] for feature in unit), key=lambda member: (holders[member], member))
        total, kept = surprise[members].sum(), 0.0
        for member in members:
            if holders[member] > COMMON and kept >= LEAST_KEPT * total:
                break
            rows.append(number)
            columns.append(member)
            kept += surprise[member]
        least[number] = max(share * total - (total - kept), 1e-9)
    wanted = sparse.csr_array((surprise[columns], (columns, rows)), shape=(len(vocabulary), len(units)))
    for start in range(0, len(questions), ROWS_TOGETHER):
        shared = (holds[start : start + ROWS_TOGETHER] @ wanted).tocoo()
        enough = shared.data >= least[shared.col] - 1e-6
        pairs = zip(shared.col[enough].tolist(), (shared.row[enough] + start).tolist(), strict=True)
        yield from sorted(pairs, key=lambda pair: (pair[1], pair[0]))


def _incidence(questions: Sequence[FoldedQuestion], vocabulary: dict[Feature, int]) -> sparse.csr_array:
    """A matrix of questions x features, 1 where a question holds a feature."""
    members, ends = array("i"), array("q", [0])
    for question in questions:
        features = {*word_pairs(question.body), *options_features(question.options)}
        members.extend(sorted(vocabulary[feature] for feature in features if feature in vocabulary))
        ends.append(len(members))
    data = np.ones(len(members), np.float32)
    return sparse.csr_array((data, np.asarray(members), np.asarray(ends)), shape=(len(questions), len(vocabulary)))
