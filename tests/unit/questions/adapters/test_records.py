"""The adapter records: rows of any file, by a mapping of fields."""

from __future__ import annotations

import pandas as pd
import pytest

from helpers.question_files import FIELDS, ROW, records, write
from m1flow.errors import M1FlowError
from m1flow.questions.sources import load
from m1flow.study.settings.problems import read
from m1flow.study.settings.question_sets import QuestionSetSettings


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv", ".parquet"])
def test_records_of_every_kind_of_file(tmp_path, suffix):
    frame = pd.DataFrame(
        [{"q": "Which?", "o1": "x", "o2": "y", "a": "y", "n": "n1"}, {"q": "Who?", "o1": "v", "o2": "w", "a": "v"}]
    )
    path = tmp_path / f"data{suffix}"
    if suffix == ".parquet":
        frame.to_parquet(path)
    elif suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_json(path, orient="records", lines=suffix == ".jsonl")
    fields = {"question": "q", "options": ["o1", "o2"], "answer": "a", "id": "n"}
    table, report = records(path, fields)
    assert list(table["stem"]) == ["Which?", "Who?"] and list(table["answer_index"]) == [1, 0]
    assert table["origin_id"][0] == "n1" and report["read"] == 2


@pytest.mark.parametrize(
    "options", [{"B": "y", "A": "x"}, ["x", "y"], [{"letter": "A", "content": "x"}, {"letter": "B", "content": "y"}]]
)
@pytest.mark.parametrize("answer", ["B", 1, "y", 1.0])
def test_records_take_options_and_answers_in_any_shape(tmp_path, options, answer):
    table, _ = records(write(tmp_path / "d.json", [{"q": "Which?", "opts": options, "a": answer}]))
    assert list(table["options"][0]) == ["x", "y"] and table["answer_index"][0] == 1


def test_records_reach_into_nested_fields_and_take_the_rest(tmp_path):
    row = {"d": {"q": "Which?"}, "opts": ["x", "y"], "a": 0, "ctx": ["one", "two"], "sp": "dev", "dom": "eye"}
    fields = {"question": "d.q", "options": "opts", "answer": "a", "context": "ctx", "split": "sp", "domain": "dom"}
    table, _ = records(write(tmp_path / "d.json", {"k7": row}), fields)
    assert table[["context", "split", "domain", "origin_id"]].values.tolist() == [["one\ntwo", "dev", "eye", "k7"]]


def test_a_position_in_the_entry_is_no_label(tmp_path):
    path = write(tmp_path / "d.json", [ROW | {"opts": {"1": "x", "2": "y"}, "a": 1}])
    assert records(path)[0]["answer_index"][0] == 0
    assert records(path, FIELDS | {"answer": 1})[0]["answer_index"][0] == 1


@pytest.mark.parametrize("shape", ["list", "mapping", "contents", "fields"])
def test_too_many_options_drop_the_row_alone(tmp_path, shape):
    many = {letter: f"t{letter}" for letter in "ABCDEFGHIJKL"}
    fields, rows = FIELDS, [ROW, ROW | {"opts": many}]
    if shape == "list":
        rows[1] = ROW | {"opts": list(many.values())}
    elif shape == "contents":
        rows[1] = ROW | {"opts": [{"letter": letter, "content": text} for letter, text in many.items()]}
    elif shape == "fields":
        fields = FIELDS | {"options": list(many)}
        rows = [ROW | dict.fromkeys(many) | {"A": "x", "B": "y"}, ROW | many]
    table, report = records(write(tmp_path / "d.json", rows), fields)
    assert len(table) == 1 and report["dropped"] == {"more than 10 options": 1}


def test_rows_without_names_for_their_fields_are_refused(tmp_path):
    path = str(write(tmp_path / "d.json", [ROW]))
    with pytest.raises(
        M1FlowError,
        match=r"config: src: fields: missing; name the fields of .*d\.json that hold question, options and answer",
    ):
        load("src", read(QuestionSetSettings, {"adapter": "records", "path": path}), 0)


def test_records_lose_such_a_copy_as_well(tmp_path):
    path = write(
        tmp_path / "d.json", [ROW | {"q": "Which? Answer Choices: (A) x (B) y"}, ROW | {"q": "Answer Choices: (A)?"}]
    )
    assert list(records(path)[0]["stem"]) == ["Which?", "Answer Choices: (A)?"]


def test_the_answer_may_stand_at_one_place_and_an_image_drops_the_row(tmp_path):
    rows = [{"q": "Which?", "right": "B", "wrong": "x"}, {"q": "What?", "right": "y", "wrong": "z", "img": "p.png"}]
    fields = {"question": "q", "options": ["right", "wrong"], "answer": 0, "image": "img"}
    rows[0]["img"] = None
    table, report = records(write(tmp_path / "d.json", rows), fields)
    assert table["options"][0][table["answer_index"][0]] == "B"
    assert report["dropped"] == {"image question": 1}


CSV_FIELDS = {"question": "q", "options": ["o1", "o2", "o3"], "answer": "a"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("q,o1,o2,o3,a\nDose, in mg?,1,2,3,B\n", "line 2 doesn't have 5 cells; quote texts that hold commas"),
        ("q,o1,o2,o3,a\nDose?,1,2\n", "line 2 doesn't have 5 cells"),
        ("q,o1,o1,o3,a\nDose?,1,2,3,B\n", "two columns are called 'o1'"),
        ("q,o1,o2,o3,a\nDose?,x,y,z,1\nWhen?,u,v,w,3\n", "fields.answer: 'a' counts options from 1"),
    ],
)
def test_tables_that_would_give_wrong_questions_are_refused(tmp_path, content, message):
    with pytest.raises(M1FlowError, match=message) as caught:
        records(write(tmp_path / "d.csv", content), CSV_FIELDS)
    assert "\n" not in str(caught.value)


def test_long_cells_and_capital_suffixes_are_read(tmp_path):
    passage = "word " * 40_000
    table, _ = records(write(tmp_path / "D.CSV", f"q,o1,o2,o3,a\n{passage},x,y,z,B\n"), CSV_FIELDS)
    assert len(table["stem"][0]) == len(passage) - 1


def test_answers_that_count_from_0_are_taken(tmp_path):
    table, _ = records(write(tmp_path / "d.csv", "q,o1,o2,o3,a\nDose?,x,y,z,0\nWhen?,u,v,w,2\n"), CSV_FIELDS)
    assert list(table["answer_index"]) == [0, 2]
