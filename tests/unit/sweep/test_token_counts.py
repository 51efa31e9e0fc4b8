"""Token counts: what a sweep decodes, and what separate runs would."""

from __future__ import annotations

import pandas as pd
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from helpers.nested_sweeps import lengths, plans, salts, sweep
from helpers.sweep_reference import OracleEngine, all_separate
from m1flow.engines.journalled import JournalledEngine
from m1flow.files.journal import Journal
from m1flow.sweep.token_counts import _answers, nested_tokens, separate_tokens


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
    assume(0 in plan.extension_counts or not plan.extension_counts)  # as `SweepPlan.from_settings` has it
    formatter, oracle = formatters["m1"], OracleEngine(stop_rate, salt)
    with Journal(tmp_path_factory.mktemp("journal") / "j.jsonl") as journal:
        rows = sweep(formatter, JournalledEngine(lambda: oracle, "oracle", journal), plan)
    assert nested_tokens(rows, lengths(formatter, plan)) == oracle.decoded


def test_an_end_that_is_a_token_counts_and_the_end_of_a_box_is_none():
    texts = ["\\boxed{A}", "\\boxed{A}", "so A", "so A"]
    rows = pd.DataFrame({"answer_tokens": 5, "answer_finished": [True, False, True, False], "answer_text": texts})
    assert _answers(rows, stop_at_box=False) == 4 * 5 + 2
    assert _answers(rows, stop_at_box=True) == 4 * 5 + 1
