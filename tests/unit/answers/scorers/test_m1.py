"""The paper's scorer: it nearly always finds an option, as its own code does."""

from __future__ import annotations

import pytest

from m1flow.answers.scorer import Answer, Scorer
from m1flow.study.seams.scorers import SCORERS

DRUGS = ["Aspirin", "Dexamethasone", "Folic acid", "Vitamin K"]


def by_the_paper(text):
    return SCORERS.load("m1", Scorer).read(Answer(text=text, options=DRUGS, right=1))


@pytest.mark.parametrize(
    ("text", "index"),
    [
        (r"thus \boxed{B}", 1),
        (r"\boxed{\text{B}}", 1),
        (r"\boxed{x = B}", 1),
        (r"\boxed{k_{A} = B}", 1),
        (r"\boxed{dexamethasone}", 1),
        (r"\boxed{B. Dexamethasone}", 1),
        (r"\boxed{A} no, \boxed{B}", 1),
        ("The answer is C. Or the answer is D", 3),
        ("the answer is Dexamethasone", 3),  # takes the first letter of the word: the original's flaw
        ("I choose (C), not (A).", 0),  # the last lone letter
        ("it must be folic acid", 2),
        ("aspirin, or rather vitamin k", 3),
        ("aspirin dexamethason", 0),
        ("folik acit", 2),
        ("", 3),  # nothing said: the nearest option is the last one
    ],
)
def test_the_papers_scorer(text, index):
    assert by_the_paper(text).index == index


def test_the_papers_scorer_takes_letters_beyond_the_options_as_wrong():
    assert by_the_paper("the answer is K").outcome == "unparsed"
