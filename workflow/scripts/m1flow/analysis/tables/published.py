"""The study's accuracies beside published ones, and how far apart they are.

Published numbers come from a CSV file (by default config/published/m1.csv, the m1 paper's) with these columns:
    published_as: the name that a model's ``published`` key refers to;
    benchmark: as the study calls it, or `intervals.MACRO` for the mean over benchmarks;
    budget: in thinking tokens; empty if the number isn't that of a single budget;
    selection: how the number was chosen, one of SELECTIONS;
    n: the number of questions, at least 1; empty if unknown;
    accuracy: from 0 to 1;
    place: where in the paper the number stands.

A number is compared with what the study measured in the same way: a fixed budget with the same budget here; the best of
several budgets, chosen on the test questions, with this study's oracle budget; and a number without a budget with the
model's only or largest budget. The interval of a difference treats both numbers as independent (Newcombe 1998, Stat.
Med. 17:873, method 10), since papers don't publish their answers; if both sides have the same questions, it is wider
than a paired interval would be.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from m1flow.analysis.intervals import MACRO, unpaired_interval, wilson
from m1flow.analysis.table import Table
from m1flow.errors import M1FlowError
from m1flow.files.column_kinds import Kind
from m1flow.study.published_names import FILE_COLUMNS, published_rows

FIXED, BEST, NO_BUDGET = "fixed budget", "best of seven budgets", "no budget"
SELECTIONS = (FIXED, BEST, NO_BUDGET)


def make(
    *,
    published_numbers: Path,
    published_as: Mapping[str, str],
    accuracy: pd.DataFrame,
    macro: pd.DataFrame,
    policies: pd.DataFrame,
    budget_choice: pd.DataFrame,
) -> pd.DataFrame:
    """The study's accuracies beside published ones.

    Args:
        published_numbers: the CSV file that the module describes.
        published_as: the name that each model is published under, by model.
        accuracy: the table of that name.
        macro: the table of that name.
        policies: the table of that name, which says how many questions there are.
        budget_choice: the table of that name, for the oracle budget.
    """
    averages = macro[macro["extensions"] == 0].assign(benchmark=MACRO)
    measured = pd.concat([accuracy, averages[averages["benchmarks"] > 1]], ignore_index=True)
    return set_beside(
        read_published(published_numbers), published_as, with_questions(measured, policies), budget_choice
    )


TABLE = Table(
    title="The study's accuracies beside published ones",
    columns={
        "model": Kind.TEXT,
        "benchmark": Kind.TEXT,
        "budget": Kind.COUNT,
        "published_as": Kind.TEXT,
        "selection": Kind.TEXT,
        "published": Kind.SHARE,
        "published_n": Kind.COUNT,
        "accuracy": Kind.SHARE,
        "ci_low": Kind.SHARE,
        "ci_high": Kind.SHARE,
        "n": Kind.COUNT,
        "difference": Kind.POINTS,
        "diff_low": Kind.POINTS,
        "diff_high": Kind.POINTS,
        "place": Kind.TEXT,
    },
    make=make,
)


def read_published(path: Path) -> pd.DataFrame:
    """Published numbers; budget and n are NaN if unknown.

    Raises:
        M1FlowError: the file can't be read, or a row isn't as the module's docstring says.
    """
    table = pd.DataFrame(published_rows(path), columns=FILE_COLUMNS, dtype=str)
    numbers = ["budget", "n", "accuracy"]
    given = table[numbers] != ""
    table[numbers] = table[numbers].apply(pd.to_numeric, errors="coerce").replace([np.inf, -np.inf], np.nan)
    wrong = (given & table[numbers].isna()).any(axis=1) | (table["n"] < 1)
    wrong |= ~table["accuracy"].between(0, 1) | ~table["selection"].isin(SELECTIONS)
    wrong |= table["budget"].isna() & (table["selection"] == FIXED)
    if wrong.any():
        line = int(np.flatnonzero(wrong)[0]) + 2
        raise M1FlowError(
            f"{path}: line {line}: accuracy must be from 0 to 1, selection one of {', '.join(SELECTIONS)} (the first "
            "with a number as budget), n empty or at least 1, and no number may have commas; correct the line"
        )
    return table


def with_questions(accuracy: pd.DataFrame, policies: pd.DataFrame) -> pd.DataFrame:
    """Accuracies with the number of questions as ``n``, which counts answers in the tables accuracy and macro.

    Args:
        accuracy: model, benchmark and budget of cells without extensions.
        policies: the table policies, whose rows of single samples have the same cells, and whose ``n`` counts
            questions.
    """
    key = ["model", "benchmark", "budget"]
    single = policies.loc[policies["family"] == "sequential", [*key, "n"]].astype({"n": "Int64"})
    return accuracy.drop(columns="n").merge(single, on=key, how="left", validate="one_to_one")


def set_beside(
    published: pd.DataFrame, published_as: Mapping[str, str], accuracy: pd.DataFrame, choices: pd.DataFrame
) -> pd.DataFrame:
    """Each published number beside the study's, if the study measured a comparable one.

    Args:
        published: as `read_published` returns it.
        published_as: the name that each model is published under, by model.
        accuracy: model, benchmark, budget, n (questions), accuracy, ci_low, ci_high of every budget without
            extensions; macro averages are under `intervals.MACRO`.
        choices: the table budget_choice, for the oracle budget.

    Returns:
        The table's columns, sorted by model, benchmark, budget and published name; budget is this study's.
    """
    models = pd.DataFrame(published_as.items(), columns=["model", "published_as"])
    theirs = models.merge(published.rename(columns={"accuracy": "published", "n": "published_n"}), on="published_as")
    ours = ["model", "benchmark", "budget", "n", "accuracy", "ci_low", "ci_high"]
    accuracy = accuracy[ours]
    largest = accuracy[accuracy["budget"] == accuracy.groupby(["model", "benchmark"])["budget"].transform("max")]
    parts = [
        theirs[theirs["selection"] == FIXED].merge(accuracy, on=["model", "benchmark", "budget"]),
        _at_another(theirs, BEST, choices.loc[choices["way"] == "oracle", ours]),
        _at_another(theirs, NO_BUDGET, largest),
    ]
    table = pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)
    order = ["model", "benchmark", "budget", "published_as"]
    return _with_difference(table)[TABLE.names].sort_values(order, ignore_index=True)


def _at_another(theirs: pd.DataFrame, selection: str, ours: pd.DataFrame) -> pd.DataFrame:
    return theirs[theirs["selection"] == selection].drop(columns="budget").merge(ours, on=["model", "benchmark"])


def _with_difference(table: pd.DataFrame) -> pd.DataFrame:
    """Add Newcombe's interval of ours minus theirs; their own is Wilson's, or as wide as ours if their n is unknown."""
    theirs = table["published"].astype(float)
    intervals = [_interval(p, n) for p, n in zip(theirs, table["published_n"], strict=True)]
    low, high = np.array(intervals, dtype=float).reshape(-1, 2).T
    # An unknown published interval is taken to be as wide as ours.
    low = np.where(np.isnan(low), theirs - (table["accuracy"] - table["ci_low"]), low)
    high = np.where(np.isnan(high), theirs + (table["ci_high"] - table["accuracy"]), high)
    ours = table["accuracy"], table["ci_low"], table["ci_high"]
    diff_low, diff_high = unpaired_interval(*ours, theirs, low, high)
    return table.assign(difference=table["accuracy"] - theirs, diff_low=diff_low, diff_high=diff_high)


def _interval(accuracy: float, n: float) -> tuple[float, float]:
    return (np.nan, np.nan) if pd.isna(n) else wilson(accuracy * n, n)
