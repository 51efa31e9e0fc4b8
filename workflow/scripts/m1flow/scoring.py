"""Scorers: what the answers of a sweep say, and whether they are right."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Mapping, Sequence

import pandas as pd

from m1flow.errors import M1FlowError
from m1flow.parsing import PARSED, UNPARSED, Parsed, is_right, parse_answer
from m1flow.permutations import permuted
from m1flow.questions import LETTERS

Scorer = Callable[[str, Sequence[str], int, bool], Parsed]
"""From an answer's text, the options, the right one's index, and whether the answer came to its end."""

_HUATUO_ANSWER = "## Final Response\n\n"
_ANSWER_IS = re.compile(r"answer is\s*([A-N])")


def score(generations: pd.DataFrame, questions: pd.DataFrame, scorer: str) -> pd.DataFrame:
    """Judge every row of a sweep by its answer segment; thinking, cut or whole, is never looked at.

    Args:
        generations: rows of the generations contract.
        questions: the benchmark they answer.
        scorer: a name in SCORERS.

    Returns:
        The rows with parsed_index (null unless parsed; in the benchmark's order of the options, whatever order the
        row's question was asked in), outcome and correct: the sweeps contract.

    Raises:
        M1FlowError: an unknown scorer, or a row whose question isn't in the benchmark.
    """
    if scorer not in SCORERS:
        raise M1FlowError(f"config: scorer: {scorer!r} is none of {', '.join(SCORERS)}")
    judge = SCORERS[scorer]
    asked: Mapping[str, dict] = {row["question_id"]: row for row in questions.to_dict("records")}
    judged: dict[tuple, tuple[int | None, str, bool]] = {}
    results = []
    columns = ["question_id", "answer_text", "answer_finished", "permutation"]
    for key in zip(*(generations[column] for column in columns), strict=True):
        if key not in judged:  # cells whose thinking ended naturally share their answer
            question_id, text, finished, permutation = key
            if question_id not in asked:
                raise M1FlowError(
                    f"generations: question_id {question_id!r} is not in the benchmark; "
                    "the benchmark has changed since, rerun the sweep"
                )
            question, order = permuted(asked[question_id], permutation)
            options, answer_index = question["options"], question["answer_index"]
            parsed = judge(text, options, answer_index, bool(finished))
            index = None if parsed.index is None else order[parsed.index]
            judged[key] = (index, parsed.outcome, is_right(parsed.index, options, answer_index))
        results.append(judged[key])
    return generations.assign(
        parsed_index=pd.array([result[0] for result in results], dtype="Int32"),
        outcome=[result[1] for result in results],
        correct=pd.array([result[2] for result in results], dtype="bool"),
    )


def strict(text: str, options: Sequence[str], answer_index: int, finished: bool) -> Parsed:
    """The strict parser, see `parsing`: an option that is plainly stated, or nothing. Doesn't look at the right one."""
    return parse_answer(text, options, finished=finished)


def m1(text: str, options: Sequence[str], answer_index: int, finished: bool) -> Parsed:
    r"""The m1 paper's scorer (arXiv 2504.00869, its evaluation code), which nearly always finds an option, for
    comparison.

    The last \boxed{} or else the whole text is right at once where it equals the right option's text, its letter, or
    "letter. text". Otherwise, after HuatuoGPT-o1: the last "answer is X"; else the last lone capital letter among the
    options'; else the option whose text comes last; else the option nearest by difflib's ratio. It ignores whether the
    answer was cut.
    """
    said = _boxed_or_all(text)
    right = LETTERS[answer_index]
    forms = [options[answer_index], f"{right}. {options[answer_index]}", right]
    if said.lower() in [form.lower() for form in forms]:
        return Parsed(answer_index, PARSED)
    index = _m1_choice(said, options)
    return Parsed(index, PARSED if index is not None else UNPARSED)


SCORERS: dict[str, Scorer] = {"strict": strict, "m1": m1}


def _m1_choice(said: str, options: Sequence[str]) -> int | None:
    said = said.split(_HUATUO_ANSWER)[-1]
    stated = _ANSWER_IS.findall(said)
    if stated:
        index = "ABCDEFGHIJKLMN".index(stated[-1])
        return index if index < len(options) else None
    # Lone letters, as the original finds them: each match takes the character after it, so "A B" holds one.
    lone = re.findall(rf"(?:[\u4e00-\u9fff]|\W|^)(?![aA] )([{LETTERS[: len(options)]}])(?:\W|[\u4e00-\u9fff]|$)", said)
    if lone:
        return LETTERS.index(lone[-1])
    lowered = said.lower()
    places = [lowered.rfind(option.lower()) for option in options]
    if max(places) >= 0:
        return places.index(max(places))
    nearness = [difflib.SequenceMatcher(None, option.lower(), lowered).ratio() for option in options]
    return max(range(len(options)), key=lambda index: (nearness[index], index))


def _boxed_or_all(text: str) -> str:
    if (start := text.rfind("\\boxed")) >= 0:
        text = _balanced(text, start)
    for command in ("\\boxed", "\\text"):
        if text.startswith(command + "{") and text.endswith("}"):
            text = text[len(command) + 1 : -1]
            if "=" in text:
                text = text.rsplit("=", 1)[1].lstrip(" ")
    return text


def _balanced(text: str, start: int) -> str:
    """From ``start`` to the brace that closes the first one opened; the whole text where none does."""
    depth = 0
    for position in range(start, len(text)):
        depth += (text[position] == "{") - (text[position] == "}")
        if depth == 0 and text[position] == "}":
            return text[start : position + 1]
    return text
