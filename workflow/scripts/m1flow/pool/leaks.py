"""Benchmark questions in the training data, of benchmarks that the pool isn't decontaminated against.

The whole pool is searched once: the questions of every dataset come from the pool, so the leaks in a dataset follow
from its ids. The tests are those of decontamination, and, as there, words are counted in the questions of all sources.
Therefore a training question is found here if and only if decontamination against the benchmark would have removed it
from the pool.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from m1flow.files.contracts import CONTRACTS
from m1flow.pool.decontamination import BenchmarkIndex, Match
from m1flow.pool.overlap import folded_questions
from m1flow.study.settings.pool import PoolSettings


def find_leaks(
    pool: pd.DataFrame,
    removed: pd.DataFrame,
    benchmarks: Sequence[pd.DataFrame],
    settings: PoolSettings,
    trained_on: Mapping[str, Sequence[str]],
    *,
    origins: Mapping[str, Mapping[str, str]] | None = None,
    processes: int = 1,
) -> pd.DataFrame:
    """Every pair of a benchmark question and a training question that copies it, once, with its most similar match.

    Args:
        pool: questions table.
        removed: questions removed from the pool; used only to count words.
        benchmarks: questions tables.
        settings: see `building.build_pool`.
        trained_on: names of datasets and corpora that models were trained on -> ids of their questions.
        origins: see `building.build_pool`.
        processes: the maximum number of processes; the result doesn't depend on it.

    Returns:
        Rows of the leaked contract: benchmarks and their questions in order, training questions in the pool's order.
    """
    origins = origins or {}
    columns = CONTRACTS["questions"].names
    folded = folded_questions(pd.concat([pool[columns], removed[columns]], ignore_index=True))
    questions = pd.concat([table[columns] for table in benchmarks], ignore_index=True)
    index = BenchmarkIndex(questions, folded, float(settings.similarity), origins.get("benchmarks"), processes)
    best: dict[tuple[int, int], Match] = {}
    for match in index.matches(settings.decontamination, pool, folded[: len(pool)], origins.get("sources")):
        pair = match.position, match.row
        if pair not in best or match.similarity > best[pair].similarity:
            best[pair] = match
    names: dict[str, list[str]] = {question: [] for question in pool["question_id"]}
    for name, trained in trained_on.items():
        for question in trained:
            names[question].append(name)
    rows = []
    for (position, row), match in sorted(best.items()):
        benchmark_question, training_question = questions.iloc[position], pool.iloc[row]
        rows.append(
            {
                "benchmark": benchmark_question["source"],
                "question_id": benchmark_question["question_id"],
                "matched_id": training_question["question_id"],
                "matched_source": training_question["source"],
                "rule": match.rule,
                "similarity": round(match.similarity, 2),
                "trained_on": names[training_question["question_id"]],
            }
        )
    return pd.DataFrame(rows, columns=CONTRACTS["leaked"].names)
