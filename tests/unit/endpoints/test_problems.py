"""Problems at endpoints: each is one line with its key of the config, what is kept, and the cure."""

from __future__ import annotations

import pytest

from m1flow.endpoints.problems import Problems
from m1flow.endpoints.protocol import Fatal
from m1flow.study.settings.endpoints import EndpointSettings
from m1flow.study.settings.problems import read

SETTINGS = {"url": "http://a/v1", "model": "m", "price": {"prompt": 1.0, "completion": 2.0}, "spending_cap": 1200.5}


def problems(**settings) -> Problems:
    return Problems("far", read(EndpointSettings, SETTINGS | settings))


@pytest.mark.parametrize(
    ("problem", "key", "words"),
    [
        (lambda p: p.nothing_taken("status 400"), "model", "the endpoint rejects every request (status 400)"),
        (
            lambda p: p.other_model("answers as n"),
            "answers_as",
            "answers as n; if both are the same model, set answers_as",
        ),
        (lambda p: p.dead(1800, "no\nconnection", 7), "url", "for 1,800 s (no⟨U+000A⟩connection); 7 questions are"),
        (lambda p: p.unanswered(1234, "cut", 0), "question_seconds", "1,234 questions have no answer"),
        (lambda p: p.long_pause(86400, 3), "question_seconds", "asks to wait 86,400 s; 3 questions"),
        (lambda p: p.out_of_time(3), "stop_after_minutes", "2.5 minutes are over; 3 questions"),
        (lambda p: p.cap_reached(1199.98765, 0.75, 12), "spending_cap", "$1,199.9877 of $1,200.50 are spent"),
    ],
)
def test_a_problem_names_its_key_and_the_cure(problem, key, words):
    message = str(problem(problems(stop_after_minutes=2.5)))
    assert message.startswith(f"endpoints.far.{key}: ") and words in message and "\n" not in message
    assert key in EndpointSettings.model_fields
    assert "rerun" in message.rpartition("; ")[2]


def test_the_cure_of_a_refused_key_follows_from_where_it_comes_from():
    refused = Fatal("key_variable", "status 401")
    assert "set $MY_KEY to a valid key, then rerun" in str(problems(key_variable="MY_KEY").fatal(refused))
    assert "set key_variable to the name of the environment variable with the key" in str(problems().fatal(refused))
    assert "endpoints.far.url: status 404; correct endpoints.far.url or model" in str(
        problems().fatal(Fatal("url", "status 404"))
    )
