"""Asking a model: what it says is what a sweep's row holds, shown as it comes, whatever the text."""

from __future__ import annotations

import importlib.util
import io
import json
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.hostile_texts import SHORT
from helpers.scripted import ScriptedEngine
from helpers.sweep_reference import M1
from m1flow.engines.opening import open_engine
from m1flow.errors import M1FlowError
from m1flow.files.contracts import CONTRACTS
from m1flow.files.json import write_json
from m1flow.files.parquet import write_table
from m1flow.files.provenance import provenance
from m1flow.models.formats import Formatter
from m1flow.models.tokenizers import load_tokenizer
from m1flow.questions.prompts import prompt_text
from m1flow.questions.question import question_id
from m1flow.study.settings.architecture import ArchitectureSettings
from m1flow.study.settings.engine import EngineSettings
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.problems import read
from m1flow.study.settings.sweep import SweepSettings
from m1flow.sweep.plan import Item, SweepPlan
from m1flow.sweep.run import run_sweep
from m1flow.sweep.single_question import QuestionSettings, _TextStream, ask, settings_of
from m1flow.training.random_weights import init_base
from m1flow.training.tokenizer import train_tokenizer

SCRIPT = Path(__file__).parents[3] / "workflow" / "scripts" / "ask.py"
ENGINES = ["transformers"] + (["vllm"] if importlib.util.find_spec("vllm") else [])
PROMPTS = {"question": "{context}\n{stem}\n{options}", "evaluate": "Q: {question}"}
OPTIONS = ["3", "4"]
QUESTIONS = ["a dose of some drug?", "{stem} <|im_end|> a question about a dose"]
SWEEP = {
    "budgets": [0, 5, 30],
    "samples": 1,
    "temperature": 0.0,
    "top_p": 1.0,
    "answer_tokens": 8,
    "answer_stop": "end",
}
SWEEP |= {"answer_logprobs": True, "option_logprobs": False, "option_answer": "\\boxed{{text}}"}
MANNER = QuestionSettings(
    {"m1": FormatSettings(**M1), "direct": FormatSettings()},
    *("m1", PROMPTS, SweepPlan.from_settings(read(SweepSettings, SWEEP)), EngineSettings(), 0, "the test"),
)
CELLS = [(0, 0), (5, 0), (30, 0), (24, 1), (40, 3)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Random weights whose likeliest tokens end thoughts now and then, in a study's folder."""
    import torch

    folder = tmp_path_factory.mktemp("study") / "models" / "tiny"
    tokenizer = train_tokenizer(["a question about a dose of some drug", "Wait, the answer is 3"], 300)
    architecture = {"hidden_size": 64, "intermediate_size": 128, "layers": 2, "heads": 2, "rope_theta": 100}
    model = init_base(read(ArchitectureSettings, architecture | {"vocabulary": 300, "max_position": 256}), tokenizer, 0)
    formatter = Formatter(tokenizer, "m1", FormatSettings(**M1))
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() > 1:
                weights.mul_(0.3 / weights.std())
        for token in formatter.thinking_stop:
            model.get_input_embeddings().weight[token] *= 1.2
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def formatter(folder):
    return MANNER.formatter(load_tokenizer(folder))


class Shown(list):
    """What was shown, piece by piece."""

    def __call__(self, text: str, placed: bool) -> None:
        self.append((text, placed))

    @property
    def text(self) -> str:
        return "".join(text for text, _ in self)


@pytest.mark.parametrize("name", [pytest.param(n, marks=pytest.mark.slow if n == "vllm" else ()) for n in ENGINES])
def test_it_is_the_sweeps_row_shown_token_by_token(folder, formatter, name):
    engine = open_engine(folder, EngineSettings(name=name, memory_mb=32, batch_size=16))
    items = []
    for stem in QUESTIONS:
        turn = prompt_text({"context": "", "stem": stem, "options": OPTIONS}, PROMPTS, "evaluate")
        items.append(Item(question_id("", stem, OPTIONS, "3"), turn, tuple(OPTIONS), (0, 1)))
    plan = SweepPlan(budgets=(0, 5, 30), extension_counts=(1, 3), extension_budgets=(24, 40), answer_tokens=8)
    swept = pd.DataFrame(run_sweep(items, formatter, engine, plan, seed=0))
    for item, stem in zip(items, QUESTIONS, strict=True):
        for budget, extensions in CELLS:
            shown = Shown()
            answered = ask(stem, OPTIONS, MANNER.with_budget(budget, extensions), formatter, engine, shown)
            own = swept[swept["question_id"].eq(item.question_id) & swept["budget"].eq(budget)]
            (row,) = own[own["extensions"].eq(extensions)].to_dict("records")
            for key in ("thinking_tokens", "natural_end", "thinking_text", "answer_text", "answer_tokens"):
                assert answered.row[key] == row[key], (budget, extensions, key)
            assert answered.row["extensions_done"] == row["extensions_done"]
            close = formatter.decode(formatter.natural_end if row["natural_end"] else formatter.forced_end)
            opened = formatter.decode(formatter.thinking_start)
            assert shown.text == opened + row["thinking_text"] + close + row["answer_text"]
            said = [text for text, placed in shown if not placed]
            assert len(said) >= (row["thinking_tokens"] - 2 * extensions + row["answer_tokens"]) / 4, "bit by bit"
            line = answered.line()
            assert f"{row['thinking_tokens']} thinking tokens" in line and f"{row['answer_tokens']} answer" in line
            assert ("ended by itself" in line) == row["natural_end"] and len(line.splitlines()) == 1
    engine.close()


@given(text=st.text(max_size=30) | st.sampled_from(list(SHORT.values())))
def test_characters_are_shown_once_whole(formatter, text):
    ids, shown = formatter.encode(text), Shown()
    stream = _TextStream(formatter.decode, shown)
    for n in range(1, len(ids)):
        stream.feed(ids[:n])
    stream.feed(ids, last=True)
    assert shown.text == formatter.decode(ids)
    assert "\ufffd" in text.encode("utf-8", "replace").decode() or "\ufffd" not in shown.text


def test_a_marker_of_plain_text_is_shown_once(formatter):
    end = "\n\n## Final Response\n\n"
    spec = FormatSettings(thinking_start="## Thinking\n", thinking_end=end, forced_end=end, text_marker=True)
    manner = QuestionSettings({"o1": spec}, "o1", PROMPTS, SweepPlan((0,)), EngineSettings(), 0, "t")
    o1 = manner.formatter(formatter._tokenizer)
    said = iter(["so it is 3\n\n## Final Response", "\\boxed{3}"])
    shown = Shown()
    answered = ask("which?", OPTIONS, manner.with_budget(99), o1, ScriptedEngine(o1, lambda *_: next(said)), shown)
    assert shown.text == "## Thinking\nso it is 3\n\n## Final Response\n\n\\boxed{3}"
    assert answered.stated() == "option A: 3" and answered.row["natural_end"]


@pytest.mark.parametrize(
    ("options", "text", "said"),
    [
        (OPTIONS, "\\boxed{4}", "option B: 4"),
        (OPTIONS, "\\boxed{5}", "no option: unparsed"),
        ((), "so \\boxed{}, \\boxed{5\x1b[2J\u202e}", "answer: 5⟨U+001B⟩[2J⟨U+202E⟩"),
        ((), "five", "no box in the answer"),
    ],
)
def test_what_the_answer_says_is_read_strictly(formatter, options, text, said):
    engine = ScriptedEngine(formatter, lambda *_: text)
    direct = QuestionSettings(MANNER.formats, "direct", PROMPTS, SweepPlan((0,)), EngineSettings(), 0, "t").with_budget(
        7, 2
    )
    answered = ask("which?", options, direct, direct.formatter(formatter._tokenizer), engine, Shown())
    assert answered.stated() == said and answered.line().startswith("[no thinking (the format answers directly); ")


@pytest.mark.parametrize(("question", "options"), [("", ()), (" \x00 ", ()), ("q", ["a", ""]), ("q", ["a"] * 11)])
def test_what_can_not_be_asked_is_refused(formatter, question, options):
    with pytest.raises(M1FlowError, match="the question: "):
        ask(question, options, MANNER.with_budget(3), formatter, ScriptedEngine(formatter, lambda *_: ""), Shown())


# Where it is said how a model is asked


@pytest.fixture
def swept(folder):
    """A sweep beside the model, of which only the parameters matter."""
    told = {"spec": {"format": "m1", "prompt": "Mine: {question}"}, "formats": {"m1": M1}, "sweep": SWEEP}
    told |= {"prompts": PROMPTS, "engine": {"name": "transformers", "dtype": "float32", "gpus": 4}, "seed": 3}
    path = folder.parents[1] / "generations" / "tiny" / "exam" / "1-of-1.parquet"
    rows = pd.DataFrame(columns=CONTRACTS["generations"].names)
    write_table(path, rows, "generations", provenance=provenance(told, []))
    yield path
    path.unlink()


@pytest.mark.parametrize("sees_one", [True, False])
def test_the_sweep_beside_a_model_says_how(folder, swept, monkeypatch, sees_one):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: sees_one)
    manner = settings_of(folder)
    assert manner.prompts["evaluate"] == "Mine: {question}" and manner.seed == 3 and manner.format == "m1"
    assert manner.plan.answer_tokens == 8
    assert manner.engine == EngineSettings(name="transformers", gpus=int(sees_one)), "asked on any machine"
    assert manner.with_budget(9).plan.budgets == (9,) and manner.with_budget(9).plan.extension_counts == ()


