"""Planted copies: disguised benchmark questions that measure how many of each kind decontamination catches."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from typing import Any

import pandas as pd

from m1flow.text.letters import LETTERS

INSTRUCTIONS = (
    "Answer the following multiple choice question.",
    "You are a medical expert. Think step by step, then give the letter of the best option.",
    "Question:",
    "The following is a question from a medical licensing examination.",
)
CLAUSES = (
    "Choose the single best answer.",
    "Explain your reasoning.",
    "Select one of the options below and justify your choice.",
    "(2019)",
)
DROPPED = 0.05
_MARK = re.compile(r"[,;:.?!\"'](?!\w)")
"""Punctuation, but not the point in 3.5 or the apostrophe in Crohn's."""

_SENTENCE_END = re.compile(r"(?<=[.?!])\s+")


def planted_copies(benchmarks: pd.DataFrame, size: int, seed: int) -> dict[str, pd.DataFrame]:
    """Copies of a random sample of benchmark questions, by kind.

    Args:
        benchmarks: questions table.
        size: number of questions to copy in each kind; all if there are fewer.
        seed: determines the sample and the disguises.

    Returns:
        Kind -> questions table, in the same order for all kinds; a kind leaves out questions that it can't change
        (one sentence can't be reordered). Ids and origins differ from those of all other questions.
    """
    sample = benchmarks.sample(min(size, len(benchmarks)), random_state=seed)
    found = {}
    for kind, disguise in KINDS.items():
        copies = []
        for place, question in enumerate(sample.to_dict("records")):
            question["options"] = list(question["options"])
            changed = disguise(question, random.Random(f"{seed}:{kind}:{question['question_id']}"))
            if changed is not None:
                unique = {"question_id": f"planted-{kind}-{place}", "origin_id": "", "source": f"planted {kind}"}
                copies.append(question | changed | unique)
        found[kind] = pd.DataFrame(copies, columns=benchmarks.columns)
    return found


def _verbatim(question: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    return {}


def _case_and_punctuation(question: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    def change(text: str) -> str:
        bare = _MARK.sub(lambda mark: rng.choice(["", " ", mark[0]]), text)
        spaced = re.sub(r"\s", lambda _: rng.choice([" ", "  ", "\n"]), bare)
        return rng.choice([str.upper, str.lower, str.title])(spaced)

    return {key: change(question[key]) for key in ("context", "stem")} | {
        "options": [change(option) for option in question["options"]]
    }


def _options_reordered(question: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    order = list(range(len(question["options"])))
    while order == sorted(order):
        rng.shuffle(order)
    return {
        "options": [question["options"][place] for place in order],
        "answer_index": order.index(question["answer_index"]),
    }


def _options_appended(question: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    mark = rng.choice(["{}. {}", "({}) {}", "{}) {}"])
    options = [mark.format(letter, text) for letter, text in zip(LETTERS, question["options"], strict=False)]
    return {"stem": question["stem"] + rng.choice(["\n", " ", "\nOptions:\n"]) + rng.choice(["\n", " "]).join(options)}


def _instruction_prefixed(question: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    return {"stem": f"{rng.choice(INSTRUCTIONS)} {question['stem']}"}


def _clause_appended(question: dict[str, Any], rng: random.Random) -> dict[str, Any]:
    return {"stem": f"{question['stem']} {rng.choice(CLAUSES)}"}


def _words_dropped(question: dict[str, Any], rng: random.Random) -> dict[str, Any] | None:
    words = question["stem"].split()
    if len(words) < 2:
        return None
    dropped = set(rng.sample(range(len(words)), max(1, round(DROPPED * len(words)))))
    return {"stem": " ".join(word for place, word in enumerate(words) if place not in dropped)}


def _sentences_reordered(question: dict[str, Any], rng: random.Random) -> dict[str, Any] | None:
    sentences = _SENTENCE_END.split(question["stem"])
    order = list(sentences)
    if len(set(sentences)) < 2:
        return None
    while order == sentences:
        rng.shuffle(order)
    return {"stem": " ".join(order)}


KINDS: dict[str, Callable[[dict[str, Any], random.Random], dict[str, Any] | None]] = {
    "verbatim": _verbatim,
    "case and punctuation changed": _case_and_punctuation,
    "options reordered": _options_reordered,
    "options appended to the stem": _options_appended,
    "instruction prefixed": _instruction_prefixed,
    "clause appended": _clause_appended,
    "5 % of words dropped": _words_dropped,
    "sentences reordered": _sentences_reordered,
}
"""Functions that disguise a question, by name; they return None if the question can't be disguised that way."""
