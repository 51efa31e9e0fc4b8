"""Published numbers beside the study's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from statsmodels.stats.proportion import confint_proportions_2indep

from helpers.made_report import run_script
from helpers.synthetic_study import make_study
from m1flow.analysis.intervals import MACRO, wilson
from m1flow.analysis.tables.published import BEST, FIXED, NO_BUDGET, TABLE, read_published, set_beside
from m1flow.errors import M1FlowError

PAPER = Path(__file__).resolve().parents[4] / "config" / "published" / "m1.csv"
HEADER = "published_as,benchmark,budget,selection,n,accuracy,place\n"


def measured(*cells) -> pd.DataFrame:
    """Accuracy rows of (model, benchmark, budget, correct, n)."""
    rows = [(m, b, t, n, k / n, *wilson(k, n)) for m, b, t, k, n in cells]
    return pd.DataFrame(rows, columns="model benchmark budget n accuracy ci_low ci_high".split())


ORACLE = measured(("a", "medqa", 512, 750, 1000)).assign(way="oracle")


def published(*rows) -> pd.DataFrame:
    return pd.DataFrame(rows, columns="published_as benchmark budget selection n accuracy place".split())


def test_the_papers_file_is_sound():
    table = read_published(PAPER)
    assert len(table) == 3 * 10 * 7 + 11 * 11 + 6
    fixed = table[(table["selection"] == FIXED) & (table["benchmark"] != MACRO)]
    assert fixed.groupby("published_as").size().tolist() == [70, 70, 70]
    best = table[table["selection"] == BEST].set_index(["published_as", "benchmark"])["accuracy"]
    largest = fixed.groupby(["published_as", "benchmark"])["accuracy"].max()
    apart = (best.drop(MACRO, level=1) - largest).abs()
    assert apart.median() < 0.001, "the main table is the best of seven budgets"


def test_the_papers_averages_are_those_of_its_benchmarks():
    table = read_published(PAPER)
    table = table[table["selection"].isin([BEST, NO_BUDGET])]
    macro = table[table["benchmark"] == MACRO].set_index("published_as")["accuracy"]
    means = table[table["benchmark"] != MACRO].groupby("published_as")["accuracy"].mean()
    assert (macro - means[macro.index]).abs().max() < 0.0011


def test_numbers_are_set_against_what_was_measured_alike():
    theirs = published(
        ("A", "medqa", 128, FIXED, 1273, 0.60, "figure"),
        ("A", "medqa", 999, FIXED, 1273, 0.61, "figure"),
        ("A", "medqa", None, BEST, 1273, 0.70, "table"),
        ("B", "medqa", None, NO_BUDGET, 1273, 0.50, "table"),
        ("other", "medqa", None, NO_BUDGET, 1273, 0.50, "table"),
    )
    ours = measured(("a", "medqa", 128, 620, 1000), ("a", "medqa", 512, 750, 1000), ("b", "medqa", 0, 480, 1000))
    table = set_beside(theirs, {"a": "A", "b": "B"}, ours, ORACLE)
    assert list(table.columns) == TABLE.names
    shown = table[["model", "budget", "selection", "published", "accuracy"]].values.tolist()
    assert shown == [["a", 128, FIXED, 0.6, 0.62], ["a", 512, BEST, 0.7, 0.75], ["b", 0, NO_BUDGET, 0.5, 0.48]]


def test_the_interval_of_a_difference_is_newcombes():
    table = set_beside(
        published(("A", "medqa", 128, FIXED, 1273, 700 / 1273, "")),
        {"a": "A"},
        measured(("a", "medqa", 128, 620, 1000)),
        ORACLE,
    )
    low, high = confint_proportions_2indep(620, 1000, 700, 1273, method="newcomb", compare="diff")
    row = table.iloc[0]
    assert (row["diff_low"], row["diff_high"]) == pytest.approx((low, high), abs=1e-9)


def test_a_number_without_its_questions_is_taken_to_be_as_uncertain_as_ours():
    ours = measured(("a", MACRO, 2048, 90, 100))
    row = set_beside(published(("1K", MACRO, 2048, FIXED, None, 0.5, "")), {"a": "1K"}, ours, ORACLE).iloc[0]
    apart = np.hypot(0.9 - ours["ci_low"].iloc[0], ours["ci_high"].iloc[0] - 0.9)
    assert (row["diff_low"], row["diff_high"]) == pytest.approx((0.4 - apart, 0.4 + apart))


def test_a_study_with_nothing_alike_gives_an_empty_table():
    theirs = published(("A", "medqa", 128, FIXED, 1273, 0.60, ""))
    table = set_beside(theirs, {"a": "A"}, measured(("a", "nejm", 128, 6, 10)), ORACLE.iloc[:0])
    assert list(table.columns) == TABLE.names and not len(table)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("a,b\n1,2\n", "column 'published_as' is missing"),
        (HEADER + "A,medqa,128,fixed budget,10,61.5,x\n", "line 2: accuracy must be from 0 to 1"),
        (HEADER + "A,medqa,,fixed budget,10,0.6,x\n", "line 2: .*the first with a number as budget"),
        (HEADER + "A,medqa,,no budget,10,0.6,x\nA,medqa,8,mine,10,0.6,x\n", "line 3: .*selection one of"),
        (HEADER + 'A,medqa,128,fixed budget,"1,273",0.6,x\n', "line 2: .*n empty or at least 1"),
        (HEADER + "A,medqa,128,fixed budget,0,0.6,x\n", "line 2: .*n empty or at least 1"),
        (HEADER + "A,medqa,128,fixed budget,inf,0.6,x\n", "line 2: .*n empty or at least 1"),
        (HEADER + 'A,medqa,"2,048",best of seven budgets,9,0.6,x\n', "line 2: .*no number may have commas"),
        (HEADER + "A,medqa,,no budget,10,0.6,x\nA,medqa,2,048,fixed budget,9,0.6,x\n", "line 3 doesn't have 7 cells"),
        (HEADER + "A,medqa,,no budget,10,0.6\n", "line 2 doesn't have 7 cells"),
        (None, "no such file"),
    ],
)
def test_a_broken_file_is_named(tmp_path, text, complaint):
    path = tmp_path / "p.csv"
    if text is not None:
        path.write_text(text, encoding="utf-8")
    with pytest.raises(M1FlowError, match=complaint) as caught:
        read_published(path)
    assert str(path) in str(caught.value) and "\n" not in str(caught.value)


def test_a_file_that_a_spreadsheet_saved_is_read(tmp_path):
    (tmp_path / "p.csv").write_text(HEADER + "A,medqa,,no budget,,0.6,x\r\n", encoding="utf-8-sig")
    (row,) = read_published(tmp_path / "p.csv").to_dict("records")
    assert (row["published_as"], row["accuracy"]) == ("A", 0.6) and pd.isna(row["budget"]) and pd.isna(row["n"])


def test_n_counts_questions_however_many_samples_were_drawn(tmp_path):
    study = make_study(tmp_path, questions=6, samples=2, models=("tiny", "full_1000"))
    tables = ("accuracy", "macro", "policies", "budget_choice")
    for name in tables:
        run_script("make_table", study.table_flags(name))
    lines = [f"A,{name},{budget},{FIXED},,0.5,x" for name in ("in_domain", MACRO) for budget in (8, 56)]
    lines += [f"A,{name},,{BEST},9,0.5,x" for name in ("in_domain", MACRO)]
    lines += [f"B,{name},,{NO_BUDGET},9,0.5,x" for name in ("in_domain", MACRO)]
    (tmp_path / "p.csv").write_text(HEADER + "\n".join(lines) + "\n", encoding="utf-8")
    made = tmp_path / "tables"
    flags = ["published", "--tables", *(str(made / f"{name}.csv") for name in tables)]
    flags += ["--published-numbers", str(tmp_path / "p.csv"), "--published-as", '{"full_1000": "A", "tiny": "B"}']
    run_script("make_table", [*flags, "--out", str(made / "published.csv")])
    table = pd.read_csv(made / "published.csv")
    assert len(table) == 8 and set(table["selection"]) == {FIXED, BEST, NO_BUDGET}
    assert table.groupby("benchmark")["n"].unique().map(list).to_dict() == {"in_domain": [6], MACRO: [18]}
