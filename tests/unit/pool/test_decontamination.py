"""Decontamination: a copy of a benchmark question is found in every disguise, and a question in like words is none."""

from __future__ import annotations

import csv
from pathlib import Path

import pandas as pd
import pytest

from helpers.pool_questions import LONG, OWN, kept
from m1flow.pool.building import build_pool
from m1flow.pool.decontamination import BenchmarkIndex, origin_keys
from m1flow.pool.overlap import folded_questions
from m1flow.questions.sources import load
from m1flow.study.settings.formulary import FormularySettings
from m1flow.study.settings.pool import PoolSettings
from m1flow.study.settings.problems import read
from m1flow.study.settings.question_sets import QuestionSetSettings


@pytest.mark.parametrize("similarity", [95, 100])
@pytest.mark.parametrize(
    "copy",
    [
        {"stem": LONG, "options": ["tb", "flu", "asthma"], "answer_index": 1},
        {"stem": LONG, "options": ["other", "wrong", "ones"]},
        {"stem": LONG.upper().replace("?", " :"), "options": ["flu", "tb", "gout"]},
        {"stem": "Short stem?", "options": ["gout", "new", "wrong", "options"]},
    ],
    ids=["reordered", "other options under a long stem", "reformatted", "other wrong options under a short stem"],
)
def test_copies_of_benchmark_questions_go(table, exam, copy, similarity):
    pool, removed, counts = build_pool([table("a", copy, OWN)], [exam], read(PoolSettings, {"similarity": similarity}))
    assert kept((pool,)) == ["a1"]
    assert list(removed["reason"]) == ["contaminated"] and removed["matched_source"][0] == "exam"
    assert counts["contaminated_by"] == {"exam": 1}


@pytest.mark.parametrize(
    ("stem", "rule"),
    [
        (f"Answer this question. {LONG}", "contained"),
        (f"{LONG} A. flu B. tb C. asthma", "contained"),
        (LONG.replace("cough for two weeks", "cough two weeks"), "words"),
        (f"{LONG[LONG.index('Which') :]} {LONG[: LONG.index('Which')]}", "words"),
    ],
    ids=["prefix", "options appended", "word dropped", "sentences reordered"],
)
def test_disguised_copies_go_by_the_rule_that_found_them(table, exam, stem, rule):
    a = table("a", {"stem": stem, "options": ["all", "others"]}, OWN)
    removed = build_pool([a], [exam], read(PoolSettings, {"similarity": 95}))[1]
    assert list(removed["rule"]) == [rule]
    assert len(build_pool([a], [exam], read(PoolSettings, {"similarity": 100}))[1]) == 0


@pytest.mark.parametrize(
    "other",
    [
        {"stem": "Which is true?", "options": ["bones heal slowly", "skin is an organ", "veins pulse"]},
        {"stem": "Which is true of rats?", "options": ["rats swim", "rats walk", "rats bark"]},
        {"stem": "Drug of choice for gout?", "options": ["colchicine", "morphine", "aspirin"]},
        {"stem": "Which drug is the first to be tried in a child with absence seizures?", "options": ["b", "a"]},
    ],
)
def test_other_questions_in_like_words_stay(table, other):
    exam = table(
        "exam",
        {"stem": "Which is true?", "options": ["rats fly", "cats bark", "dogs sing"]},
        {"stem": "Drug of choice for absence seizures?", "options": ["valproate", "morphine", "aspirin"]},
        {"stem": "Which drug is the first to be tried in a child with focal epilepsy?", "options": ["c", "d"]},
    )
    assert kept(build_pool([table("a", other)], [exam], read(PoolSettings, {}))) == ["a0"]


def test_a_templated_question_with_other_wrong_options_is_a_copy_at_100():
    """In words that every question has; only the right answer is the same."""
    world, spec = {"seed": 7, "drugs": 30, "rare_drugs": 0}, {"adapter": "formulary", "chain": [1, 2]}
    source, _ = load(
        "s", read(QuestionSetSettings, spec | {"questions": 2000, "seed": 1}), 0, read(FormularySettings, world)
    )
    benchmark, _ = load(
        "b", read(QuestionSetSettings, spec | {"questions": 100, "seed": 2}), 0, read(FormularySettings, world)
    )
    both = set(source["stem"]) & set(benchmark["stem"])
    assert len(both) > 5
    pool, removed, _ = build_pool([source], [benchmark], read(PoolSettings, {"similarity": 100}))
    assert not set(pool["stem"]) & both
    assert set(removed["stem"]) == both


