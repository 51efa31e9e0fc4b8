"""Examples for readers without JavaScript."""

from __future__ import annotations

import pandas as pd

from helpers.synthetic_study import make_study, sweep_rows
from m1flow.report import static_examples, trace_cuts
from m1flow.report.explorer import explore
from m1flow.study.roster import Model
from m1flow.sweep.plan import NO_CUE


def test_examples_without_javascript_are_of_different_kinds(tmp_path):
    study = make_study(tmp_path, questions=20, models=("tiny", "full_1000"), samples=2)
    questions = {path.stem: pd.read_parquet(path) for path in study.benchmarks}
    models = [Model(name, name != "tiny", 1000, "full", "hard", "tiny", "d", "hard") for name in ("tiny", "full_1000")]
    content = explore(study.sweeps, questions, models, models[1]).content
    shown = static_examples.examples(content, 1)
    assert len({example.category for example in shown}) == len(shown) >= 2
    compute = next(example for example in shown if example.category.startswith("compute"))
    verdicts = [step.verdict for step in compute.steps[:8]]
    assert verdicts[-1] == "right" and compute.steps[0].cut
    assert compute.steps[7].thinking.startswith(compute.steps[2].thinking)


def test_a_cue_that_says_nothing_stands_nowhere():
    rows = sweep_rows("full_1000", "in_domain", 1)
    texts = ["It is zero."] * 8 + ["It is zero. none of these"] * 3
    rows = rows.assign(thinking_text=texts, cue_positions=[[]] * 8 + [[11]] * 3, cue=[""] * 8 + [NO_CUE] * 3)
    cells = list(zip(rows["budget"], rows["extensions"], rows["cue"], strict=True))
    packed = trace_cuts.pack(rows, cells)
    assert packed["w"] == []
    steps = static_examples._steps(packed, cells, trace_cuts.VERDICTS)
    assert [step.label for step in steps[7:9]] == ["56 tokens", "56 tokens, forced on 1× without a cue"]
