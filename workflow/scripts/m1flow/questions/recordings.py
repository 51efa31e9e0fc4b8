"""Questions of recorded traces: found by their text, with options in the order that the trace refers to."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from m1flow.errors import M1FlowError
from m1flow.files.records import data_files, read_rows
from m1flow.questions.raw_options import labelled_options
from m1flow.text.letters import LETTERS
from m1flow.text.normalising import normalise

log = logging.getLogger(__name__)


class RecordedOrders:
    """The orders in which recorded questions had their options."""

    def __init__(self, paths: Iterable[Path | str]):
        """Read files of any layout that `recorded_turns` reads; of several recordings of a question, the first counts.

        Recordings without options have no order; they are counted and logged.

        Raises:
            M1FlowError: a file has none of the layouts.
        """
        self._orders: dict[tuple, list[str]] = {}
        for path in map(Path, paths):
            for file in data_files(path) if path.is_dir() else [path]:
                bare = 0
                for row in read_rows(file):
                    try:
                        stem, options = recorded_question(row)
                    except KeyError as missing:
                        raise M1FlowError(
                            f"{file}: options_of: field {missing} is missing; the file has {', '.join(row)}: name a "
                            "teacher whose recordings contain the questions"
                        ) from None
                    if not options:
                        bare += 1
                        continue
                    texts = [matching_text(option) for option in options]
                    self._orders.setdefault((matching_text(stem), *sorted(texts)), texts)
                if bare:
                    log.warning("%s: %d recordings have no options, so they give no order", file, bare)

    def order(self, question: Mapping[str, Any]) -> list[int] | None:
        """The positions of a question's options in the recorded order; None if it has no recording."""
        texts = [matching_text(option) for option in question["options"]]
        stem = matching_text(f"{question['context']}\n{question['stem']}")
        recorded = self._orders.get((stem, *sorted(texts)))
        if recorded is None:
            return None
        remaining = list(range(len(texts)))
        return [
            remaining.pop(next(n for n, index in enumerate(remaining) if texts[index] == text)) for text in recorded
        ]


def recorded_question(row: Mapping[str, Any]) -> tuple[str, list[str]]:
    """A recording's question with its passage, and its options ([] if none). Raises KeyError for an unknown layout.

    Options have the same shapes as in a source: {A: text} (nulls from Parquet don't count), [{letter, content}] or
    [text].
    """
    if "completion" not in row and "predicted_answer" not in row:
        return split_prompt(row["prompt"])
    stem, given = row["question"], row["options"]
    return stem, labelled_options(given, "options")[1] if isinstance(given, Mapping | list) else []


def matching_text(text: str) -> str:
    """The part of a text that must be equal for two questions to be the same."""
    return " ".join(normalise(text).casefold().split())


def split_prompt(prompt: str) -> tuple[str, list[str]]:
    """The stem and options of a recorded prompt; the options are its last lines "A. text", "B. text", ..."""
    lines = prompt.strip().split("\n")
    starts = [index for index, line in enumerate(lines) if re.match(r"A[.)]\s", line)]
    for start in reversed(starts):
        options: list[str] = []
        for line in lines[start:]:
            if len(options) < len(LETTERS) and re.match(rf"{LETTERS[len(options)]}[.)]\s", line):
                options.append(line[2:].strip())
            elif options:
                options[-1] += f"\n{line}"
        if len(options) > 1:
            return "\n".join(lines[:start]), options
    return prompt, []
