"""Sweeps of any plan, as tests draw them."""

from __future__ import annotations

import pandas as pd
from hypothesis import strategies as st

from helpers.sweep_reference import COLUMNS, items
from m1flow.sweep.plan import NO_CUE, SweepPlan
from m1flow.sweep.run import cue_ids, run_sweep


def sweep(formatter, engine, plan, n=3, seed=5, width=256) -> pd.DataFrame:
    rows = pd.DataFrame(run_sweep(items(n, plan.permutations), formatter, engine, plan, seed=seed, width=width))
    return rows.sort_values(COLUMNS).reset_index(drop=True)


def tuples(elements, **sizes):
    return st.sets(elements, **sizes).map(lambda chosen: tuple(sorted(chosen)))


plans = st.builds(
    SweepPlan,
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


def lengths(formatter, plan) -> dict[str, int]:
    return {cue: len(cue_ids(formatter, cue)) for cue in plan.cues}
