"""A model as a respondent: local, or behind an endpoint."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pandas as pd

from m1flow.chat.journalled import JournalledChat
from m1flow.chat.turns import ModelTurn, SamplingSettings, UserTurn, sampling_for
from m1flow.files.parquet import each
from m1flow.questions.prompts import prompt_text


class ModelRespondent:
    """A respondent that asks a local model or an endpoint."""

    def __init__(
        self,
        name: str,
        chat: JournalledChat,
        sampling: SamplingSettings,
        prompts: Mapping[str, str],
        *,
        purpose: str,
        thinks: bool,
        seed: int,
        attempts: int = 1,
    ) -> None:
        """Combine a chat with the settings for asking it.

        Args:
            name: the solver's or teacher's name.
            chat: the chat with the model.
            sampling: the entry of the solver or teacher in the study, for ``temperature`` and ``top_p``.
            prompts: the study's prompts.
            purpose: the prompt to use: solve or teach.
            thinks: whether its format has thinking.
            seed: the study's seed.
            attempts: number of turns for each question.
        """
        self.name, self.thinks = name, thinks
        self._chat, self._sampling, self._attempts = chat, sampling, attempts
        self._prompts, self._purpose, self._seed = prompts, purpose, seed

    def turns(self, questions: pd.DataFrame) -> Iterator[tuple[str, int, ModelTurn]]:
        """Ask all questions first, which is resumable; then read the answers from the journal."""
        total = len(questions) * self._attempts
        self._chat.ask(self._user_turns(questions), self.name, total)
        for user_turn in self._user_turns(questions):
            yield *user_turn.key, self._chat.turn(user_turn)

    def _user_turns(self, questions: pd.DataFrame) -> Iterator[UserTurn]:
        for row in each(questions):
            text = prompt_text(row, self._prompts, self._purpose)
            for attempt in range(self._attempts):
                sampling = sampling_for(self._sampling, self._seed, row["question_id"], attempt)
                yield UserTurn((row["question_id"], attempt), text, sampling)
