"""Accuracy on a benchmark with and without the questions that models of the study were trained on."""

from __future__ import annotations

import pandas as pd

from m1flow.statistics import cells

_MEASURED = ["n", "accuracy", "ci_low", "ci_high"]
_KEY = ["model", "benchmark", "budget"]
COLUMNS = [*_KEY, *_MEASURED, *(f"unseen_{name}" for name in _MEASURED)]


def leaked_accuracy(rows: pd.DataFrame, leaks: pd.DataFrame) -> pd.DataFrame:
    """Every model, benchmark and budget, without extensions, on all questions and on those nothing was trained on.

    The questions left out are the same for all models, so that they can be compared: all that any of the study's
    datasets or corpora asks, and not those that are only in the pool.

    Args:
        rows: rows of scored sweeps, with model and benchmark, as `statistics.read_sweeps` gives them.
        leaks: rows of the leaked contract.

    Returns:
        COLUMNS; n counts questions times samples. ``unseen_*`` is empty, and its n 0, where every question leaked.
    """
    rows = rows[rows["extensions"] == 0]
    trained = leaks[leaks["trained_on"].map(len) > 0]
    seen = pd.MultiIndex.from_frame(rows[["benchmark", "question_id"]]).isin(
        pd.MultiIndex.from_frame(trained[["benchmark", "question_id"]])
    )
    unseen = cells(rows[~seen]).set_index(_KEY)[_MEASURED].add_prefix("unseen_")
    table = cells(rows).join(unseen, on=_KEY)[COLUMNS]
    return table.assign(unseen_n=table["unseen_n"].fillna(0).astype(int))
