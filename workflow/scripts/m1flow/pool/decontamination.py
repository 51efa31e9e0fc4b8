"""Finding benchmark questions in training data: the paper's comparison, and one that finds copies in disguise."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

import pandas as pd
from rapidfuzz import fuzz

from m1flow.pool.overlap import FoldedQuestion, Rarity, containing, folded_questions, word_pairs
from m1flow.pool.similarity import similar_pairs
from m1flow.questions.prompts import PLAIN, render
from m1flow.study.settings.pool import EXACT

log = logging.getLogger(__name__)

DISTINCTIVE = 45.0
"""In nats: a stem with at least this surprise is unique. "Which of the following is true?" has 8, a vignette 150."""

SPECIFIC = 25.0
"""In nats: a stem with this surprise, repeated word for word, is the same question whatever its options."""

RECOGNISABLE = 18.0
"""In nats: if stem and right answer have this surprise together, only the same question has both."""

LONG_WORDS = 25
"""A stem with at least this many words is still the same question if one word is replaced."""

PASSAGE_WORDS = 40
"""A context with at least this many words is a passage, not a heading."""

ALL, NEARLY_ALL, MOST, MANY, HALF, FEW = 0.999, 0.9, 0.75, 0.65, 0.5, 0.1
"""Shares of surprise. Unrelated questions on one subject share up to 0.5 of a stem's word pairs, but rarely 0.65."""


class Match(NamedTuple):
    """A training question and the benchmark question that it copies, by their positions."""

    row: int
    position: int
    rule: str
    similarity: float


