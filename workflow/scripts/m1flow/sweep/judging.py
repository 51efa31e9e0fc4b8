"""An LLM judge: wrong answers are drawn from the sweeps, and a model labels the kind of error in each.

Answers are judged if a model gave them under its largest budget without extensions, and their option could be read and
is wrong. For each model on each benchmark, questions are drawn by a number that depends only on seed and question.
Therefore models that fail on the same questions are judged on the same ones, more can be drawn later without losing
any, and adding a model changes no draw. Answers with a hand label are also judged, for comparison; they don't count as
drawn.

Texts of questions and models that a judge is shown are data: each line is quoted with "> ", so that no text can pass
for the end of its quotation or for a part of the prompt.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from m1flow.answers.error_labels import parse_label
from m1flow.answers.outcomes import read_turn
from m1flow.chat.journalled import JournalledChat
from m1flow.chat.turns import ModelTurn, UserTurn, sampling_for
from m1flow.errors import M1FlowError
from m1flow.files.contracts import CONTRACTS
from m1flow.files.fingerprints import fingerprint
from m1flow.files.parquet import read_table
from m1flow.questions.prompts import fill, render
from m1flow.study.hand_labels import LABELS, AnswerKey
from m1flow.study.settings.judge import JudgeSettings
from m1flow.sweep.grids import KEY, read_scored
from m1flow.text.letters import LETTERS

log = logging.getLogger(__name__)

JUDGED = "judged"
_NOTHING = "(nothing)"
"""Replaces, unquoted, an empty text."""


def answers_to_judge(
    sweeps: Iterable[Path], labelled: Collection[AnswerKey], *, questions: int, seed: int
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Wrong answers, drawn as described above, and those that people labelled.

    Args:
        sweeps: scored sweeps; model and benchmark are the names of a file's folder and of the file.
        labelled: the answers with a hand label.
        questions: number of questions to draw per model and benchmark, with a single wrong answer each.
        seed: the study's seed.

    Returns:
        model, benchmark, question_id, sample, budget, drawn, thinking_text and answer_text, in the sweeps' order; and
        counts: ``wrong`` answers, ``unread`` (wrong since no option could be read, so not judged), ``drawn``,
        ``hand_labelled`` (all hand labels) and ``hand_labels_unused`` (their answers are missing, or not wrong here).
    """
    parts, counts, found = [], Counter(wrong=0, unread=0, drawn=0), set()
    for path in sweeps:
        model, benchmark = path.parent.name, path.stem
        rows = _at_largest_budget(read_scored(path, ["parsed_index", "correct"]))
        wrong = rows[~rows["correct"].astype(bool)]
        read = wrong[wrong["parsed_index"].notna()]
        drawn = _drawn(read, questions, seed)
        by_hand = [
            AnswerKey(model, question_id, sample) in labelled
            for question_id, sample in zip(read["question_id"], read["sample"], strict=True)
        ]
        chosen = read.assign(drawn=drawn)[drawn | pd.Series(by_hand, read.index, dtype=bool)]
        parts.append(_with_texts(path, chosen).assign(model=model, benchmark=benchmark))
        found |= {AnswerKey(model, *key) for key in zip(chosen["question_id"], chosen["sample"], strict=True)}
        counts.update(wrong=len(wrong), unread=len(wrong) - len(read), drawn=int(drawn.sum()))
    unused = sum(key not in found for key in labelled)
    if unused:
        log.warning("judge: %d of %d hand labels belong to answers that aren't wrong here", unused, len(labelled))
    table = pd.concat(parts, ignore_index=True)
    return table, {**counts, "hand_labelled": len(labelled), "hand_labels_unused": unused}


