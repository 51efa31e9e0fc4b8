"""The m1 preset from a hub to the pool, with small files of the real shapes served on loopback."""

from __future__ import annotations

import hashlib
import io
import json
import random

import pandas as pd
import pytest

from helpers.loopback_hub import serve
from helpers.project import ROOT, Project
from m1flow.files.json import read_json
from m1flow.files.parquet import read_table

PRESET = "config/presets/m1.yaml"
PARTS = "MedMCQA_validation MedQA_USLME_test MMLU-Pro_Medical_test GPQA_Medical_test Lancet MedBullets_op4".split()
PARTS += ["MedBullets_op5", "MedXpertQA", "NEJM"]
WORDS = (ROOT / "docs" / "running" / "installation.md").read_text(encoding="utf-8").split()


def questions(seed: str, count: int) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=30)) + "?" for _ in range(count)]


def lines(rows: list[dict]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def parquet(rows: list[dict]) -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame(rows).to_parquet(buffer)
    return buffer.getvalue()


def fill(hub) -> str:
    """Every repository of the preset's pool; returns the evaluation file's md5."""
    letters = {"A": "one", "B": "two", "C": "three", "D": "four"}
    lettered = [{"question": stem, "options": letters, "answer_idx": "C"} for stem in questions("medqa", 20)]
    hub.commit("datasets/GBaker/MedQA-USMLE-4-options", {"phrases_no_exclude_train.jsonl": lines(lettered)})
    columns = {"opa": "one", "opb": "two", "opc": "three", "opd": "four", "cop": 2, "subject_name": "Eye"}
    rows = [{"id": f"m{n}", "question": stem, **columns} for n, stem in enumerate(questions("medmcqa", 20))]
    hub.commit("datasets/openlifescienceai/medmcqa", {"data/train-00000-of-00001.parquet": parquet(rows)})
    nested = [
        {"data": {"Question": stem, "Options": letters, "Correct Option": "C"}} for stem in questions("headqa", 20)
    ]
    hub.commit("datasets/openlifescienceai/headqa", {"train.json": lines(nested)})
    trained = (ROOT / "config" / "ids" / "pubmedqa_m1_train.txt").read_text().splitlines()[1:]
    rows = [
        {"pubid": int(pubid), "question": stem, "context": {"contexts": [stem[:40]]}, "final_decision": "maybe"}
        for pubid, stem in zip([*trained, *range(1, 31)], questions("pubmedqa", 530), strict=True)
    ]
    hub.commit("datasets/qiaojin/PubMedQA", {"pqa_labeled/train-00000-of-00001.parquet": parquet(rows)})
    parts = {
        part: [
            {"question": stem, "options": letters, "answer": "three", "answer_idx": "C"} for stem in questions(part, 5)
        ]
        for part in PARTS
    }
    evaluation = json.dumps(parts)
    hub.commit("datasets/UCSC-VLAA/m1_eval_data", {"m1_eval_data.json": evaluation, "README.md": "# Evaluation"})
    trace = {
        "prompt": "\n".join([questions("headqa", 1)[0], "A. four", "B. three", "C. two", "D. one"]),
        "reasoning": "Think.",
        "distilled_answer_string": "B",
    }
    hub.commit("datasets/UCSC-VLAA/m23k-tokenized", {"data/train-00000-of-00001.parquet": parquet([trace])})
    return hashlib.md5(evaluation.encode()).hexdigest()


@pytest.mark.slow
def test_the_m1_preset_makes_its_pool_from_a_hub(tmp_path, monkeypatch):
    (tmp_path / "project").mkdir()
    project = Project(tmp_path / "project")
    environment = Project._environment
    with serve() as hub:
        served = {"HF_ENDPOINT": hub.address, "HF_HOME": str(tmp_path / "home"), "HF_HUB_OFFLINE": "0", "NO_PROXY": "*"}
        monkeypatch.setattr(Project, "_environment", staticmethod(lambda: environment() | served))
        checksum = {"checksum": f"md5:{fill(hub)}"}
        names = (
            "medmcqa medqa mmlu_pro_medical gpqa_medical lancet medbullets_op4 medbullets_op5 medxpertqa nejm".split()
        )
        overlay = project.overlay("small.yaml", {"benchmarks": {name: checksum for name in names}})
        project.snakemake("pool", "--configfile", PRESET, overlay)
        results = project.folder / "results" / "m1"
        assert read_json(project.folder / "config" / "presets" / "m1.lock.json").keys() == hub.repositories.keys()
        pool = read_table(results / "pool.parquet", "questions")
        assert pool["source"].value_counts().to_dict() == {"pubmedqa": 500, "medqa": 20, "medmcqa": 20, "headqa": 20}
        recorded = pool[pool["stem"] == questions("headqa", 1)[0]].iloc[0]
        assert list(recorded["options"]) == ["four", "three", "two", "one"] and recorded["answer_index"] == 1
        report = read_json(results / "benchmarks" / "pubmedqa.report.json")
        assert (report["read"], report["expected"], report["difference"]) == (30, 500, -470)
        held = read_table(results / "benchmarks" / "pubmedqa.parquet", "questions")
        assert not set(held["origin_id"]) & set(pool.loc[pool["source"] == "pubmedqa", "origin_id"])
        assert project.planned("pool", "--configfile", PRESET, overlay) == {}

        hub.commit("datasets/openlifescienceai/headqa", {"train.json": "{}"})
        moved = project.overlay("moved.yaml", {"sources": {"headqa": {"revision": "main"}}})
        done = project.snakemake("pool", "--configfile", PRESET, overlay, moved, check=False)
        assert done.returncode == 1
        [problem] = {line.strip() for line in done.stdout.splitlines() if "error: config" in line}
        assert problem.startswith("error: config: sources.headqa.revision: the config asks for 'main' (")
        assert "config/presets/m1.lock.json pins datasets/openlifescienceai/headqa to" in problem
