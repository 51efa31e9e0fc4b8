"""Real questions and real recorded traces go through every stage; what is dropped is counted."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from helpers.project import Project
from m1flow.files.json import read_json
from m1flow.files.parquet import read_table

RESULTS = Path("results") / "real-smoke"
LIMITS = {"medmcqa": 300, "medqa": 200, "pubmedqa": 100, "headqa": 200}
"""Questions taken of each source; `tests/unit/questions/test_sources.py` reads all of them."""

pytestmark = [pytest.mark.e2e, pytest.mark.real]


@pytest.fixture(scope="module")
def smoke(tmp_path_factory, shared_data) -> Path:
    project = Project(tmp_path_factory.mktemp("smoke"))
    fewer = project.overlay("fewer.yaml", {"sources": {name: {"limit": limit} for name, limit in LIMITS.items()}})
    preset = "config/presets/real-smoke.yaml"
    project.snakemake("--configfile", preset, fewer, "--config", f"data_folder={shared_data}")
    return project.folder / RESULTS


def test_every_row_is_kept_or_counted(smoke):
    kept = {}
    for path in smoke.glob("questions/*.report.json"):
        report = read_json(path)
        assert report["read"] == report["kept"] + sum(report["dropped"].values()) + report.get("not_selected", 0)
        kept[path.name.split(".")[0]] = report["kept"]
    assert kept == LIMITS | {"recorded": 267}
    pool, removed = (
        read_table(smoke / "pool.parquet", "questions"),
        read_table(smoke / "pool_removed.parquet", "pool_removed"),
    )
    assert len(pool) + len(removed) == sum(kept.values())


def test_benchmark_questions_among_the_recorded_ones_are_removed(smoke):
    removed = read_table(smoke / "pool_removed.parquet", "pool_removed")
    contaminated = removed[(removed["reason"] == "contaminated") & (removed["source"] == "recorded")]
    assert len(contaminated) >= 60
    assert set(contaminated["matched_source"]) == {"mmlu_clinical"}


def test_only_finished_and_right_traces_are_trained_on(smoke):
    traces = read_table(smoke / "traces" / "recorded.parquet", "traces")
    assert {"verified", "wrong", "truncated"} <= set(traces["outcome"])
    assert not traces.loc[traces["outcome"] == "truncated", "verified"].any()
    dataset = read_table(smoke / "datasets" / "recorded_all.parquet", "datasets")
    assert set(dataset["question_id"]) == set(traces.loc[traces["verified"], "question_id"])
    assert dataset["thinking_tokens"].min() > 50


def test_the_report_counts_what_was_not_answered(smoke):
    accuracy = pd.read_csv(smoke / "tables" / "accuracy.csv")
    assert set(accuracy["benchmark"]) == {"mmlu_clinical", "medxpertqa"}
    assert (accuracy["n"] == accuracy["benchmark"].map({"mmlu_clinical": 1089, "medxpertqa": 244})).all()
    assert accuracy["unparsed_rate"].max() > 0
    assert (smoke / "report" / "index.html").stat().st_size > 100_000
