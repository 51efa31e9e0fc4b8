"""Downloads: which files of a repository a study's entry means, and how they become its questions."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from helpers.hub_sets import ROWS, SET, names, refused
from m1flow.files.json import read_json
from m1flow.questions.sources import load
from m1flow.study.settings.problems import read
from m1flow.study.settings.question_sets import QuestionSetSettings

SCRIPTS = Path(__file__).parents[3] / "workflow" / "scripts"
CARD = """---
configs:
- config_name: big
  data_files:
  - {split: train, path: big/train-*}
  - {split: test, path: [big/held.jsonl]}
- config_name: small
  data_files: small/all.jsonl
---
A set.
"""
CARDED = {
    "README.md": CARD,
    "big/train-0.jsonl": "0",
    "big/train-1.jsonl": "1",
    "big/held.jsonl": "2",
    "small/all.jsonl": "3",
}


@pytest.mark.parametrize(
    ("spec", "files"),
    [
        ({"config": "big"}, ["big/train-0.jsonl", "big/train-1.jsonl"]),
        ({"config": "big", "split": "test"}, ["big/held.jsonl"]),
        ({"config": "small"}, ["small/all.jsonl"]),
        ({"files": ["small/*", "big/held.jsonl"]}, ["big/held.jsonl", "small/all.jsonl"]),
    ],
)
def test_the_card_says_which_files_a_split_has(hub, fetch, tmp_path, spec, files):
    hub.commit(SET, CARDED)
    fetch(**spec)
    assert names(tmp_path / "out") == files


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({}, "config: sources.s.config: owner/set has several configs; choose from big, small"),
        ({"config": "bigg"}, "config: sources.s.config: owner/set has no config 'bigg'; choose from big, small"),
        (
            {"config": "big", "split": "dev"},
            "config: sources.s.split: owner/set has no split 'dev'; choose from train, test",
        ),
    ],
)
def test_the_card_says_what_there_is(hub, fetch, spec, message):
    hub.commit(SET, CARDED)
    assert message in refused(fetch, **spec)


def test_without_a_card_names_of_files_and_folders_tell(hub, fetch, tmp_path):
    hub.commit(
        SET, {f"Text/{split}.jsonl": "1" for split in ("test", "dev", "validation", "latest")} | {"MM/test.jsonl": "2"}
    )
    fetch(config="Text", split="test")
    assert names(tmp_path / "out") == ["Text/test.jsonl"]
    fetch(config="Text", split="validation", out="validation")
    assert names(tmp_path / "validation") == ["Text/validation.jsonl"]


def test_a_model_is_its_safetensors_tokenizer_and_config(hub, fetch, tmp_path):
    parts = {
        "config.json": "{}",
        "tokenizer.json": "{}",
        "model.safetensors": b"w" * 5000,
        "merges.txt": "",
        "a.md": "b",
    }
    hub.commit(
        "models/owner/model", parts | {"pytorch_model.bin": b"pickle", "train.py": "", "original/x.safetensors": b"x"}
    )
    manifest = fetch(kind="model", hub="owner/model")
    assert sorted(manifest["files"]) == ["config.json", "merges.txt", "model.safetensors", "tokenizer.json"]
    assert (tmp_path / "out" / "model.safetensors").read_bytes() == b"w" * 5000
    hub.commit("models/owner/pickles", {"config.json": "{}", "pytorch_model.bin": b"pickle"})
    assert "owner/pickles has no safetensors" in refused(fetch, kind="model", hub="owner/pickles")


# --- layouts of the real data sets, from the hub to questions --------------------------------------------------------


def parquet(*rows: dict) -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame(list(rows)).to_parquet(buffer)
    return buffer.getvalue()


LAYOUTS = {
    "medqa": (
        {
            "phrases_no_exclude_train.jsonl": json.dumps(
                {"question": "Q?", "answer": "y", "options": {"A": "x", "B": "y"}, "answer_idx": "B"}
            )
        },
        {"adapter": "records", "fields": {"question": "question", "options": "options", "answer": "answer_idx"}},
    ),
    "medmcqa": (
        {
            "data/train-00000-of-00001.parquet": parquet(
                {
                    "id": "i",
                    "question": "Q?",
                    "opa": "x",
                    "opb": "y",
                    "opc": "z",
                    "opd": "w",
                    "cop": 1,
                    "subject_name": "Eye",
                }
            )
        },
        {
            "adapter": "records",
            "fields": {
                "question": "question",
                "options": ["opa", "opb", "opc", "opd"],
                "answer": "cop",
                "id": "id",
                "domain": "subject_name",
            },
        },
    ),
    "headqa": (  # .json, but lines
        {
            "train.json": (
                json.dumps(
                    {
                        "data": {
                            "Question": "Q?",
                            "Options": {"A": "x", "B": "y"},
                            "Correct Answer": "y",
                            "Correct Option": "B",
                        }
                    }
                )
                + "\n"
            )
            * 2
        },
        {
            "adapter": "records",
            "fields": {"question": "data.Question", "options": "data.Options", "answer": "data.Correct Option"},
        },
    ),
    "pubmedqa": (
        {
            "pqa_labeled/train-00000-of-00001.parquet": parquet(
                {
                    "pubid": 7,
                    "question": "Q?",
                    "context": {"contexts": ["One.", "Two."], "labels": ["A", "B"]},
                    "final_decision": "no",
                }
            ),
            "pqa_unlabeled/train-00000-of-00001.parquet": parquet({"pubid": 8}),
        },
        {"adapter": "pubmedqa", "config": "pqa_labeled"},
    ),
    "evaluation": (
        {
            "m1_eval_data.json": json.dumps(
                {
                    "Lancet": [{"question": "Q?", "options": {"A": "x", "B": "y"}, "answer": "y", "answer_idx": "B"}],
                    "NEJM": [],
                }
            )
        },
        {
            "adapter": "records",
            "files": "m1_eval_data.json",
            "part": "Lancet",
            "fields": {"question": "question", "options": "options", "answer": "answer_idx"},
        },
    ),
    "mmlu_pro": (
        {
            "data/test-00000-of-00001.parquet": parquet(
                {"question": "Q?", "options": ["x", "y"], "answer": "B", "answer_index": 1, "category": "health"},
                {"question": "R?", "options": ["x", "y"], "answer": "B", "answer_index": 1, "category": "law"},
            )
        },
        {
            "adapter": "records",
            "split": "test",
            "where": {"category": ["health"]},
            "fields": {"question": "question", "options": "options", "answer": "answer", "domain": "category"},
        },
    ),
    "medxpertqa": (
        {
            "Text/test.jsonl": json.dumps(
                {
                    "id": "T",
                    "question": "Q?\nAnswer Choices: (A) x (B) y",
                    "options": {"A": "x", "B": "y"},
                    "label": "B",
                }
            )
        },
        {"adapter": "medxpertqa", "config": "Text", "split": "test"},
    ),
    "gpqa": (
        {"gpqa_main.csv": "Question,Correct Answer,Incorrect Answer 1\nQ?,y,x\n"},
        {
            "adapter": "records",
            "files": "gpqa_main.csv",
            "fields": {"question": "Question", "options": ["Correct Answer", "Incorrect Answer 1"], "answer": 0},
        },
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_layouts_of_the_real_sets_need_no_code(hub, fetch, tmp_path, layout):
    files, spec = LAYOUTS[layout]
    hub.commit(SET, files)
    fetch(**{key: spec[key] for key in ("config", "split", "files") if key in spec})
    table, _ = load(layout, read(QuestionSetSettings, spec | {"path": str(tmp_path / "out")}), 0)
    assert table["stem"][0] == "Q?"
    assert table["options"][0][table["answer_index"][0]] == ("no" if layout == "pubmedqa" else "y")
    if layout == "pubmedqa":
        assert table[["context", "origin_id"]].values.tolist() == [["One.\nTwo.", "7"]]


def test_the_scripts_go_from_hub_to_questions(hub, tmp_path):
    environment = {
        **os.environ,
        "HF_ENDPOINT": hub.address,
        "HF_HOME": str(tmp_path / "home"),
        "HF_HUB_OFFLINE": "0",
        "PYTHONPATH": "",
    }

    def script(name, *flags):
        command = [sys.executable, SCRIPTS / name, *flags]
        return subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment, cwd=tmp_path)

    spec = {"hub": "owner/set", "split": "test"}
    flags = ["--kind", "dataset", "--lock", "study.lock.json", "--out", "downloads"]
    hub.commit(SET, {"test.jsonl": ROWS})
    done = script("download.py", "--key", "benchmarks.b", "--spec", json.dumps(spec), *flags)
    assert done.returncode == 0, done.stderr
    fields = {"question": "q", "options": "o", "answer": "a"}
    spec |= {"adapter": "records", "path": ["downloads"], "fields": fields, "expected": 81}
    flags = ["--name", "b", "--seed", "0", "--out", "q.parquet", "--counts", "q.report.json"]
    done = script("collect_questions.py", "--spec", json.dumps(spec), *flags)
    assert done.returncode == 0, done.stderr
    assert "80 rows where 81 were expected (-1)" in done.stderr
    report = read_json(tmp_path / "q.report.json")
    assert (report["read"], report["expected"], report["difference"]) == (80, 81, -1)
    assert report["commit"] == read_json(tmp_path / "study.lock.json")[SET]
    wrong = json.dumps({"hub": "owner/none"})
    done = script(
        "download.py", "--key", "benchmarks.b", "--spec", wrong, "--kind", "dataset", "--lock", "l.json", "--out", "x"
    )
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1].startswith("error: config: benchmarks.b: no dataset 'owner/none' on the hub;")
    assert "Traceback" not in done.stderr
