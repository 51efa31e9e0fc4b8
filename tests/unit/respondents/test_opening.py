"""Respondents are opened by their kind; a model is asked for only where the kind needs one."""

from __future__ import annotations

import contextlib
import json
from argparse import Namespace

import pytest

from m1flow.respondents import opening
from m1flow.respondents.formulary import FormularyRespondent
from m1flow.respondents.model import ModelRespondent
from m1flow.respondents.recorded_turns import RecordedRespondent
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.formulary import FormularySettings
from m1flow.study.settings.problems import read
from m1flow.study.settings.solvers import SolverSettings
from m1flow.study.settings.teachers import TeacherSettings

THINK = {"thinking_start": "<think>", "thinking_end": "</think>", "forced_end": "</think>"}
FORMATS = {"think": FormatSettings(**THINK), "direct": FormatSettings()}


@pytest.fixture
def opened(monkeypatch):
    """Opens a respondent of some settings; gives it and the places in the study under which chats were opened."""
    places = []

    @contextlib.contextmanager
    def open_chat(flags, where):
        places.append(where)
        yield "chat"

    monkeypatch.setattr(opening, "open_chat", open_chat)

    def make(section, **entry):
        flags = Namespace(name="r", spec=read(section, entry), formats=FORMATS, seed=3, prompts={})
        flags.formulary = read(FormularySettings, {"drugs": 5, "rare_drugs": 0})
        with opening.open_respondent(flags, "teachers.r", "teach") as respondent:
            return respondent, places

    return make


def test_no_model_is_opened_for_what_needs_none(opened, tmp_path):
    (tmp_path / "r.json").write_text(json.dumps([{"question": "q", "options": ["a", "b"], "completion": "c"}]))
    exact, _ = opened(TeacherSettings, kind="formulary", slip_rate=0.5)
    recorded, places = opened(TeacherSettings, kind="recorded", path=str(tmp_path / "r.json"))
    assert isinstance(exact, FormularyRespondent) and isinstance(recorded, RecordedRespondent)
    assert (exact.name, recorded.name, places) == ("r", "r", [])


@pytest.mark.parametrize(
    ("section", "entry", "thinks"),
    [
        (TeacherSettings, {"kind": "model", "weights": "w"}, True),
        (TeacherSettings, {"kind": "model", "weights": "w", "format": "direct"}, False),
        (SolverSettings, {"weights": "w", "attempts": 4}, False),
    ],
)
def test_a_model_is_opened_under_its_place_in_the_study(opened, section, entry, thinks):
    model, places = opened(section, **entry)
    assert isinstance(model, ModelRespondent) and model.thinks is thinks
    assert places == ["teachers.r"]
    assert model._attempts == entry.get("attempts", 1)
