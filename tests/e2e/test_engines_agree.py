"""The whole small study on either engine gives the same tables, to the byte; a sweep in shards gives the same rows."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from m1flow.files.parquet import read_table

TABLES = Path("results") / "small" / "tables"

pytestmark = pytest.mark.e2e


@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vllm is not installed here")
def test_both_engines_give_the_same_tables(small, fresh_small):
    overlay = fresh_small.overlay("engine.yaml", {"engine": {"name": "vllm"}})
    fresh_small.snakemake("--configfile", "small.yaml", overlay)
    log = (fresh_small.folder / "results/small/logs/generate/student/1-of-1.log").read_text()
    assert "engine vllm" in log and "tokens decoded now" in log
    for table in ("accuracy", "extensions", "macro", "tokens", "funnel"):
        ours, theirs = ((project.folder / TABLES / f"{table}.csv").read_bytes() for project in (small, fresh_small))
        assert ours == theirs, table


def test_another_number_of_shards_gives_the_same_rows_and_generates_nothing(small, tmp_path):
    copy = tmp_path / "copy"
    shutil.copytree(small.folder, copy, symlinks=True)
    small_copy = type(small).__new__(type(small))
    small_copy.folder = copy
    overlay = small_copy.overlay("shards.yaml", {"sweep": {"shards": 3}})
    sweep = Path("results") / "small" / "sweeps" / "student" / "in_domain.parquet"
    small_copy.snakemake("--configfile", "small.yaml", overlay, "--", str(sweep))
    for shard in ("1-of-3", "2-of-3", "3-of-3"):
        log = (copy / "results/small/logs/generate/student" / f"{shard}.log").read_text()
        assert "0 tokens decoded now" in log, shard
    ours, theirs = (read_table(folder / sweep, "sweeps") for folder in (small.folder, copy))
    pd.testing.assert_frame_equal(ours, theirs)


def test_a_study_that_only_evaluates_reports_on_the_models_that_can_be_had(small, fresh_small):
    """One of its two models isn't there: the other is swept all the same, and has a report."""
    whole = yaml.safe_load((small.folder / "small.yaml").read_text())
    kept = ("seed", "engine", "formats", "prompts", "formulary", "benchmarks", "sweep")
    broken = fresh_small.folder / "broken"
    shutil.copytree(small.folder / "results/small/models/tiny", broken)
    (broken / "model.safetensors").write_bytes(b"torn")
    study = {key: whole[key] for key in kept} | {
        "study": "only",
        "bases": {
            "good": {"path": str(small.folder / "results/small/models/student")},
            "gone": {"path": str(broken)},
        },
        "models": {
            "good": {"prompt": "{question}", "sweep": {"answer_tokens": 8}},
            "gone": {},
            "good-direct": {"weights": "good", "format": "direct"},
        },
    }
    study["sweep"] = study["sweep"] | {
        "permutations": {"count": 2, "budgets": [16]},
        "extensions": {"counts": [0, 1], "budgets": [48], "cues": ["Wait", "none"]},
        "option_logprobs": True,
        "option_answer": "\\boxed{{text}}",
        "answer_stop": "box",
    }
    config = fresh_small.overlay("only.yaml", study)
    fresh_small.snakemake("--configfile", config, check=False)
    results = fresh_small.folder / "results" / "only"
    assert not (results / "report" / "index.html").exists()
    fresh_small.snakemake("--configfile", config, "--config", "only_finished=True")
    page = (results / "report" / "index.html").read_text()
    assert "good-direct" in page
    rows = read_table(results / "sweeps" / "good" / "in_domain.parquet", "sweeps")
    assert set(rows["cue"]) == {"", "Wait", "none"} and set(rows["permutation"]) == {0, 1}
    assert rows["option_logprobs"].map(len).eq(4).all()
