"""The nested sweep equals separate runs, in every cell, and never exceeds a budget."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.nested_sweeps import plans, salts, sweep
from helpers.sweep_reference import COLUMNS, FORMATS, OracleEngine, all_separate
from m1flow.engines.journalled import JournalledEngine
from m1flow.files.journal import Journal
from m1flow.models.formats import Formatter
from m1flow.study.settings.formats import FormatSettings
from m1flow.sweep.plan import SweepPlan
from m1flow.sweep.token_counts import nested_tokens, separate_tokens


@pytest.mark.slow
@settings(max_examples=150)
@given(
    plan=plans,
    stop_rate=st.sampled_from([0.0, 0.03, 0.1, 0.3, 1.0]),
    salt=salts,
    name=st.sampled_from(sorted(FORMATS)),
    width=st.integers(1, 9),
)
def test_nested_rows_equal_separate_runs(formatters, plan, stop_rate, salt, name, width):
    formatter = formatters[name]
    words = tuple(range(10, 70)) if name != "plain" else tuple(formatter.encode("\n\nox. o x\n a xo"))
    nested = sweep(formatter, OracleEngine(stop_rate, salt, words), plan, width=width)
    separate = all_separate(formatter, OracleEngine(stop_rate, salt, words), plan)
    pd.testing.assert_frame_equal(nested[separate.columns], separate)
    assert (nested["thinking_tokens"] <= nested["budget"]).all()


@pytest.mark.slow
@settings(max_examples=80)
@given(salt=salts, answer_tokens=st.integers(1, 60), stop_rate=st.sampled_from([0.0, 0.02]))
def test_an_answer_that_stops_at_its_box_is_the_beginning_of_one_that_goes_on(
    formatters, tmp_path_factory, salt, answer_tokens, stop_rate
):
    formatter = formatters["m1"]
    words = tuple(formatter.encode("\\boxed{") * 3 + formatter.encode("{}}} a\\"))
    whole = SweepPlan(budgets=(0, 3), answer_tokens=answer_tokens)
    boxed = replace(whole, stop_at_box=True)
    columns = [*COLUMNS, "answer_text", "answer_finished", "answer_tokens"]
    separate = all_separate(formatter, OracleEngine(stop_rate, salt, words), boxed)
    engine = OracleEngine(stop_rate, salt, words)
    pd.testing.assert_frame_equal(sweep(formatter, engine, boxed)[columns], separate[columns])
    with Journal(tmp_path_factory.mktemp("journal") / "j.jsonl") as journal:
        for first, second in ((whole, boxed), (boxed, whole)):  # what one leaves behind never alters the other
            for plan in (first, second):
                oracle = OracleEngine(stop_rate, salt, words)
                rows = sweep(formatter, JournalledEngine(lambda oracle=oracle: oracle, f"{first}", journal), plan)
                fresh = sweep(formatter, OracleEngine(stop_rate, salt, words), plan)
                pd.testing.assert_frame_equal(rows[columns], fresh[columns])
            if first is whole:
                assert oracle.decoded == 0  # boxed answers are cut from whole ones


def test_no_more_is_under_way_than_asked_for(formatters):
    engine = OracleEngine(0.1)
    sweep(formatters["m1"], engine, SweepPlan(budgets=(0, 4, 8), answer_tokens=4), n=40, width=5)
    assert 5 <= engine.most_pending <= 5 * 3  # five thoughts, each with three cuts


def test_a_format_without_thinking_has_one_cell(tokenizer):
    rows = sweep(
        Formatter(tokenizer, "direct", FormatSettings()),
        OracleEngine(0.2),
        SweepPlan(budgets=(0, 8, 16), answer_tokens=4),
    )
    assert set(zip(rows["budget"], rows["thinking_tokens"], rows["natural_end"], strict=True)) == {(0, 0, True)}
    assert len(rows) == 3
    assert (
        separate_tokens(rows, {}) == nested_tokens(rows, {}) == (rows["answer_tokens"] + rows["answer_finished"]).sum()
    )


def test_a_format_without_thinking_may_begin_the_answer(tokenizer):
    seen = []
    engine = OracleEngine(0.2)
    engine.submit = lambda request, submit=engine.submit: (seen.append(request.prompt), submit(request))
    formatter = Formatter(tokenizer, "no_think", FormatSettings(**{"forced_end": "<think>\n\n</think>\n\n"}))
    sweep(formatter, engine, SweepPlan(budgets=(8,), answer_tokens=4), n=1)
    assert formatter.decode(seen[0]).endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")