def test_a_benchmark_passage_in_training_is_found(table):
    words = "the trial enrolled many patients with severe disease whose outcome was measured at"
    passage = " ".join(f"{words} {n} months" for n in range(8))
    exam = table("exam", {"context": passage, "stem": "Did it help?", "options": ["yes", "no"]}, OWN | {"stem": "E?"})
    a = table("a", {"stem": f"{passage} What was measured?", "options": ["outcome", "weight"]}, OWN)
    removed = build_pool([a], [exam], read(PoolSettings, {"similarity": 95}))[1]
    assert list(removed["rule"]) == ["context"]


def test_mode_paper_compares_the_prompt_with_the_bare_question(table, exam):
    bare = {"stem": LONG, "options": ["a", "b"]}
    full = {"stem": LONG, "options": ["influenza of the upper airways", "tuberculosis", "asthma"]}
    a = table("a", full, bare, OWN)
    result = build_pool([a], [exam], read(PoolSettings, {"decontamination": "paper", "similarity": 95}))
    assert kept(result) == ["a0", "a2"] and result[2]["decontamination"] == "paper"


CHECKED = Path(__file__).parents[2] / "data" / "decontamination_checked.csv"


def test_every_test_that_finds_a_copy_is_told_and_the_most_similar_benchmark_question_wins(table, exam):
    asked = table("e", {"stem": LONG.replace("57", "58"), "options": ["flu", "tb"]})
    both = pd.concat([asked, exam], ignore_index=True)
    a = table("a", OWN, {"stem": LONG, "options": ["flu", "tb", "asthma"]})
    index = BenchmarkIndex(both, folded_questions(a), 90)
    matches = list(index.matches("stem", a))
    assert {match.row for match in matches} == {1} and {match.position for match in matches} == {0, 1}
    assert {match.rule for match in matches if match.position == 1} >= {"same text", "ratio"}
    found = index.find("stem", a)
    assert {row: match.position for row, match in found.items()} == {1: 1} and found[1].similarity == 100


def test_nothing_is_found_in_or_for_an_empty_table(table, exam):
    a = table("a", {"stem": LONG, "options": ["flu", "tb"]})
    for mode in ("stem", "paper"):
        assert BenchmarkIndex(exam.iloc[:0], folded_questions(a), 95).find(mode, a) == {}
        assert BenchmarkIndex(exam, folded_questions(a), 95).find(mode, a.iloc[:0]) == {}


def test_rows_have_the_data_set_that_their_source_was_taken_from(table):
    rows = pd.concat([table("a", OWN), table("b", OWN)])
    assert origin_keys(rows, {"b": "pubmed"}) == [None, ("pubmed", "b0")]


@pytest.mark.real
def test_hand_checked_pairs_of_real_questions(real):
    """Every pair was read and judged; the list holds ids and verdicts only."""
    with CHECKED.open(encoding="utf-8", newline="") as lines:
        verdicts = {tuple(row[:4]): row[4] for row in list(csv.reader(lines))[1:]}
    everything = pd.concat(real.values(), ignore_index=True)
    by_id = {key: row for row, key in enumerate(zip(everything["source"], everything["origin_id"], strict=True))}
    folded = folded_questions(everything)
    caught, wrong, different = set(), [], 0
    for benchmark in sorted({pair[2] for pair in verdicts}):
        pairs = [pair for pair in verdicts if pair[2] == benchmark]
        rows = sorted({by_id[pair[:2]] for pair in pairs})
        questions = everything.iloc[sorted({by_id[pair[2:]] for pair in pairs})]
        theirs = everything.iloc[rows]
        for row, match in BenchmarkIndex(questions, folded, 95).find("stem", theirs).items():
            one, other = theirs.iloc[row], questions.iloc[match.position]
            pair = (one["source"], one["origin_id"], other["source"], other["origin_id"])
            if pair[:2] == pair[2:]:
                continue
            caught.add(pair)
            if verdicts.get(pair, "different") == "different":
                wrong.append(pair)
        different += sum(verdicts[pair] == "different" for pair in pairs)
    assert different >= 120
    assert len(wrong) <= 0.01 * different, wrong
    leaked = {pair for pair, verdict in verdicts.items() if verdict in ("same", "same passage")}
    assert len(caught & leaked) >= 0.75 * len(leaked)  # the rest say the same in other words
