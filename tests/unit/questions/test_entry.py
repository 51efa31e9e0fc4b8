"""Entries of sources: which files and rows they stand for, and how their problems are named."""

from __future__ import annotations

import pytest

from helpers.question_files import FIELDS, ROW, records, write
from m1flow.errors import M1FlowError
from m1flow.questions.sources import load
from m1flow.study.settings.problems import read
from m1flow.study.settings.question_sets import QuestionSetSettings


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (FIELDS | {"question": "stem"}, r"d\.json: src: field 'stem' is missing; the file has q, opts, a"),
        (FIELDS | {"options": ["o1", "o2"]}, r"d\.json: src: field 'o1' is missing"),
        (FIELDS | {"options": "q"}, "options are of type str; name a field"),
    ],
)
def test_a_missing_field_names_file_field_and_what_there_is(tmp_path, fields, message):
    with pytest.raises(M1FlowError, match=message):
        records(write(tmp_path / "d.json", [ROW]), fields)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(M1FlowError, match=r"none\.json: src: path"):
        records(tmp_path / "none.json")


def test_only_rows_with_the_values_asked_for(tmp_path):
    rows = [ROW | {"q": f"Q{n}", "d": {"kind": kind}} for n, kind in enumerate(["eye", "ear", "law", "eye"])]
    path = write(tmp_path / "d.json", rows)
    table, report = records(path, where={"d.kind": ["eye", "ear"]})
    assert list(table["stem"]) == ["Q0", "Q1", "Q3"]
    assert (report["read"], report["not_selected"]) == (3, 1)
    assert len(records(path, where={"d.kind": "eye"}, limit=1)[0]) == 1
    with pytest.raises(
        M1FlowError, match=r"d\.json: src: where\.d\.kind: no row has 'nose'; choose from eye, ear, law"
    ):
        records(path, where={"d.kind": ["eye", "nose"]})
    with pytest.raises(M1FlowError, match=r"field 'part' is missing; the file has q, opts, a, d"):
        records(path, where={"part": "eye"})
    with pytest.raises(M1FlowError, match="config: src: where: the adapter headqa doesn't use this key"):
        load("src", read(QuestionSetSettings, {"adapter": "headqa", "path": str(path), "where": {"d.kind": "eye"}}), 0)


def test_a_folder_stands_for_the_data_files_in_it(tmp_path):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    write(tmp_path / "in" / "sub" / "b.json", [ROW])
    write(tmp_path / "in" / ".hidden.json", [{"else": 1}])
    write(tmp_path / "in" / "README.md", "text")
    assert len(records(tmp_path / "in")[0]) == 1
