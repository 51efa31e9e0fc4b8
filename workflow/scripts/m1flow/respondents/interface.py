"""The interface of whoever answers questions, as a solver or as a teacher."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pandas as pd

from m1flow.chat.turns import ModelTurn


class Respondent(Protocol):
    """Whoever answers. ``thinks``: whether reasoning is expected of it."""

    name: str
    thinks: bool

    def turns(self, questions: pd.DataFrame) -> Iterator[tuple[str, int, ModelTurn]]:
        """Yield question_id, attempt (from 0) and turn in the questions' order; those it can't answer are left out."""
