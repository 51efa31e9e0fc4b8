"""One question's sweep in compact form: every text once, and each cell as the place of its cut.

Places are counted in UTF-16 units, as in JavaScript.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pandas as pd

from m1flow.sweep.plan import NO_CUE
from m1flow.text.shown import clean, visible

LONGEST_TRACE = 100_000
"""Maximum number of characters shown of one thinking text: some 25,000 tokens."""

VERDICTS = ("wrong", "right", "unreadable", "unfinished")
"""Outcomes of an answer; in the last one, the tokens ran out before the answer ended."""

Cell = tuple[int, int, str]
"""Budget, extensions, cue."""

COLUMNS = (
    "question_id sample budget extensions cue permutation cue_positions thinking_tokens natural_end thinking_text "
    "answer_text parsed_index outcome correct"
).split()
"""The columns of the sweeps contract that `pack` takes."""


def shown_cells(cells: Sequence[Cell], first: str | None = None) -> list[Cell]:
    """The cells to step through: budgets without extensions, then, for each cue, its counts under the largest total.

    Args:
        cells: the cells measured, in any order.
        first: the cue to begin with.
    """
    plain = sorted(cell for cell in cells if not cell[1])
    most = max((budget for budget, count, _ in cells if count), default=None)
    cues = sorted(dict.fromkeys(cue for _, count, cue in cells if count), key=lambda cue: cue != first)
    forced = sorted((cell for cell in cells if cell[1] and cell[0] == most), key=lambda c: (cues.index(c[2]), c[1]))
    return plain + forced


def pack(rows: pd.DataFrame, cells: Sequence[Cell]) -> dict[str, list]:
    """One sample of one question: its texts, where cues stand in them, its cells, its answers.

    Args:
        rows: the columns COLUMNS, one row per cell, options in the benchmark's order.
        cells: the cells in the order in which they are shown.

    Returns:
        ``t`` thinking texts; ``w`` [text, start, end] of each forced cue; ``a`` answer texts; ``c`` for each cell
        [text or -1, end, tokens, ended by itself, answer, option or -1, verdict], 0 if it is the same as the cell
        before, None if it was not measured.
    """
    measured = {(row["budget"], row["extensions"], row["cue"]): row for row in rows.to_dict("records")}
    thinking = {cell: _thinking(row["thinking_text"]) for cell, row in measured.items()}
    texts: list[str] = []
    places: dict[Cell, tuple[int, int]] = {}
    for cell in sorted(measured, key=lambda cell: -len(thinking[cell] or "")):
        places[cell] = _place(thinking[cell], texts)
    answers: list[str] = []
    packed = [_cell(measured[cell], places[cell], answers) if cell in measured else None for cell in cells]
    same = [0 if row and number and row == packed[number - 1] else row for number, row in enumerate(packed)]
    shown = [cell for cell in cells if cell in measured]
    marks = sorted({mark for cell in shown for mark in _cues(measured[cell], places[cell])})
    return {"t": texts, "w": [list(mark) for mark in marks], "c": same, "a": answers}


def units(text: str) -> int:
    """Length in UTF-16 units, as JavaScript counts it."""
    return len(text) + sum(character > "\uffff" for character in text)


def _thinking(value: Any) -> str | None:
    return None if pd.isna(value) else visible(str(value)[:LONGEST_TRACE])


def _place(thinking: str | None, texts: list[str]) -> tuple[int, int]:
    """The text that begins with this thinking, and the end of the thinking in it; a missing text is added."""
    if thinking is None:
        return -1, 0
    # A cut inside a character of several tokens decodes to a replacement character.
    whole = thinking.rstrip("\ufffd")
    for number, text in enumerate(texts):
        if text.startswith(whole):
            return number, units(whole)
    texts.append(thinking)
    return len(texts) - 1, units(thinking)


def _cell(row: Mapping[str, Any], place: tuple[int, int], answers: list[str]) -> list[int]:
    chosen = -1 if pd.isna(row["parsed_index"]) else int(row["parsed_index"])
    answer = clean(row["answer_text"])
    if answer not in answers:
        answers.append(answer)
    verdict = int(bool(row["correct"])) if chosen >= 0 else 3 if row["outcome"] == "truncated" else 2
    tokens, natural = int(row["thinking_tokens"]), int(bool(row["natural_end"]))
    return [*place, tokens, natural, answers.index(answer), chosen, verdict]


def _cues(row: Mapping[str, Any], place: tuple[int, int]) -> Iterator[tuple[int, int, int]]:
    """Text, start and end of each cue that was put into a cell's thinking; NO_CUE, which adds no text, has none."""
    number, end = place
    if number < 0 or row["cue"] == NO_CUE:
        return
    cue, thinking = visible(row["cue"]), str(row["thinking_text"])
    for position in row["cue_positions"]:
        start = units(visible(thinking[:position])) + units(cue) - units(cue.lstrip())
        if start + units(cue.strip()) <= end:  # else beyond what is shown
            yield number, start, start + units(cue.strip())
