"""The trace explorer's data: which questions it holds, and that cutting its texts gives back the sweep's."""

from __future__ import annotations

import base64
import json
import zlib

import pandas as pd
import pytest

from helpers.packed_samples import cells_of
from helpers.synthetic_study import SKILL, make_study
from m1flow.analysis.tables import failures
from m1flow.errors import M1FlowError
from m1flow.files.parquet import write_table
from m1flow.report import explorer, trace_cuts
from m1flow.study import roster
from m1flow.sweep import grids

MODELS = [roster.Model(name, name != "tiny", 1000, "full", "hard", "tiny", "d", "hard") for name in SKILL]
LEAD = MODELS[list(SKILL).index("full_1000")]


def explored(study, **options) -> explorer.Explorer:
    questions = {path.stem: pd.read_parquet(path) for path in study.benchmarks}
    shown = [model for model in MODELS if any(path.parent.name == model.name for path in study.sweeps)]
    files = {"traces": [study.root / "traces/solver.parquet"], "pool": study.root / "pool.parquet"}
    return explorer.explore(study.sweeps, questions, shown, LEAD, **files | options)


def unpacked(made: explorer.Explorer) -> dict:
    return json.loads(zlib.decompress(base64.b64decode(made.data)))


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return make_study(tmp_path_factory.mktemp("study"), questions=20, models=("tiny", "full_1000"), samples=2)


@pytest.fixture(scope="module")
def whole(study):
    return explored(study)


def test_cut_texts_are_those_of_the_sweep(study, whole):
    content = unpacked(whole)
    number = [model["name"] for model in content["models"]].index("full_1000")
    cells = content["models"][number]["cells"]
    assert cells[:2] == [[0, 0, ""], [8, 0, ""]] and cells[-1] == [56, 4, "Wait"] and len(cells) == 11
    rows = {path.stem: pd.read_parquet(path) for path in study.sweeps if path.parent.name == "full_1000"}
    compared = 0
    for question in content["questions"]:
        if content["groups"][question["g"]]["training"]:
            continue
        table = rows[content["groups"][question["g"]]["name"]]
        for sample, packed in enumerate(question["m"][str(number)][1]):
            mine = table[(table["question_id"] == question["i"]) & (table["sample"] == sample)]
            for (budget, count, _), cell in zip(cells, cells_of(packed), strict=True):
                row = mine[(mine["budget"] == budget) & (mine["extensions"] == count)].iloc[0]
                text, end, tokens, natural, answer, chosen, verdict = cell
                assert packed["t"][text][:end] == row["thinking_text"]
                assert (tokens, bool(natural)) == (row["thinking_tokens"], row["natural_end"])
                assert packed["a"][answer] == row["answer_text"]
                assert chosen == (-1 if pd.isna(row["parsed_index"]) else row["parsed_index"])
                assert (trace_cuts.VERDICTS[verdict] == "right") == row["correct"]
                compared += 1
    assert compared == 60 * 2 * 11


def test_forced_cues_are_marked_where_they_stand(whole):
    content = unpacked(whole)
    marked = 0
    for question in content["questions"]:
        for sample in question["m"].get("1", [0, []])[1]:
            for text, start, end in sample["w"]:
                assert sample["t"][text][start:end] == "Wait"
                marked += 1
    assert marked >= 60 * 4, "of four extensions all are marked, though only 1, 2 and 4 were measured"


def test_categories_are_those_of_the_study(study, whole):
    path = next(path for path in study.sweeps if path.parent.name == "full_1000")
    (grid,) = grids.read_grids([path])
    expected = dict(zip(grid.questions, failures.categories(grid), strict=True))
    content = whole.content
    place = [group["name"] for group in content["groups"]].index(path.stem)
    mine = [question for question in content["questions"] if question["g"] == place]
    assert {q["i"]: content["categories"][q["m"][1][0]][0] for q in mine} == expected


def test_every_text_stands_once(whole):
    content = unpacked(whole)
    for question in content["questions"]:
        for _, samples in question["m"].values():
            for sample in samples:
                assert not any(a.startswith(b) for a in sample["t"] for b in sample["t"] if a is not b)


def test_training_questions_have_their_teachers_traces(whole):
    lessons = [question for question in whole.content["questions"] if question["t"]]
    assert len(lessons) == whole.training == explorer.TRAINING_QUESTIONS
    assert {whole.content["groups"][q["g"]]["name"] for q in lessons} == {"practice"}
    assert {lesson[1] for q in lessons for lesson in q["t"]} == {"verified", "wrong", "unparsed"}, (
        "some of each outcome"
    )
    assert lessons[0]["t"][0][0] == "solver" and "7" in lessons[0]["t"][0][3]


def test_a_small_page_takes_questions_of_all_benchmarks_and_outcomes(study, whole):
    drawn = explored(study, most_bytes=9_000)
    assert len(drawn.data) <= 9_000 and 0 < drawn.shown < drawn.total == whole.shown == 60
    chosen = [q for q in drawn.content["questions"] if not q["t"]]

    def kinds(questions):
        return {(q["g"], q["m"][1][0]) for q in questions if q["m"]}

    assert len(kinds(chosen)) == min(len(chosen), len(kinds(whole.content["questions"]))), "each kind once, then again"


def test_the_same_study_gives_the_same_bytes(study, whole):
    again = explored(study)
    assert again.data == whole.data


def test_more_samples_than_are_shown_are_counted(tmp_path):
    made = explored(make_study(tmp_path, questions=2, models=("full_1000",), samples=6))
    assert made.samples == (4, 6)
    assert all(len(samples) == 4 for q in made.content["questions"] for _, samples in q["m"].values())


def test_other_orders_of_the_options_are_left_out(tmp_path):
    made = explored(make_study(tmp_path, questions=3, models=("full_1000",), permutations=3))
    for question in made.content["questions"]:
        for _, samples in question["m"].values():
            assert [len(sample["c"]) for sample in samples] == [11]


def test_without_questions_there_is_nothing_to_explore(study):
    made = explorer.explore(study.sweeps, {}, MODELS, LEAD)
    assert (made.data, made.shown, made.total) == ("", 0, 0)


def test_a_broken_trace_file_is_named(study, tmp_path):
    broken = tmp_path / "solver.parquet"
    broken.write_bytes(b"PAR1 no more")
    with pytest.raises(M1FlowError, match=r"solver\.parquet"):
        explored(study, traces=[broken])


def test_sweeps_of_many_row_groups_are_read(study, tmp_path, whole):
    """As long tables are written: a part at a time."""
    path = next(path for path in study.sweeps if path.parent.name == "full_1000")
    table = pd.read_parquet(path)
    ids = table["question_id"].unique()[[0, 7]].tolist()
    write_table(tmp_path / "s.parquet", pd.concat([table] * 5, ignore_index=True), "sweeps")
    found = explorer._rows_of(tmp_path / "s.parquet", ids, ["question_id", "thinking_text"])
    assert len(found) == 5 * int(table["question_id"].isin(ids).sum()) and set(found["question_id"]) == set(ids)
