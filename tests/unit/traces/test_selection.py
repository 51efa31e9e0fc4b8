"""Datasets: recipes draw what they say, smaller ones begin larger ones, and too few is said."""

from __future__ import annotations

from collections import Counter

import pandas as pd
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from m1flow.errors import M1FlowError
from m1flow.study.settings.datasets import DatasetSettings
from m1flow.study.settings.problems import read
from m1flow.traces.selection import LIGHT, card, draw, select


@pytest.fixture
def make(examples):
    def run(domains=None, **spec):
        return select(
            "d", read(DatasetSettings, {"teacher": "t"} | ({"recipe": "hard"} | spec)), examples[LIGHT], domains
        )

    return run


@pytest.mark.parametrize(
    ("recipe", "numbers"),
    [
        ("hard", range(8)),
        ("hard_domain", range(8)),
        ("hard_domain_source", range(8)),
        ("random", range(0, 12, 2)),
        ("all", range(11)),
    ],
)
def test_recipes(make, recipe, numbers):
    dataset, counts = make(recipe=recipe)
    assert sorted(dataset["question_id"]) == [f"q{n:02}" for n in numbers]
    left_out = {"too_short": 0, "too_long": 0}
    assert counts == {"verified": 11, "eligible": len(numbers), "selected": len(numbers)} | left_out


@pytest.mark.parametrize("recipe", ["hard", "hard_domain", "hard_domain_source", "all"])
def test_a_smaller_dataset_begins_a_larger_one(make, recipe):
    small, large = make(recipe=recipe, size=3)[0], make(recipe=recipe, size=7)[0]
    assert list(small["question_id"]) == list(large["question_id"][:3])
    assert list(large["question_id"]) != list(make(recipe=recipe, size=7, seed=1)[0]["question_id"])


def test_long_and_short_examples_are_left_out_before_drawing(make, examples):
    tokens = examples.set_index("question_id")[["prompt_tokens", "thinking_tokens", "answer_tokens"]].sum(axis=1)
    limit, most = int(tokens.median()), int(tokens.max())
    dataset, counts = make(recipe="all", max_tokens=limit)
    assert set(dataset["question_id"]) == set(tokens[tokens <= limit].index)
    assert counts["too_long"] == (tokens > limit).sum() > 0
    dataset, counts = make(recipe="all", min_tokens=most)
    assert set(dataset["question_id"]) == set(tokens[tokens == most].index)
    assert counts["too_short"] == (tokens < most).sum() > 0


def test_too_few_is_an_error_unless_allowed(make):
    with pytest.raises(M1FlowError, match=r"datasets\.d\.size: 9 asked for, but 8 of 11 verified traces are eligible"):
        make(size=9)
    assert len(make(size=9, allow_fewer=True)[0]) == 8


def test_none_is_always_an_error(make):
    with pytest.raises(M1FlowError, match="0 of 11 verified traces are eligible"):
        make(max_tokens=1, allow_fewer=True)


def test_domains_are_needed_where_they_count(examples):
    with pytest.raises(M1FlowError, match="no question has a domain"):
        select(
            "d", read(DatasetSettings, {"teacher": "t"} | {"recipe": "hard_domain"}), examples.assign(domain=None), None
        )


def test_domains_that_a_model_assigned_take_the_place_of_the_sources(make):
    assigned = pd.DataFrame({"question_id": ["q00", "q01", "q02"], "domain": ["genetics", None, "surgery"]})
    dataset, _ = make(domains=assigned, recipe="hard_domain")
    by_id = dataset.set_index("question_id")["domain"]
    assert by_id["q00"] == "genetics" and by_id["q02"] == "surgery" and by_id.drop(["q00", "q02"]).isna().all()


@given(
    st.lists(st.tuples(st.sampled_from(["x", "y", None]), st.sampled_from("ab")), min_size=1, max_size=30),
    st.integers(0, 9),
)
def test_every_row_is_drawn_once(rows, seed):
    table = pd.DataFrame(rows, columns=["domain", "source"])
    for by in ([], ["domain"], ["domain", "source"]):
        assert sorted(draw(table, by, seed)) == list(range(len(rows)))


def test_a_rare_domain_and_source_is_drawn_as_often_as_a_common_one():
    table = pd.DataFrame([("x", "a")] * 900 + [("x", "b")] * 90 + [("y", "a")] * 90, columns=["domain", "source"])
    first = [table.iloc[next(draw(table, ["domain", "source"], seed))] for seed in range(400)]
    seen = Counter((row["domain"], row["source"]) for row in first)
    assert 150 < seen["y", "a"] < 250 and 60 < seen["x", "b"] < 140


def test_the_card_tells_recipe_and_counts(make):
    spec = {"recipe": "hard_domain", "size": 5, "format": "m1", "seed": 0, "teacher": "pharmacist"}
    dataset, counts = make(**spec)
    text = card("d", read(DatasetSettings, spec), dataset, counts)
    _, header, body = text.split("---\n")
    assert yaml.safe_load(header)["configs"] == [{"config_name": "default", "data_files": "d.parquet"}]
    assert "pharmacist" in body and "5 of 8 eligible" in body and "| heart |" in body
    told = dataset["prompt_tokens"]
    assert f"| prompt | {told.min()} |" in body and f"| {told.max()} | {round(told.mean())} |" in body
