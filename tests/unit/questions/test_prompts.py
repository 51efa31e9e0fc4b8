"""Prompts: a question is put into its template as it is, and nothing in it is taken for a field."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m1flow.errors import M1FlowError
from m1flow.questions.prompts import prompt_text, render


def test_render(make_questions):
    question = make_questions({"context": "Ctx.", "stem": "Which?", "options": ["x", "y"]}).iloc[0]
    assert render(question, "{context}\n{stem}\n{options}") == "Ctx.\nWhich?\nA. x\nB. y"


def test_a_blank_context_leaves_no_blank_line(make_questions):
    question = make_questions({"stem": "Which?", "options": ["x", "y"]}).iloc[0]
    assert render(question, "{context}\n{stem}\n\n{options}") == "Which?\n\nA. x\nB. y"


@given(stem=st.text("{}stemoption\\", max_size=30), option=st.text("{}context", min_size=1, max_size=20))
def test_braces_in_a_question_are_just_text(stem, option):
    question = {"context": "", "stem": f"?{stem}", "options": [option, "{stem}"], "answer_index": 0}
    assert render(question, "{stem}\n{options}") == f"?{stem}\nA. {option}\nB. {{stem}}"


def test_a_turn_is_the_question_in_its_instruction(make_questions):
    question = make_questions({"stem": "Which {question}?", "options": ["x", "y"]}).iloc[0]
    prompts = {"question": "{stem}\n{options}", "evaluate": "{question}\nAnswer in \\boxed{}."}
    assert prompt_text(question, prompts, "evaluate") == "Which {question}?\nA. x\nB. y\nAnswer in \\boxed{}."


def test_an_unknown_field_is_named(make_questions):
    with pytest.raises(M1FlowError, match="unknown field {choices}"):
        render(make_questions({}).iloc[0], "{stem} {choices}")