class BenchmarkIndex:
    """An index of the benchmarks' questions, for finding their copies.

    Args:
        questions: questions table of all benchmarks.
        pool: folded questions whose words are counted, to tell rare words from common ones.
        similarity: 0-100, for `fuzz.ratio`; at 100 only equal questions match.
        origins: see `origin_keys`.
        processes: the maximum number of processes.
    """

    def __init__(
        self,
        questions: pd.DataFrame,
        pool: Iterable[FoldedQuestion],
        similarity: float,
        origins: Mapping[str, str] | None = None,
        processes: int = 1,
    ):
        self.questions = questions
        self.similarity = similarity
        self.processes = processes
        self.origins: dict[tuple[str, str], list[int]] = {}
        for position, key in enumerate(origin_keys(questions, origins or {})):
            if key:
                self.origins.setdefault(key, []).append(position)
        self._folded = folded_questions(questions)
        self._rarity = Rarity(pool)
        self._surprise = [self._rarity.of(question.stem.split()) for question in self._folded]

    def find(
        self,
        mode: str,
        questions: pd.DataFrame,
        folded: Sequence[FoldedQuestion] | None = None,
        origins: Mapping[str, str] | None = None,
    ) -> dict[int, Match]:
        """Copies of benchmark questions.

        Args:
            mode: "stem" or "paper".
            questions: questions table.
            folded: the same questions folded, if `folded_questions` was already called.
            origins: see `origin_keys`.

        Returns:
            Row position -> the benchmark question it copies: the most similar one; of equally similar ones the first.
        """
        found: dict[int, Match] = {}
        for match in self.matches(mode, questions, folded, origins):
            known = found.get(match.row)
            if known is None or (match.similarity, -match.position) > (known.similarity, -known.position):
                found[match.row] = match
        return found

    def matches(
        self,
        mode: str,
        questions: pd.DataFrame,
        folded: Sequence[FoldedQuestion] | None = None,
        origins: Mapping[str, str] | None = None,
    ) -> Iterator[Match]:
        """Every copy of every benchmark question, once per test that finds it; for the arguments see `find`."""
        if not len(self.questions) or not len(questions):
            return
        if mode == "paper":
            yield from self._paper(questions)
            return
        candidates = folded or folded_questions(questions)
        for row, key in enumerate(origin_keys(questions, origins or {})):
            for position in self.origins.get(key, ()) if key else ():
                yield Match(row, position, "origin", fuzz.ratio(self._folded[position].stem, candidates[row].stem))
        yield from self._find_equal(candidates)
        if self.similarity < EXACT:
            yield from self._find_contained(candidates)
            yield from self._find_similar(candidates)

    def _paper(self, questions: pd.DataFrame) -> Iterator[Match]:
        """The paper's comparison: a question with its options against the bare benchmark question."""
        prompts = [render(row, PLAIN) for row in questions.to_dict("records")]
        bare = self.questions["stem"].tolist()
        for i, j, score in zip(*similar_pairs(prompts, bare, self.similarity, self.processes), strict=True):
            yield Match(int(i), int(j), "ratio of the prompt", float(score))

    def _find_equal(self, candidates: Sequence[FoldedQuestion]) -> Iterator[Match]:
        places: dict[str, list[int]] = {}
        for position, question in enumerate(self._folded):
            places.setdefault(question.joined[0], []).append(position)
        for row, question in enumerate(candidates):
            for position in places.get(question.joined[0], ()):
                if self._is_same_text(position, question):
                    yield Match(row, position, "same text", float(EXACT))

    def _is_same_text(self, position: int, candidate: FoldedQuestion) -> bool:
        question = self._folded[position]
        if self._surprise[position] >= SPECIFIC or question.joined[1] == candidate.joined[1]:
            return True
        # Equality (100) is asked for if questions come from templates; then equal texts are the same question, common
        # or not.
        return question.answer == candidate.answer and (self.similarity >= EXACT or self._is_recognisable(position))

    def _is_recognisable(self, position: int) -> bool:
        return self._surprise[position] + self._rarity.of(self._folded[position].answer.split()) >= RECOGNISABLE

    def _find_contained(self, candidates: Sequence[FoldedQuestion]) -> Iterator[Match]:
        """Copies found by their words and word pairs."""
        units, owners, tests = [], [], []
        for position, question in enumerate(self._folded):
            distinctive = self._surprise[position] >= DISTINCTIVE
            units.append(set(word_pairs(question.stem)) if distinctive else question.features)
            owners.append(position)
            tests.append(self._judge_stem)
            if len(question.context.split()) >= PASSAGE_WORDS:
                units.append(set(word_pairs(question.context)))
                owners.append(position)
                tests.append(self._judge_context)
        judged = 0
        for unit, row in containing(units, candidates, self._rarity, HALF):
            judged += 1
            rule = tests[unit](owners[unit], candidates[row])
            if rule:
                question = self._folded[owners[unit]]
                yield Match(row, owners[unit], rule, fuzz.ratio(question.stem, candidates[row].stem))
        log.info("%d pairs share at least half of their words, and were compared", judged)

    def _judge_context(self, position: int, candidate: FoldedQuestion) -> str | None:
        pairs = set(word_pairs(self._folded[position].context))
        return "context" if self._held(pairs, candidate) >= NEARLY_ALL else None

    def _judge_stem(self, position: int, candidate: FoldedQuestion) -> str | None:
        """The rule by which ``candidate`` counts as a copy of this benchmark question, or None."""
        question = self._folded[position]
        pairs = self._held(set(word_pairs(question.stem)), candidate)
        answer = question.answer == candidate.answer
        options = _share(map(candidate.holds, question.options))
        if self._surprise[position] >= DISTINCTIVE:
            if pairs >= ALL:
                return "contained"
            # Dropping words adds no new ones; in a short stem, replacing a word makes a different question.
            in_place = len(question.stem.split()) >= LONG_WORDS or self._new(question, candidate) <= FEW
            if pairs >= (MANY if options >= HALF else MOST) and (in_place or answer or options >= HALF):
                return "words"
        if options >= ALL and pairs >= ALL:
            return "contained, same options"
        if not answer or self._rarity.are_common(question.options):
            return None
        words = self._held_words(question, candidate)
        if options >= ALL and (words >= HALF or self._new(question, candidate) <= FEW):
            return "words, same options"
        if options >= HALF and words >= NEARLY_ALL and self._is_recognisable(position):
            return "words, same answer"
        return None

    def _held(self, features: set[tuple[str, str]], candidate: FoldedQuestion) -> float:
        total = held = 0.0
        for feature in sorted(features):
            surprise = self._rarity.feature(feature)
            total += surprise
            held += surprise * (feature in candidate.features)
        return held / total if total else 0.0

    def _held_words(self, question: FoldedQuestion, candidate: FoldedQuestion) -> float:
        stem = Counter(question.stem.split())
        total = sum(self._rarity.word(word) * count for word, count in stem.items())
        return sum(self._rarity.word(word) * min(count, candidate.words[word]) for word, count in stem.items()) / total

    def _new(self, question: FoldedQuestion, candidate: FoldedQuestion) -> float:
        """The share of the candidate's stem that isn't in the benchmark question."""
        stem = candidate.stem.split()
        return self._rarity.of(word for word in stem if word not in question.words) / self._rarity.of(stem)

    def _find_similar(self, candidates: Sequence[FoldedQuestion]) -> Iterator[Match]:
        """Copies found by the characters of their stems; for short stems the answer or options must agree as well."""
        places = [position for position in range(len(self._folded)) if self._is_recognisable(position)]
        stems = [self._folded[position].stem for position in places]
        candidate_stems = [candidate.stem for candidate in candidates]
        pairs = similar_pairs(candidate_stems, stems, self.similarity, self.processes)
        for row, place, score in zip(*pairs, strict=True):
            question, candidate = self._folded[places[place]], candidates[row]
            if len(question.stem.split()) >= LONG_WORDS or (
                question.answer == candidate.answer and _share(map(candidate.holds, question.options)) >= HALF
            ):
                yield Match(int(row), places[place], "ratio", float(score))


def origin_keys(questions: pd.DataFrame, origins: Mapping[str, str]) -> list[tuple[str, str] | None]:
    """The upstream data set and row of each question, if known.

    Args:
        questions: questions table.
        origins: for each value of the column ``source``, the upstream data set that its ``origin_id``s are of, such as
            "pubmed".
    """
    rows = zip(questions["source"], questions["origin_id"], strict=True)
    return [(origins[source], origin_id) if source in origins else None for source, origin_id in rows]


def _share(flags: Iterable[bool]) -> float:
    flags = list(flags)
    return sum(flags) / len(flags)
