"""Names in the file of published numbers, which a model of a study may be published as."""

from __future__ import annotations

import pytest

from helpers.project import ROOT
from m1flow.errors import M1FlowError
from m1flow.study.published_names import FILE_COLUMNS, names_in, published_rows

PAPER = ROOT / "config" / "published" / "m1.csv"


def test_names_stay_as_in_the_file():
    assert "Qwen2.5-7B-Instruct (CoT)" in names_in(PAPER) and "1K hard+domain" in names_in(PAPER)


def test_names_come_once_in_the_order_of_the_file(tmp_path):
    rows = [",".join(FILE_COLUMNS), *(f"{name},b,8,fixed budget,10,0.5,t" for name in ("z", "a", "z"))]
    (tmp_path / "p.csv").write_text("\n".join(rows) + "\n")
    assert names_in(tmp_path / "p.csv") == ["z", "a"]
    assert [row["accuracy"] for row in published_rows(tmp_path / "p.csv")] == ["0.5"] * 3


@pytest.mark.parametrize("column", FILE_COLUMNS)
def test_a_column_that_is_missing_is_named_with_the_header(tmp_path, column):
    left = [name for name in FILE_COLUMNS if name != column]
    (tmp_path / "p.csv").write_text(",".join(left) + "\n" + ",".join("x" for _ in left) + "\n")
    with pytest.raises(M1FlowError, match=rf"p\.csv: column '{column}' is missing; the header must be published_as,"):
        names_in(tmp_path / "p.csv")
