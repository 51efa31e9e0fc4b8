"""Cuts of traces: every text stands once, and comes back wherever it is cut."""

from __future__ import annotations

import pandas as pd
from hypothesis import given
from hypothesis import strategies as st

from helpers.packed_samples import cells_of
from helpers.synthetic_study import sweep_rows
from m1flow.report import trace_cuts
from m1flow.text.shown import visible


def plain_rows(texts: list[str | None], cue: str = "") -> pd.DataFrame:
    """One sample; every cell's thinking is given."""
    rows = sweep_rows("full_1000", "in_domain", 1)[: len(texts)]
    return rows.assign(thinking_text=texts)


@given(st.text(), st.lists(st.integers(0, 60), min_size=8, max_size=8))
def test_any_text_cut_anywhere_comes_back(text, cuts):
    rows = plain_rows([text[:cut] for cut in sorted(cuts)])
    packed = trace_cuts.pack(rows, [(budget, 0, "") for budget in rows["budget"]])
    for row, cell in zip(rows["thinking_text"], cells_of(packed), strict=True):
        whole = packed["t"][cell[0]].encode("utf-16-le")
        assert whole[: 2 * cell[1]].decode("utf-16-le") == visible(row).rstrip("\ufffd")


def test_thinking_that_was_not_stored_has_no_text():
    rows = plain_rows([None] * 8)
    packed = trace_cuts.pack(rows, [(budget, 0, "") for budget in rows["budget"]])
    assert packed["t"] == [] and {cell[0] for cell in cells_of(packed)} == {-1}


def test_a_cue_that_the_model_says_itself_is_not_taken_for_a_forced_one():
    rows = sweep_rows("full_1000", "in_domain", 1)
    texts = ["Wait, I think."] * 8 + ["Wait, I think. Wait, no. Wait, yes."] * 3
    rows = rows.assign(thinking_text=texts, cue_positions=[[]] * 8 + [[15]] * 3)
    packed = trace_cuts.pack(rows, [*((b, 0, "") for b in rows["budget"][:8]), *((56, n, "Wait") for n in (1, 2, 4))])
    assert packed["w"] == [[0, 15, 19]]


def test_the_studys_first_cue_comes_first():
    cells = [(8, 0, ""), (16, 0, ""), (8, 2, "Hmm"), (16, 2, "Hmm"), (16, 1, "Hmm"), (16, 1, "Wait")]
    forced = [(16, 1, "Wait"), (16, 1, "Hmm"), (16, 2, "Hmm")]
    assert trace_cuts.shown_cells(cells, "Wait") == [*cells[:2], *forced]
