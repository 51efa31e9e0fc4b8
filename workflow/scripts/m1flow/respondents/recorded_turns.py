"""Recorded turns: a model's earlier turns, read from files and found again by question and options."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from m1flow.chat.turns import ModelTurn
from m1flow.errors import M1FlowError
from m1flow.files.parquet import each
from m1flow.files.records import data_files, read_rows
from m1flow.questions.recordings import matching_text, recorded_question
from m1flow.study.settings.formats import FormatSettings

log = logging.getLogger(__name__)


class RecordedTurns:
    """Recorded turns by their question's text and options.

    Three layouts are read: rows with ``completion`` ("<think>...</think>answer"), question and options; rows of
    m1's published traces, with ``prompt`` (question and "A. text" lines), ``reasoning`` and
    ``distilled_answer_string``; and rows of published results, with question, options and ``predicted_answer`` alone.
    A turn names options by letter, so a turn recorded with another order of the options is not used, only counted. If
    a question was recorded several times, the recording whose ``realidx`` or ``id`` is the question's own counts.
    """

    def __init__(self, name: str, paths: Iterable[Path | str], markers: FormatSettings):
        """Read the recordings.

        Args:
            name: the solver's or teacher's name, for messages.
            paths: files of recordings, or folders of them.
            markers: the format of the recordings, with ``thinking_start`` and ``thinking_end``.

        Raises:
            M1FlowError: a file can't be read, or has none of the layouts.
        """
        self.name = name
        self._start = (markers.thinking_start or "<think>").strip()
        self._end = (markers.thinking_end or "</think>").strip()
        self._turns: dict[tuple, ModelTurn] = {}
        self._of_row: dict[tuple, ModelTurn] = {}
        self._orders: dict[str, set[tuple]] = {}
        self._recordings = 0
        for path in map(Path, paths):
            for file in data_files(path) if path.is_dir() else [path]:
                for row in read_rows(file):
                    self._record(*self._read(file, row), str(row.get("realidx", row.get("id", ""))))

    def find(self, questions: Iterable[Mapping[str, Any]]) -> Iterable[tuple[str, ModelTurn]]:
        """The question_id and turn of each question that has a recording; the counts are logged at the end."""
        found, reordered = set(), 0
        for row in questions:
            stem, options = matching_text(f"{row['context']}\n{row['stem']}"), tuple(map(matching_text, row["options"]))
            if (turn := self._turns.get((stem, options))) is not None:
                found.add((stem, options))
                yield row["question_id"], self._of_row.get((stem, options, str(row["origin_id"])), turn)
            elif tuple(sorted(options)) in self._orders.get(stem, ()):
                reordered += 1
        bare = sum(not options for _, options in self._turns)
        log.info(
            "%s: %d recordings of %d questions (%d without options), %d of them in the pool",
            *(self.name, self._recordings, len(self._turns), bare, len(found)),
        )
        if reordered:
            log.warning(
                "%s: %d recordings have their options in another order; set options_of in their source",
                *(self.name, reordered),
            )

    def _record(self, stem: str, options: Sequence[str], turn: ModelTurn, row_id: str) -> None:
        """Store a recording under its row's id, and the first complete one of a question under the question as well."""
        self._recordings += 1
        key = (matching_text(stem), tuple(map(matching_text, options)))
        self._of_row.setdefault((*key, row_id), turn)
        if key not in self._turns or (turn.finished and not self._turns[key].finished):
            self._turns[key] = turn
        self._orders.setdefault(key[0], set()).add(tuple(sorted(key[1])))

    def _read(self, file: Path, row: Mapping[str, Any]) -> tuple[str, list[str], ModelTurn]:
        try:
            return *recorded_question(row), self._turn(row)
        except KeyError as missing:
            raise M1FlowError(
                f"{file}: {self.name}: field {missing} is missing; the file has {', '.join(row)}: a recording has "
                "completion (or predicted_answer), question and options, or prompt, reasoning and "
                "distilled_answer_string"
            ) from None

    def _turn(self, row: Mapping[str, Any]) -> ModelTurn:
        usage = row.get("token_usage") or {}
        tokens = usage.get("prompt_tokens") or 0, usage.get("completion_tokens") or 0
        if "completion" in row:
            thinking, ended, answer = (row["completion"] or "").partition(self._end)
            return ModelTurn(thinking.strip().removeprefix(self._start).strip(), answer.strip(), *tokens, bool(ended))
        if "predicted_answer" in row:
            return ModelTurn("", (row["predicted_answer"] or "").strip(), *tokens, finished=True)
        return ModelTurn(
            (row["reasoning"] or "").strip(), (row["distilled_answer_string"] or "").strip(), *tokens, True
        )


class RecordedRespondent:
    """A respondent whose turns were recorded earlier, in files."""

    def __init__(self, name: str, paths: Iterable[Path | str], markers: FormatSettings):
        """Read the files; see `recorded_turns.RecordedTurns`."""
        self.name, self.thinks = name, bool(markers.thinking_start)
        self._recorded = RecordedTurns(name, paths, markers)

    def turns(self, questions: pd.DataFrame) -> Iterator[tuple[str, int, ModelTurn]]:
        """The recording of each question that has one."""
        for question_id, turn in self._recorded.find(each(questions)):
            yield question_id, 0, turn
