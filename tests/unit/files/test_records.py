"""Rows come out of files of every usual kind alike, and an unreadable file is one line that names it."""

from __future__ import annotations

import csv
import json

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m1flow.errors import M1FlowError
from m1flow.files.records import data_files, read_csv_cells, read_json_file, read_rows

ROWS = [{"q": "Which,\none?", "o": "é"}, {"q": "Who?", "o": '"w"'}]
WRITERS = {
    "d.json": lambda path: path.write_text(json.dumps(ROWS)),
    "d.jsonl": lambda path: path.write_text("\n".join(map(json.dumps, ROWS)) + "\n\n"),
    "lines.json": lambda path: path.write_text("\n".join(map(json.dumps, ROWS))),
    "d.csv": lambda path: pd.DataFrame(ROWS).to_csv(path, index=False),
    "d.parquet": lambda path: pd.DataFrame(ROWS).to_parquet(path),
    "BOM.JSON": lambda path: path.write_text(json.dumps(ROWS), encoding="utf-8-sig"),
}


@pytest.mark.parametrize("name", WRITERS)
def test_rows_are_the_same_from_every_kind_of_file(tmp_path, name):
    WRITERS[name](tmp_path / name)
    assert list(read_rows(tmp_path / name)) == ROWS


def test_a_mapping_of_rows_keeps_its_keys(tmp_path):
    (tmp_path / "d.json").write_text('{"k1": {"q": "a"}, "k2": {"q": "b", "_key": "own"}}')
    assert list(read_rows(tmp_path / "d.json")) == [{"_key": "k1", "q": "a"}, {"_key": "own", "q": "b"}]


def test_one_of_several_lists_of_rows_is_asked_for_by_name(tmp_path):
    path = tmp_path / "d.json"
    path.write_text('{"one": [{"q": "a"}], "two": [{"q": "b"}]}')
    assert list(read_rows(path, "two")) == [{"q": "b"}]
    with pytest.raises(M1FlowError, match=r"d\.json: part: no rows under 'three'; choose from one, two"):
        list(read_rows(path, "three"))
    with pytest.raises(
        M1FlowError,
        match=r"d\.json: part: not set, but the file holds several lists of rows; set it to one of one, two",
    ):
        list(read_rows(path))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("d.json", "{", "not readable as .json"),
        ("d.json", "[1, 2]", "a row is of type int, not a mapping"),
        ("d.jsonl", '{"q": 1}\n{"q"', "not readable as .jsonl"),
        ("d.parquet", "PAR1 no", "not readable as .parquet"),
        ("d.csv", "a,b\n1,2,3\n", "line 2 doesn't have 2 cells; quote texts that hold commas"),
        ("d.csv", "a,b\n1\n", "line 2 doesn't have 2 cells"),
        ("d.csv", "a,a\n1,2\n", "two columns are called 'a'"),
        ("d.txt", "x", "can't read .txt; give a file ending in .json, .jsonl, .csv, .parquet"),
        ("none", "x", "can't read a file without suffix"),
    ],
)
def test_an_unreadable_file_is_named_with_the_reason(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(M1FlowError) as caught:
        list(read_rows(tmp_path / name))
    assert str(caught.value).startswith(f"{tmp_path / name}: ") and message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", ["json", "jsonl", "csv", "parquet"])
def test_a_missing_file_is_named(tmp_path, suffix):
    with pytest.raises(M1FlowError, match=rf"none\.{suffix}: path: no such file"):
        list(read_rows(tmp_path / f"none.{suffix}"))


def test_long_cells_are_read(tmp_path):
    (tmp_path / "d.csv").write_text("q\n" + "x" * 200_000 + "\n")
    assert [len(row["q"]) for row in read_rows(tmp_path / "d.csv")] == [200_000]


def test_a_json_file_of_settings_is_a_mapping(tmp_path):
    (tmp_path / "d.json").write_text('{"a": 1}')
    assert read_json_file(tmp_path / "d.json") == {"a": 1}
    (tmp_path / "d.json").write_text("[1]")
    with pytest.raises(M1FlowError, match=r"d\.json: path: not readable as \.json \(its content is of type list, not"):
        read_json_file(tmp_path / "d.json")


@given(st.lists(st.lists(st.text('a,"\n', min_size=1, max_size=4), min_size=1, max_size=3), max_size=3))
def test_cells_without_a_header_come_back(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("cells") / "d.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows(rows)
        file.write("\n")
    assert list(read_csv_cells(path)) == rows


def test_data_files_of_a_folder_are_sorted_and_not_hidden(tmp_path):
    for name in ("b.json", "a/c.CSV", "a/b.parquet", ".cache/x.json", ".hidden.csv", "README.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [path.relative_to(tmp_path).as_posix() for path in data_files(tmp_path)] == [
        "a/b.parquet",
        "a/c.CSV",
        "b.json",
    ]
