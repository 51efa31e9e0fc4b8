"""A whole study of hostile questions, files and answers: nothing runs or steers, no key is left; then it is asked."""

from __future__ import annotations

import contextlib
import csv
import json
import os
import re
import subprocess
import sys
import threading
from collections import defaultdict
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from helpers.fault_proxy import FaultProxy, completion
from helpers.hostile_texts import SHORT
from helpers.project import ROOT, Project
from m1flow.models.formats import Formatter
from m1flow.models.tokenizers import load_tokenizer
from m1flow.study.settings.formats import FormatSettings

KEYS = {"CANARY_KEY": "canary-4sk-5up3r-53cr3t", "HF_TOKEN": "hf_canary-4hub-5up3r-53cr3t"}
FOLDER = "files of 'the' \"world\"; $(touch pwned) & `touch pwned` -- #"
FORMATS = {
    "m1": {
        "thinking_start": "<|im_start|>think\n",
        "thinking_end": "\n<|im_start|>answer\n",
        "answer_start": "Answer: ",
        "forced_end": "\n<|im_start|>answer\nAnswer:",
    },
    "think": {"thinking_start": "<think>\n", "thinking_end": "\n</think>\n\n", "forced_end": "\n</think>\n\nAnswer:"},
    "direct": {},
}
TRAINING = {"steps": 3, "batch_size": 4, "learning_rate": 3.0e-3}
TEXTS = {name: text[:120] for name, text in SHORT.items()}

pytestmark = pytest.mark.e2e


def rows(where: str) -> str:
    """Questions as JSON lines; the first option is right."""
    made = [
        {"id": text[:60], "q": f"{where} {n}: {text}", "o": [f"right {n}", f"{text[:40]} no", "wrong"], "a": 0}
        for n, text in enumerate(TEXTS.values())
    ]
    return "".join(json.dumps(row) + "\n" for row in made)


def respond(body: dict, _: int) -> dict:
    """A teacher who is right and says hostile things; a solver who is wrong and does."""
    asked = body["messages"][0]["content"]
    text = list(TEXTS.values())[int(re.search(r"train (\d+):", asked)[1])]
    clean = text.encode("utf-8", "replace").decode().replace("</think>", "< /think>")
    said = f"<think>\n{clean} so A\n</think>\n\n\\boxed{{A}}" if "TEACH" in asked else f"{clean}\n\\boxed{{C}}"
    return completion(body, content=said)


def control_of(ids, control: set[int]) -> list[int]:
    return [token for token in ids if token in control]


class Watch(threading.Thread):
    """Looks at the processes of a folder while they run: their words, and which scripts have which key."""

    def __init__(self, folder: Path):
        super().__init__(daemon=True)
        self.folder, self.ended = str(folder), threading.Event()
        self.told: list[str] = []
        self.scripts: set[str] = set()
        self.having: dict[str, set[str]] = defaultdict(set)

    def run(self) -> None:
        while not self.ended.wait(0.03):
            for process in Path("/proc").iterdir():
                with contextlib.suppress(OSError):
                    if process.name.isdigit() and os.readlink(process / "cwd") == self.folder:
                        self.look(process)

    def look(self, process: Path) -> None:
        command = (process / "cmdline").read_bytes().decode(errors="replace")
        environment = (process / "environ").read_bytes().decode(errors="replace")
        self.told += [command for key in KEYS.values() if key in command]
        words = command.split("\0")
        if len(words) > 1 and Path(words[0]).name.startswith("python") and words[1].startswith("workflow/scripts/"):
            script = Path(words[1]).name
            self.scripts.add(script)
            for name, key in KEYS.items():
                if key in environment:
                    self.having[name].add(script)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """The study, run to its end, and what was seen of its processes."""
    project = Project(tmp_path_factory.mktemp("hostile"))
    folder = project.folder / FOLDER
    folder.mkdir()
    (folder / "train $(touch pwned).jsonl").write_text(rows("train"), encoding="utf-8")
    (folder / "exam.jsonl").write_text(rows("exam"), encoding="utf-8")
    read = {
        "adapter": "records",
        "shuffle": False,
        "fields": {"question": "q", "options": "o", "answer": "a", "id": "id"},
    }
    asked = {"endpoint": "served", "max_tokens": 400}
    with (
        FaultProxy(respond=respond) as proxy,
        pytest.MonkeyPatch.context() as patch,
        contextlib.ExitStack() as watching,
    ):
        project.overlay(
            "study.yaml",
            {
                "study": "hostile",
                "description": SHORT["script"] + SHORT["templates"],
                "data_folder": FOLDER,
                "engine": {"name": "transformers", "max_model_len": 1024},
                "formats": FORMATS,
                "prompts": dict.fromkeys(("solve", "train", "evaluate"), "{question}") | {"teach": "TEACH {question}"},
                "sources": {"evil": read | {"path": "train $(touch pwned).jsonl"}},
                "benchmarks": {"exam": read | {"path": "exam.jsonl", "limit": 12}},
                "pool": {"similarity": 100, "planted": 0},
                "bases": {
                    "tiny": {
                        "architecture": {"max_position": 1024},
                        "corpus": {"facts": 40, "practice": 40, "sources": ["evil"]},
                        "training": TRAINING,
                    }
                },
                "endpoints": {"served": {"url": proxy.url, "model": "m", "key_variable": "CANARY_KEY"}},
                "solvers": {"solver": asked},
                "teachers": {"teacher": asked | {"kind": "model", "format": "think"}},
                "datasets": {"hard": {"teacher": "teacher", "recipe": "hard"}},
                "students": {"student": {"base": "tiny", "dataset": "hard", "training": TRAINING}},
                "models": {"student": {}},
                "sweep": {
                    "budgets": [0, 6, 20],
                    "extensions": {"counts": [1], "budgets": [24]},
                    "answer_tokens": 12,
                },
            },
        )
        for name, key in KEYS.items():
            patch.setenv(name, key)
        watch = Watch(project.folder)
        watching.callback(watch.join)
        watching.callback(watch.ended.set)
        watch.start()
        project.snakemake("--configfile", "study.yaml")
    assert proxy.account.keys == {f"Bearer {KEYS['CANARY_KEY']}"}
    return project.folder, watch


