"""Scored sweeps as rows and as arrays."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from helpers.hand_made import as_table, made_grid, sweep_row
from m1flow.errors import M1FlowError
from m1flow.files.parquet import write_table
from m1flow.sweep.grids import UNREAD, alike, by_model, grid, in_common, read_grids, read_scored, unaltered


def rows_of(**columns: object) -> list[dict]:
    """Two questions, two samples, budgets 10 and 20, forced on with two cues, and a second order of the options."""
    made = []
    for question in "qr":
        for sample in (0, 1):
            common = {"sample": sample, "answer_logprob": -2.0, **columns}
            made += [sweep_row(question, 0, budget=budget, **common) for budget in (10, 20)]
            made += [sweep_row(question, 1, budget=20, extensions=1, cue=cue, **common) for cue in ("Wait", "Hmm")]
            made.append(sweep_row(question, 2, budget=20, permutation=1, **common))
    return made


def test_rows_become_arrays():
    rows = rows_of()
    rows[1]["parsed_index"], rows[1]["outcome"], rows[1]["correct"] = None, "unparsed", False
    # Questions keep their order of appearance; the order of samples and cells doesn't matter.
    table = as_table([*rows[:1], *rows[1:][::-1]])
    one = grid(unaltered(table, "Wait"), "m", "b")
    assert one.cells == [(10, 0), (20, 0), (20, 1)] and one.budgets == [0, 1] and one.extended == [1, 2]
    assert one.chosen.tolist() == [[[0, UNREAD, 1], [0, 0, 1]], [[0, 0, 1], [0, 0, 1]]]
    assert one.correct.tolist()[0] == [[True, False, False], [True, True, False]]
    assert (one.logprob == -0.5).all() and one.thinks and one.samples == 2
    assert one.questions.tolist() == ["q", "r"] and one.right.tolist() == [[1, 0.5, 0], [1, 1, 0]]


def test_cues_and_orders_are_told_apart():
    table = as_table(rows_of())
    assert set(unaltered(table)["cue"]) == {"", "Wait"}, "the first by default"
    assert set(unaltered(table, "Hmm")["cue"]) == {"", "Hmm"}
    assert (unaltered(table)["permutation"] == 0).all() and len(unaltered(table)) == 12
    assert set(unaltered(table, "")["extensions"]) == {0}


def test_incomplete_questions_are_left_out_and_logged(caplog):
    table = as_table(rows_of())
    one = grid(unaltered(table).iloc[1:], "m", "b")
    assert one.chosen.shape == (1, 2, 3) and "left out 1 questions that lack" in caplog.text
    assert one.questions.tolist() == ["r"]


def test_questions_in_common_are_found_in_any_order(caplog):
    one, other = made_grid(np.zeros((4, 1, 1))), made_grid(np.zeros((3, 1, 1)))
    assert [places.tolist() for places in in_common(one, one)] == [[0, 1, 2, 3]] * 2 and not caplog.text
    turned = replace(other, questions=np.array(["b-3", "new", "b-1"], object))
    mine, theirs = in_common(one, turned)
    assert mine.tolist() == [1, 3] and theirs.tolist() == [2, 0]
    assert "don't share 3 questions" in caplog.text


def test_unknown_probabilities_stay_unknown():
    one = grid(unaltered(as_table(rows_of(answer_logprob=None, answer_tokens=0))), "m", "b")
    assert np.isnan(one.logprob).all()


def test_files_are_read_by_model_and_benchmark(tmp_path):
    for model in ("x", "y"):
        write_table(tmp_path / model / "b.parquet", as_table(rows_of()), "sweeps")
    found = dict(by_model(read_grids(sorted(tmp_path.glob("*/*.parquet"), reverse=True))))
    assert list(found) == ["x", "y"] and found["x"][0].benchmark == "b" and found["x"][0].model == "x"


def test_benchmarks_are_compared_on_what_all_have():
    long = made_grid(np.zeros((2, 3, 3)), benchmark="c")
    short = made_grid(np.zeros((2, 2, 2)))
    cut = alike([long, short])
    assert [one.cells for one in cut] == [short.cells] * 2 and {one.samples for one in cut} == {2}
    assert cut[0].thinking_tokens.shape == (2, 2, 2) and cut[1] is short


def test_benchmarks_without_a_cell_in_common_are_named_in_one_line():
    answers = np.zeros((2, 1, 1))
    grids = [made_grid(answers, cells=[(8, 0)]), made_grid(answers, cells=[(9, 0)], benchmark="c")]
    with pytest.raises(M1FlowError, match=r"m: its sweeps of b, c share no budget; .*sweep\.budgets") as caught:
        alike(grids)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("rows", "complaint"), [([], "holds no rows"), ([*rows_of(), rows_of()[0]], "twice")])
def test_useless_files_are_named(tmp_path, rows, complaint):
    table = as_table(rows) if rows else pd.DataFrame()
    write_table(tmp_path / "b.parquet", table if rows else [], "sweeps")
    with pytest.raises(M1FlowError, match=complaint):
        read_scored(tmp_path / "b.parquet", ["correct"])
