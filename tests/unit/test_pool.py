"""The pool: copies go, the first stays, disguises don't help, and what is removed says why."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from m1flow.errors import M1FlowError
from m1flow.overlap import fold
from m1flow.planted import KINDS
from m1flow.pool import build_pool
from m1flow.questions import make_questions as from_rows
from m1flow.sources import load
from m1flow.storage import read_json, read_table, write_table

LONG = "A 57-year-old man has had fever and a cough for two weeks. Which of the following is the most likely cause?"
OWN = {"stem": "Something else entirely?", "options": ["p", "q"]}


@pytest.fixture
def table():
    def make(name, *rows):
        raw = [{"origin_id": f"{name}{n}", "answer_index": 0} | row for n, row in enumerate(rows)]
        return from_rows(raw, name, where="t", split="train", seed=0, shuffle=True)[0]

    return make


@pytest.fixture
def exam(table):
    return table(
        "exam", {"stem": LONG, "options": ["flu", "tb", "asthma"]}, {"stem": "Short stem?", "options": ["gout", "tb"]}
    )


def kept(result):
    return list(result[0]["origin_id"])


# --- duplicates ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("similarity", [95, 100])
def test_a_copy_with_reordered_options_is_a_duplicate(table, similarity):
    a = table("a", {"stem": LONG, "options": ["flu", "tb", "asthma"]}, OWN)
    b = table("b", {"stem": LONG.upper(), "options": ["flu", "asthma", "tb"]}, {"stem": "B?", "options": ["1", "2"]})
    pool, removed, counts = build_pool([a, b], [], {"similarity": similarity})
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
    assert kept(build_pool([a, b], [], {})) == ["a0", "a1", "b1"]
    assert kept(build_pool([b, a], [], {})) == ["b0", "b1", "a1"]


def test_repeats_within_a_file_are_removed(table):
    row = {"stem": LONG, "options": ["flu", "tb"]}
    assert kept(build_pool([table("a", row, row, row)], [], {"similarity": 100})) == ["a0"]


def test_near_copies_go_at_95_and_stay_at_100(table):
    a = table(
        "a", {"stem": LONG, "options": ["flu", "tb"]}, {"stem": LONG.replace("57", "58"), "options": ["flu", "tb"]}
    )
    assert kept(build_pool([a], [], {"similarity": 95})) == ["a0"]
    assert kept(build_pool([a], [], {"similarity": 100})) == ["a0", "a1"]


def test_a_copy_of_a_removed_question_alone_stays(table):
    """C is near b, b is near a, c is not near a: b goes, and then c repeats nothing that is left."""
    stems = ["x" * 40, "x" * 38 + "yy", "x" * 36 + "yyyy"]
    a = table("a", *({"stem": stem, "options": ["flu", "tb"]} for stem in stems))
    result = build_pool([a], [], {"similarity": 94})
    assert kept(result) == ["a0", "a2"] and result[1]["rule"].tolist() == ["ratio"]


# --- contamination ---------------------------------------------------------------------------------------------------


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
    pool, removed, counts = build_pool([table("a", copy, OWN)], [exam], {"similarity": similarity})
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
    removed = build_pool([a], [exam], {"similarity": 95})[1]
    assert list(removed["rule"]) == [rule]
    assert len(build_pool([a], [exam], {"similarity": 100})[1]) == 0


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
    assert kept(build_pool([table("a", other)], [exam], {})) == ["a0"]


def test_a_templated_question_with_other_wrong_options_is_a_copy_at_100():
    """In words that every question has; only the right answer is the same."""
    world, spec = {"seed": 7, "drugs": 30, "rare_drugs": 0}, {"adapter": "formulary", "chain": [1, 2]}
    source, _ = load("s", spec | {"questions": 2000, "seed": 1}, 0, world)
    benchmark, _ = load("b", spec | {"questions": 100, "seed": 2}, 0, world)
    both = set(source["stem"]) & set(benchmark["stem"])
    assert len(both) > 5
    pool, removed, _ = build_pool([source], [benchmark], {"similarity": 100})
    assert not set(pool["stem"]) & both
    assert set(removed["stem"]) == both


def test_the_same_row_of_the_same_data_set_is_a_copy(table):
    a = table("a", {"stem": "Retold?", "options": ["1", "2"], "origin_id": "pmid7"}, OWN)
    b = table("b", {"stem": "Told again?", "options": ["3", "4"], "origin_id": "pmid7"}, OWN | {"stem": "B's own?"})
    exam = table("exam", {"stem": "As first told?", "options": ["5", "6"], "origin_id": "pmid7"}, OWN | {"stem": "E?"})
    origins = {"sources": {"a": "pubmed", "b": "pubmed"}, "benchmarks": {"exam": "pubmed"}}
    removed = build_pool([a, b], [exam], {"similarity": 100}, origins=origins)[1]
    assert removed[["source", "reason", "rule"]].to_numpy().tolist() == [
        ["b", "duplicate", "origin"],
        ["a", "contaminated", "origin"],
    ]
    assert len(build_pool([a, b], [exam], {"similarity": 100})[1]) == 0


def test_a_benchmark_passage_in_training_is_found(table):
    words = "the trial enrolled many patients with severe disease whose outcome was measured at"
    passage = " ".join(f"{words} {n} months" for n in range(8))
    exam = table("exam", {"context": passage, "stem": "Did it help?", "options": ["yes", "no"]}, OWN | {"stem": "E?"})
    a = table("a", {"stem": f"{passage} What was measured?", "options": ["outcome", "weight"]}, OWN)
    removed = build_pool([a], [exam], {"similarity": 95})[1]
    assert list(removed["rule"]) == ["context"]


def test_mode_paper_compares_the_prompt_with_the_bare_question(table, exam):
    bare = {"stem": LONG, "options": ["a", "b"]}
    full = {"stem": LONG, "options": ["influenza of the upper airways", "tuberculosis", "asthma"]}
    a = table("a", full, bare, OWN)
    result = build_pool([a], [exam], {"decontamination": "paper", "similarity": 95})
    assert kept(result) == ["a0", "a2"] and result[2]["decontamination"] == "paper"


def test_recall_is_measured_in_every_run_and_nothing_planted_stays(table, exam):
    a = table("a", *({"stem": f"Own number {n}?", "options": ["p", "q"]} for n in range(20)))
    pool, removed, counts = build_pool([a], [exam], {"similarity": 95, "planted": 2, "seed": 1})
    assert len(pool) + len(removed) == 20
    by_kind = {(line["kind"], line["mode"]): (line["planted"], line["caught"]) for line in counts["recall"]}
    assert set(by_kind) == {(kind, mode) for kind in KINDS for mode in ("stem", "paper")}
    for kind in ("verbatim", "case and punctuation changed", "options reordered", "options appended to the stem"):
        assert by_kind[kind, "stem"] == (2, 2), kind
    assert by_kind["sentences reordered", "stem"] == (1, 1)  # the other has one sentence
    assert by_kind["options appended to the stem", "paper"][1] == 0
    assert counts == build_pool([a], [exam], {"similarity": 95, "planted": 2, "seed": 1})[2]


def test_without_benchmarks_there_is_nothing_to_recall(table):
    counts = build_pool([table("a", OWN)], [], {})[2]
    assert {(line["planted"], line["caught"]) for line in counts["recall"]} == {(0, 0)}


def test_folding_keeps_words_only():
    assert fold(" Crohn\u2019s  DISEASE:\n caf\u00e9,3.5\u202f%") == "crohns disease cafe 3 5"


def test_removed_rows_are_the_rest_of_the_questions(table, tiny_questions, exam):
    some = tiny_questions.iloc[:5].assign(source="exam", question_id=[f"e{n}" for n in range(5)])
    more = table("exam", *({"stem": f"Other {n}?", "options": ["1", "2"]} for n in range(5)))
    pool, removed, counts = build_pool([tiny_questions], [pd.concat([some, more])], {"similarity": 100})
    assert sorted([*pool["question_id"], *removed["question_id"]]) == sorted(tiny_questions["question_id"])
    assert counts["total"] == {"questions": 12, "duplicate": 0, "contaminated": 5, "kept": 7}


# --- bad input -------------------------------------------------------------------------------------------------------


def test_a_source_that_vanishes_is_an_error(table):
    row = {"stem": LONG, "options": ["flu", "tb"]}
    with pytest.raises(
        M1FlowError, match=r"sources\.b: none of its 1 questions is left \(1 duplicates, 0 in .* in a\)"
    ):
        build_pool([table("a", row), table("b", row)], [], {})


def test_a_benchmark_that_is_a_source_is_an_error(table):
    rows = [{"stem": f"Question {n}?", "options": [f"{n}", "none"]} for n in range(10)]
    a, exam = table("a", *rows, OWN), table("exam", *rows[:9], {"stem": "Only here?", "options": ["1", "2"]})
    with pytest.raises(M1FlowError, match=r"benchmarks\.exam: 9 of its 10 questions are in sources\.a: .*remove one"):
        build_pool([a], [exam], {"similarity": 100})
    assert len(build_pool([a], [table("exam", *rows[:8], *a_few(2))], {"similarity": 100})[0]) == 3


def a_few(n):
    return [{"stem": f"Unrelated {i}?", "options": ["7", "8"]} for i in range(n)]


def test_ids_that_collide_are_an_error(table):
    a, b = table("a", OWN), table("b", {"stem": "Other?", "options": ["1", "2"]})
    with pytest.raises(M1FlowError, match=r"sources\.b: question_id: '\w+' is another question in a; make ids"):
        build_pool([a, b.assign(question_id=a["question_id"])], [], {})
    twice = table("c", OWN, {"stem": "Other?", "options": ["1", "2"]}).assign(question_id="same")
    with pytest.raises(M1FlowError, match=r"sources\.c: question_id: 'same' stands for 2 questions; give each"):
        build_pool([twice], [], {})


def test_the_script_writes_all_three_and_names_a_corrupt_table(tmp_path, tiny_questions):
    script = Path(__file__).parents[2] / "workflow" / "scripts" / "build_pool.py"
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


# --- real questions --------------------------------------------------------------------------------------------------

CHECKED = Path(__file__).parents[1] / "data" / "decontamination_checked.csv"
MMLU = "anatomy clinical_knowledge college_biology college_medicine medical_genetics professional_medicine".split()
THINK = [
    f"think-outputs/{model}-test_hard-zero_shot.json"
    for model in ("DeepSeek-R1-medexqa", "DeepSeek-R1-medmcqa", "DeepSeek-R1-mmlu", "QwQ-32B-medmcqa", "QwQ-32B-mmlu")
]
REAL = {
    "medmcqa": ("medqa_dict", ["medmcqa-train10k/medmcqa_val.json"]),
    "medqa": ("medqa_dict", ["medqa-dev/medqa_4opt_val.json"]),
    "headqa": ("headqa", ["headqa-en-train/train_HEAD_EN.json"]),
    "pubmedqa": ("pubmedqa", ["pubmedqa-nontest500/ori_pqal.nontest500.json"]),
    "recorded": ("recorded_questions", THINK),
    "mmlu": ("mmlu_csv", [f"mmlu-clinical/{subject}_test.csv" for subject in MMLU]),
    "medxpertqa": ("medxpertqa", ["medxpertqa-sampled/medxpertqa_sampled_text_input.jsonl"]),
}


@pytest.fixture(scope="module")
def real(shared_data):
    """Every real question set, by name."""
    return {
        name: load(name, {"adapter": adapter, "path": [str(shared_data / path) for path in paths]}, 0)[0]
        for name, (adapter, paths) in REAL.items()
    }


@pytest.mark.real
def test_hand_checked_pairs_of_real_questions(real):
    """Every pair was read and judged; the list holds ids and verdicts only."""
    from m1flow.decontamination import Exam
    from m1flow.overlap import asked

    with CHECKED.open(encoding="utf-8", newline="") as lines:
        verdicts = {tuple(row[:4]): row[4] for row in list(csv.reader(lines))[1:]}
    everything = pd.concat(real.values(), ignore_index=True)
    by_id = {key: row for row, key in enumerate(zip(everything["source"], everything["origin_id"], strict=True))}
    folded = asked(everything)
    caught, wrong, different = set(), [], 0
    for benchmark in sorted({pair[2] for pair in verdicts}):
        pairs = [pair for pair in verdicts if pair[2] == benchmark]
        rows = sorted({by_id[pair[:2]] for pair in pairs})
        questions = everything.iloc[sorted({by_id[pair[2:]] for pair in pairs})]
        theirs = everything.iloc[rows]
        for row, match in Exam(questions, folded, 95).find("stem", theirs).items():
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


@pytest.mark.real
def test_recall_of_planted_copies_in_real_benchmarks(real):
    sources = [real[name] for name in ("medmcqa", "medqa", "headqa", "pubmedqa", "recorded")]
    counts = build_pool(sources, [real["mmlu"], real["medxpertqa"]], {"similarity": 95})[2]
    share = {(line["kind"], line["mode"]): line["caught"] / line["planted"] for line in counts["recall"]}
    for kind in KINDS:
        goal = {"5 % of words dropped": 0.95, "sentences reordered": 0.95}.get(kind, 0.99)
        if kind in ("verbatim", "case and punctuation changed", "options reordered"):
            goal = 1
        assert share[kind, "stem"] >= goal, kind
        assert share[kind, "paper"] < 0.2, kind
