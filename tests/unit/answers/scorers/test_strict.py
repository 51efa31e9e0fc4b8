"""The strict scorer reads what the strict parser reads, whichever option is right."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from m1flow.answers.scorer import Answer, Scorer
from m1flow.answers.strict import parse_answer
from m1flow.study.seams.scorers import SCORERS

OPTIONS = ("Aspirin", "Heparin", "Iron")
texts = st.sampled_from([r"\boxed{B}", r"\boxed{A", "Iron", "Answer: C", "", "hm"])


@given(texts, st.booleans(), st.none() | st.integers(0, 2))
def test_the_right_option_sways_no_reading(text, finished, right):
    strict = SCORERS.load("strict", Scorer)
    assert not strict.reads_right_option
    reading = strict.read(Answer(text=text, options=OPTIONS, finished=finished, right=right))
    assert reading == parse_answer(text, OPTIONS, finished=finished)
