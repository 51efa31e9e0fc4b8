"""A study whose solver, teacher and domains are asked over HTTP: billed to the token, resumed, capped; no key kept."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from helpers.project import small_project
from helpers.served_model import MODEL, free_port, served_model
from m1flow.endpoints.ledger import Ledger

RESULTS = Path("results") / "small"
KEY = "canary-5up3r-53cr3t"
VOCABULARY = "code\tname\tnote\nAA\tdrugs that raise\tmore\nBB\tdrugs that lower\tless\n"
ASKED = {"attempts/second": "solvers.second", "traces/local": "teachers.local", "domains": "domains"}

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def server(tmp_path_factory) -> str:
    with served_model(tmp_path_factory.mktemp("served")) as url:
        yield url


@pytest.fixture(scope="module")
def study(server, tmp_path_factory):
    """The small study up to its data sets, with everything that can be asked over HTTP asked over HTTP."""
    project = small_project(tmp_path_factory.mktemp("study"))
    (project.folder / "words.tsv").write_text(VOCABULARY, encoding="utf-8")
    remote = {"weights": None, "endpoint": "served", "max_tokens": 16}
    project.overlay(
        "remote.yaml",
        {
            "sources": {"wards": {"questions": 80}},
            "endpoints": {
                "served": {
                    "url": server,
                    "model": MODEL,
                    "key_variable": "CANARY_KEY",
                    "question_seconds": 60,
                    "price": {"prompt": 1.0, "completion": 10.0},
                }
            },
            "solvers": {"second": {**remote, "format": "direct", "attempts": 2}},
            "teachers": {"local": {**remote, "temperature": 0.6}, "pharmacist": {"unfiltered_questions": 40}},
            "domains": {"by": "model", **remote, "attempts": 2, "vocabulary": "words.tsv", "weights": None},
            "prompts": {"domain": "{codes}\n{question}"},
            "datasets": {"hard": {"size": 10}, "random": {"size": 10}},
        },
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CANARY_KEY", KEY)
        run(project)
        yield project


def run(project, *overlays, targets=("datasets", "traces"), check=True):
    files = ("--configfile", "small.yaml", "remote.yaml", *overlays)
    return project.snakemake(*targets, *files, check=check)


def planned(project, *overlays):
    return project.planned("datasets", "traces", "--configfile", "small.yaml", "remote.yaml", *overlays)


def report(project, name) -> dict:
    return json.loads((project.folder / RESULTS / f"{name}.report.json").read_text())


def test_every_token_is_billed_once(study):
    with Ledger(study.folder / RESULTS / "journals" / "endpoints" / "served.ledger.jsonl") as ledger:
        purposes = ledger.totals()["purposes"]
    assert set(purposes) == set(ASKED.values())
    for name, where in ASKED.items():
        used, billed = report(study, name)["bill"], report(study, name)["bill"]["billed"]
        assert billed == purposes[where] and billed["wasted"]["responses"] == billed["unmetered"] == 0
        assert used["answers"] == billed["responses"] > 0
        for key in ("prompt_tokens", "completion_tokens"):
            assert used[key] == billed[key]
        price = billed["prompt_tokens"] / 1e6 + billed["completion_tokens"] / 1e5
        assert used["cost"] == pytest.approx(price) == pytest.approx(billed["cost"])


def test_what_was_asked_is_in_the_tables(study):
    attempts = pd.read_parquet(study.folder / RESULTS / "attempts" / "second.parquet")
    traces = pd.read_parquet(study.folder / RESULTS / "traces" / "local.parquet")
    domains = pd.read_parquet(study.folder / RESULTS / "domains.parquet")
    assert (attempts["tokens"] <= 16).all() and (traces["completion_tokens"] <= 16).all()
    assert len(attempts) == 2 * attempts["question_id"].nunique() and len(traces) > 0 and len(domains) > 0
    assert set(domains["outcome"]) <= {"assigned", "invalid"}


def test_the_key_is_kept_nowhere(study):
    for path in study.folder.rglob("*"):
        assert not path.is_file() or KEY.encode() not in path.read_bytes(), path


def test_where_and_how_fast_is_no_reason_to_ask_again(study):
    moved = {"url": "http://127.0.0.1:9/v1", "requests_in_flight": 3, "requests_per_minute": 10, "spending_cap": 5}
    assert planned(study, study.overlay("moved.yaml", {"endpoints": {"served": moved}})) == {}


def test_another_model_is(study):
    plan = planned(study, study.overlay("other.yaml", {"endpoints": {"served": {"revision": "of May"}}}))
    assert plan["attempt"] == 1 and plan["teach"] == 2 and plan["assign_domains"] == 1


def test_lost_tables_come_back_from_the_journal_without_a_server(study):
    before = {}
    for name in ASKED:
        path = study.folder / RESULTS / f"{name}.parquet"
        before[path] = pd.read_parquet(path)
        path.unlink()
    nowhere = {"url": f"http://127.0.0.1:{free_port()}/v1", "question_seconds": 1}
    targets = tuple(str(RESULTS / f"{name}.parquet") for name in ASKED)
    run(study, study.overlay("nowhere.yaml", {"endpoints": {"served": nowhere}}), targets=targets)
    for path, table in before.items():
        pd.testing.assert_frame_equal(pd.read_parquet(path), table)


def test_a_spending_cap_stops_cleanly_and_a_higher_one_goes_on(study):
    ledger = study.folder / RESULTS / "journals" / "endpoints" / "served.ledger.jsonl"
    with Ledger(ledger) as opened:
        cap = opened.totals()["all"]["cost"] + 0.002
    capped = {"revision": "capped", "spending_cap": cap, "requests_in_flight": 2}
    overlay = study.overlay("capped.yaml", {"endpoints": {"served": capped}})
    target = str(RESULTS / "attempts" / "second.parquet")
    done = run(study, overlay, targets=(target,), check=False)
    assert done.returncode == 1
    said = (study.folder / RESULTS / "logs" / "attempt" / "second.log").read_text()
    assert "endpoints.served.spending_cap" in said and "Traceback" not in said
    with Ledger(ledger) as opened:
        spent = opened.totals()["all"]["cost"]
    assert cap - 0.002 < spent <= cap
    journal = study.folder / RESULTS / "journals" / "endpoints" / "served.jsonl"
    kept = journal.read_bytes()
    study.overlay("capped.yaml", {"endpoints": {"served": {**capped, "spending_cap": cap + 1}}})
    run(study, overlay, targets=(target,))
    assert journal.read_bytes().startswith(kept)


def test_without_its_key_nothing_starts(study, monkeypatch):
    monkeypatch.delenv("CANARY_KEY")
    overlay = study.overlay("again.yaml", {"endpoints": {"served": {"revision": "keyless"}}})
    done = run(study, overlay, targets=(str(RESULTS / "attempts" / "second.parquet"),), check=False)
    assert done.returncode == 1
    assert "endpoints.served.key_variable: the environment variable CANARY_KEY isn't set" in done.stdout
    assert "Execute" not in done.stdout
