"""A model in this process: loaded once it is asked, on GPUs that it gives back."""

from __future__ import annotations

from argparse import Namespace
from types import SimpleNamespace

import pytest

from helpers.scripted import ScriptedEngine
from m1flow.chat.turns import UserTurn
from m1flow.errors import M1FlowError
from m1flow.models import gpus
from m1flow.models.formats import Formatter
from m1flow.models.gpus import claimed_gpus
from m1flow.respondents.chat_flags import open_chat
from m1flow.respondents.chats import local
from m1flow.study.settings.engine import EngineSettings
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.solvers import SolverSettings
from m1flow.training.tokenizer import train_tokenizer


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """Claims of GPUs lie in a folder of the test's own."""
    monkeypatch.setattr(gpus.tempfile, "gettempdir", lambda: str(tmp_path))
    monkeypatch.setattr(gpus, "_POLL_SECONDS", 0.01)


@pytest.fixture
def no_waiting(monkeypatch):
    """Who would wait raises TimeoutError instead."""

    def refuse(seconds):
        raise TimeoutError

    monkeypatch.setattr(gpus, "time", SimpleNamespace(sleep=refuse))


def test_a_model_claims_its_gpu_once_it_is_asked_and_gives_it_back_when_closed(monkeypatch, tmp_path, no_waiting):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    tokenizer = train_tokenizer(["the answer is 3"], 300)
    monkeypatch.setattr(local, "load_tokenizer", lambda folder: tokenizer)
    monkeypatch.setattr(local, "model_id", lambda folder, dtype: "scripted")
    engine = ScriptedEngine(Formatter(tokenizer, "direct", FormatSettings()), lambda *_: "3")
    monkeypatch.setattr(local, "open_engine", lambda folder, settings: engine)
    flags = Namespace(model=["m"], endpoint=None, formats={"direct": FormatSettings()}, journal=tmp_path / "j.jsonl")
    flags.spec, flags.engine = SolverSettings(max_tokens=9), EngineSettings(gpus=1)
    question = [UserTurn("k", "Severity?")]
    with open_chat(flags, "teachers.t") as chat:
        with claimed_gpus(1):
            pass
        chat.ask(question, "asking", 1)
        with pytest.raises(TimeoutError), claimed_gpus(1):
            pass
    with claimed_gpus(1), open_chat(flags, "teachers.t") as chat:
        chat.ask(question, "asking", 1)
        assert chat.turn(question[0]).answer == "3"
        with pytest.raises(TimeoutError):
            chat.ask([UserTurn("l", "Another?")], "asking", 1)


def test_exactly_one_model_folder_is_needed(tmp_path):
    flags = Namespace(model=[], endpoint=None, formats={}, journal=tmp_path / "j.jsonl")
    told = r"^config: teachers\.t: needs one model folder \(--model\), or an endpoint"
    with pytest.raises(M1FlowError, match=told), open_chat(flags, "teachers.t"):
        pass
