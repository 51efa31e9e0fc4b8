"""The pool: copies go, the first stays, disguises don't help, and what is removed says why."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from helpers.pool_questions import LONG, OWN, kept
from m1flow.errors import M1FlowError
from m1flow.files.json import read_json
from m1flow.files.parquet import read_table, write_table
from m1flow.pool.building import build_pool
from m1flow.pool.planted import KINDS
from m1flow.study.settings.pool import PoolSettings
from m1flow.study.settings.problems import read

# --- duplicates ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("similarity", [95, 100])
def test_a_copy_with_reordered_options_is_a_duplicate(table, similarity):
    a = table("a", {"stem": LONG, "options": ["flu", "tb", "asthma"]}, OWN)
    b = table("b", {"stem": LONG.upper(), "options": ["flu", "asthma", "tb"]}, {"stem": "B?", "options": ["1", "2"]})
    pool, removed, counts = build_pool([a, b], [], read(PoolSettings, {"similarity": similarity}))
    assert kept((pool,)) == ["a0", "a1", "b1"]
    row = removed.iloc[0]
    assert (row["origin_id"], row["reason"], row["rule"]) == ("b0", "duplicate", "same text")
    assert (row["matched_id"], row["matched_source"]) == (a["question_id"][0], "a")
    assert row["similarity"] == 100 and LONG in row["matched_text"]
    assert counts["sources"] == {
        "a": {"questions": 2, "duplicate": 0, "contaminated": 0, "kept": 2},
        "b": {"questions": 2, "duplicate": 1, "contaminated": 0, "kept": 1},
    }
    assert counts["rules"] == {"duplicate": {"same text": 1}, "contaminated": {}}


def test_the_first_occurrence_stays_in_the_order_of_sources(table):
    both = {"stem": LONG, "options": ["flu", "tb"]}
    a, b = (table(name, both, {"stem": f"Only {name}?", "options": ["1", "2"]}) for name in "ab")
    assert kept(build_pool([a, b], [], read(PoolSettings, {}))) == ["a0", "a1", "b1"]
    assert kept(build_pool([b, a], [], read(PoolSettings, {}))) == ["b0", "b1", "a1"]


def test_repeats_within_a_file_are_removed(table):
    row = {"stem": LONG, "options": ["flu", "tb"]}
    assert kept(build_pool([table("a", row, row, row)], [], read(PoolSettings, {"similarity": 100}))) == ["a0"]


def test_near_copies_go_at_95_and_stay_at_100(table):
    a = table(
        "a", {"stem": LONG, "options": ["flu", "tb"]}, {"stem": LONG.replace("57", "58"), "options": ["flu", "tb"]}
    )
    assert kept(build_pool([a], [], read(PoolSettings, {"similarity": 95}))) == ["a0"]
    assert kept(build_pool([a], [], read(PoolSettings, {"similarity": 100}))) == ["a0", "a1"]


def test_a_copy_of_a_removed_question_alone_stays(table):
    """C is near b, b is near a, c is not near a: b goes, and then c repeats nothing that is left."""
    stems = ["x" * 40, "x" * 38 + "yy", "x" * 36 + "yyyy"]
    a = table("a", *({"stem": stem, "options": ["flu", "tb"]} for stem in stems))
    result = build_pool([a], [], read(PoolSettings, {"similarity": 94}))
    assert kept(result) == ["a0", "a2"] and result[1]["rule"].tolist() == ["ratio"]


def test_the_same_row_of_the_same_data_set_is_a_copy(table):
    a = table("a", {"stem": "Retold?", "options": ["1", "2"], "origin_id": "pmid7"}, OWN)
    b = table("b", {"stem": "Told again?", "options": ["3", "4"], "origin_id": "pmid7"}, OWN | {"stem": "B's own?"})
    exam = table("exam", {"stem": "As first told?", "options": ["5", "6"], "origin_id": "pmid7"}, OWN | {"stem": "E?"})
    origins = {"sources": {"a": "pubmed", "b": "pubmed"}, "benchmarks": {"exam": "pubmed"}}
    removed = build_pool([a, b], [exam], read(PoolSettings, {"similarity": 100}), origins=origins)[1]
    assert removed[["source", "reason", "rule"]].to_numpy().tolist() == [
        ["b", "duplicate", "origin"],
        ["a", "contaminated", "origin"],
    ]
    assert len(build_pool([a, b], [exam], read(PoolSettings, {"similarity": 100}))[1]) == 0


def test_recall_is_measured_in_every_run_and_nothing_planted_stays(table, exam):
    a = table("a", *({"stem": f"Own number {n}?", "options": ["p", "q"]} for n in range(20)))
    pool, removed, counts = build_pool([a], [exam], read(PoolSettings, {"similarity": 95, "planted": 2, "seed": 1}))
    assert len(pool) + len(removed) == 20
    by_kind = {(line["kind"], line["mode"]): (line["planted"], line["caught"]) for line in counts["recall"]}
    assert set(by_kind) == {(kind, mode) for kind in KINDS for mode in ("stem", "paper")}
    for kind in ("verbatim", "case and punctuation changed", "options reordered", "options appended to the stem"):
        assert by_kind[kind, "stem"] == (2, 2), kind
    assert by_kind["sentences reordered", "stem"] == (1, 1)  # the other has one sentence
    assert by_kind["options appended to the stem", "paper"][1] == 0
    assert counts == build_pool([a], [exam], read(PoolSettings, {"similarity": 95, "planted": 2, "seed": 1}))[2]


def test_without_benchmarks_there_is_nothing_to_recall(table):
    counts = build_pool([table("a", OWN)], [], read(PoolSettings, {}))[2]
    assert {(line["planted"], line["caught"]) for line in counts["recall"]} == {(0, 0)}


def test_removed_rows_are_the_rest_of_the_questions(table, tiny_questions, exam):
    some = tiny_questions.iloc[:5].assign(source="exam", question_id=[f"e{n}" for n in range(5)])
    more = table("exam", *({"stem": f"Other {n}?", "options": ["1", "2"]} for n in range(5)))
    pool, removed, counts = build_pool(
        [tiny_questions], [pd.concat([some, more])], read(PoolSettings, {"similarity": 100})
    )
    assert sorted([*pool["question_id"], *removed["question_id"]]) == sorted(tiny_questions["question_id"])
    assert counts["total"] == {"questions": 12, "duplicate": 0, "contaminated": 5, "kept": 7}


# --- bad input -------------------------------------------------------------------------------------------------------


def test_a_source_that_vanishes_is_an_error(table):
    row = {"stem": LONG, "options": ["flu", "tb"]}
    with pytest.raises(
        M1FlowError, match=r"sources\.b: none of its 1 questions is left \(1 duplicates, 0 in .* in a\)"
    ):
        build_pool([table("a", row), table("b", row)], [], read(PoolSettings, {}))


def test_a_benchmark_that_is_a_source_is_an_error(table):
    rows = [{"stem": f"Question {n}?", "options": [f"{n}", "none"]} for n in range(10)]
    a, exam = table("a", *rows, OWN), table("exam", *rows[:9], {"stem": "Only here?", "options": ["1", "2"]})
    with pytest.raises(M1FlowError, match=r"benchmarks\.exam: 9 of its 10 questions are in sources\.a: .*remove one"):
        build_pool([a], [exam], read(PoolSettings, {"similarity": 100}))
    assert len(build_pool([a], [table("exam", *rows[:8], *a_few(2))], read(PoolSettings, {"similarity": 100}))[0]) == 3


def a_few(n):
    return [{"stem": f"Unrelated {i}?", "options": ["7", "8"]} for i in range(n)]


def test_ids_that_collide_are_an_error(table):
    a, b = table("a", OWN), table("b", {"stem": "Other?", "options": ["1", "2"]})
    with pytest.raises(
        M1FlowError, match=r"\.b: question_id: '\w+' is already the id of a different question in a; derive"
    ):
        build_pool([a, b.assign(question_id=a["question_id"])], [], read(PoolSettings, {}))
    twice = table("c", OWN, {"stem": "Other?", "options": ["1", "2"]}).assign(question_id="same")
    with pytest.raises(M1FlowError, match=r"sources\.c: question_id: 'same' stands for 2 questions; give each"):
        build_pool([twice], [], read(PoolSettings, {}))


def test_the_script_writes_all_three_and_names_a_corrupt_table(tmp_path, tiny_questions):
    script = Path(__file__).parents[3] / "workflow" / "scripts" / "build_pool.py"
    write_table(tmp_path / "a.parquet", tiny_questions, "questions")
    (tmp_path / "b.parquet").write_bytes((tmp_path / "a.parquet").read_bytes()[:-100])
    outputs = ["--out", "pool.parquet", "--removed", "removed.parquet", "--counts", "pool.json"]

    def run(*sources):
        flags = ["--spec", json.dumps({"similarity": 100}), "--origins", '{"sources": {"a": "x"}}', "--processes", "2"]
        command = [sys.executable, script, *flags, "--sources", *sources, *outputs]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)

    whole, corrupt = run("a.parquet"), run("a.parquet", "b.parquet")
    assert whole.returncode == 0 and len(read_table(tmp_path / "pool.parquet", "questions")) == 12
    assert read_json(tmp_path / "pool.json")["total"]["kept"] == 12
    assert len(read_table(tmp_path / "removed.parquet", "pool_removed")) == 0
    assert corrupt.returncode == 1 and "Traceback" not in corrupt.stderr
    assert corrupt.stderr.splitlines()[-1].startswith("error: b.parquet: not a readable Parquet file")


@pytest.mark.slow
@pytest.mark.real
def test_recall_of_planted_copies_in_real_benchmarks(real):
    sources = [real[name] for name in ("medmcqa", "medqa", "headqa", "pubmedqa", "recorded")]
    counts = build_pool(sources, [real["mmlu"], real["medxpertqa"]], read(PoolSettings, {"similarity": 95}))[2]
    share = {(line["kind"], line["mode"]): line["caught"] / line["planted"] for line in counts["recall"]}
    for kind in KINDS:
        goal = {"5 % of words dropped": 0.95, "sentences reordered": 0.95}.get(kind, 0.99)
        if kind in ("verbatim", "case and punctuation changed", "options reordered"):
            goal = 1
        assert share[kind, "stem"] >= goal, kind
        assert share[kind, "paper"] < 0.2, kind
