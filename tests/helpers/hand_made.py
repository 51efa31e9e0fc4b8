"""Hand-made sweeps for tests of analyses."""

from __future__ import annotations

import numpy as np
import pandas as pd

from m1flow.sweep.grids import UNREAD, Grid


def made_grid(
    chosen: list,
    *,
    gold: int = 0,
    cells: list[tuple[int, int]] | None = None,
    logprob: list | None = None,
    thinking: list | None = None,
    answers: int = 5,
    natural: list | None = None,
    benchmark: str = "b",
) -> Grid:
    """A grid whose right option is ``gold`` everywhere.

    Args:
        chosen: the option read, UNREAD for none: (question, sample, cell).
        gold: the right option.
        cells: (budget, extensions); budgets 10, 20, ... by default.
        logprob: mean log-probability of answers; NaN by default.
        thinking: thinking tokens; the budget by default.
        answers: tokens of every answer.
        natural: whether thinking ended by itself; nowhere by default.
        benchmark: its name.
    """
    picked = np.array(chosen, np.int16)
    cells = cells or [(10 * (place + 1), 0) for place in range(picked.shape[2])]

    def full(values: object, otherwise: object, dtype: type) -> np.ndarray:
        return np.broadcast_to(np.asarray(otherwise if values is None else values, dtype), picked.shape).copy()

    return Grid(
        model="m",
        benchmark=benchmark,
        questions=np.array([f"{benchmark}-{place}" for place in range(len(picked))], object),
        cells=cells,
        chosen=picked,
        correct=(picked == gold) & (picked != UNREAD),
        thinking_tokens=full(thinking, [budget for budget, _ in cells], np.int32),
        natural_end=full(natural, False, np.bool_),
        answer_tokens=full(answers, 0, np.int32),
        logprob=full(logprob, np.nan, np.float64),
    )


def sweep_row(question_id: str, chosen: int | None, *, gold: int = 0, **columns: object) -> dict:
    """A row of the sweeps contract."""
    row = {
        "question_id": question_id,
        "sample": 0,
        "budget": 10,
        "extensions": 0,
        "extensions_done": 0,
        "cue_positions": [],
        "thinking_tokens": 10,
        "natural_end": False,
        "thinking_text": "",
        "answer_tokens": 4,
        "answer_text": "",
        "answer_finished": True,
        "answer_logprob": None,
        "permutation": 0,
        "cue": "",
        "option_logprobs": None,
        "parsed_index": chosen,
        "outcome": "unparsed" if chosen is None else "parsed",
        "correct": chosen == gold,
    }
    return row | columns


def as_table(rows: list[dict]) -> pd.DataFrame:
    """Rows as a table whose option column can hold none."""
    return pd.DataFrame(rows).astype({"parsed_index": "Int32"})
