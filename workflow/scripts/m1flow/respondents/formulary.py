"""The demo's exact solver as a respondent."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from m1flow.chat.turns import ModelTurn
from m1flow.files.parquet import each
from m1flow.questions.formulary import World
from m1flow.study.settings.formulary import FormularySettings


class FormularyRespondent:
    """The exact solver of the demo's world, which makes a slip now and then, as teachers do."""

    thinks = True

    def __init__(self, name: str, slip_rate: float, world: FormularySettings, seed: int) -> None:
        """Set the share of turns with a slip, and the formulary; ``seed`` decides where the slips are."""
        self.name = name
        self._world = World.from_settings(world)
        self._slip_rate, self._seed = slip_rate, seed

    def turns(self, questions: pd.DataFrame) -> Iterator[tuple[str, int, ModelTurn]]:
        """Solve each question step by step; each word counts as a token, and costs nothing."""
        for row in each(questions):
            reasoning, answer = self._world.trace(row, self._slip_rate, self._seed)
            words = len(f"{reasoning} {answer}".split())
            yield row["question_id"], 0, ModelTurn(reasoning, answer, len(row["stem"].split()), words, True, cost=0.0)