def judge_answers(
    answers: pd.DataFrame,
    benchmarks: Mapping[str, pd.DataFrame],
    chat: JournalledChat,
    settings: JudgeSettings,
    prompts: Mapping[str, str],
    *,
    seed: int,
) -> tuple[pd.DataFrame, dict]:
    """Ask a model for the kind of error in each answer; answers that it gives no label stay without one.

    Args:
        answers: the answers from `answers_to_judge`.
        benchmarks: their questions.
        chat: the model to ask; its journal makes this resumable.
        settings: the study's judge, for ``temperature`` and ``top_p``.
        prompts: the study's prompts; ``judge`` is used, with the fields of `judge_prompt`.
        seed: the study's seed.

    Returns:
        Rows of the judged contract, in the order of ``answers``; and counts: ``judged`` answers, and their numbers
        by ``outcome`` and by ``label``.

    Raises:
        M1FlowError: a question isn't in its benchmark.
    """
    shown = {(name, row["question_id"]): row for name, table in benchmarks.items() for row in table.to_dict("records")}

    def user_turns() -> Iterator[UserTurn]:
        for number, row in enumerate(answers.to_dict("records")):
            key = row["benchmark"], row["question_id"]
            if key not in shown:
                raise M1FlowError(f"{key[0]}: question_id {key[1]!r} is not in this benchmark; rerun the sweep")
            text = judge_prompt(shown[key], row["thinking_text"], row["answer_text"], prompts)
            yield UserTurn(number, text, sampling_for(settings, seed, row["question_id"]))

    chat.ask(user_turns(), "judge", len(answers))
    rows = []
    for user_turn, row in zip(user_turns(), answers.to_dict("records"), strict=True):
        turn = chat.turn(user_turn)
        label, outcome = read_turn(turn, parse_label, JUDGED)
        kept = {name: row[name] for name in ("model", "benchmark", "question_id", "sample", "budget", "drawn")}
        rows.append(kept | {"label": label, "outcome": outcome, "explanation": turn.answer, **_used(turn)})
    table = pd.DataFrame(rows, columns=CONTRACTS["judged"].names)
    counts = {
        "judged": len(table),
        "outcome": dict(sorted(Counter(table["outcome"]).items())),
        "label": {label: int((table["label"] == label).sum()) for label in LABELS},
    }
    log.info("judge: %(judged)d answers, labels %(label)s, outcomes %(outcome)s", counts)
    return table, counts


def judge_prompt(question: Mapping[str, Any], thinking: str, answer: str, prompts: Mapping[str, str]) -> str:
    """The user's turn for the judge: ``prompts["judge"]`` with its fields filled in and quoted.

    The fields: {question} (as `prompts.question` shows it), {options}, {right_answer}, {thinking} and {answer}.
    """
    index = int(question["answer_index"])
    values = {
        "question": render(question, prompts["question"]),
        "options": render(question, "{options}"),
        "right_answer": f"{LETTERS[index]}. {question['options'][index]}",
        "thinking": thinking,
        "answer": answer,
    }
    return fill(prompts["judge"], {name: quoted(text) for name, text in values.items()})


def quoted(text: str) -> str:
    """Text with every line marked by "> ", for any kind of line end."""
    return "\n".join(f"> {line}" for line in text.strip().splitlines()) or _NOTHING


def _at_largest_budget(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows of a scored sweep under the largest budget, without extensions, options in the benchmark's order."""
    plain = _plain(rows)
    return plain[plain["budget"] == plain["budget"].max()]


def _plain(rows: pd.DataFrame) -> pd.DataFrame:
    return rows[(rows["permutation"] == 0) & (rows["extensions"] == 0)]


def _drawn(rows: pd.DataFrame, questions: int, seed: int) -> pd.Series:
    """Whether each row is drawn: one row of each drawn question."""
    keys = list(zip(rows["question_id"], rows["sample"], strict=True))
    places = {
        "place": [fingerprint([seed, "judge", question_id]) for question_id, _ in keys],
        "turn": [fingerprint([seed, "judge", question_id, int(sample)]) for question_id, sample in keys],
    }
    ordered = rows.assign(**places).sort_values(["place", "turn"]).drop_duplicates("question_id")
    return pd.Series(rows.index.isin(ordered.index[:questions]), rows.index)


def _with_texts(path: Path, chosen: pd.DataFrame) -> pd.DataFrame:
    """The chosen rows of a sweep with their texts, which are read only for these rows."""
    key, texts = ["question_id", "sample", "budget"], ["thinking_text", "answer_text"]
    ids = sorted(set(chosen["question_id"]))
    rows = _plain(read_table(path, "sweeps", [*KEY, *texts], question_ids=ids))
    merged = chosen[[*key, "drawn"]].merge(rows[[*key, *texts]], on=key, how="left", validate="one_to_one")
    return merged.assign(**{name: merged[name].fillna("") for name in texts})


def _used(turn: ModelTurn) -> dict[str, Any]:
    return {name: getattr(turn, name) for name in ("reasoning", "prompt_tokens", "completion_tokens", "cost")}
