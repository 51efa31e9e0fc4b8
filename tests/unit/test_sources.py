"""Sources: every adapter reads its kind of file, and says what is wrong with a bad one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from m1flow.adapters import answer_position
from m1flow.errors import M1FlowError
from m1flow.id_lists import read_ids
from m1flow.sources import load
from m1flow.storage import read_json, read_provenance, read_table

FIELDS = {"question": "q", "options": "opts", "answer": "a"}


def records(path, fields=FIELDS, **more):
    spec = {"adapter": "records", "path": str(path), "fields": fields, "shuffle": False} | more
    return load("src", spec, 0)


def write(path, content):
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


ROW = {"q": "Which?", "opts": {"A": "x", "B": "y"}, "a": "B"}


@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".csv", ".parquet"])
def test_records_of_every_kind_of_file(tmp_path, suffix):
    frame = pd.DataFrame(
        [{"q": "Which?", "o1": "x", "o2": "y", "a": "y", "n": "n1"}, {"q": "Who?", "o1": "v", "o2": "w", "a": "v"}]
    )
    path = tmp_path / f"data{suffix}"
    if suffix == ".parquet":
        frame.to_parquet(path)
    elif suffix == ".csv":
        frame.to_csv(path, index=False)
    else:
        frame.to_json(path, orient="records", lines=suffix == ".jsonl")
    fields = {"question": "q", "options": ["o1", "o2"], "answer": "a", "id": "n"}
    table, report = records(path, fields)
    assert list(table["stem"]) == ["Which?", "Who?"] and list(table["answer_index"]) == [1, 0]
    assert table["origin_id"][0] == "n1" and report["read"] == 2


@pytest.mark.parametrize(
    "options", [{"B": "y", "A": "x"}, ["x", "y"], [{"letter": "A", "content": "x"}, {"letter": "B", "content": "y"}]]
)
@pytest.mark.parametrize("answer", ["B", 1, "y", 1.0])
def test_records_take_options_and_answers_in_any_shape(tmp_path, options, answer):
    table, _ = records(write(tmp_path / "d.json", [{"q": "Which?", "opts": options, "a": answer}]))
    assert list(table["options"][0]) == ["x", "y"] and table["answer_index"][0] == 1


def test_records_reach_into_nested_fields_and_take_the_rest(tmp_path):
    row = {"d": {"q": "Which?"}, "opts": ["x", "y"], "a": 0, "ctx": ["one", "two"], "sp": "dev", "dom": "eye"}
    fields = {"question": "d.q", "options": "opts", "answer": "a", "context": "ctx", "split": "sp", "domain": "dom"}
    table, _ = records(write(tmp_path / "d.json", {"k7": row}), fields)
    assert table[["context", "split", "domain", "origin_id"]].values.tolist() == [["one\ntwo", "dev", "eye", "k7"]]


@pytest.mark.parametrize(
    ("answer", "position"),
    [("C", None), ("A", 0), ("1", 1), (2, None), (-1, None), (True, None), (None, None), ("z", None), (" y ", 1)],
)
def test_where_the_answer_is(answer, position):
    assert answer_position(answer, ["A", "B"], ["x", "y"]) == position


@pytest.mark.parametrize(
    ("answer", "position"), [(1, 0), (4, 3), (0, 0), (5, None), (1.0, 0), ("1", 0), (np.int64(2), 1), (np.True_, None)]
)
def test_a_number_that_is_a_label_is_the_label(answer, position):
    assert answer_position(answer, list("1234"), list("wxyz")) == position


def test_a_position_in_the_entry_is_no_label(tmp_path):
    path = write(tmp_path / "d.json", [ROW | {"opts": {"1": "x", "2": "y"}, "a": 1}])
    assert records(path)[0]["answer_index"][0] == 0
    assert records(path, FIELDS | {"answer": 1})[0]["answer_index"][0] == 1


@pytest.mark.parametrize("shape", ["list", "mapping", "contents", "fields"])
def test_too_many_options_drop_the_row_alone(tmp_path, shape):
    many = {letter: f"t{letter}" for letter in "ABCDEFGHIJKL"}
    fields, rows = FIELDS, [ROW, ROW | {"opts": many}]
    if shape == "list":
        rows[1] = ROW | {"opts": list(many.values())}
    elif shape == "contents":
        rows[1] = ROW | {"opts": [{"letter": letter, "content": text} for letter, text in many.items()]}
    elif shape == "fields":
        fields = FIELDS | {"options": list(many)}
        rows = [ROW | dict.fromkeys(many) | {"A": "x", "B": "y"}, ROW | many]
    table, report = records(write(tmp_path / "d.json", rows), fields)
    assert len(table) == 1 and report["dropped"] == {"more than 10 options": 1}


def test_several_files_are_read_in_order_and_limited(tmp_path):
    paths = [str(write(tmp_path / f"{n}.json", [ROW | {"q": f"Q{n}{m}"} for m in range(2)])) for n in (2, 1)]
    spec = {"adapter": "records", "path": paths, "fields": FIELDS, "limit": 3}
    assert list(load("src", spec, 0)[0]["stem"]) == ["Q20", "Q21", "Q10"]


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        (FIELDS | {"question": "stem"}, r"d\.json: src: field 'stem' is missing; the file has q, opts, a"),
        (FIELDS | {"options": ["o1", "o2"]}, r"d\.json: src: field 'o1' is missing"),
        ({"question": "q", "options": "opts"}, "fields: answer is missing"),
        (FIELDS | {"options": "q"}, "options are str; name a field"),
    ],
)
def test_a_missing_field_names_file_field_and_what_there_is(tmp_path, fields, message):
    with pytest.raises(M1FlowError, match=message):
        records(write(tmp_path / "d.json", [ROW]), fields)


@pytest.mark.parametrize(
    ("name", "content"),
    [("d.json", "{"), ("d.jsonl", '{"q": 1}\n{"q"'), ("d.json", "[1, 2]"), ("d.parquet", "PAR1 no"), ("d.txt", "x")],
)
def test_an_unreadable_file_is_one_line_that_names_it(tmp_path, name, content):
    with pytest.raises(M1FlowError, match=name) as caught:
        records(write(tmp_path / name, content))
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(M1FlowError, match=r"none\.json: src: path"):
        records(tmp_path / "none.json")


def test_an_empty_file_is_an_error(tmp_path):
    with pytest.raises(M1FlowError, match=r"d\.json: src: no question is left of 0 rows"):
        records(write(tmp_path / "d.json", []))


def test_an_unknown_adapter_lists_those_there_are():
    with pytest.raises(M1FlowError, match="adapter: 'medqa' is none of formulary, headqa"):
        load("src", {"adapter": "medqa"}, 0)


def test_headqa_counts_answers_from_one_and_drops_image_questions(tmp_path):
    def question(qid, **more):
        answers = [{"aid": n, "atext": f"t{n}"} for n in (1, 2, 3)]
        return {"qid": qid, "qtext": f"Q{qid}", "ra": "3", "answers": answers, "image": ""} | more

    exam = {
        "name": "E",
        "category": "biology",
        "data": [question("1"), question("2", image="x.png"), question("3", ra="9")],
    }
    path = write(tmp_path / "h.json", {"exams": {"E": exam}})
    table, report = load("h", {"adapter": "headqa", "path": str(path)}, 0)
    assert len(table) == 1 and table["options"][0][table["answer_index"][0]] == "t3"
    assert (table["domain"][0], table["origin_id"][0]) == ("biology", "E/1")
    assert report["dropped"] == {"image question": 1, "answer outside the options": 1}


def test_pubmedqa_keeps_the_abstract_apart(tmp_path):
    row = {"QUESTION": "Does it?", "CONTEXTS": ["Part one.", "Part two."], "final_decision": "maybe"}
    table, _ = load("p", {"adapter": "pubmedqa", "path": str(write(tmp_path / "p.json", {"99": row}))}, 0)
    assert table["context"][0] == "Part one.\nPart two." and table["stem"][0] == "Does it?"
    assert table["options"][0][table["answer_index"][0]] == "maybe" and table["origin_id"][0] == "99"


def test_mmlu_takes_the_subject_from_the_file(tmp_path):
    write(tmp_path / "anatomy_test.csv", 'Which "bone"?,a,b,c,d,C\n')
    write(tmp_path / "virology_test.csv", "What?,a,b,c,d,A\n")
    table, _ = load("m", {"adapter": "mmlu_csv", "path": str(tmp_path)}, 0)
    assert list(table["domain"]) == ["anatomy", "virology"]
    assert [o[i] for o, i in zip(table["options"], table["answer_index"], strict=True)] == ["c", "a"]
    table, _ = load("m", {"adapter": "mmlu_csv", "path": str(tmp_path), "subjects": ["virology"]}, 0)
    assert list(table["domain"]) == ["virology"]
    with pytest.raises(M1FlowError, match="no file for 'law'; there are anatomy, virology"):
        load("m", {"adapter": "mmlu_csv", "path": str(tmp_path), "subjects": ["law"]}, 0)
    write(tmp_path / "law_test.csv", "What?,a,b\n")
    with pytest.raises(M1FlowError, match=r"law_test\.csv: m: row 1 has 3 columns"):
        load("m", {"adapter": "mmlu_csv", "path": str(tmp_path)}, 0)


def test_medxpertqa_cuts_exactly_the_copy_of_its_options(tmp_path):
    options = [{"letter": "A", "content": "x (B) z"}, {"letter": "B", "content": "y"}]
    row = {
        "id": "T",
        "question": "Answer Choices: vary?\nAnswer Choices: (A) x (B) z (B) y",
        "options": options,
        "label": ["B"],
    }
    table, _ = load("x", {"adapter": "medxpertqa", "path": str(write(tmp_path / "x.jsonl", json.dumps(row)))}, 0)
    assert table["stem"][0] == "Answer Choices: vary?"
    assert table["options"][0][table["answer_index"][0]] == "y"


def test_records_lose_such_a_copy_as_well(tmp_path):
    path = write(
        tmp_path / "d.json", [ROW | {"q": "Which? Answer Choices: (A) x (B) y"}, ROW | {"q": "Answer Choices: (A)?"}]
    )
    assert list(records(path)[0]["stem"]) == ["Which?", "Answer Choices: (A)?"]


def test_recorded_questions_come_once_with_their_options_in_place(tmp_path):
    row = {"question": "Which?", "options": {"A": "x", "B": "y"}, "answer_idx": "B", "realidx": 5, "subject": "anatomy"}
    path = write(tmp_path / "r.json", [row, row | {"completion": "else"}])
    table, report = load("r", {"adapter": "recorded_questions", "path": str(path), "shuffle": True}, 0)
    assert list(table["options"][0]) == ["x", "y"] and table["answer_index"][0] == 1
    assert report["dropped"] == {"another recording of the question": 1}


def test_pubmedqa_comes_from_the_hub_as_well(tmp_path):
    row = {"pubid": 99, "question": "Does it?", "context": {"contexts": ["One.", "Two."]}, "final_decision": "yes"}
    table, _ = load("p", {"adapter": "pubmedqa", "path": str(write(tmp_path / "p.jsonl", json.dumps(row)))}, 0)
    assert table[["context", "stem", "origin_id"]].values.tolist() == [["One.\nTwo.", "Does it?", "99"]]
    assert table["options"][0][table["answer_index"][0]] == "yes"


# --- which rows ------------------------------------------------------------------------------------------------------


def test_a_part_of_a_file(tmp_path):
    path = write(tmp_path / "d.json", {"one": [ROW], "two": [ROW | {"q": "Who?"}, ROW], "note": "none"})
    assert list(records(path, part="two")[0]["stem"]) == ["Who?", "Which?"]
    with pytest.raises(M1FlowError, match=r"d\.json: part: no rows under 'three'; there are one, two, note"):
        records(path, part="three")
    with pytest.raises(M1FlowError, match=r"d\.json: part: missing; the file holds several lists of rows: one, two"):
        records(write(tmp_path / "d.json", {"one": [ROW], "two": [ROW]}))


def test_lines_in_a_json_file_are_rows(tmp_path):
    path = write(tmp_path / "d.json", json.dumps(ROW) + "\n" + json.dumps(ROW | {"q": "Who?"}) + "\n")
    assert list(records(path)[0]["stem"]) == ["Which?", "Who?"]


def test_only_rows_with_the_values_asked_for(tmp_path):
    rows = [ROW | {"q": f"Q{n}", "d": {"kind": kind}} for n, kind in enumerate(["eye", "ear", "law", "eye"])]
    path = write(tmp_path / "d.json", rows)
    table, report = records(path, where={"d.kind": ["eye", "ear"]})
    assert list(table["stem"]) == ["Q0", "Q1", "Q3"]
    assert (report["read"], report["not_selected"]) == (3, 1)
    assert len(records(path, where={"d.kind": "eye"}, limit=1)[0]) == 1
    with pytest.raises(M1FlowError, match=r"d\.json: src: where\.d\.kind: no row has 'nose'; there are eye, ear, law"):
        records(path, where={"d.kind": ["eye", "nose"]})
    with pytest.raises(M1FlowError, match=r"field 'part' is missing; the file has q, opts, a, d"):
        records(path, where={"part": "eye"})
    with pytest.raises(M1FlowError, match="config: src: where: the adapter headqa has no use for it"):
        load("src", {"adapter": "headqa", "path": str(path), "where": {"d.kind": "eye"}}, 0)


def test_lists_of_ids_keep_or_leave_out(tmp_path):
    path = write(tmp_path / "d.json", {f"k{n}": ROW | {"q": f"Q{n}"} for n in range(4)})
    ids = str(write(tmp_path / "ids.txt", "# chosen\nk1\n\nk3\n"))
    assert read_ids(Path(ids)) == {"k1", "k3"}
    table, report = records(path, ids=[ids])
    assert list(table["origin_id"]) == ["k1", "k3"]
    assert report["not_selected"] == 2
    assert list(records(path, without_ids=[ids])[0]["origin_id"]) == ["k0", "k2"]
    with pytest.raises(M1FlowError, match=r"none\.txt: ids: no such list"):
        records(path, ids=[str(tmp_path / "none.txt")])


@pytest.mark.parametrize("key", ["ids", "without_ids"])
def test_a_listed_id_that_is_not_there_means_another_revision(tmp_path, key):
    path = write(tmp_path / "d.json", {"k0": ROW, "k1": ROW})
    ids = str(write(tmp_path / "ids.txt", "k1\nk9\n"))
    with pytest.raises(M1FlowError, match=rf"ids\.txt: src: {key}: 1 of 2 ids are not in .*d\.json .*'k9'"):
        records(path, **{key: [ids]})


@pytest.mark.real
def test_the_frozen_lists_fit_pubmedqa(shared_data):
    ids = Path(__file__).parents[2] / "config" / "ids"
    official, trained = (read_ids(ids / f"pubmedqa_{name}_train.txt") for name in ("official", "m1"))
    assert set(read_json(shared_data / "pubmedqa-nontest500" / "ori_pqal.nontest500.json")) == official
    assert len(trained) == 500
    assert len(trained - official) == 238  # the paper trains on these rows of the official test split


@pytest.mark.parametrize(("expected", "difference"), [(2, 0), (3, -1), (1, 1)])
def test_rows_are_compared_with_what_is_expected(tmp_path, caplog, expected, difference):
    path = write(tmp_path / "d.json", [ROW, ROW | {"a": "Z"}])
    report = records(path, expected=expected)[1]
    assert (report["read"], report["expected"], report["difference"]) == (2, expected, difference)
    assert (f"2 rows where {expected} were expected" in caplog.text) == bool(difference)


def test_the_answer_may_stand_at_one_place_and_an_image_drops_the_row(tmp_path):
    rows = [{"q": "Which?", "right": "B", "wrong": "x"}, {"q": "What?", "right": "y", "wrong": "z", "img": "p.png"}]
    fields = {"question": "q", "options": ["right", "wrong"], "answer": 0, "image": "img"}
    rows[0]["img"] = None
    table, report = records(write(tmp_path / "d.json", rows), fields)
    assert table["options"][0][table["answer_index"][0]] == "B"
    assert report["dropped"] == {"image question": 1}


def test_a_folder_stands_for_the_data_files_in_it(tmp_path):
    (tmp_path / "in" / "sub").mkdir(parents=True)
    write(tmp_path / "in" / "sub" / "b.json", [ROW])
    write(tmp_path / "in" / ".hidden.json", [{"else": 1}])
    write(tmp_path / "in" / "README.md", "text")
    assert len(records(tmp_path / "in")[0]) == 1


@pytest.mark.parametrize(
    "options",
    [
        {"A": "z", "B": "y", "C": "x", "D": None},
        ["z", "y", "x"],
        [{"letter": letter, "content": text} for letter, text in zip("ABC", "zyx", strict=True)],
    ],
)
def test_recorded_options_come_in_any_shape(tmp_path, options, caplog):
    rows = [{"question": "Which?", "options": options, "completion": "c"}]
    if isinstance(options, dict):  # as Parquet unifies structs
        rows.append({"question": "Who?", "options": dict.fromkeys("ABCD", "t"), "completion": "c"})
    pd.DataFrame(rows).to_parquet(tmp_path / "t.parquet")
    path = write(tmp_path / "d.json", [{"q": f"{stem}?", "opts": ["x", "y", "z"], "a": 0} for stem in ("Why", "Which")])
    spec = {"adapter": "records", "path": str(path), "fields": FIELDS, "shuffle": False}
    table, _ = load("src", spec, 0, recordings=[tmp_path / "t.parquet"])
    assert list(map(list, table["options"])) == [["x", "y", "z"], ["z", "y", "x"]]
    assert "no options" not in caplog.text


def test_recordings_without_options_are_counted(tmp_path, caplog):
    rows = [{"prompt": prompt} for prompt in ("Which?", "Who?\nA. x\nB. y", "What?")]
    spec = {"adapter": "records", "path": str(write(tmp_path / "d.json", [ROW])), "fields": FIELDS}
    load("src", spec, 0, recordings=[write(tmp_path / "t.json", rows)])
    assert "t.json: 2 recordings have no options" in caplog.text


@pytest.mark.parametrize("layout", ["published", "completion"])
def test_options_stand_as_the_recorded_trace_speaks_of_them(tmp_path, layout):
    rows = [{"q": f"Q{n}?", "opts": ["x", "same", "same", "y"], "a": 3, "c": "Said."} for n in range(20)]
    path = write(tmp_path / "d.json", rows)
    published = {"prompt": "Said.\nQ7?\nA. same\nB. y\nC. x\nD. same", "reasoning": "r", "distilled_answer_string": "B"}
    options = {"A": "same", "B": "y", "C": "x", "D": "same"}
    completed = {"question": "said.  q7?", "options": options, "completion": "r"}
    traces = write(tmp_path / "t.json", [published if layout == "published" else completed])
    spec = {"adapter": "records", "path": str(path), "fields": FIELDS | {"context": "c"}}
    table = load("src", spec, 0, recordings=[traces])[0]
    shuffled = load("src", spec, 0)[0]
    assert list(table["options"][7]) == ["same", "y", "x", "same"] and table["answer_index"][7] == 1
    others = [n for n in range(20) if n != 7]
    assert table["options"].map(list)[others].tolist() == shuffled["options"].map(list)[others].tolist()
    assert table["question_id"].tolist() == shuffled["question_id"].tolist()


def collect(folder, spec):
    script = Path(__file__).parents[2] / "workflow" / "scripts" / "collect_questions.py"
    flags = ["--name", "src", "--spec", json.dumps(spec), "--seed", "0"]
    flags += ["--out", str(folder / "q.parquet"), "--counts", str(folder / "q.report.json")]
    return subprocess.run([sys.executable, script, *flags], capture_output=True, text=True, timeout=120)


def test_the_script_writes_questions_and_counts(tmp_path):
    path = write(tmp_path / "d.json", [ROW, ROW | {"a": "Z"}])
    done = collect(tmp_path, {"adapter": "records", "path": [str(path)], "fields": FIELDS})
    assert done.returncode == 0, done.stderr
    assert list(read_table(tmp_path / "q.parquet", "questions")["stem"]) == ["Which?"]
    assert read_provenance(tmp_path / "q.parquet")["inputs"].keys() == {str(path)}
    assert read_json(tmp_path / "q.report.json")["dropped"] == {"answer outside the options": 1}


def test_the_script_ends_a_curable_problem_with_one_line(tmp_path):
    path = write(tmp_path / "d.json", [{"text": "x"}])
    done = collect(tmp_path, {"adapter": "records", "path": [str(path)], "fields": FIELDS})
    assert done.returncode == 1 and not (tmp_path / "q.parquet").exists()
    assert "Traceback" not in done.stderr and done.stderr.splitlines()[-1] == (
        f"error: {path}: src: field 'opts' is missing; the file has text: correct the entry's fields"
    )


REAL = {
    "medqa": ({"adapter": "medqa_dict", "path": "medqa-dev/medqa_4opt_val.json"}, 1272),
    "medmcqa": ({"adapter": "medqa_dict", "path": "medmcqa-train10k/medmcqa_val.json"}, 10000),
    "pubmedqa": ({"adapter": "pubmedqa", "path": "pubmedqa-nontest500/ori_pqal.nontest500.json"}, 500),
    "headqa": ({"adapter": "headqa", "path": "headqa-en-train/train_HEAD_EN.json"}, 2589),
    "mmlu": ({"adapter": "mmlu_csv", "path": "mmlu-clinical"}, 1089),
    "medxpertqa": ({"adapter": "medxpertqa", "path": "medxpertqa-sampled/medxpertqa_sampled_text_input.jsonl"}, 244),
    "recorded": ({"adapter": "recorded_questions", "path": "think-outputs"}, 267),
}


@pytest.mark.real
@pytest.mark.parametrize("name", REAL)
def test_real_data(shared_data, name):
    spec, expected = REAL[name]
    table, report = load(name, spec | {"path": str(shared_data / spec["path"])}, 0)
    assert len(table) == expected == report["read"] - sum(report["dropped"].values())
    assert table["question_id"].is_unique
    assert not table["stem"].str.contains("Answer Choices:").any()
    assert table["answer_index"].lt(table["options"].map(len)).all()


CSV_FIELDS = {"question": "q", "options": ["o1", "o2", "o3"], "answer": "a"}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("q,o1,o2,o3,a\nDose, in mg?,1,2,3,B\n", "line 2 hasn't 5 cells; quote texts that hold commas"),
        ("q,o1,o2,o3,a\nDose?,1,2\n", "line 2 hasn't 5 cells"),
        ("q,o1,o1,o3,a\nDose?,1,2,3,B\n", "two columns are called 'o1'"),
        ("q,o1,o2,o3,a\nDose?,x,y,z,1\nWhen?,u,v,w,3\n", "fields.answer: 'a' counts options from 1"),
    ],
)
def test_tables_that_would_give_wrong_questions_are_refused(tmp_path, content, message):
    with pytest.raises(M1FlowError, match=message) as caught:
        records(write(tmp_path / "d.csv", content), CSV_FIELDS)
    assert "\n" not in str(caught.value)


def test_long_cells_and_capital_suffixes_are_read(tmp_path):
    passage = "word " * 40_000
    table, _ = records(write(tmp_path / "D.CSV", f"q,o1,o2,o3,a\n{passage},x,y,z,B\n"), CSV_FIELDS)
    assert len(table["stem"][0]) == len(passage) - 1


def test_answers_that_count_from_0_are_taken(tmp_path):
    table, _ = records(write(tmp_path / "d.csv", "q,o1,o2,o3,a\nDose?,x,y,z,0\nWhen?,u,v,w,2\n"), CSV_FIELDS)
    assert list(table["answer_index"]) == [0, 2]


@pytest.mark.parametrize(
    ("adapter", "content", "number"),
    [
        ("pubmedqa", {"1": {"QUESTION": "q", "CONTEXTS": None, "final_decision": "yes"}}, 1),
        ("headqa", {"exams": {"a": {"data": [{"answers": [None], "ra": 1, "qtext": "q", "qid": 1}]}}}, 1),
        ("headqa", {"exams": ["a"]}, 1),
    ],
)
def test_a_row_of_another_shape_is_named(tmp_path, adapter, content, number):
    path = write(tmp_path / "d.json", content)
    with pytest.raises(M1FlowError, match=rf"d\.json.* row {number} isn't shaped as|d\.json: s: field"):
        load("s", {"adapter": adapter, "path": str(path)}, 0)
