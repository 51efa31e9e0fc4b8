"""Options and answers of raw rows, in any of the shapes usual in data sets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from m1flow.errors import M1FlowError
from m1flow.text.letters import LETTERS


def answer_position(answer: Any, labels: list[str], options: list[Any]) -> int | None:
    """The index of the right option, from its label ("C", 3), its 0-based index (2, "2") or its text; else None.

    If the answer fits in several ways, a label has precedence over a text, and a text over an index.
    """
    if hasattr(answer, "item"):
        answer = answer.item()  # NumPy's scalars
    if isinstance(answer, bool) or answer is None:
        return None
    if isinstance(answer, float) and answer.is_integer():
        answer = int(answer)
    if isinstance(answer, int):
        if str(answer) in labels:
            return labels.index(str(answer))
        return answer if 0 <= answer < len(options) else None
    answer = str(answer).strip()
    texts = [str(option).strip() for option in options]
    if answer in labels:
        return labels.index(answer)
    if answer in texts:
        return texts.index(answer)
    return int(answer) if answer.isascii() and answer.isdigit() and int(answer) < len(options) else None


def labelled_options(given: Any, where: str) -> tuple[list[str], list[Any]]:
    """Labels and texts of options in any of the usual shapes: {A: text}, [{letter, content}], [text]."""
    if isinstance(given, Mapping):
        present = {str(label): text for label, text in given.items() if text is not None}
        labels = sorted(present)
        return labels, [present[label] for label in labels]
    if isinstance(given, list) and all(isinstance(option, Mapping) and "content" in option for option in given):
        return [str(option.get("letter")) for option in given], [option["content"] for option in given]
    if isinstance(given, list):
        return list(LETTERS[: len(given)]), given
    raise M1FlowError(
        f"{where}: options are of type {type(given).__name__}; name a field that holds a list, or a mapping from "
        "letters to texts"
    )


def as_list(value: Any) -> list[Any]:
    """A value as a list: a single value as a list of one, None as an empty list."""
    if value is None:
        return []
    return list(value) if isinstance(value, list | tuple) else [value]


def without_option_copy(stem: Any, labels: list[str], options: list[Any]) -> str:
    """A stem without the exact copy of its options that MedXpertQA puts at the end (the prompt lists them anyway)."""
    # A row with more options than there are letters is dropped later, and counted.
    copy = "Answer Choices: " + " ".join(f"({label}) {text}" for label, text in zip(labels, options, strict=False))
    return "" if stem is None else str(stem).rstrip().removesuffix(copy.rstrip())
