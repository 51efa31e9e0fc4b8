"""Bases: random weights, a local folder or the hub, and one of them only."""

from __future__ import annotations

import pytest

from helpers.settings import refusal
from m1flow.study.settings.bases import BaseSettings
from m1flow.study.settings.problems import read

RANDOM = {"architecture": {}, "corpus": {"facts": 1}, "training": {"steps": 1}}


@pytest.mark.parametrize("values", [RANDOM, {"path": "models/x"}, {"hub": "owner/model", "revision": "main"}])
def test_a_base_is_of_one_kind(values):
    assert (
        read(BaseSettings, values).dump().items() >= {key: values[key] for key in values if key not in RANDOM}.items()
    )


@pytest.mark.parametrize(
    "values",
    [{}, {"path": "x", **RANDOM}, {"hub": "owner/model", "architecture": {}, "corpus": {}, "training": {}}],
)
def test_none_or_several_kinds_are_refused(values):
    assert refusal(BaseSettings, values) == "give exactly one of architecture + corpus + training, path, hub"


def test_a_downloaded_base_may_have_the_folder_that_it_is_in():
    """A resolved study is a valid one."""
    downloaded = read(BaseSettings, {"hub": "owner/model", "path": "results/s/downloads/bases/b"})
    assert read(BaseSettings, downloaded.dump()) == downloaded
