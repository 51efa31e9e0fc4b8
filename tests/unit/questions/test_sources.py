"""Sources: every adapter reads its kind of file, and says what is wrong with a bad one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.question_files import FIELDS, ROW, records, write
from m1flow.errors import M1FlowError
from m1flow.files.json import read_json
from m1flow.files.parquet import read_provenance, read_table
from m1flow.questions.id_lists import read_ids
from m1flow.questions.sources import load
from m1flow.study.settings.problems import read
from m1flow.study.settings.question_sets import QuestionSetSettings


def test_several_files_are_read_in_order_and_limited(tmp_path):
    paths = [str(write(tmp_path / f"{n}.json", [ROW | {"q": f"Q{n}{m}"} for m in range(2)])) for n in (2, 1)]
    spec = {"adapter": "records", "path": paths, "fields": FIELDS, "limit": 3}
    assert list(load("src", read(QuestionSetSettings, spec), 0)[0]["stem"]) == ["Q20", "Q21", "Q10"]


@pytest.mark.parametrize(("split", "named"), [({}, "train"), ({"split": "dev"}, "dev")])
def test_the_split_is_the_studys_and_by_default_train(tmp_path, split, named):
    table, report = records(write(tmp_path / "d.json", [ROW]), **split)
    assert set(table["split"]) == {named} == {report["split"]}


@pytest.mark.parametrize(
    ("name", "content"),
    [("d.json", "{"), ("d.jsonl", '{"q": 1}\n{"q"'), ("d.json", "[1, 2]"), ("d.parquet", "PAR1 no"), ("d.txt", "x")],
)
def test_an_unreadable_file_is_one_line_that_names_it(tmp_path, name, content):
    with pytest.raises(M1FlowError, match=name) as caught:
        records(write(tmp_path / name, content))
    assert "\n" not in str(caught.value)


def test_an_empty_file_is_an_error(tmp_path):
    with pytest.raises(M1FlowError, match=r"d\.json: src: no question is left of 0 rows"):
        records(write(tmp_path / "d.json", []))


# --- which rows ------------------------------------------------------------------------------------------------------


def test_a_part_of_a_file(tmp_path):
    path = write(tmp_path / "d.json", {"one": [ROW], "two": [ROW | {"q": "Who?"}, ROW], "note": "none"})
    assert list(records(path, part="two")[0]["stem"]) == ["Who?", "Which?"]
    with pytest.raises(M1FlowError, match=r"d\.json: part: no rows under 'three'; choose from one, two, note"):
        records(path, part="three")
    with pytest.raises(
        M1FlowError,
        match=r"d\.json: part: not set, but the file holds several lists of rows; set it to one of one, two",
    ):
        records(write(tmp_path / "d.json", {"one": [ROW], "two": [ROW]}))


def test_lines_in_a_json_file_are_rows(tmp_path):
    path = write(tmp_path / "d.json", json.dumps(ROW) + "\n" + json.dumps(ROW | {"q": "Who?"}) + "\n")
    assert list(records(path)[0]["stem"]) == ["Which?", "Who?"]


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


@pytest.mark.parametrize(("expected", "difference"), [(2, 0), (3, -1), (1, 1)])
def test_rows_are_compared_with_what_is_expected(tmp_path, caplog, expected, difference):
    path = write(tmp_path / "d.json", [ROW, ROW | {"a": "Z"}])
    report = records(path, expected=expected)[1]
    assert (report["read"], report["expected"], report["difference"]) == (2, expected, difference)
    assert (f"2 rows where {expected} were expected" in caplog.text) == bool(difference)


def collect(folder, spec):
    script = Path(__file__).parents[3] / "workflow" / "scripts" / "collect_questions.py"
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
    table, report = load(name, read(QuestionSetSettings, spec | {"path": str(shared_data / spec["path"])}), 0)
    assert len(table) == expected == report["read"] - sum(report["dropped"].values())
    assert table["question_id"].is_unique
    assert not table["stem"].str.contains("Answer Choices:").any()
    assert table["answer_index"].lt(table["options"].map(len)).all()


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
    with pytest.raises(M1FlowError, match=rf"d\.json.* row {number} isn't in the form|d\.json: s: field"):
        load("s", read(QuestionSetSettings, {"adapter": adapter, "path": str(path)}), 0)
