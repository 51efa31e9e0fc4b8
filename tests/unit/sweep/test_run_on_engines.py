"""Sweeps on the real engines: rows equal to independent runs, and to each other, whatever shares a batch."""

from __future__ import annotations

import importlib.util
import math

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.engine_models import CONTEXT
from helpers.sweep_reference import COLUMNS, M1, all_separate, items
from m1flow.engines.opening import open_engine
from m1flow.models.formats import Formatter
from m1flow.study.settings.architecture import ArchitectureSettings
from m1flow.study.settings.engine import EngineSettings
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.problems import read
from m1flow.study.study import Study
from m1flow.sweep.plan import NO_CUE, SweepPlan
from m1flow.sweep.run import context_needed, run_sweep
from m1flow.sweep.shards import deal
from m1flow.training.random_weights import init_base
from m1flow.training.tokenizer import train_tokenizer

pytestmark = pytest.mark.slow

ENGINES = ["transformers"] + (["vllm"] if importlib.util.find_spec("vllm") else [])
QUESTIONS, SEED = 3, 5
ARCHITECTURE = {"hidden_size": 64, "intermediate_size": 128, "layers": 2, "heads": 2, "rope_theta": 100}
FULL = {
    "budgets": (0, 5, 9, 30),
    "extension_counts": (0, 1, 3),
    "extension_budgets": (24, 40),
    "cues": ("Hmm", "Wait", NO_CUE),
    "permutations": 2,
    "permutation_budgets": (12,),
    "answer_tokens": 8,
    "option_answer": "\\boxed{{text}}",
}
STUDY = {
    "study": "two",
    "formats": {"m1": M1},
    "benchmarks": {"b": {"adapter": "formulary", "questions": 4, "chain": [1, 2]}},
    "bases": {"base": {"hub": "nobody/base"}},
    "models": {
        "base": {},
        "base_sampled": {
            "weights": "base",
            "sweep": {
                "samples": 3,
                "temperature": 0.7,
                "top_p": 0.9,
                "answer_logprobs": False,
                "extensions": {"cues": ["Wait", "Hmm"]},
            },
        },
    },
    "sweep": {"budgets": [0, 9, 30], "extensions": {"counts": [0, 2], "budgets": [36]}, "answer_tokens": 8},
}
PLANS = {
    "greedy": SweepPlan(**FULL),
    "sampled": SweepPlan(**FULL | {"samples": 2, "temperature": 0.7, "permutations": 1}),
    "overridden": SweepPlan.from_settings(Study.from_config(STUDY).sweeps["base_sampled"]),
    "boxed": SweepPlan(budgets=(0, 9, 30), answer_tokens=30, stop_at_box=True),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A model of random weights whose likeliest tokens end thoughts, and open and close boxes, now and then."""
    import torch

    folder = tmp_path_factory.mktemp("sweep") / "model"
    tokenizer = train_tokenizer(["a question about a dose of some drug", "Wait, the answer is 3"], 300)
    model = init_base(
        read(ArchitectureSettings, ARCHITECTURE | {"vocabulary": 300, "max_position": CONTEXT}), tokenizer, 0
    )
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() > 1:
                weights.mul_(0.3 / weights.std())
        formatter = Formatter(tokenizer, "m1", FormatSettings(**M1))
        for ids, push in ((formatter.thinking_stop, 1.2), (formatter.encode("\\boxed{}"), 1.2)):
            for token in ids:
                model.get_input_embeddings().weight[token] *= push
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def formatter(folder):
    from m1flow.models.tokenizers import load_tokenizer

    return Formatter(load_tokenizer(folder), "m1", FormatSettings(**M1))


@pytest.fixture(scope="module")
def engines(folder):
    opened = {name: open_engine(folder, EngineSettings(name=name, memory_mb=32, batch_size=16)) for name in ENGINES}
    yield opened
    for engine in opened.values():
        engine.close()


@pytest.fixture(scope="module")
def separate(engines, formatter):
    """Every cell of every plan from scratch, one request at a time, on the first engine."""
    engine = engines[ENGINES[0]]
    return {name: all_separate(formatter, engine, plan, n=QUESTIONS, seed=SEED) for name, plan in PLANS.items()}


@pytest.mark.parametrize("name", PLANS)
@settings(max_examples=6)
@given(width=st.integers(1, 40), shards=st.integers(1, 3), which=st.sampled_from(ENGINES))
def test_rows_equal_independent_runs(engines, formatter, separate, name, width, shards, which):
    plan, rows = PLANS[name], []
    for shard in range(1, shards + 1):
        asked = deal(items(QUESTIONS, plan.permutations), shard, shards)
        rows += run_sweep(asked, formatter, engines[which], plan, seed=SEED, width=width)
    nested = pd.DataFrame(rows).sort_values(COLUMNS).reset_index(drop=True)
    expected, exact = separate[name], [c for c in separate[name].columns if not c.endswith(("logprob", "logprobs"))]
    pd.testing.assert_frame_equal(nested[exact], expected[exact])
    for mine, theirs in zip(nested["answer_logprob"], expected["answer_logprob"], strict=True):
        assert mine == (pytest.approx(theirs, abs=1e-3) if plan.answer_logprobs else None)
    for mine, theirs in zip(nested["option_logprobs"], expected["option_logprobs"], strict=True):
        assert (mine is None) == (theirs is None) == (not plan.option_answer)
        assert mine == pytest.approx(theirs, abs=1e-4)


def test_the_plans_reach_what_they_should(separate):
    """Else the equality above would say little."""
    rows = separate["greedy"]
    assert {True, False} == set(rows["natural_end"]) and rows["extensions_done"].max() >= 2
    assert separate["sampled"].groupby("question_id")["thinking_text"].nunique().max() > 4
    assert separate["overridden"]["sample"].nunique() == 3 and separate["overridden"]["extensions_done"].max() == 2
    assert all(math.isfinite(value) for values in rows["option_logprobs"] for value in values)


def test_the_context_needed_is_enough_and_no_more(engines, formatter):
    for plan in PLANS.values():
        asked = items(QUESTIONS, plan.permutations)
        longest = []
        engine = engines[ENGINES[0]]

        class Watched:
            def submit(self, request, engine=engine, longest=longest):
                longest.append(len(request.prompt) + request.max_tokens + bool(request.given))
                engine.submit(request)

            def finished(self, engine=engine):
                return engine.finished()

        list(run_sweep(asked, formatter, Watched(), plan, seed=SEED))
        assert max(longest) <= context_needed(asked, formatter, plan) <= max(longest) + 40
