"""Ways to spend thinking tokens: every policy that a sweep allows, with its accuracy and its tokens.

For the policies and their results, see `policy_outcomes`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pandas as pd

from m1flow.analysis.intervals import MACRO, means_with_intervals
from m1flow.analysis.policy_outcomes import Outcomes, Policy, evaluate, policies_of
from m1flow.analysis.table import Table
from m1flow.files.column_kinds import Kind
from m1flow.sweep.grids import Grid, by_model, read_grids


def make(*, sweeps: Sequence[Path], cue: str | None = None) -> pd.DataFrame:
    """Make the table from scored sweeps; of several cues, only ``cue`` counts (by default, each sweep's first)."""
    return policies_table(read_grids(sweeps, cue))


TABLE = Table(
    title="Ways to spend thinking tokens: longer, more often, or both",
    columns={
        "model": Kind.TEXT,
        "benchmark": Kind.TEXT,
        "family": Kind.TEXT,
        "choice": Kind.TEXT,
        "samples": Kind.NUMBER,
        "budget": Kind.COUNT,
        "extensions": Kind.COUNT,
        "n": Kind.COUNT,
        "accuracy": Kind.SHARE,
        "ci_low": Kind.SHARE,
        "ci_high": Kind.SHARE,
        "thinking_tokens": Kind.TOKENS,
        "answer_tokens": Kind.TOKENS,
    },
    make=make,
)


def policies_table(grids: Iterable[Grid]) -> pd.DataFrame:
    """Every policy measured.

    Args:
        grids: the grids of all models and benchmarks.

    Returns:
        The table's columns, a row for each model, benchmark (and the macro average) and policy; tokens are means per
        question, of all its samples together.
    """
    rows = []
    for model, own in by_model(grids):
        policies = policies_of(own[0])
        rows += _rows(model, policies, {one.benchmark: evaluate(one, policies) for one in own})
    return pd.DataFrame(rows, columns=TABLE.names)


def _rows(model: str, policies: Sequence[Policy], outcomes: dict[str, Outcomes]) -> list[dict]:
    rows = []
    estimates = means_with_intervals({name: one.right for name, one in outcomes.items()})
    for name, means in estimates.items():
        averaged = list(outcomes.values()) if name == MACRO else [outcomes[name]]
        thinking, answering = (
            np.mean([getattr(one, what).mean(axis=0) for one in averaged], axis=0) for what in ("thinking", "answering")
        )
        for number, policy in enumerate(policies):
            row = {"model": model, "benchmark": name, "n": means.n} | asdict(policy) | means.row(number)
            rows.append(row | {"thinking_tokens": thinking[number], "answer_tokens": answering[number]})
    return rows
