"""The report's opening sentences: what they claim, about what, and from which numbers."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from helpers.synthetic_study import sweep_rows
from m1flow.analysis.intervals import wilson
from m1flow.report.findings import findings
from m1flow.study.roster import Model
from m1flow.sweep.plan import NO_CUE

BASE = Model("tiny", False, base="tiny")
FEW = Model("full_40", True, 40, "full", "hard", "tiny", "hard_40", "hard")
MANY = Model("full_1000", True, 1000, "full", "hard", "tiny", "hard_1000", "hard")


def rows_of(model: Model, right: np.ndarray, budget: int = 8, extensions: int = 0) -> pd.DataFrame:
    """Rows of one cell from what is right: (question, sample)."""
    question, sample = (place.ravel() for place in np.indices(right.shape))
    named = {"model": model.name, "benchmark": "b", "budget": budget, "extensions": extensions}
    ids = [f"q{number}" for number in question]
    return pd.DataFrame({"question_id": ids, "sample": sample, "correct": right.ravel().astype(bool), **named})


def told(rows: list[pd.DataFrame], *models: Model, **more: str) -> str:
    """Text of the sentences, without tags."""
    return re.sub("<[^>]*>", "", " ".join(findings(pd.concat(rows), models, **more)))


def rows_of_model(questions: int) -> list[pd.DataFrame]:
    return [sweep_rows(MANY.name, "in_domain", questions).assign(model=MANY.name, benchmark="in_domain")]


def test_findings_say_what_the_intervals_carry():
    text = told(rows_of_model(200), MANY)
    assert "Thinking longer helps." in text and "Forcing the model to go on hurts." in text


def test_findings_claim_nothing_on_too_few_questions():
    text = told(rows_of_model(2), MANY)
    assert "makes no clear difference" in text and "helps" not in text and "hurts" not in text


def test_models_with_different_numbers_of_samples_are_compared_by_all_of_them():
    """The first samples alone are all wrong, the others all right."""
    few = np.repeat([[True], [False]], [2, 28], axis=0)
    many = np.repeat([[False] + [True] * 7], 30, axis=0)
    text = told([rows_of(FEW, few), rows_of(MANY, many)], FEW, MANY)
    (numbers,) = re.findall(r"40 traces give ([\d.]+)% .*1,000 give ([\d.]+)% .*: \+([\d.]+) points", text)
    before, after, change = map(float, numbers)
    assert (before, after) == (6.7, 87.5) and change == pytest.approx(after - before, abs=0.11)
    assert "Training on more traces helps." in text


def test_samples_that_no_number_divides_are_counted_exactly():
    """Half right against two thirds right, of every question."""
    few, many = np.repeat([[True, False]], 30, axis=0), np.repeat([[True, True, False]], 30, axis=0)
    assert "Training on more traces helps." in told([rows_of(FEW, few), rows_of(MANY, many)], FEW, MANY)


def test_the_more_sentences_the_more_evidence_each_needs():
    """Six of 30 questions changed, all one way: p = 0.031."""
    wrong, right = np.zeros((30, 1)), np.arange(30)[:, None] < 6
    few, many = rows_of(FEW, wrong), rows_of(MANY, right)
    alone = told([few, many], FEW, MANY)
    assert "Training on more traces helps." in alone
    more = told([few, many, rows_of(MANY, wrong, extensions=1)], FEW, MANY)
    assert more.count("makes no clear difference") == 2


def test_both_sides_are_of_the_questions_that_both_have():
    few, many = rows_of(FEW, np.zeros((40, 1))), rows_of(MANY, np.ones((40, 1)))
    text = told([few, many.iloc[:20]], FEW, MANY)
    low, high = wilson(0, 20)
    assert f"40 traces give 0.0% ({100 * low:.1f}–{100 * high:.1f})" in text


def test_models_that_were_swept_to_different_budgets_meet_at_the_largest_they_share():
    wrong, right = np.zeros((30, 1)), np.ones((30, 1))
    few = [rows_of(FEW, wrong, budget) for budget in (8, 16)]
    many = [rows_of(MANY, right if budget == 16 else wrong, budget) for budget in (8, 16, 32)]
    text = told([*few, *many], FEW, MANY)
    assert "with up to 16 thinking tokens, 40 traces give 0.0%" in text and "1,000 give 100.0%" in text
    apart = told([*few, rows_of(MANY, right, 32)], FEW, MANY)
    assert "traces give" not in apart, "they share no budget"


def test_a_model_that_answers_at_once_is_held_against_the_largest_budget():
    cells = [rows_of(MANY, np.zeros((30, 1)), 8), rows_of(MANY, np.ones((30, 1)), 16)]
    text = told([rows_of(BASE, np.zeros((30, 1)), 0), *cells], BASE, MANY)
    assert "Fine-tuning on traces helps. On b, tiny answers 0.0%" in text
    assert "full_1000, made from it, 100.0%" in text and "with up to 16 thinking tokens: +100.0 points" in text


def test_extensions_are_told_by_questions_and_need_none_as_a_reference():
    answers = np.arange(40)[:, None] >= [20, 20, 20]
    worse = answers & (np.arange(40)[:, None] % 2 == 0)
    worse[20, 0] = not answers[20, 0]
    cells = [rows_of(MANY, answers), rows_of(MANY, worse, extensions=2), rows_of(MANY, answers, extensions=1)]
    assert "Forced on 2× by “Wait”, full_1000 changes" in (text := told(cells, MANY))
    assert "Forced on 2× without a cue, full_1000 changes" in told(cells, MANY, cue=NO_CUE)
    assert "of 40 questions, 11 are right less often and 0 more often" in text
    assert told(cells[1:], MANY) == ""
