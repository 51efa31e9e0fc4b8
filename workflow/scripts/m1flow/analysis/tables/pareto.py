"""What accuracy costs: every model, budget and parallel setting, and which of them nothing cheaper beats.

A setting is on the front if no other is at least as accurate for less, or more accurate for the same cost (Pareto
1906). Each benchmark has one front over all models. The front is picked on the questions that it is scored on: a point
that stands out by less than its interval may be there by luck.

Seconds are estimated: the tokens that a setting decodes, times the device-seconds that a token took in the model's
sweep. So they hold only for that hardware, engine and batch.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from m1flow.analysis.table import Table
from m1flow.files.column_kinds import Kind
from m1flow.files.json import read_json


def make(*, policies: pd.DataFrame, token_counts: Sequence[Path]) -> pd.DataFrame:
    """Make the table from the policies and the seconds that generating took.

    Args:
        policies: the table of that name.
        token_counts: the files generations/{model}.report.json, for the seconds that generating took.
    """
    return pareto_table(policies, {path.name.removesuffix(".report.json"): read_json(path) for path in token_counts})


TABLE = Table(
    title="What accuracy costs, and what nothing cheaper beats",
    columns={
        "model": Kind.TEXT,
        "benchmark": Kind.TEXT,
        "family": Kind.TEXT,
        "choice": Kind.TEXT,
        "samples": Kind.NUMBER,
        "budget": Kind.COUNT,
        "extensions": Kind.COUNT,
        "n": Kind.COUNT,
        "thinking_tokens": Kind.TOKENS,
        "answer_tokens": Kind.TOKENS,
        "seconds": Kind.SECONDS,
        "accuracy": Kind.SHARE,
        "ci_low": Kind.SHARE,
        "ci_high": Kind.SHARE,
        "front_tokens": Kind.FLAG,
        "front_seconds": Kind.FLAG,
    },
    make=make,
)


def pareto_table(policies: pd.DataFrame, costs: Mapping[str, Mapping[str, Any]]) -> pd.DataFrame:
    """The policies with their seconds, and whether they are on the fronts.

    Args:
        policies: the table of that name.
        costs: each model's report on its generations; see `seconds_per_token`.

    Returns:
        The table's columns. Tokens and seconds are means per question, of all its samples together; seconds are empty
        if the sweep didn't record them, and such a policy isn't on the front by seconds.
    """
    pace = {model: seconds_per_token(report) for model, report in costs.items()}
    tokens = policies["thinking_tokens"] + policies["answer_tokens"]
    table = policies.assign(seconds=tokens * policies["model"].map(pace).astype(float))
    for what, cost in (("front_tokens", "thinking_tokens"), ("front_seconds", "seconds")):
        table[what] = False
        for _, part in table.groupby("benchmark"):
            table.loc[part.index, what] = on_front(part[cost].to_numpy(), part["accuracy"].to_numpy())
    return table[TABLE.names]


def seconds_per_token(report: Mapping[str, Any]) -> float:
    """Device-seconds for each token that a sweep generated; NaN without tokens or without a measured time.

    Args:
        report: ``seconds`` and ``generated`` of generations/{model}.report.json.
    """
    generated = report.get("generated", 0)
    return report["seconds"] / generated if generated and "seconds" in report else float("nan")


def on_front(cost: np.ndarray, accuracy: np.ndarray) -> np.ndarray:
    """Whether each point is on the front; of equal points only the first is, and points of unknown cost never are."""
    order = np.lexsort([-accuracy, cost])
    order = order[~np.isnan(cost[order])]
    best_cheaper = np.maximum.accumulate(np.concatenate([[-np.inf], accuracy[order]]))[:-1]
    front = np.zeros(len(cost), bool)
    front[order] = accuracy[order] > best_cheaper
    return front
