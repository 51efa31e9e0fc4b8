"""The interface of respondents, which answer questions as a solver or a teacher."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import pandas as pd

from m1flow.chat.turns import ModelTurn


class Respondent(Protocol):
    """A respondent; ``thinks`` says whether it is expected to reason."""

    name: str
    thinks: bool

    def turns(self, questions: pd.DataFrame) -> Iterator[tuple[str, int, ModelTurn]]:
        """Yield question_id, attempt (from 0) and turn in the questions' order; not every question needs a turn."""
