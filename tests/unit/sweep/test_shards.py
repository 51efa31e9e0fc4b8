"""Shards: every question once, about equal work, and the same rows in any number of them."""

from __future__ import annotations

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.sweep_reference import M1, OracleEngine, items
from m1flow.engines.journalled import JournalledEngine
from m1flow.errors import M1FlowError
from m1flow.files.contracts import CONTRACTS
from m1flow.files.journal import Journal
from m1flow.files.parquet import read_table, write_table
from m1flow.models.formats import Formatter
from m1flow.study.settings.formats import FormatSettings
from m1flow.sweep.plan import Item, SweepPlan
from m1flow.sweep.run import run_sweep
from m1flow.sweep.shards import deal, gather, in_order, parse_shard
from m1flow.training.tokenizer import train_tokenizer

turns = st.lists(st.tuples(st.sampled_from("ab"), st.integers(1, 4000)), max_size=60)


@given(turns=turns, shards=st.integers(1, 9), permutations=st.integers(1, 3))
def test_every_question_is_in_one_shard_with_its_permutations(turns, shards, permutations):
    asked = [
        Item(f"q{n}", "x" * (length + r), permutation=r, benchmark=benchmark)
        for n, (benchmark, length) in enumerate(turns)
        for r in range(permutations)
    ]
    parts = [deal(asked, shard, shards) for shard in range(1, shards + 1)]
    assert sorted((item.question_id, item.permutation) for part in parts for item in part) == sorted(
        (item.question_id, item.permutation) for item in asked
    )
    homes = [{item.question_id for item in part} for part in parts]
    assert sum(map(len, homes)) == len(turns)
    sizes = [sum(len(item.turn) for item in part) for part in parts]
    longest = max((len(item.turn) for item in asked), default=0)
    assert max(map(len, homes)) - min(map(len, homes)) <= 1
    assert max(sizes) - min(sizes) <= 3 * longest * permutations  # of two benchmarks, and of the last lap
    assert [deal(asked[::-1], shard, shards)[::-1] for shard in range(1, shards + 1)] == parts


@pytest.fixture(scope="module")
def formatter():
    return Formatter(train_tokenizer(["a question about a dose of some drug"], 300), "m1", FormatSettings(**M1))


@settings(max_examples=25)
@given(
    first=st.integers(1, 5),
    second=st.integers(1, 5),
    width=st.integers(1, 9),
    salt=st.integers(0, 10**6),
    temperature=st.sampled_from([0.0, 0.7]),
)
def test_rows_are_the_same_in_any_number_of_shards_and_are_made_once(
    formatter, tmp_path_factory, first, second, width, salt, temperature
):
    plan = SweepPlan(budgets=(0, 4, 9), extension_counts=(0, 2), extension_budgets=(20,), permutations=2)
    plan = SweepPlan(**{**plan.__dict__, "permutation_budgets": (6,), "temperature": temperature, "answer_tokens": 3})
    asked = items(7, plan.permutations)
    questions = pd.DataFrame({"question_id": [f"q{n}" for n in range(7)]})
    oracle = OracleEngine(0.1, salt)
    folder = tmp_path_factory.mktemp("shards")
    rows = pd.DataFrame(run_sweep(asked, formatter, OracleEngine(0.1, salt), plan, seed=1)).drop(columns="benchmark")
    whole = in_order(rows, questions)
    write_table(folder / "whole.parquet", whole, "generations")
    whole = read_table(folder / "whole.parquet", "generations")
    decoded = []
    for shards in (first, second):
        paths = []
        for shard in range(1, shards + 1):
            with Journal(folder / "journal.jsonl") as journal:
                engine = JournalledEngine(lambda: oracle, "oracle", journal)
                mine = deal(asked, shard, shards)
                rows = list(run_sweep(mine, formatter, engine, plan, seed=1, width=width))
            paths.append(folder / f"{shard}-of-{shards}.parquet")
            columns = ["benchmark", *CONTRACTS["generations"].names]
            write_table(paths[-1], pd.DataFrame(rows, columns=columns).drop(columns="benchmark"), "generations")
        decoded.append(oracle.decoded)
        pd.testing.assert_frame_equal(gather(paths, questions, "benchmark"), whole)
    assert decoded[0] == decoded[1]  # another number of shards makes nothing anew


def test_a_question_without_answers_is_named(tmp_path, formatter):
    plan = SweepPlan(budgets=(2,), answer_tokens=2)
    rows = pd.DataFrame(run_sweep(items(3), formatter, OracleEngine(0.1), plan, seed=1)).drop(columns="benchmark")
    path = tmp_path / "1-of-1.parquet"
    write_table(path, rows, "generations")
    questions = pd.DataFrame({"question_id": ["q0", "q1", "q2", "q3"]})
    with pytest.raises(
        M1FlowError, match="1 of 4 questions of set.parquet have no answer; delete this folder and rerun"
    ):
        gather([path], questions, "set.parquet")
    assert len(gather([path], questions[:3], "set.parquet")) == 3


@pytest.mark.parametrize("text", ["", "0-of-2", "3-of-2", "1of2", "1-of-0", "a-of-b"])
def test_a_wrong_shard_is_refused(text):
    with pytest.raises(M1FlowError, match="--shard: .* is not a shard; write 2-of-4"):
        parse_shard(text)
    assert parse_shard("2-of-4") == (2, 4)
