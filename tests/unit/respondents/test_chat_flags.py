"""Flags of a script that asks a model: settings arrive as they stand in the study, and all that decides is recorded."""

from __future__ import annotations

import argparse
import json

import pytest

from m1flow.respondents.chat_flags import add_chat_flags, chat_parameters
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.problems import read
from m1flow.study.settings.solvers import SolverSettings

FLAGS = {
    "--spec": {"weights": "w", "temperature": 0.7},
    "--prompts": {"question": "{stem}"},
    "--seed": 3,
    "--endpoint": {"name": "far", "url": "http://a/v1", "model": "m"},
    "--formats": {"think": {"thinking_start": "<think>", "thinking_end": "</think>", "forced_end": "</think>"}},
    "--engine": {"name": "transformers", "memory_mb": 64},
}


def parsed(**changed) -> argparse.Namespace:
    parser = argparse.ArgumentParser(exit_on_error=False)
    add_chat_flags(parser, "solvers.<name>", SolverSettings)
    flags = {**FLAGS, **{f"--{name}": value for name, value in changed.items()}}
    flags = {"--journal": "j.jsonl", **flags}
    given = [text for flag, value in flags.items() if value is not None for text in (flag, json.dumps(value))]
    return parser.parse_args(given)


def test_settings_arrive_typed_and_what_is_recorded_is_what_was_given():
    flags = parsed()
    assert (flags.spec.temperature, flags.formats["think"].thinking_end) == (0.7, "</think>")
    assert (flags.engine.memory_mb, flags.endpoint.name, flags.model) == (64, "far", [])
    recorded = json.loads(json.dumps(chat_parameters(flags)))
    assert (recorded["prompts"], recorded["seed"]) == (FLAGS["--prompts"], 3)
    for name in ("spec", "engine", "endpoint"):
        settings = getattr(flags, name)
        assert read(type(settings), recorded[name]) == settings
    assert read(FormatSettings, recorded["formats"]["think"]) == flags.formats["think"]


def test_without_an_endpoint_or_engine_there_are_defaults():
    flags = parsed(endpoint=None, engine=None, formats=None)
    assert flags.endpoint is None and flags.formats == {} and flags.engine.gpus == 0
    assert chat_parameters(flags)["endpoint"] is None


@pytest.mark.parametrize(
    ("changed", "words"),
    [({"spec": {"weight": "w"}}, "unknown key"), ({"engine": {"gpus": "1"}}, "gpus"), ({"endpoint": {}}, "url")],
)
def test_a_wrong_setting_is_named_by_its_flag(changed, words):
    with pytest.raises(argparse.ArgumentError, match=rf"argument --{next(iter(changed))}: .*{words}"):
        parsed(**changed)


@pytest.mark.parametrize("flag", ["spec", "prompts", "seed", "journal"])
def test_what_every_model_needs_has_to_be_given(flag):
    with pytest.raises((SystemExit, argparse.ArgumentError)):
        parsed(**{flag: None})
