"""What the tests of the pool share: tables made of a few rows, a benchmark, and the real questions."""

from __future__ import annotations

import pytest

from helpers.pool_questions import LONG
from m1flow.questions.question import make_questions
from m1flow.questions.sources import load
from m1flow.study.settings.problems import read
from m1flow.study.settings.question_sets import QuestionSetSettings


@pytest.fixture
def table():
    """A function that makes a questions table of a source from rows."""

    def make(name, *rows):
        raw = [{"origin_id": f"{name}{n}", "answer_index": 0} | row for n, row in enumerate(rows)]
        return make_questions(raw, name, where="t", split="train", seed=0, shuffle=True)[0]

    return make


@pytest.fixture
def exam(table):
    """A benchmark of a long question and a short one."""
    return table(
        "exam", {"stem": LONG, "options": ["flu", "tb", "asthma"]}, {"stem": "Short stem?", "options": ["gout", "tb"]}
    )


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


@pytest.fixture(scope="package")
def real(shared_data):
    """Every real question set, by name."""
    return {
        name: load(
            name,
            read(QuestionSetSettings, {"adapter": adapter, "path": [str(shared_data / path) for path in paths]}),
            0,
        )[0]
        for name, (adapter, paths) in REAL.items()
    }