def results(study) -> Path:
    return study[0] / "results" / "hostile"


def test_no_file_name_and_no_text_was_run(study):
    assert not list(study[0].rglob("*pwned")) and not list(Path.cwd().glob("pwned"))


def test_no_key_is_in_any_file_or_command(study):
    for path in study[0].rglob("*"):
        for key in KEYS.values():
            assert key not in str(path)
            assert not path.is_file() or key.encode() not in path.read_bytes(), path
    assert study[1].told == []


def test_only_the_jobs_that_ask_have_the_key(study):
    watch = study[1]
    assert {"fine_tune.py", "generate.py", "attempt.py", "teach.py"} <= watch.scripts, "all long enough to be seen"
    assert watch.having == {"CANARY_KEY": {"attempt.py", "teach.py"}}, "and none has the hub's, which none needs"


def test_hostile_questions_go_all_the_way(study):
    traces = pd.read_parquet(results(study) / "traces" / "teacher.parquet")
    dataset = pd.read_parquet(results(study) / "datasets" / "hard.parquet")
    assert len(traces) > 25 and len(dataset) == traces["verified"].sum() > 20
    tokenizer = load_tokenizer(results(study) / "models" / "tiny")
    control = set(tokenizer.get_added_vocab().values())
    expected = control_of(
        Formatter(tokenizer, "m1", FormatSettings(**FORMATS["m1"])).example("q", "r", "a").input_ids, control
    )
    assert all(control_of(ids, control) == expected for ids in dataset["input_ids"])
    assert len(pd.read_parquet(results(study) / "sweeps" / "student" / "exam.parquet")) == 12 * 5


def test_the_page_runs_nothing(study):
    seen: list[tuple[str, dict]] = []
    parser = HTMLParser()
    parser.handle_starttag = lambda tag, attributes: seen.append((tag, dict(attributes)))
    html = (results(study) / "report" / "index.html").read_text(encoding="utf-8")
    parser.feed(html)
    assert not any(name.startswith("on") or value == "x" for _, had in seen for name, value in had.items())
    assert not {"img", "iframe", "object", "base"} & {tag for tag, _ in seen} and "window.hostile=1" in html


def test_tables_and_logs_steer_no_one(study):
    for path in (results(study) / "tables").glob("*.csv"):
        with path.open(newline="", encoding="utf-8") as file:
            cells = [cell for row in csv.reader(file) for cell in row]
        assert not [cell for cell in cells if re.match(r"[=@\t\r]|[+-](?![\d.])", cell)], path
    for path in (results(study) / "logs").rglob("*.log"):
        assert not set("\x1b\x07\x00\u202e") & set(path.read_text(encoding="utf-8")), path


@pytest.mark.parametrize("extensions", [0, 1])
def test_a_model_that_is_asked_says_what_it_said_in_the_sweep(study, extensions):
    """The script finds in the sweep beside the model how it was asked."""
    sweep = pd.read_parquet(results(study) / "sweeps" / "student" / "exam.parquet")
    exam = pd.read_parquet(results(study) / "benchmarks" / "exam.parquet").set_index("question_id")
    cells = sweep[sweep["budget"].eq(24 if extensions else 20) & sweep["extensions"].eq(extensions)]
    row = cells.iloc[3]
    question = exam.loc[row["question_id"]]
    command = [sys.executable, str(ROOT / "workflow" / "scripts" / "ask.py"), "results/hostile/models/student", "-"]
    command += ["--budget", str(row["budget"]), "--extensions", str(extensions)]
    command += [word for option in question["options"] for word in ("--option", option)]
    said = subprocess.run(command, cwd=study[0], input=question["stem"], capture_output=True, text=True, check=True)
    placed, _, line = said.stdout.rstrip("\n").rpartition("\n[")
    assert line.startswith(f"{row['thinking_tokens']} thinking tokens, ")
    assert ("ended by itself" in line) == row["natural_end"] and f"; {row['answer_tokens']} answer tokens" in line
    for text in (row["thinking_text"], row["answer_text"]):
        assert text.strip() in placed
