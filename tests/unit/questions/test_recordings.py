"""Recordings: a question gets its options in the order that its recorded trace speaks of."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers.question_files import FIELDS, ROW, write
from m1flow.errors import M1FlowError
from m1flow.questions.recordings import RecordedOrders, recorded_question, split_prompt
from m1flow.questions.sources import load
from m1flow.study.settings.problems import read
from m1flow.study.settings.question_sets import QuestionSetSettings


@pytest.mark.parametrize(
    "options",
    [
        {"A": "z", "B": "y", "C": "x", "D": None},
        ["z", "y", "x"],
        [{"letter": letter, "content": text} for letter, text in zip("ABC", "zyx", strict=True)],
    ],
)
def test_recorded_options_come_in_any_shape(tmp_path, options, caplog):
    rows = [{"question": "Which?", "options": options, "completion": "c"}]
    if isinstance(options, dict):  # as Parquet unifies structs
        rows.append({"question": "Who?", "options": dict.fromkeys("ABCD", "t"), "completion": "c"})
    pd.DataFrame(rows).to_parquet(tmp_path / "t.parquet")
    path = write(tmp_path / "d.json", [{"q": f"{stem}?", "opts": ["x", "y", "z"], "a": 0} for stem in ("Why", "Which")])
    spec = {"adapter": "records", "path": str(path), "fields": FIELDS, "shuffle": False}
    table, _ = load("src", read(QuestionSetSettings, spec), 0, recordings=[tmp_path / "t.parquet"])
    assert list(map(list, table["options"])) == [["x", "y", "z"], ["z", "y", "x"]]
    assert "no options" not in caplog.text


def test_recordings_without_options_are_counted(tmp_path, caplog):
    rows = [{"prompt": prompt} for prompt in ("Which?", "Who?\nA. x\nB. y", "What?")]
    spec = {"adapter": "records", "path": str(write(tmp_path / "d.json", [ROW])), "fields": FIELDS}
    load("src", read(QuestionSetSettings, spec), 0, recordings=[write(tmp_path / "t.json", rows)])
    assert "t.json: 2 recordings have no options" in caplog.text


@pytest.mark.parametrize("layout", ["published", "completion"])
def test_options_stand_as_the_recorded_trace_speaks_of_them(tmp_path, layout):
    rows = [{"q": f"Q{n}?", "opts": ["x", "same", "same", "y"], "a": 3, "c": "Said."} for n in range(20)]
    path = write(tmp_path / "d.json", rows)
    published = {"prompt": "Said.\nQ7?\nA. same\nB. y\nC. x\nD. same", "reasoning": "r", "distilled_answer_string": "B"}
    options = {"A": "same", "B": "y", "C": "x", "D": "same"}
    completed = {"question": "said.  q7?", "options": options, "completion": "r"}
    traces = write(tmp_path / "t.json", [published if layout == "published" else completed])
    spec = {"adapter": "records", "path": str(path), "fields": FIELDS | {"context": "c"}}
    table = load("src", read(QuestionSetSettings, spec), 0, recordings=[traces])[0]
    shuffled = load("src", read(QuestionSetSettings, spec), 0)[0]
    assert list(table["options"][7]) == ["same", "y", "x", "same"] and table["answer_index"][7] == 1
    others = [n for n in range(20) if n != 7]
    assert table["options"].map(list)[others].tolist() == shuffled["options"].map(list)[others].tolist()
    assert table["question_id"].tolist() == shuffled["question_id"].tolist()


lines = st.text("abA.)B ", max_size=8)


@given(st.lists(lines, max_size=3), st.lists(st.text("xyz ", min_size=1).map(str.strip), min_size=2, max_size=10))
def test_the_last_lines_with_letters_are_the_options(stem, options):
    """Whatever stands before them, even a line that begins as an option does."""
    listed = "\n".join(f"{letter}. {text}" for letter, text in zip("ABCDEFGHIJ", options, strict=False))
    question = "\n".join(["What?", *stem])
    assert split_prompt(f"{question}\n{listed}x") == (question, [*options[:-1], f"{options[-1]}x".strip()])


@pytest.mark.parametrize("prompt", ["What?", "What?\nA. only one", "A patient\nis ill. What?"])
def test_a_prompt_without_options_is_all_question(prompt):
    assert split_prompt(prompt) == (prompt, [])


def test_an_option_may_go_on_in_the_next_line():
    assert split_prompt("What?\nA) x\ny\nB) z") == ("What?", ["x\ny", "z"])


def test_a_recording_without_a_layout_is_named_with_its_fields(tmp_path):
    with pytest.raises(M1FlowError, match=r"t\.json: options_of: field 'prompt' is missing; the file has text: name"):
        RecordedOrders([write(tmp_path / "t.json", [{"text": "x"}])])
    assert recorded_question({"question": "q", "options": None, "completion": "c"}) == ("q", [])


def test_the_first_recording_of_a_question_counts(tmp_path):
    rows = [
        {"question": "Q?", "options": {"A": first, "B": second}, "completion": "c"} for first, second in ("yx", "xy")
    ]
    orders = RecordedOrders([write(tmp_path / "t.json", rows)])
    question = {"context": "", "stem": "q?", "options": ["x", "y"]}
    assert orders.order(question) == [1, 0]
    assert orders.order(question | {"stem": "other?"}) is None
    assert orders.order(question | {"options": ["x", "z"]}) is None
