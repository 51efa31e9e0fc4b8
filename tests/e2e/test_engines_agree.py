"""Both engines say the same; a sweep in shards gives the same rows; a study that only evaluates has its report."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

import pandas as pd
import pytest
import yaml

from helpers.project import small_project
from m1flow.files.parquet import read_table

RESULTS = Path("results") / "small"

pytestmark = pytest.mark.e2e


@pytest.mark.skipif(importlib.util.find_spec("vllm") is None, reason="vllm is not installed here")
@pytest.mark.parametrize(
    ("table", "log", "columns"),
    [
        ("sweeps/student/in_domain.parquet", "generate/student/1-of-1", ["thinking_text", "answer_text", "correct"]),
        ("attempts/second.parquet", "attempt/second", ["text", "tokens", "correct"]),
    ],
)
def test_both_engines_say_the_same(finished, copied_small, table, log, columns):
    """The student at every budget, and a solver that samples."""
    for part in ("journals", "generations/student", table):
        path = copied_small.folder / RESULTS / part
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    overlay = copied_small.overlay("engine.yaml", {"engine": {"name": "vllm"}})
    made = str(RESULTS / table)
    copied_small.snakemake("--configfile", "small.yaml", overlay, "--rerun-triggers", "mtime", "--", made)
    said = (copied_small.folder / RESULTS / "logs" / f"{log}.log").read_text()
    assert "engine vllm" in said, said
    ours, theirs = (pd.read_parquet(project.folder / made) for project in (finished, copied_small))
    assert len(ours) and ours[columns].equals(theirs[columns])


def test_another_number_of_shards_gives_the_same_rows_and_generates_nothing(finished, copied_small):
    overlay = copied_small.overlay("shards.yaml", {"sweep": {"shards": 3}})
    sweep = RESULTS / "sweeps" / "student" / "in_domain.parquet"
    copied_small.snakemake("--configfile", "small.yaml", overlay, "--", str(sweep))
    for shard in ("1-of-3", "2-of-3", "3-of-3"):
        log = (copied_small.folder / RESULTS / "logs" / "generate" / "student" / f"{shard}.log").read_text()
        assert "0 tokens decoded now" in log, shard
    ours, theirs = (read_table(project.folder / sweep, "sweeps") for project in (finished, copied_small))
    pd.testing.assert_frame_equal(ours, theirs)


def test_a_study_that_only_evaluates_reports_on_the_models_that_can_be_had(finished, tmp_path):
    """One of its two models isn't there: the other is swept all the same, and has a report."""
    fresh = small_project(tmp_path)
    whole = yaml.safe_load((tmp_path / "small.yaml").read_text())
    kept = ("seed", "engine", "formats", "prompts", "formulary", "benchmarks", "sweep")
    broken = tmp_path / "broken"
    shutil.copytree(finished.folder / "results/small/models/tiny", broken)
    (broken / "model.safetensors").write_bytes(b"torn")
    study = {key: whole[key] for key in kept} | {
        "study": "only",
        "bases": {
            "good": {"path": str(finished.folder / "results/small/models/student")},
            "gone": {"path": str(broken)},
        },
        "models": {
            "good": {"prompt": "{question}", "sweep": {"answer_tokens": 8}},
            "gone": {},
            "good-direct": {"weights": "good", "format": "direct"},
        },
    }
    study["benchmarks"]["in_domain"]["questions"] = 20
    study["sweep"] = study["sweep"] | {
        "permutations": {"count": 2, "budgets": [16]},
        "extensions": {"counts": [0, 1], "budgets": [48], "cues": ["Wait", "none"]},
        "option_logprobs": True,
        "option_answer": "\\boxed{{text}}",
        "answer_stop": "box",
    }
    config = fresh.overlay("only.yaml", study)
    fresh.snakemake("--configfile", config, check=False)
    results = tmp_path / "results" / "only"
    assert not (results / "report" / "index.html").exists()
    fresh.snakemake("--configfile", config, "--config", "only_finished=True")
    page = (results / "report" / "index.html").read_text()
    assert "good-direct" in page
    rows = read_table(results / "sweeps" / "good" / "in_domain.parquet", "sweeps")
    assert set(rows["cue"]) == {"", "Wait", "none"} and set(rows["permutation"]) == {0, 1}
    assert rows["option_logprobs"].map(len).eq(4).all()
