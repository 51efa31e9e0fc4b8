"""Cues at equal extensions and caps: paired with the first, on the questions that all share."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from helpers.hand_made import as_table, sweep_row
from m1flow.analysis.intervals import MACRO, wilson
from m1flow.analysis.tables.cues import TABLE, make
from m1flow.files.parquet import write_table
from m1flow.sweep.grids import read_grids

QUESTIONS = 20


def sweep(folder, model: str, benchmark: str, right: dict[str, int], samples: int = 1):
    """One sweep: without extensions half is right; after one extension by a cue, so many questions are."""
    rows = []
    for n in range(QUESTIONS):
        for sample in range(samples):
            rows.append(sweep_row(f"{benchmark}{n}", int(n >= QUESTIONS // 2), budget=20, sample=sample))
            for cue, many in right.items():
                extended = {"budget": 20, "extensions": 1, "cue": cue, "thinking_tokens": 10 + len(cue)}
                rows.append(sweep_row(f"{benchmark}{n}", int(n >= many), sample=sample, **extended))
    path = folder / model / f"{benchmark}.parquet"
    path.parent.mkdir(exist_ok=True)
    write_table(path, as_table(rows), "sweeps", provenance={})
    return path


def test_every_cue_is_held_against_the_first(tmp_path):
    cues = {"Hmm": 13, "Wait": 5, "none": 5}
    paths = [sweep(tmp_path, "m", benchmark, cues) for benchmark in ("one", "two")]
    table = make(sweeps=[*paths, sweep(tmp_path, "plain", "one", {"Wait": 9})], cue="Wait")
    assert list(table.columns) == TABLE.names
    assert set(table["model"]) == {"m"}, "with one cue there is nothing to compare"
    assert list(table["cue"].unique()) == ["Wait", "Hmm", "none"], "the first one first"
    assert set(table["benchmark"]) == {"one", "two", MACRO} and set(table["extensions"]) == {1}
    first = table[table["cue"] == "Wait"]
    assert first[["difference", "diff_low", "diff_high", "p", "p_holm"]].isna().all(axis=None)
    one = table.set_index(["cue", "benchmark"])
    hmm = one.loc["Hmm", "one"]
    assert (hmm["accuracy"], hmm["difference"], hmm["n"]) == (0.65, pytest.approx(0.4), QUESTIONS)
    assert (hmm["ci_low"], hmm["ci_high"]) == pytest.approx(wilson(13, QUESTIONS))
    assert hmm["diff_low"] < 0.4 < hmm["diff_high"]
    assert hmm["p"] == pytest.approx(2 * 0.5**8), "eight questions changed, all for the better"
    assert hmm["p_holm"] == pytest.approx(4 * hmm["p"]), "the smallest of four tests on single benchmarks"
    assert hmm["thinking_tokens_mean"] == 13
    assert one.loc["none", "one"]["p"] == 1 and one.loc["Hmm", MACRO]["p"] < hmm["p"]


def test_by_default_the_first_cue_of_the_sweep_is_the_one_that_tables_take(tmp_path):
    path = sweep(tmp_path, "m", "one", {"Wait": 5, "Hmm": 13})
    first = make(sweeps=[path])["cue"].iloc[0]
    (grid,) = read_grids([path])
    assert first == "Wait" and grid.right[:, grid.extended[-1]].sum() == 5


def test_samples_of_a_question_are_one_unit(tmp_path):
    once, thrice = ([sweep(tmp_path, f"m{k}", "one", {"Hmm": 13, "Wait": 5}, samples=k)] for k in (1, 3))
    made = [make(sweeps=paths, cue="Wait").drop(columns="model") for paths in (once, thrice)]
    pd.testing.assert_frame_equal(*made)


def test_with_one_cue_or_none_the_table_has_a_header_only(tmp_path):
    path = sweep(tmp_path, "m", "one", {"Wait": 5})
    unforced = sweep(tmp_path, "u", "one", {})
    table = make(sweeps=[path, unforced], cue="")
    assert list(table.columns) == TABLE.names and len(table) == 0
    assert np.array_equal(make(sweeps=[]).columns, TABLE.names)
