"""The demo study, run as a newcomer runs it: its shape holds, its files keep their contracts, its report opens."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from statsmodels.stats.proportion import proportion_confint

from m1flow.analysis.registry import declared
from m1flow.files.parquet import read_provenance, read_table

RESULTS = Path("results") / "demo"

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def accuracy(demo) -> pd.DataFrame:
    table = pd.read_csv(demo.folder / RESULTS / "tables" / "accuracy.csv")
    return table.set_index(["model", "benchmark", "budget"]).sort_index()


def test_a_second_run_does_nothing(demo, tmp_path):
    assert "Nothing to be done" in demo.copied_to(tmp_path / "project").snakemake().stdout


def test_accuracy_rises_with_the_budget_and_saturates(accuracy):
    curve = accuracy.loc[("tiny_hard_1000", "in_domain"), "accuracy"]
    assert curve.iloc[-1] - curve.iloc[0] >= 0.4
    assert sum(b - a > 0.05 for a, b in zip(curve, curve[1:], strict=False)) >= 5 - (curve.iloc[-1] < 0.9)
    assert abs(curve.iloc[-1] - curve.iloc[-2]) < 0.02


def test_more_traces_help(accuracy):
    plateau = accuracy.xs(64, level="budget")["accuracy"]
    few, many = (plateau[f"tiny_hard_{n}", "in_domain"] for n in (40, 1000))
    assert many > few + 0.2


def test_missing_knowledge_is_not_made_up_for_by_thinking(accuracy):
    rich, poor = (
        accuracy.loc[("tiny_hard_1000", benchmark), "accuracy"] for benchmark in ("in_domain", "knowledge_poor")
    )
    assert (poor[poor.index >= 24] < rich[rich.index >= 24]).all()


def test_chains_longer_than_trained_on_are_harder(accuracy):
    plateau = accuracy.xs(64, level="budget")["accuracy"]
    assert plateau["tiny_hard_1000", "longer_chains"] < plateau["tiny_hard_1000", "in_domain"] - 0.2


def test_no_benchmark_question_is_trained_on(demo):
    results = demo.folder / RESULTS
    asked = set(pd.concat(read_table(path, "questions") for path in (results / "benchmarks").glob("*.parquet"))["stem"])
    assert not asked & set(read_table(results / "pool.parquet", "questions")["stem"])
    removed = read_table(results / "pool_removed.parquet", "pool_removed")
    assert asked & set(removed.loc[removed["reason"] == "contaminated", "stem"])
    practised = set(read_table(results / "corpora" / "tiny.parquet", "corpora")["prompt"].str.split("\n").str[0])
    assert not asked & practised


def test_no_budget_is_exceeded_and_truncated_thinking_is_not_an_answer(demo):
    for path in (demo.folder / RESULTS / "sweeps").rglob("*.parquet"):
        rows = read_table(path, "sweeps")
        assert (rows["thinking_tokens"] <= rows["budget"]).all()
        assert not rows.loc[rows["parsed_index"].isna(), "correct"].any()
        assert not rows.loc[
            ~rows["answer_finished"] & ~rows["answer_text"].str.contains("}", regex=False), "correct"
        ].any()


def test_every_cell_is_there_with_its_wilson_interval(demo, accuracy):
    sweep = pd.concat(
        read_table(path, "sweeps") for path in (demo.folder / RESULTS / "sweeps" / "tiny_hard_40").glob("*")
    )
    assert sorted(set(sweep["extensions"])) == [0, 1, 2, 4]
    assert set(sweep.loc[sweep["extensions"] == 0, "budget"]) >= {0, 8, 16, 24, 32, 40, 48, 64}
    for row in accuracy.drop("tiny_hard_200_sampled").itertuples():
        low, high = proportion_confint(row.correct, row.n, method="wilson")
        assert (row.ci_low, row.ci_high) == pytest.approx((low, high), abs=1e-5)


def test_tables_keep_their_contracts_and_say_what_made_them(demo):
    results = demo.folder / RESULTS
    for pattern, contract in {
        "questions/*.parquet": "questions",
        "benchmarks/*.parquet": "questions",
        "pool.parquet": "questions",
        "pool_removed.parquet": "pool_removed",
        "attempts/*.parquet": "attempts",
        "difficulty.parquet": "difficulty",
        "traces/*.parquet": "traces",
        "datasets/*.parquet": "datasets",
        "generations/*/*/*.parquet": "generations",
        "sweeps/*/*.parquet": "sweeps",
    }.items():
        paths = sorted(results.glob(pattern))
        assert paths, pattern
        for path in paths:
            read_table(path, contract)
            assert {"parameters", "inputs", "packages", "commit"} <= read_provenance(path).keys()
    for table in ("accuracy", "extensions"):
        assert list(pd.read_csv(results / "tables" / f"{table}.csv").columns) == declared(table).names


def test_the_sweep_decodes_far_fewer_tokens_than_separate_runs(demo):
    tokens = pd.read_csv(demo.folder / RESULTS / "tables" / "tokens.csv").set_index("model")
    students = tokens[~tokens.index.isin(["tiny", "mini"])]
    assert (students["ratio"] > 2).all()


def test_verification_refuses_the_teachers_slips(demo):
    traces = read_table(demo.folder / RESULTS / "traces" / "pharmacist.parquet", "traces")
    assert 0.02 < 1 - traces["verified"].mean() < 0.2
    trained = set(read_table(demo.folder / RESULTS / "datasets" / "hard_1000.parquet", "datasets")["question_id"])
    assert trained <= set(traces.loc[traces["verified"], "question_id"])


def test_the_report_is_one_offline_page(demo):
    page = (demo.folder / RESULTS / "report" / "index.html").read_text(encoding="utf-8")
    assert "tiny_hard_1000" in page
    assert 'src="http' not in page
    assert 'href="http' not in page.replace('href="https://arxiv.org', "")
    assert len(page) < 15_000_000


def test_snakemakes_own_report_is_made(demo, tmp_path):
    copy = demo.copied_to(tmp_path / "project")
    copy.snakemake("--report", "snakemake-report.html")
    assert (copy.folder / "snakemake-report.html").stat().st_size > 100_000
