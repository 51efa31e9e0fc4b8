"""The pipeline funnel: how many questions each stage kept, and why it dropped the others."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from m1flow.analysis.table import Table
from m1flow.files.column_kinds import Kind
from m1flow.files.json import read_json
from m1flow.files.parquet import read_table

STAGES = ["read", "questions", "pool", "attempts", "hard", "traces", "verified", "datasets"]
"""Stages in the order of data flow. Rows with a reason count dropped questions, rows without one kept questions."""


def make(
    *,
    questions: Sequence[Path] = (),
    pool: Path | None = None,
    pool_removed: Path | None = None,
    attempts: Sequence[Path] = (),
    difficulty: Path | None = None,
    traces: Sequence[Path] = (),
    datasets: Sequence[Path] = (),
) -> pd.DataFrame:
    """Count questions per stage and source.

    Args:
        questions: normalised sources; a ``<file>.report.json`` or ``<stem>.report.json`` beside one adds the number of
            rows read and the numbers dropped by reason.
        pool: kept questions.
        pool_removed: removed questions, with reasons.
        attempts: one file per solver.
        difficulty: the file that says which questions are hard for the solvers.
        traces: one file per teacher.
        datasets: one file per dataset.

    Returns:
        The table's columns: ``name`` is the name of the solver, teacher or dataset; ``reason`` says why questions were
        dropped, and is empty for those kept.
    """
    rows: list[tuple] = []
    for path in questions:
        rows += _of_source(path)
    source_of: dict[str, str] = {}
    if pool is not None:
        kept = read_table(pool, "questions", columns=["question_id", "source"])
        source_of = dict(zip(kept["question_id"], kept["source"], strict=True))
        rows += _counts("pool", kept["source"])
    if pool_removed is not None:
        removed = read_table(pool_removed, "pool_removed", columns=["source", "reason"])
        rows += [("pool", source, n, "", reason) for (source, reason), n in removed.value_counts().items()]
    for path in attempts:
        tried = read_table(path, "attempts", columns=["question_id", "correct"])
        by_question = tried.groupby("question_id")["correct"].any()
        sources = _sources(by_question.index, source_of)
        rows += _counts("attempts", sources[~by_question.to_numpy()], name=path.stem)
        rows += _counts("attempts", sources[by_question.to_numpy()], name=path.stem, reason="solved")
    if difficulty is not None:
        judged = read_table(difficulty, "difficulty", columns=["question_id", "hard"])
        sources = _sources(judged["question_id"], source_of)
        rows += _counts("hard", sources[judged["hard"].to_numpy()])
        rows += _counts("hard", sources[~judged["hard"].to_numpy()], reason="not hard for the solvers")
    for path in traces:
        rows += _of_teacher(path, source_of)
    for path in datasets:
        rows += _counts("datasets", read_table(path, "datasets", columns=["source"])["source"], name=path.stem)
    table = pd.DataFrame(rows, columns=TABLE.names)
    order = table["stage"].map(STAGES.index)
    return table.assign(order=order).sort_values(["order", "name", "reason", "source"]).drop(columns="order")


TABLE = Table(
    title="How many questions each stage kept, and why it dropped the others",
    columns={
        "stage": Kind.TEXT,
        "source": Kind.TEXT,
        "n": Kind.COUNT,
        "name": Kind.TEXT,
        "reason": Kind.TEXT,
    },
    make=make,
)


def _of_teacher(path: Path, source_of: Mapping[str, str]) -> list[tuple]:
    traces = read_table(path, "traces", columns=["question_id", "outcome"])
    sources, verdicts = _sources(traces["question_id"], source_of), traces["outcome"].to_numpy()
    rows = _counts("traces", sources, name=path.stem)
    for verdict in sorted(set(verdicts)):
        reason = "" if verdict == "verified" else verdict
        rows += _counts("verified", sources[verdicts == verdict], name=path.stem, reason=reason)
    return rows


def _of_source(path: Path) -> list[tuple]:
    table = read_table(path, "questions", columns=["source"])
    rows = _counts("questions", table["source"])
    beside = [path.with_suffix(".report.json"), path.with_name(path.name + ".report.json")]
    report: dict[str, Any] = next((read_json(candidate) for candidate in beside if candidate.exists()), {})
    dropped = {reason: n for reason, n in report.get("dropped", {}).items() if n}
    rows += [("questions", path.stem, int(n), "", reason) for reason, n in dropped.items()]
    read = report.get("read", report.get("rows", len(table) + sum(dropped.values())))
    return [("read", path.stem, int(read), "", ""), *rows]


def _sources(question_ids: Iterable[str], source_of: Mapping[str, str]) -> pd.Series:
    return pd.Series([source_of.get(question_id, "") for question_id in question_ids], dtype="str")


def _counts(stage: str, sources: pd.Series, *, name: str = "", reason: str = "") -> list[tuple]:
    return [(stage, source, int(n), name, reason) for source, n in sources.value_counts().items()]
