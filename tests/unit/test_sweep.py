"""The nested sweep equals separate runs, in every cell, and never exceeds a budget."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from sweep_reference import COLUMNS, FORMATS, OracleEngine, all_separate, items

from m1flow.formats import Formatter
from m1flow.journal import Journal, JournalledEngine
from m1flow.sweep import cue_ids, run_sweep
from m1flow.sweep_costs import nested_tokens, separate_tokens
from m1flow.thinking import NO_CUE, Plan, Trace, can_extend, under_budget
from m1flow.tokenizers import train_tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(["a question about a dose of some drug", "Wait, the answer is 3"], 300)


@pytest.fixture(scope="module")
def formatters(tokenizer):
    return {name: Formatter(tokenizer, name, spec) for name, spec in FORMATS.items()}


def sweep(formatter, engine, plan, n=3, seed=5, width=256) -> pd.DataFrame:
    rows = pd.DataFrame(run_sweep(items(n, plan.permutations), formatter, engine, plan, seed=seed, width=width))
    return rows.sort_values(COLUMNS).reset_index(drop=True)


def tuples(elements, **sizes):
    return st.sets(elements, **sizes).map(lambda chosen: tuple(sorted(chosen)))


plans = st.builds(
    Plan,
    budgets=tuples(st.integers(0, 40), min_size=1, max_size=5),
    extension_counts=tuples(st.integers(0, 5), max_size=4),
    extension_budgets=tuples(st.integers(1, 60), max_size=2),
    cues=tuples(st.sampled_from(["Wait", "Hmm, the answer", "q", NO_CUE]), min_size=1, max_size=3),
    permutations=st.integers(1, 3),
    permutation_budgets=tuples(st.integers(0, 30), max_size=2),
    samples=st.integers(1, 2),
    temperature=st.sampled_from([0.0, 0.7]),
    answer_tokens=st.integers(1, 6),
    option_answer=st.sampled_from(["", "\\boxed{{letter}}", "{text}"]),
)
salts = st.integers(0, 10**6)


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


@settings(max_examples=80)
@given(salt=salts, answer_tokens=st.integers(1, 60), stop_rate=st.sampled_from([0.0, 0.02]))
def test_an_answer_that_stops_at_its_box_is_the_beginning_of_one_that_goes_on(
    formatters, tmp_path_factory, salt, answer_tokens, stop_rate
):
    formatter = formatters["m1"]
    words = tuple(formatter.encode("\\boxed{") * 3 + formatter.encode("{}}} a\\"))
    whole = Plan(budgets=(0, 3), answer_tokens=answer_tokens)
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


@settings(max_examples=60)
@given(plan=plans, stop_rate=st.sampled_from([0.02, 0.1]), salt=salts)
def test_separate_tokens_counts_what_separate_runs_decode(formatters, plan, stop_rate, salt):
    formatter = formatters["m1"]
    nested = sweep(formatter, OracleEngine(stop_rate, salt), plan)
    engine = OracleEngine(stop_rate, salt)
    all_separate(formatter, engine, plan)
    assert separate_tokens(nested, lengths(formatter, plan)) == engine.decoded


@settings(max_examples=60)
@given(plan=plans, stop_rate=st.sampled_from([0.02, 0.1]), salt=salts)
def test_nested_tokens_counts_what_the_sweep_decodes(formatters, tmp_path_factory, plan, stop_rate, salt):
    assume(plan.samples == 1 or plan.temperature > 0)  # greedy samples are all one, and a study with several is refused
    assume(0 in plan.extension_counts or not plan.extension_counts)  # as `Plan.from_spec` has it
    formatter, oracle = formatters["m1"], OracleEngine(stop_rate, salt)
    with Journal(tmp_path_factory.mktemp("journal") / "j.jsonl") as journal:
        rows = sweep(formatter, JournalledEngine(lambda: oracle, "oracle", journal), plan)
    assert nested_tokens(rows, lengths(formatter, plan)) == oracle.decoded


def lengths(formatter, plan) -> dict[str, int]:
    return {cue: len(cue_ids(formatter, cue)) for cue in plan.cues}


def test_no_more_is_under_way_than_asked_for(formatters):
    engine = OracleEngine(0.1)
    sweep(formatters["m1"], engine, Plan(budgets=(0, 4, 8), answer_tokens=4), n=40, width=5)
    assert 5 <= engine.most_pending <= 5 * 3  # five thoughts, each with three cuts


def test_a_format_without_thinking_has_one_cell(tokenizer):
    rows = sweep(Formatter(tokenizer, "direct", {}), OracleEngine(0.2), Plan(budgets=(0, 8, 16), answer_tokens=4))
    assert set(zip(rows["budget"], rows["thinking_tokens"], rows["natural_end"], strict=True)) == {(0, 0, True)}
    assert len(rows) == 3
    assert (
        separate_tokens(rows, {}) == nested_tokens(rows, {}) == (rows["answer_tokens"] + rows["answer_finished"]).sum()
    )


def test_a_format_without_thinking_may_begin_the_answer(tokenizer):
    seen = []
    engine = OracleEngine(0.2)
    engine.submit = lambda request, submit=engine.submit: (seen.append(request.prompt), submit(request))
    formatter = Formatter(tokenizer, "no_think", {"forced_end": "<think>\n\n</think>\n\n"})
    sweep(formatter, engine, Plan(budgets=(8,), answer_tokens=4), n=1)
    assert formatter.decode(seen[0]).endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")


def test_thinking_of_exactly_the_budget_has_not_ended():
    trace = Trace((11, 12, 13), natural=True)
    assert trace.cut(4) == trace
    assert trace.cut(3) == Trace((11, 12, 13), natural=False)
    assert trace.cut(0) == Trace((), natural=False)


def test_a_marker_of_several_tokens_must_fit_the_budget():
    trace = Trace((11, 12, 13), natural=True, marker=(1, 2))
    assert trace.cut(5) == trace
    assert trace.cut(4) == Trace((11, 12, 13, 1), natural=False)
    assert trace.cut(2) == Trace((11, 12), natural=False)


def test_an_extension_needs_room_for_the_cue_and_a_token():
    trace = Trace((11, 12, 13), natural=True)
    assert can_extend(trace, budget=6, cue_tokens=2)
    assert not can_extend(trace, budget=5, cue_tokens=2)
    assert not can_extend(Trace((11,), natural=False), budget=9, cue_tokens=1)


def test_a_chain_under_a_smaller_budget_stops_where_the_room_ends():
    chain = [Trace((1, 2), True), Trace((1, 2, 9, 3, 4), True), Trace((1, 2, 9, 3, 4, 9, 5, 6, 7), False)]
    assert under_budget(chain, 2, 9, cue_tokens=1) == (chain[2], 2)
    assert under_budget(chain, 2, 6, cue_tokens=1) == (chain[1], 1)
    assert under_budget(chain, 2, 5, cue_tokens=1) == (Trace((1, 2, 9, 3, 4), False), 1)
    assert under_budget(chain, 2, 3, cue_tokens=1) == (Trace((1, 2), True), 0)
    assert under_budget(chain, 2, 1, cue_tokens=1) == (Trace((1,), False), 0)
