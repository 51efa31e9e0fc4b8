"""Tables as CSV files."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from m1flow.files import csv_tables
from m1flow.files.column_kinds import Kind
from m1flow.files.csv_tables import read_csv, write_csv
from m1flow.text.shown import visible

COLUMNS = {"cue": Kind.TEXT, "n": Kind.COUNT}


def test_small_p_values_are_not_rounded_to_nothing(tmp_path):
    table = pd.DataFrame(
        {"p": [1.23456e-12, 1.0, np.nan], "p_holm": [0.04999, 0.05, 0.0], "accuracy": [1e-12, 1 / 3, 0.5]}
    )
    columns = {"p": Kind.P, "p_holm": Kind.P, "accuracy": Kind.SHARE}
    write_csv(tmp_path / "t.csv", table, columns)
    back = read_csv(tmp_path / "t.csv", columns)
    assert back["p"].tolist()[:2] == [1.23456e-12, 1] and np.isnan(back["p"][2])
    assert back["p_holm"].tolist() == [0.04999, 0.05, 0] and back["accuracy"].tolist() == [0, 0.333333, 0.5]


def test_seconds_are_not_rounded_to_nothing(tmp_path):
    write_csv(tmp_path / "t.csv", pd.DataFrame({"seconds": [3.21e-7, 12.5, np.nan]}), {"seconds": Kind.SECONDS})
    back = read_csv(tmp_path / "t.csv", {"seconds": Kind.SECONDS})["seconds"]
    assert back.tolist()[:2] == [3.21e-7, 12.5] and np.isnan(back[2])


PIECES = st.one_of(st.sampled_from(["=", "@", "+", "-", "'", "\t", "\r", "\n", '"', ",", "1", ".", "e"]), st.text())


@given(st.lists(st.lists(PIECES, min_size=1).map("".join).filter(bool), min_size=1))
def test_texts_come_back_as_they_were(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("t") / "t.csv"
    write_csv(path, pd.DataFrame({"cue": texts, "n": 1}), COLUMNS)
    assert read_csv(path, COLUMNS)["cue"].tolist() == [visible(text) for text in texts]


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        *(("=Wait", "'=Wait"), ("- Wait", "'- Wait"), ("-Wait", "'-Wait"), ("@x", "'@x"), ("'=x", "''=x")),
        *(("-1e-5", "-1e-5"), ("+5.0", "+5.0"), ("-1e-5*2", "'-1e-5*2"), ("'twas", "'twas"), ("a=b", "a=b")),
    ],
)
def test_what_a_spreadsheet_would_run_is_marked(tmp_path, text, cell):
    write_csv(tmp_path / "t.csv", pd.DataFrame({"cue": [text], "n": 1}), COLUMNS)
    assert (tmp_path / "t.csv").read_text(encoding="utf-8") == f"cue,n\n{cell},1\n"


def test_names_that_look_like_numbers_stay_text(tmp_path):
    write_csv(tmp_path / "t.csv", pd.DataFrame({"cue": ["1000", "NA", "007"], "n": 1}), COLUMNS)
    assert read_csv(tmp_path / "t.csv", COLUMNS)["cue"].tolist() == ["1000", "NA", "007"]


def test_names_of_models_stay_text(tmp_path):
    (tmp_path / "t.csv").write_text("model,benchmark,budget,right_to_wrong\n1000,NA,8,\nNA,007,16,0.5\n")
    table = csv_tables.read_csv(tmp_path / "t.csv", {"model": Kind.TEXT, "benchmark": Kind.TEXT})
    assert table[["model", "benchmark"]].values.tolist() == [["1000", "NA"], ["NA", "007"]]
    assert table["budget"].tolist() == [8, 16] and table["right_to_wrong"].isna().tolist() == [True, False]
