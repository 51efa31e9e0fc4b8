"""A finished study gets a judge: it alone is asked and paid, once, whatever changes later; no key is kept."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from helpers.fault_proxy import FaultProxy, completion

RESULTS = Path("results") / "small"
KEY = "canary-judge-5up3r"
KINDS, AGREEMENT = f"{RESULTS}/tables/error_kinds.csv", f"{RESULTS}/tables/judge_agreement.csv"
LABELS = ("knowledge", "reasoning", "other")

pytestmark = pytest.mark.e2e


def respond(body: dict, times: int) -> dict:
    reply = completion(body, times)
    text = body["messages"][0]["content"]
    said = "I can't tell." if len(text) % 7 == 0 else rf"\boxed{{{LABELS[len(text) % 3]}}}"
    reply["choices"][0]["message"]["content"] = said
    return reply


@pytest.fixture(scope="module")
def judge():
    with FaultProxy(respond=respond) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def study(small, judge):
    """The finished small study, judged."""
    endpoint = {"url": judge.url, "model": "tiny", "key_variable": "CANARY_KEY", "question_seconds": 60}
    endpoint["price"] = {"prompt": 1.0, "completion": 10.0}
    settings = {
        "endpoints": {"far": endpoint},
        "judge": {"endpoint": "far", "questions": 10, "models": ["tiny", "student"]},
    }
    small.overlay("judge.yaml", settings)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANARY_KEY", KEY)
        run(small)
        yield small


def run(project, *overlays):
    return project.snakemake("--configfile", "small.yaml", "judge.yaml", *overlays, "--", KINDS, AGREEMENT)


def planned(project, *overlays):
    return project.planned("--configfile", "small.yaml", "judge.yaml", *overlays, "--", KINDS, AGREEMENT)


def judged(project) -> pd.DataFrame:
    return pd.read_parquet(project.folder / RESULTS / "judged.parquet")


def test_every_judgement_is_in_the_tables_and_on_the_bill(study, judge):
    table = judged(study)
    # The one model answers directly; the other's largest budget is the cap of its extensions.
    assert set(zip(table["model"], table["budget"], strict=True)) == {("tiny", 0), ("student", 48)}
    assert table["drawn"].all() and table.groupby("model").size().max() == 10
    kinds = pd.read_csv(study.folder / KINDS)
    assert kinds["n"].sum() == len(table)
    assert kinds.loc[kinds["label"] == "unread", "n"].sum() == (table["outcome"] == "unparsed").sum()
    bill = json.loads((study.folder / RESULTS / "judged.report.json").read_text())["bill"]
    assert bill["endpoint"] == "far" and bill["billed"]["responses"] == len(judge.account.requests) > 0


def test_what_is_judged_is_quoted(study, judge):
    for body in judge.account.bodies:
        text = body["messages"][0]["content"]
        assert text.startswith("A model answered") and text.count("\n> ") >= 4


def test_only_the_judge_runs_again_and_only_for_what_is_new(study, judge):
    assert planned(study, study.overlay("far.yaml", {"endpoints": {"far": {"requests_per_minute": 5}}})) == {}
    changes = {"judge": {"models": ["tiny"], "temperature": 0.5}, "prompts": {"judge": "{question} {answer}"}}
    assert planned(study, study.overlay("change.yaml", changes)) == {"judge_answers": 1, "make_table": 2}
    first, asked = judged(study), len(judge.account.requests)
    labels = study.folder / "labels.csv"
    first[["question_id", "model"]].assign(label="other").to_csv(labels, index=False)
    more = study.overlay("more.yaml", {"judge": {"questions": 12, "hand_labels": "labels.csv"}})
    run(study, more)
    table = judged(study)
    key = ["model", "question_id"]
    assert len(first.merge(table[key + ["label"]], on=[*key, "label"])) == len(first) < len(table)
    assert len(judge.account.requests) - asked <= len(table) - len(first)
    agreement = pd.read_csv(study.folder / AGREEMENT).iloc[-1]
    assert agreement["n"] + agreement["unread"] == len(first)
    assert agreement["agreement"] == pytest.approx((first["label"].dropna() == "other").mean(), abs=1e-6)


def test_the_key_is_kept_nowhere(study):
    for path in study.folder.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path


def test_without_its_key_nothing_starts(study, monkeypatch):
    monkeypatch.delenv("CANARY_KEY")
    overlay = study.overlay("keyless.yaml", {"judge": {"questions": 20}})
    done = study.snakemake("--configfile", "small.yaml", "judge.yaml", overlay, "--", KINDS, check=False)
    assert (
        done.returncode == 1
        and "endpoints.far.key_variable: the environment variable CANARY_KEY isn't set" in done.stdout
    )
