"""Kinds of error: what was drawn is counted, and adds up."""

from __future__ import annotations

import pytest

from helpers.judged_answers import judged_rows
from m1flow.analysis.tables import error_kinds
from m1flow.analysis.tables.error_kinds import error_kinds_table
from m1flow.study.hand_labels import LABELS


def test_kinds_of_error_count_what_was_drawn_and_add_up():
    rows = [("m", "b", f"q{n}", 0, True, "knowledge" if n < 8 else None) for n in range(10)]
    rows += [("m", "b", "x", 0, False, "other"), ("a", "b", "q1", 0, True, "other")]
    table = error_kinds_table(judged_rows(*rows))
    assert list(table) == error_kinds.TABLE.names and list(table["model"]) == ["a"] * 4 + ["m"] * 4
    assert list(table["label"][:4]) == [*LABELS, "unread"] and list(table["n"]) == [0, 0, 1, 0, 8, 0, 0, 2]
    assert table.groupby("model")["share"].sum().tolist() == pytest.approx([1, 1])
    # Wilson's interval of 8 in 10, as in Brown, Cai and DasGupta's formula (4).
    assert tuple(table.loc[4, ["share", "ci_low", "ci_high"]]) == pytest.approx((0.8, 0.4902, 0.9433), abs=1e-4)
    assert list(error_kinds_table(judged_rows().astype({"drawn": bool}))) == error_kinds.TABLE.names
