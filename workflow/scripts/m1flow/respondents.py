"""Who answers questions, as a solver or as a teacher: a model, recorded turns, or the demo's exact solver."""

from __future__ import annotations

import argparse
import contextlib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

from m1flow.chat import Asked, JournalledChat, Turn, sampling_for
from m1flow.chat_flags import open_chat
from m1flow.formulary import World
from m1flow.questions import prompt_text
from m1flow.recorded_turns import RecordedTurns


class Respondent(Protocol):
    """Whoever answers. ``thinks``: whether reasoning is expected of it."""

    name: str
    thinks: bool

    def turns(self, questions: pd.DataFrame) -> Iterator[tuple[str, int, Turn]]:
        """Yield question_id, attempt (from 0) and turn in the questions' order; those it can't answer are left out."""


class ModelRespondent:
    """A local model or an endpoint."""

    def __init__(
        self,
        name: str,
        chat: JournalledChat,
        spec: Mapping[str, Any],
        prompts: Mapping[str, str],
        *,
        purpose: str,
        thinks: bool,
        seed: int,
    ):
        """Take the chat and how to ask it.

        Args:
            name: the solver's or teacher's.
            chat: the model.
            spec: its entry of the study: ``attempts`` per question, ``temperature``, ``top_p``.
            prompts: the study's.
            purpose: which of the prompts to use: solve or teach.
            thinks: whether its format has thinking.
            seed: the study's.
        """
        self.name, self.thinks = name, thinks
        self._chat, self._spec, self._prompts, self._purpose, self._seed = chat, spec, prompts, purpose, seed

    def turns(self, questions: pd.DataFrame) -> Iterator[tuple[str, int, Turn]]:
        """Have all answered first, resumably; then read the answers back."""
        total = len(questions) * self._attempts
        self._chat.ask(self._asked(questions), self.name, total)
        for asked in self._asked(questions):
            yield *asked.key, self._chat.turn(asked)

    @property
    def _attempts(self) -> int:
        return self._spec.get("attempts", 1)

    def _asked(self, questions: pd.DataFrame) -> Iterator[Asked]:
        for row in each(questions):
            text = prompt_text(row, self._prompts, self._purpose)
            for attempt in range(self._attempts):
                sampling = sampling_for(self._spec, self._seed, row["question_id"], attempt)
                yield Asked((row["question_id"], attempt), text, sampling)


class RecordedRespondent:
    """Turns recorded earlier, in files."""

    def __init__(self, name: str, paths: Iterable[Path | str], markers: Mapping[str, str]):
        """Read the files; see `recorded_turns.RecordedTurns`."""
        self.name, self.thinks = name, bool(markers.get("thinking_start"))
        self._recorded = RecordedTurns(name, paths, markers)

    def turns(self, questions: pd.DataFrame) -> Iterator[tuple[str, int, Turn]]:
        """The recording of each question that has one."""
        for question_id, turn in self._recorded.find(each(questions)):
            yield question_id, 0, turn


class FormularyRespondent:
    """The exact solver of the demo's world, which slips now and then, as teachers do."""

    thinks = True

    def __init__(self, name: str, spec: Mapping[str, Any], world_spec: Mapping[str, Any], seed: int):
        """Take the share of turns with a slip from ``spec["slip_rate"]``; ``seed`` draws where."""
        self.name = name
        self._world = World.from_spec(world_spec)
        self._slip_rate, self._seed = spec.get("slip_rate", 0.0), seed

    def turns(self, questions: pd.DataFrame) -> Iterator[tuple[str, int, Turn]]:
        """Solve each question step by step; tokens are counted as words, and cost nothing."""
        for row in each(questions):
            reasoning, answer = self._world.trace(row, self._slip_rate, self._seed)
            words = len(f"{reasoning} {answer}".split())
            yield row["question_id"], 0, Turn(reasoning, answer, len(row["stem"].split()), words, True, cost=0.0)


@contextlib.contextmanager
def open_respondent(flags: argparse.Namespace, where: str, purpose: str) -> Iterator[Respondent]:
    """The respondent of ``flags.spec``'s ``kind``: model, recorded or formulary.

    Args:
        flags: those of `chat_flags.add_chat_flags`, and ``name``; ``formulary`` for the kind formulary.
        where: the entry's place in the study, as in ``teachers.r1``.
        purpose: which of the prompts a model is asked with: solve or teach.

    Raises:
        M1FlowError: what the kind needs is missing or can't be used.
    """
    name, spec = flags.name, flags.spec
    if spec["kind"] == "formulary":
        yield FormularyRespondent(name, spec, flags.formulary, flags.seed)
        return
    markers = flags.formats[spec["format"]]
    if spec["kind"] == "recorded":
        yield RecordedRespondent(name, spec["path"], markers)
        return
    thinks = bool(markers.get("thinking_start"))
    with open_chat(flags, where) as chat:
        yield ModelRespondent(name, chat, spec, flags.prompts, purpose=purpose, thinks=thinks, seed=flags.seed)


def each(table: pd.DataFrame) -> Iterator[dict[str, Any]]:
    """A table's rows as mappings, one at a time."""
    for values in zip(*(table[name] for name in table.columns), strict=True):
        yield dict(zip(table.columns, values, strict=True))
