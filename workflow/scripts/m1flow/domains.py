r"""Domains: a model names what a question is about by a code of a vocabulary; an answer that names none is asked again.

What counts as naming a code (`parse_code`):

1. ``\boxed{...}``, and lines that begin "Code:" or "Answer:". Each of them must read as one term of the vocabulary:
   its code, its name, or both where they agree. Case doesn't count here.
2. Without either: the last line, if all of it is a term, and no other line is another; a code in the vocabulary's own
   case, since "in" and "to" are words.

Two different terms, or anything else beside a term, name none: a domain is never guessed.
"""

from __future__ import annotations

import logging
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from m1flow.chat import Asked, JournalledChat, Turn, sampling_for
from m1flow.parsing import bare, find_boxes
from m1flow.questions import prompt_text
from m1flow.vocabulary import Vocabulary, fold

log = logging.getLogger(__name__)

ASSIGNED, INVALID = "assigned", "invalid"

ASK_AGAIN = "\nYour answer must name exactly one code of the list, alone, within \\boxed{}."
"""What is added to the prompt where a question is asked again."""
ASK_AGAIN_TEMPERATURE = 0.7
"""The least temperature of later attempts: decoded greedily, a model would only repeat itself."""

_CUE = re.compile(r"(?:final\s+)?(?:answer|code)\W*:(.*)", re.IGNORECASE)


def parse_code(answer: str, vocabulary: Vocabulary) -> str | None:
    """The code that an answer plainly names, by the rules above; else None."""
    boxes, unclosed = find_boxes(answer)
    if unclosed:
        return None
    outside = "".join(_outside(answer, [(start, end) for _, start, end in boxes]))
    lines = [line for line in outside.splitlines() if fold(line)]
    stated = [content for content, _, _ in boxes if fold(bare(content))]
    cues = [match[1] for line in lines if (match := _CUE.match(line.strip(" \t*_#>-`")))]
    stated += [content for content in cues if fold(content)]
    if stated:
        named = {vocabulary.read(bare(content)) for content in stated}
    else:
        read = [vocabulary.read(bare(line), any_case=False) for line in lines]
        named = {code for code in read if code is not None} if read and read[-1] is not None else set()
    return named.pop() if len(named) == 1 else None


def to_assign(questions: pd.DataFrame, traces: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The questions of the pool with a verified trace by any teacher: only they can be in a dataset."""
    verified = {key for table in traces for key in table.loc[table["verified"].astype(bool), "question_id"]}
    return questions[questions["question_id"].isin(verified)].reset_index(drop=True)


def assign_domains(
    questions: pd.DataFrame,
    chat: JournalledChat,
    spec: Mapping[str, Any],
    prompts: Mapping[str, str],
    vocabulary: Vocabulary,
    *,
    seed: int,
) -> tuple[pd.DataFrame, dict]:
    """Ask a model for each question's domain; an answer that names no code is asked again, then marked.

    Args:
        questions: rows of the questions contract.
        chat: who is asked; its journal makes this resumable.
        spec: the study's domains: ``attempts``, ``temperature`` of the first attempt, ``top_p``.
        prompts: the study's; ``domain`` is used, with the fields {question} and {codes}.
        vocabulary: the domains.
        seed: the study's; each question's later attempts have their own stream.

    Returns:
        Rows of the domains contract and ``answer``, the last one given, in the questions' order; and counts:
        ``questions``, ``assigned``, ``invalid``, questions by ``domain``, ``unread_answers`` by reason, and the
        ``bill``: ``answers`` (of all attempts), ``prompt_tokens``, ``cached_tokens``, ``completion_tokens``, ``cost``.
    """
    rows = {row["question_id"]: row for row in questions.to_dict("records")}
    made: dict[str, dict] = {}
    bill, unread = _Bill(), Counter()
    todo = list(rows)
    for attempt in range(1, spec["attempts"] + 1):
        if not todo:
            break
        label = "domains" if attempt == 1 else f"domains, attempt {attempt}"
        asking = _Attempt(attempt, spec, prompts, vocabulary, seed)
        chat.ask((asking.asked(rows[key]) for key in todo), label, len(todo))
        for key in todo:
            turn = chat.turn(asking.asked(rows[key]))
            code, reason = _judge(turn, vocabulary)
            bill.add(turn)
            unread.update([reason] if reason else [])
            made[key] = {
                "question_id": key,
                "domain": vocabulary.names.get(code),
                "code": code,
                "attempts": attempt,
                "outcome": INVALID if code is None else ASSIGNED,
                "answer": turn.answer,
            }
        todo = [key for key in todo if made[key]["outcome"] == INVALID]
    columns = ["question_id", "domain", "code", "attempts", "outcome", "answer"]
    table = pd.DataFrame([made[key] for key in rows], columns=columns)
    counts = {
        "questions": len(table),
        "assigned": len(table) - len(todo),
        "invalid": len(todo),
        "domain": dict(sorted(Counter(table["domain"].dropna()).items())),
        "unread_answers": dict(sorted(unread.items())),
        "bill": asdict(bill),
    }
    log.info("domains: %(questions)d questions, %(assigned)d assigned, %(invalid)d invalid", counts)
    if todo:
        log.warning(
            "domains: %d questions have none; the last answer of one: %.100r", len(todo), made[todo[0]]["answer"]
        )
    return table, counts


@dataclass(frozen=True)
class _Attempt:
    """One round of asking."""

    number: int
    spec: Mapping[str, Any]
    prompts: Mapping[str, str]
    vocabulary: Vocabulary
    seed: int

    def asked(self, question: Mapping[str, Any]) -> Asked:
        """The user's turn; the template is split at {codes} before it is filled: braces in notes are no fields."""
        parts = self.prompts["domain"].split("{codes}")
        filled = (prompt_text(question, {**self.prompts, "domain": part}, "domain") for part in parts)
        text = self.vocabulary.listing.join(filled)
        spec = self.spec
        if self.number > 1:
            text += ASK_AGAIN
            spec = {**spec, "temperature": max(spec.get("temperature", 0), ASK_AGAIN_TEMPERATURE)}
        key = question["question_id"]
        return Asked(key, text, sampling_for(spec, self.seed, key, self.number))


@dataclass
class _Bill:
    """What answers took, whether they were asked for now or before; ``cost`` is None where none has a price."""

    answers: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None

    def add(self, turn: Turn) -> None:
        self.answers += 1
        self.prompt_tokens += turn.prompt_tokens
        self.cached_tokens += turn.cached_tokens
        self.completion_tokens += turn.completion_tokens
        if turn.cost is not None:
            self.cost = (self.cost or 0.0) + turn.cost


def _judge(turn: Turn, vocabulary: Vocabulary) -> tuple[str | None, str]:
    """The code that a turn names, or why there is none."""
    if turn.refused:
        return None, "refused"
    if not turn.finished:
        return None, "truncated"
    if not turn.answer.strip():
        return None, "empty"
    code = parse_code(turn.answer, vocabulary)
    return code, "" if code is not None else "unparsed"


def _outside(text: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """The text between spans."""
    starts, ends = [0, *(end for _, end in spans)], [*(start for start, _ in spans), len(text)]
    return [text[start:end] for start, end in zip(starts, ends, strict=True)]
