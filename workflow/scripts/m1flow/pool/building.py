"""The pool: training questions of all sources without duplicates, and without questions that a benchmark asks."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from rapidfuzz import fuzz

from m1flow.errors import M1FlowError
from m1flow.files.contracts import CONTRACTS
from m1flow.pool.decontamination import BenchmarkIndex, Match, origin_keys
from m1flow.pool.overlap import FoldedQuestion, folded_questions
from m1flow.pool.planted import planted_copies
from m1flow.pool.similarity import similar_pairs
from m1flow.questions.prompts import PLAIN, render
from m1flow.study.settings.pool import EXACT, PoolSettings

log = logging.getLogger(__name__)

MODES = ("stem", "paper")
SAME_SET = 0.9
"""A benchmark with at least this share of its questions in a source counts as the same set as the source."""


def build_pool(
    sources: Sequence[pd.DataFrame],
    benchmarks: Sequence[pd.DataFrame],
    settings: PoolSettings,
    *,
    origins: Mapping[str, Mapping[str, str]] | None = None,
    processes: int = 1,
) -> tuple[pd.DataFrame, pd.DataFrame, dict]:
    """Deduplicate within and across sources, drop questions that a benchmark asks, and count the planted copies caught.

    Of duplicates, the first is kept, in the order of ``sources`` and of their rows. Duplicates are found before
    contamination, so that a near copy of a contaminated question is removed with it.

    Args:
        sources: questions tables.
        benchmarks: questions tables that must not leak into training.
        settings: the study's ``pool`` settings. Two questions, with their options, are duplicates if their `fuzz.ratio`
            (0-100) is at least ``similarity``; 100 asks for equality (ignoring case and, for benchmark questions,
            formatting).
        origins: under "sources" and "benchmarks": name -> the upstream data set that its ``origin_id``s come from.
        processes: the maximum number of processes; the result doesn't depend on it.

    Returns:
        The pool (questions contract); the removed rows (pool_removed contract, with ``rule``, the test that caught
        each); and counts: ``questions``, ``duplicate``, ``contaminated`` and ``kept``, for each of ``sources`` and in
        ``total``; ``contaminated_by`` benchmark; ``rules`` by reason; ``decontamination``, the mode; and ``recall``,
        the numbers of copies ``planted`` and ``caught`` by kind and mode.

    Raises:
        M1FlowError: ids collide, a benchmark is also a source, or no question of a source is left.
    """
    origins = origins or {}
    threshold, mode = float(settings.similarity), settings.decontamination
    pool, questions = _concat(sources, "sources"), _concat(benchmarks, "benchmarks")
    folded = folded_questions(pool)
    _refuse_same_sets(pool, folded, questions, origins)

    duplicates = _duplicates(pool, threshold, origins.get("sources", {}), processes)
    log.info("%d of %d questions repeat an earlier one", len(duplicates), len(pool))
    unique = np.setdiff1d(np.arange(len(pool)), list(duplicates))
    index = BenchmarkIndex(questions, folded, threshold, origins.get("benchmarks"), processes)
    found = index.find(mode, pool.iloc[unique], [folded[i] for i in unique], origins.get("sources"))
    contaminated = {int(unique[row]): match for row, match in found.items()}
    log.info("%d of the other %d are in a benchmark", len(contaminated), len(unique))

    removed = _removed(pool, questions, duplicates, contaminated)
    kept = pool.drop(index=[*duplicates, *contaminated]).reset_index(drop=True)
    counts = _counts(pool, kept, removed) | {"decontamination": mode, "recall": _recall(index, settings)}
    _refuse_empty_sources(counts, removed)
    return kept, removed, counts


def _concat(tables: Sequence[pd.DataFrame], section: str) -> pd.DataFrame:
    """All tables as one; each id must stand for one question."""
    columns = CONTRACTS["questions"].names
    if not tables:
        return pd.DataFrame(columns=columns)
    table = pd.concat([table[columns] for table in tables], ignore_index=True)
    for (source, question), number in Counter(zip(table["source"], table["question_id"], strict=True)).items():
        if number > 1:
            raise M1FlowError(
                f"config: {section}.{source}: question_id: {question!r} stands for {number} questions; "
                "give each its own id, or leave out the repeated rows"
            )
    first_seen: dict[str, tuple[str, str]] = {}
    for row in table.itertuples(index=False):
        source, text = first_seen.setdefault(row.question_id, (row.source, row.stem))
        if text != row.stem:
            raise M1FlowError(
                f"config: {section}.{row.source}: question_id: {row.question_id!r} is already the id of a different "
                f"question in {source}; derive ids from the questions' content, or prefix each with its source"
            )
    return table


def _refuse_same_sets(
    pool: pd.DataFrame,
    folded: Sequence[FoldedQuestion],
    questions: pd.DataFrame,
    origins: Mapping[str, Mapping[str, str]],
) -> None:
    """Refuse a benchmark that is also a source: neither training on it nor removing all of it can be intended."""
    holders: dict[Any, set[str]] = {}
    for source, question, origin in zip(
        pool["source"], folded, origin_keys(pool, origins.get("sources", {})), strict=True
    ):
        for key in (_key(question), origin):
            holders.setdefault(key, set()).add(source)
    found: Counter[tuple[str, str]] = Counter()
    for benchmark, question, origin in zip(
        questions["source"],
        folded_questions(questions),
        origin_keys(questions, origins.get("benchmarks", {})),
        strict=True,
    ):
        held_by = holders.get(_key(question), set()) | (holders.get(origin, set()) if origin else set())
        found.update((benchmark, source) for source in held_by)
    sizes = questions["source"].value_counts()
    for (benchmark, source), number in sorted(found.items()):
        if number >= SAME_SET * sizes[benchmark]:
            raise M1FlowError(
                f"config: benchmarks.{benchmark}: {number} of its {sizes[benchmark]} questions are in "
                f"sources.{source}: a benchmark can't be trained on; remove one of the two, or choose another split"
            )


def _key(question: FoldedQuestion) -> tuple:
    body, options = question.joined
    return body, tuple(options)


def _duplicates(
    pool: pd.DataFrame, threshold: float, origins: Mapping[str, str], processes: int
) -> dict[int, tuple[int, str, float]]:
    """Rows to remove: row -> (the kept row it repeats, rule, similarity); rows that repeat only removed rows stay."""
    rows = zip(pool["context"], pool["stem"], pool["options"], strict=True)
    texts = ["\n".join([f"{context}\n{stem}", *sorted(options)]).casefold() for context, stem, options in rows]
    first: dict[str, int] = {}
    origin_of: dict[tuple[str, str], int] = {}
    keys = origin_keys(pool, origins)
    for row, text in enumerate(texts):
        first.setdefault(text, row)
    # Equal texts have the same similar texts, so only the first of several equal texts is compared.
    distinct = list(first)
    earlier: dict[int, list[tuple[int, float]]] = {}
    for i, j, score in zip(*similar_pairs(distinct, distinct, threshold, processes), strict=True):
        earlier.setdefault(first[distinct[j]], []).append((first[distinct[i]], float(score)))
    removed: dict[int, tuple[int, str, float]] = {}
    for row, text in enumerate(texts):
        match = None
        if first[text] != row:
            match = removed.get(first[text], (first[text], "same text", float(EXACT)))
        elif near := [(other, score) for other, score in earlier.get(row, ()) if other not in removed]:
            match = (min(near)[0], "ratio", min(near)[1])
        elif (key := keys[row]) is not None and key in origin_of:
            match = (origin_of[key], "origin", fuzz.ratio(texts[origin_of[key]], text))
        if match:
            removed[row] = match
        elif (key := keys[row]) is not None:
            origin_of.setdefault(key, row)
    return removed


def _removed(
    pool: pd.DataFrame,
    questions: pd.DataFrame,
    duplicates: Mapping[int, tuple[int, str, float]],
    contaminated: Mapping[int, Match],
) -> pd.DataFrame:
    def line(row: int, reason: str, match: pd.Series, rule: str, similarity: float) -> dict[str, Any]:
        return pool.iloc[row].to_dict() | {
            "reason": reason,
            "rule": rule,
            "matched_id": match["question_id"],
            "matched_source": match["source"],
            "matched_text": render(match, PLAIN),
            "similarity": round(similarity, 2),
        }

    lines = [line(i, "duplicate", pool.iloc[j], rule, score) for i, (j, rule, score) in sorted(duplicates.items())]
    for i, match in sorted(contaminated.items()):
        lines.append(line(i, "contaminated", questions.iloc[match.position], match.rule, match.similarity))
    removed = pd.DataFrame(lines, columns=[*CONTRACTS["pool_removed"].names, "rule"])
    return removed.astype({"rule": "string"})


def _recall(index: BenchmarkIndex, settings: PoolSettings) -> list[dict[str, Any]]:
    """The number of planted copies of each kind that each mode catches. The copies never enter the pool."""
    found = []
    for kind, copies in planted_copies(index.questions, settings.planted, settings.seed).items():
        for mode in MODES:
            caught = len(index.find(mode, copies))
            found.append({"kind": kind, "mode": mode, "planted": len(copies), "caught": caught})
            log.info("mode %s catches %d of %d planted copies: %s", mode, caught, len(copies), kind)
    return found


def _counts(pool: pd.DataFrame, kept: pd.DataFrame, removed: pd.DataFrame) -> dict[str, Any]:
    def count(of: pd.DataFrame, source: str | None) -> int:
        return len(of) if source is None else int((of["source"] == source).sum())

    def line(source: str | None) -> dict[str, int]:
        reasons = {
            reason: count(removed[removed["reason"] == reason], source) for reason in ("duplicate", "contaminated")
        }
        return {"questions": count(pool, source), **reasons, "kept": count(kept, source)}

    def by(reason: str, column: str) -> dict[str, int]:
        values = removed.loc[removed["reason"] == reason, column].value_counts()
        return {str(name): int(number) for name, number in sorted(values.items())}

    return {
        "sources": {source: line(source) for source in pool["source"].unique()},
        "total": line(None),
        "contaminated_by": by("contaminated", "matched_source"),
        "rules": {reason: by(reason, "rule") for reason in ("duplicate", "contaminated")},
    }


def _refuse_empty_sources(counts: Mapping[str, Any], removed: pd.DataFrame) -> None:
    for source, line in counts["sources"].items():
        if line["kept"]:
            continue
        matched = removed.loc[removed["source"] == source, "matched_source"].value_counts()
        raise M1FlowError(
            f"config: sources.{source}: none of its {line['questions']} questions is left ({line['duplicate']} "
            f"duplicates, {line['contaminated']} in a benchmark; most are in {matched.index[0]}); remove this source, "
            "or raise pool.similarity"
        )
