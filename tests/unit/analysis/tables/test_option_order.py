"""What the order of the options does to answers."""

from __future__ import annotations

import pandas as pd
import pytest

from helpers.hand_made import as_table, sweep_row
from m1flow.analysis.intervals import MACRO
from m1flow.analysis.tables.option_order import TABLE, option_order_table
from m1flow.errors import M1FlowError
from m1flow.files.parquet import write_table
from m1flow.questions.option_orders import option_order

QUESTIONS = [f"q{i}" for i in range(60)]


def files(tmp_path, choose, *, benchmark="b", options=3, orders=3, budgets=(20,), questions=QUESTIONS):
    """A sweep in which ``choose(question, order)`` is the benchmark's option that is chosen; option 0 is right."""
    asked = pd.DataFrame(
        {
            "question_id": questions,
            **dict.fromkeys(("source", "split", "context", "stem", "origin_id"), "x"),
            "options": [[str(i) for i in range(options)]] * len(questions),
            "answer_index": 0,
            "domain": None,
        }
    )
    write_table(tmp_path / f"{benchmark}.parquet", asked, "questions")
    rows = [
        sweep_row(q, choose(q, option_order(q, r, options)), budget=budget, permutation=r)
        for q in questions
        for budget in (10, *budgets)
        for r in range(orders if budget > 10 else 1)
    ]
    write_table(tmp_path / "m" / f"{benchmark}.parquet", as_table(rows), "sweeps")
    return tmp_path / "m" / f"{benchmark}.parquet", {benchmark: tmp_path / f"{benchmark}.parquet"}


def measures(table: pd.DataFrame, name: str, benchmark: str = "b") -> dict[str, float]:
    rows = table[(table["measure"] == name) & (table["benchmark"] == benchmark)]
    return dict(zip(rows["item"], rows["value"], strict=True))


def test_who_knows_is_right_in_every_order(tmp_path):
    sweep, benchmarks = files(tmp_path, lambda q, order: 0)
    table = option_order_table([sweep], benchmarks)
    assert measures(table, "accuracy") == {"0": 1, "1": 1, "2": 1}
    assert measures(table, "always_right") == {"": 1} and measures(table, "same_choice") == {"": 1}
    assert set(measures(table, "position_bias").values()) == {0}
    assert set(measures(table, "accuracy_if_right_at").values()) == {1}
    assert table["budget"].eq(20).all() and table["permutations"].eq(3).all()


def test_who_always_says_a_is_right_where_a_is(tmp_path):
    sweep, benchmarks = files(tmp_path, lambda q, order: order[0], orders=6)
    table = option_order_table([sweep], benchmarks)
    # All six orders of three options: each option is first in two of them.
    assert measures(table, "always_right") == {"": 0} and measures(table, "sometimes_right") == {"": 1}
    assert measures(table, "chosen_at") == {"A": 1, "B": 0, "C": 0}
    assert measures(table, "right_at") == pytest.approx({"A": 1 / 3, "B": 1 / 3, "C": 1 / 3})
    assert measures(table, "position_bias") == pytest.approx({"A": 2 / 3, "B": -1 / 3, "C": -1 / 3})
    assert measures(table, "accuracy_if_right_at") == {"A": 1, "B": 0, "C": 0}
    assert measures(table, "accuracy")["0"] == 1, "the benchmark's order has the right option first"
    assert table["value"].between(table["ci_low"] - 1e-9, table["ci_high"] + 1e-9).all()


def test_intervals_of_a_bias_hold_the_truth_and_exclude_none(tmp_path):
    """Half of the questions are known, the others answered with A."""
    sweep, benchmarks = files(tmp_path, lambda q, order: 0 if int(q[1:]) % 2 else order[0], orders=6)
    rows = option_order_table([sweep], benchmarks)
    bias = rows[(rows["measure"] == "position_bias") & (rows["item"] == "A")].iloc[0]
    assert bias["value"] == pytest.approx(1 / 3) and 0 < bias["ci_low"] < 1 / 3 < bias["ci_high"]


def test_unread_answers_have_no_position(tmp_path):
    sweep, benchmarks = files(tmp_path, lambda q, order: None if q == "q0" else 0)
    table = option_order_table([sweep], benchmarks)
    assert sum(measures(table, "chosen_at").values()) == pytest.approx(59 / 60)
    assert sum(measures(table, "right_at").values()) == pytest.approx(59 / 60)
    assert measures(table, "same_choice") == {"": 59 / 60} and measures(table, "never_right") == {"": 1 / 60}


def test_benchmarks_have_a_macro_average(tmp_path):
    one, first = files(tmp_path, lambda q, order: 0, questions=QUESTIONS[:10])
    two, second = files(tmp_path, lambda q, order: order[0], benchmark="c", options=2, orders=2)
    table = option_order_table([two, one], first | second)
    assert measures(table, "always_right", MACRO) == {"": 0.5}
    assert set(measures(table, "accuracy", MACRO)) == {"0", "1"}, "orders that both have"
    assert not measures(table, "position_bias", MACRO)
    assert table["n"][table["benchmark"] == MACRO].eq(70).all()


def test_one_order_tells_nothing(tmp_path):
    sweep, benchmarks = files(tmp_path, lambda q, order: 0, orders=1)
    table = option_order_table([sweep], benchmarks)
    assert not len(table) and table.columns.tolist() == TABLE.names


def test_a_missing_benchmark_is_named(tmp_path):
    sweep, _ = files(tmp_path, lambda q, order: 0)
    with pytest.raises(M1FlowError, match="no file is named b.parquet"):
        option_order_table([sweep], {})
