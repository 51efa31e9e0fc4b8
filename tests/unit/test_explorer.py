"""The trace explorer's data: which questions it holds, and that cutting its texts gives back the sweep's."""

from __future__ import annotations

import base64
import json
import zlib

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from synthetic_study import SKILL, make_study, sweep_rows

from m1flow import examples_shown, explorer, failures, roster, scored, trace_cuts
from m1flow.shown_text import LONGEST, clean, visible
from m1flow.storage import M1FlowError, write_table
from m1flow.thinking import NO_CUE

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


def cells_of(sample: dict) -> list:
    """A sample's cells; 0 stands for the one before."""
    cells = []
    for cell in sample["c"]:
        cells.append(cells[-1] if cell == 0 else cell)
    return cells


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
    (grid,) = scored.read_grids([path])
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


def test_examples_without_javascript_are_of_different_kinds(whole):
    shown = examples_shown.examples(whole.content, 1)
    assert len({example.category for example in shown}) == len(shown) >= 2
    compute = next(example for example in shown if example.category.startswith("compute"))
    verdicts = [step.verdict for step in compute.steps[:8]]
    assert verdicts[-1] == "right" and compute.steps[0].cut
    assert compute.steps[7].thinking.startswith(compute.steps[2].thinking)


def plain_rows(texts: list[str | None], cue: str = "") -> pd.DataFrame:
    """One sample; every cell's thinking is given."""
    rows = sweep_rows("full_1000", "in_domain", 1)[: len(texts)]
    return rows.assign(thinking_text=texts)


@given(st.text(), st.lists(st.integers(0, 60), min_size=8, max_size=8))
def test_any_text_cut_anywhere_comes_back(text, cuts):
    rows = plain_rows([text[:cut] for cut in sorted(cuts)])
    packed = trace_cuts.pack(rows, [(budget, 0, "") for budget in rows["budget"]])
    for row, cell in zip(rows["thinking_text"], cells_of(packed), strict=True):
        whole = packed["t"][cell[0]].encode("utf-16-le")
        assert whole[: 2 * cell[1]].decode("utf-16-le") == visible(row).rstrip("\ufffd")


def test_thinking_that_was_not_stored_has_no_text():
    rows = plain_rows([None] * 8)
    packed = trace_cuts.pack(rows, [(budget, 0, "") for budget in rows["budget"]])
    assert packed["t"] == [] and {cell[0] for cell in cells_of(packed)} == {-1}


def test_a_cue_that_the_model_says_itself_is_not_taken_for_a_forced_one():
    rows = sweep_rows("full_1000", "in_domain", 1)
    texts = ["Wait, I think."] * 8 + ["Wait, I think. Wait, no. Wait, yes."] * 3
    rows = rows.assign(thinking_text=texts, extensions_done=[0] * 8 + [1] * 3)
    packed = trace_cuts.pack(rows, [*((b, 0, "") for b in rows["budget"][:8]), *((56, n, "Wait") for n in (1, 2, 4))])
    assert packed["w"] == [[0, 15, 19]]


def test_a_cue_that_says_nothing_stands_nowhere():
    rows = sweep_rows("full_1000", "in_domain", 1)
    texts = ["It is zero."] * 8 + ["It is zero. none of these"] * 3
    rows = rows.assign(thinking_text=texts, extensions_done=[0] * 8 + [1] * 3, cue=[""] * 8 + [NO_CUE] * 3)
    cells = list(zip(rows["budget"], rows["extensions"], rows["cue"], strict=True))
    packed = trace_cuts.pack(rows, cells)
    assert packed["w"] == []
    steps = examples_shown._steps(packed, cells, trace_cuts.VERDICTS)
    assert [step.label for step in steps[7:9]] == ["56 tokens", "56 tokens, forced on 1× without a cue"]


def test_the_studys_first_cue_comes_first():
    cells = [(8, 0, ""), (16, 0, ""), (8, 2, "Hmm"), (16, 2, "Hmm"), (16, 1, "Hmm"), (16, 1, "Wait")]
    forced = [(16, 1, "Wait"), (16, 1, "Hmm"), (16, 2, "Hmm")]
    assert trace_cuts.shown_cells(cells, "Wait") == [*cells[:2], *forced]


def test_text_is_cleaned_of_what_hides_or_reorders():
    assert clean("a\u202eb\x00c\ud800d\n\te") == "a⟨U+202E⟩b⟨U+0000⟩c?d\n\te"
    assert clean("x\U000e0041\u200by") == "x⟨U+E0041⟩⟨U+200B⟩y"
    assert len(clean("x" * 10**6)) < LONGEST + 40


def test_sweeps_of_many_row_groups_are_read(study, tmp_path, whole):
    """As long tables are written: a part at a time."""
    path = next(path for path in study.sweeps if path.parent.name == "full_1000")
    table = pd.read_parquet(path)
    ids = table["question_id"].unique()[[0, 7]].tolist()
    write_table(tmp_path / "s.parquet", pd.concat([table] * 5, ignore_index=True), "sweeps")
    found = explorer._rows_of(tmp_path / "s.parquet", ids, ["question_id", "thinking_text"])
    assert len(found) == 5 * int(table["question_id"].isin(ids).sum()) and set(found["question_id"]) == set(ids)
