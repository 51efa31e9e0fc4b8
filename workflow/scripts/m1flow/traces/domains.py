"""Domains: a model names each question's domain by a code; if an answer names none, the question is asked again."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from m1flow.answers.domain_codes import parse_code
from m1flow.answers.outcomes import read_turn
from m1flow.chat.journalled import JournalledChat
from m1flow.chat.turns import ModelTurn, UserTurn, sampling_for
from m1flow.questions.prompts import prompt_text
from m1flow.study.settings.domains import DomainSettings
from m1flow.study.vocabulary import Vocabulary

log = logging.getLogger(__name__)

ASSIGNED, INVALID = "assigned", "invalid"

ASK_AGAIN = "\nYour answer must name exactly one code of the list, alone, within \\boxed{}."
"""The text added to the prompt when a question is asked again."""
ASK_AGAIN_TEMPERATURE = 0.7
"""The lowest temperature of later attempts: greedy decoding would only repeat the first answer."""


def to_assign(questions: pd.DataFrame, traces: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """The questions of the pool with a verified trace by any teacher: only they can be in a dataset."""
    verified = {key for table in traces for key in table.loc[table["verified"].astype(bool), "question_id"]}
    return questions[questions["question_id"].isin(verified)].reset_index(drop=True)


def assign_domains(
    questions: pd.DataFrame,
    chat: JournalledChat,
    settings: DomainSettings,
    prompts: Mapping[str, str],
    vocabulary: Vocabulary,
    *,
    seed: int,
) -> tuple[pd.DataFrame, dict]:
    """Ask a model for each question's domain, again if an answer names no code; mark those that stay without one.

    Args:
        questions: rows of the questions contract.
        chat: the model to ask; its journal makes this resumable.
        settings: the study's ``domains``: ``attempts``, ``temperature`` of the first attempt, ``top_p``.
        prompts: the study's prompts; ``domain`` is used, with the fields {question} and {codes}.
        vocabulary: the domains.
        seed: the study's seed; each question's later attempts have their own stream.

    Returns:
        Rows of the domains contract and ``answer``, the last one given, in the questions' order; and counts:
        ``questions``, ``assigned``, ``invalid``, questions by ``domain``, ``unread_answers`` by reason, and the
        ``bill``: ``answers`` (of all attempts), ``prompt_tokens``, ``cached_tokens``, ``completion_tokens``, ``cost``.
    """
    rows = {row["question_id"]: row for row in questions.to_dict("records")}
    results: dict[str, dict] = {}
    bill, unread = _Bill(), Counter[str]()
    todo = list(rows)
    for attempt in range(1, settings.attempts + 1):
        if not todo:
            break
        label = "domains" if attempt == 1 else f"domains, attempt {attempt}"
        asking = _Attempt(attempt, settings, prompts, vocabulary, seed)
        chat.ask((asking.user_turn(rows[key]) for key in todo), label, len(todo))
        for key in todo:
            turn = chat.turn(asking.user_turn(rows[key]))
            code, outcome = read_turn(turn, lambda answer: parse_code(answer, vocabulary), ASSIGNED)
            bill.add(turn)
            unread.update([outcome] if code is None else [])
            results[key] = {
                "question_id": key,
                "domain": None if code is None else vocabulary.names[code],
                "code": code,
                "attempts": attempt,
                "outcome": INVALID if code is None else outcome,
                "answer": turn.answer,
            }
        todo = [key for key in todo if results[key]["outcome"] == INVALID]
    columns = ["question_id", "domain", "code", "attempts", "outcome", "answer"]
    table = pd.DataFrame([results[key] for key in rows], columns=columns)
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
            "domains: %d questions got none; the last answer to one of them: %.100r",
            len(todo),
            results[todo[0]]["answer"],
        )
    return table, counts


@dataclass(frozen=True)
class _Attempt:
    """The settings of one attempt."""

    number: int
    settings: DomainSettings
    prompts: Mapping[str, str]
    vocabulary: Vocabulary
    seed: int

    def user_turn(self, question: Mapping[str, Any]) -> UserTurn:
        """The user's turn that asks for a question's domain."""
        text = prompt_text(question, self.prompts, "domain", codes=self.vocabulary.listing)
        settings = self.settings
        if self.number > 1:
            text += ASK_AGAIN
            settings = settings.model_copy(update={"temperature": max(settings.temperature, ASK_AGAIN_TEMPERATURE)})
        key = question["question_id"]
        return UserTurn(key, text, sampling_for(settings, self.seed, key, self.number))


@dataclass
class _Bill:
    """Totals over all answers, new and journalled; ``cost`` is None if no answer has a price."""

    answers: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    cost: float | None = None

    def add(self, turn: ModelTurn) -> None:
        self.answers += 1
        self.prompt_tokens += turn.prompt_tokens
        self.cached_tokens += turn.cached_tokens
        self.completion_tokens += turn.completion_tokens
        if turn.cost is not None:
            self.cost = (self.cost or 0.0) + turn.cost
