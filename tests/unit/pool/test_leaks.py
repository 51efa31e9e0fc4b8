"""Leaks: what the pool would have lost is found, counted by benchmark question and by what was trained on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from m1flow.analysis.registry import declared
from m1flow.analysis.tables.leaked import POOL, leaked_table
from m1flow.files.contracts import CONTRACTS
from m1flow.files.csv_tables import read_csv
from m1flow.files.parquet import read_table, write_table
from m1flow.pool.building import build_pool
from m1flow.pool.leaks import find_leaks
from m1flow.questions.question import make_questions
from m1flow.questions.sources import load
from m1flow.study.settings.formulary import FormularySettings
from m1flow.study.settings.pool import PoolSettings
from m1flow.study.settings.problems import read
from m1flow.study.settings.question_sets import QuestionSetSettings

ROOT = Path(__file__).parents[3]
CASE = "A 57-year-old man has had fever and a cough for two weeks. Which of the following is the most likely cause?"
OTHER = "In which of the four chambers of the heart does blood from the pulmonary veins of an adult arrive first?"
OPTIONS = ["flu", "tb", "asthma"]


def questions(name: str, *rows: dict) -> pd.DataFrame:
    raw = [{"origin_id": f"{name}{n}", "answer_index": 0, "options": OPTIONS} | row for n, row in enumerate(rows)]
    return make_questions(raw, name, where="t", split="train", seed=0, shuffle=False)[0]


@pytest.fixture(scope="module")
def exam() -> pd.DataFrame:
    return questions("exam", {"stem": CASE}, {"stem": OTHER}, {"stem": "Which bone is the longest in the body?"})


@pytest.fixture(scope="module")
def pool() -> pd.DataFrame:
    """Two disguises of the first benchmark question, one of the second, and a question of its own."""
    return questions(
        "a",
        {"stem": f"Answer this question. {CASE}", "options": ["one", "two"]},
        {"stem": f"{CASE} Give reasons for what you say.", "options": ["three", "four"]},
        {"stem": OTHER.upper()},
        {"stem": "Something else entirely?"},
    )


def ids(table: pd.DataFrame, *rows: int) -> list[str]:
    return list(table["question_id"].iloc[list(rows)])


def nothing_of(table: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(columns=CONTRACTS["pool_removed"].names)


@pytest.mark.parametrize("mode", ["stem", "paper"])
@pytest.mark.parametrize("similarity", [90, 100])
def test_found_is_what_the_pool_would_have_lost(mode, similarity):
    world, made = {"seed": 7, "drugs": 20, "rare_drugs": 0}, {"adapter": "formulary", "chain": [1, 2]}
    source, first, second = (
        load(
            name, read(QuestionSetSettings, made | {"questions": size, "seed": seed}), 0, read(FormularySettings, world)
        )[0]
        for name, size, seed in (("s", 300, 1), ("first", 40, 2), ("second", 40, 3))
    )
    spec = {"similarity": similarity, "decontamination": mode, "planted": 0}
    pool, removed, _ = build_pool([source], [first], read(PoolSettings, spec))
    cleaner, _, _ = build_pool([source], [first, second], read(PoolSettings, spec))
    found = find_leaks(pool, removed, [second], read(PoolSettings, spec), {})
    assert set(found["matched_id"]) == set(pool["question_id"]) - set(cleaner["question_id"])
    assert len(found) or mode == "paper"


def test_benchmark_questions_are_counted_once_each_and_by_dataset(pool, exam):
    trained = {"both": ids(pool, 0, 1, 3), "none": ids(pool, 3), "corpus of tiny": ids(pool, 0, 1, 2, 3)}
    leaks = find_leaks(pool, nothing_of(pool), [exam], read(PoolSettings, {"similarity": 95}), trained)
    assert list(zip(leaks["question_id"], leaks["matched_id"], strict=True)) == [
        (ids(exam, 0)[0], ids(pool, 0)[0]),
        (ids(exam, 0)[0], ids(pool, 1)[0]),
        (ids(exam, 1)[0], ids(pool, 2)[0]),
    ]
    assert list(leaks["trained_on"]) == [["both", "corpus of tiny"], ["both", "corpus of tiny"], ["corpus of tiny"]]
    table = leaked_table(leaks, {"exam": 3, "clean": 9}, list(trained))
    assert table["leaked"].tolist() == [2, 1, 0, 2, 0, 0, 0, 0]
    assert table["share"].tolist() == pytest.approx([2 / 3, 1 / 3, 0, 2 / 3, 0, 0, 0, 0])
    assert table.loc[0, ["benchmark", "dataset", "questions"]].tolist() == ["exam", POOL, 3]


def test_a_question_that_a_benchmark_asks_twice_leaks_twice(pool):
    """As in the 78 questions of GPQA, each in five orders: a copy answers all five."""
    twice = questions("exam", {"stem": OTHER}, {"stem": f"{OTHER} "}, {"stem": f"{OTHER}", "options": OPTIONS[::-1]})
    leaks = find_leaks(pool, nothing_of(pool), [twice], read(PoolSettings, {"similarity": 95}), {})
    assert leaked_table(leaks, {"exam": 3}, [])["leaked"].tolist() == [3]


def test_rows_of_one_data_set_leak_whatever_their_texts():
    a, exam = questions("a", {"stem": "Retold?", "origin_id": "7"}), questions("exam", {"stem": "Told?"})
    exam = pd.concat([exam, questions("exam", {"stem": "Told again?"})]).assign(origin_id="7")
    origins = {"sources": {"a": "pubmed"}, "benchmarks": {"exam": "pubmed"}}
    leaks = find_leaks(a, nothing_of(a), [exam], read(PoolSettings, {"similarity": 100}), {}, origins=origins)
    assert leaks["rule"].tolist() == ["origin", "origin"]
    assert leaks["question_id"].tolist() == exam["question_id"].tolist()


def test_a_pair_that_several_tests_find_is_told_by_the_most_similar(exam):
    """As rows of one data set they match whatever their stems; but for a blank, these are the same text."""
    a = questions("a", {"stem": CASE.replace("fever", "fe ver"), "origin_id": "7"})
    origins = {"sources": {"a": "pubmed"}, "benchmarks": {"exam": "pubmed"}}
    leaks = find_leaks(
        a, nothing_of(a), [exam.assign(origin_id="7")[:1]], read(PoolSettings, {"similarity": 90}), {}, origins=origins
    )
    assert leaks[["rule", "similarity"]].to_numpy().tolist() == [["same text", 100.0]]


def test_what_left_the_pool_counts_for_words_and_is_not_found(pool, exam):
    removed = pool.assign(reason="duplicate", matched_id="", matched_source="", matched_text="", similarity=100.0)
    kept = questions("a", {"stem": "Something else entirely?"})
    assert find_leaks(kept, removed, [exam], read(PoolSettings, {"similarity": 95}), {}).empty


# --- scripts and settings --------------------------------------------------------------------------------------------


def run(script: str, *flags: object) -> None:
    command = [sys.executable, ROOT / "workflow" / "scripts" / script, *map(str, flags)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)


def test_the_script_counts_datasets_and_corpora(tmp_path, pool, exam):
    sources = [pool, questions("b", {"stem": "Of a second source?"})]
    write_table(tmp_path / "pool.parquet", pd.concat(sources, ignore_index=True), "questions")
    write_table(tmp_path / "removed.parquet", nothing_of(pool), "pool_removed")
    write_table(tmp_path / "exam.parquet", exam, "questions")
    empty = dict.fromkeys(CONTRACTS["datasets"].names, "") | {"prompt_tokens": 1, "thinking_tokens": 1}
    example = empty | {"question_id": ids(pool, 2)[0], "answer_tokens": 1, "input_ids": [1]}
    write_table(tmp_path / "1000.parquet", [example], "datasets")
    run(
        "find_leaks.py",
        *("--pool", tmp_path / "pool.parquet", "--pool-removed", tmp_path / "removed.parquet"),
        *("--benchmarks", tmp_path / "exam.parquet", "--datasets", tmp_path / "1000.parquet"),
        *("--corpora", json.dumps({"tiny": ["a"], "small": ["b"]}), "--spec", json.dumps({"similarity": 95})),
        *("--out", tmp_path / "leaked.parquet"),
    )
    run(
        "make_table.py",
        *("leaked", "--leaked-pairs", tmp_path / "leaked.parquet", "--out", tmp_path / "leaked.csv"),
        *("--leakable-benchmarks", tmp_path / "exam.parquet"),
        *("--trained-on", json.dumps(["1000", "corpus of tiny", "corpus of small"])),
    )
    table = read_csv(tmp_path / "leaked.csv", declared("leaked").columns)
    assert dict(zip(table["dataset"], table["leaked"], strict=True)) == {
        POOL: 2,
        "1000": 1,
        "corpus of tiny": 2,
        "corpus of small": 0,
    }
    assert len(read_table(tmp_path / "leaked.parquet", "leaked")) == 3


def test_the_pool_is_the_same_file_where_a_benchmark_takes_nothing(tmp_path, pool):
    for name, table in (("a", pool), ("far", questions("far", {"stem": "Of nothing that is there?"}))):
        write_table(tmp_path / f"{name}.parquet", table, "questions")

    def made(*benchmarks: str) -> bytes:
        run(
            "build_pool.py",
            *("--sources", tmp_path / "a.parquet", "--spec", json.dumps({"similarity": 95})),
            *("--benchmarks", *(tmp_path / f"{name}.parquet" for name in benchmarks), "--out", tmp_path / "pool"),
            *("--removed", tmp_path / "removed", "--counts", tmp_path / "counts"),
        )
        return (tmp_path / "pool").read_bytes()

    assert made() == made("far")
