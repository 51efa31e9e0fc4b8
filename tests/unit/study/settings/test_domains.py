"""Domains: the source's own field, unless a model is asked."""

from __future__ import annotations

from helpers.settings import refusal
from m1flow.study.settings.domains import DomainSettings


def test_no_model_is_asked_by_default():
    domains = DomainSettings()
    assert (domains.by, domains.weights, domains.endpoint) == ("source", None, None)
    assert (domains.attempts, domains.temperature) == (3, 0)


def test_a_question_is_not_asked_about_for_ever():
    assert refusal(DomainSettings, {"attempts": 21}) == "attempts: must be at most 20, not 21"
    assert refusal(DomainSettings, {"by": "hand"}) == 'by: must be one of source, model, not "hand"'