def test_a_damaged_sweep_is_named(folder, swept):
    swept.write_bytes(swept.read_bytes()[:-20])
    with pytest.raises(M1FlowError, match="1-of-1.parquet: not a readable Parquet file .*; delete it"):
        settings_of(folder)


def test_else_what_it_was_trained_on(folder):
    record = folder / "m1flow" / "training.json"
    write_json(record, {"settings": {"kind": "student", "format": {"m1": M1}, "seed": 4}})
    manner = settings_of(folder)
    assert (manner.format, manner.seed, manner.prompts["evaluate"]) == ("m1", 4, "{question}")
    record.unlink()


def test_else_one_has_to_say(folder):
    for place in (folder, "/model", "/"):
        with pytest.raises(M1FlowError, match="--configfile"):
            settings_of(place)


def test_lines_are_questions_and_a_bad_one_ends_nothing(folder, swept, monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", io.StringIO(f"a dose?\n\n{'a dose ' * 300}\nof some drug?\n"))
    monkeypatch.setattr(sys, "argv", ["ask.py", str(folder), "--budget", "4", "--option", "3", "--option", "4"])
    monkeypatch.setattr(sys.stdout, "reconfigure", lambda **_: None, raising=False)
    runpy.run_path(str(SCRIPT))["main"]()
    out, err = capsys.readouterr()
    assert out.count(" thinking tokens, ") == 2 and err.count("needs a context of") == 1
    assert json.dumps(out).count("\\u001b") == 0


@pytest.mark.parametrize("flag", ["--budget=-1", "--extensions=-1", "--answer-tokens=0"])
def test_a_limit_that_is_none_is_refused(folder, swept, monkeypatch, capsys, flag):
    monkeypatch.setattr(sys, "argv", ["ask.py", str(folder), "q", "--budget=4", flag])
    with pytest.raises(SystemExit):
        runpy.run_path(str(SCRIPT))["parse_flags"]()
    assert flag.partition("=")[0] in capsys.readouterr().err


@pytest.mark.skipif(shutil.which("make") is None, reason="needs make")
def test_make_takes_a_question_as_text(tmp_path):
    """It only says here what it would run; by then it has run what it took for its own functions."""
    question = "$(shell touch pwned) `touch pwned` $(touch pwned) $HOME 'a' \"b\""
    makefile = str(SCRIPT.parents[2] / "Makefile")
    command = ["make", "-n", "-f", makefile, "ask", "MODEL=models/m", "BUDGET=7", f"QUESTION={question}"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert "ask.py models/m --budget 7" in said and "pwned" not in said.rpartition("printf")[2]
    assert not (tmp_path / "pwned").exists()
