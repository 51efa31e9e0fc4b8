"""How many questions of benchmarks that the pool isn't decontaminated against are also in the training data."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import pandas as pd

from m1flow.analysis.table import Table
from m1flow.files.column_kinds import Kind
from m1flow.files.parquet import read_table

log = logging.getLogger(__name__)

POOL = "whole pool"
"""The ``dataset`` of rows about all questions of the pool; no dataset can have this name."""


def make(*, leaked_pairs: Path, leakable_benchmarks: Sequence[Path], trained_on: Sequence[str]) -> pd.DataFrame:
    """Make the table from leaked.parquet, for each benchmark that the pool isn't decontaminated against.

    Args:
        leaked_pairs: the file leaked.parquet.
        leakable_benchmarks: the files of the benchmarks that the pool isn't decontaminated against.
        trained_on: names of the datasets and corpora that the study's models were trained on.
    """
    sizes = {path.stem: len(read_table(path, "questions", ["question_id"])) for path in leakable_benchmarks}
    return leaked_table(read_table(leaked_pairs, "leaked"), sizes, trained_on)


TABLE = Table(
    title="Benchmark questions that the training data ask, too",
    columns={
        "benchmark": Kind.TEXT,
        "dataset": Kind.TEXT,
        "questions": Kind.COUNT,
        "leaked": Kind.COUNT,
        "share": Kind.SHARE,
    },
    make=make,
)


def leaked_table(leaks: pd.DataFrame, sizes: Mapping[str, int], names: Sequence[str]) -> pd.DataFrame:
    """The number of each benchmark's questions that are in the pool, and in the training data of models.

    Args:
        leaks: rows of the leaked contract.
        sizes: the number of questions of each benchmark.
        names: names of the datasets and corpora that the study's models were trained on.

    Returns:
        The table's columns: ``leaked`` of the benchmark's ``questions`` are copied by a question of the ``dataset``, or
        of the whole pool (POOL).
    """
    rows = []
    for benchmark, questions in sizes.items():
        found = leaks[leaks["benchmark"] == benchmark]
        for name in (POOL, *names):
            inside = [name == POOL or name in held for held in found["trained_on"]]
            leaked = len(set(found["question_id"][inside]))
            share = leaked / questions if questions else 0.0
            rows.append(dict(zip(TABLE.names, (benchmark, name, questions, leaked, share), strict=True)))
            log.info("%s: %d of %d questions are in the training data: %s", benchmark, leaked, questions, name)
    return pd.DataFrame(rows, columns=TABLE.names)
