"""What the tests of engines share: a tiny model, and every engine that is installed, opened on it."""

from __future__ import annotations

import pytest

from helpers.engine_models import build_model
from helpers.engine_requests import ENGINES, SETTINGS
from m1flow.engines.opening import open_engine
from m1flow.study.settings.engine import EngineSettings


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    return build_model(tmp_path_factory.mktemp("engine") / "model")


@pytest.fixture(scope="session")
def engines(folder):
    opened = {name: open_engine(folder, EngineSettings(**SETTINGS, name=name)) for name in ENGINES}
    yield opened
    for engine in opened.values():
        engine.close()


@pytest.fixture(params=ENGINES)
def engine(request, engines):
    return engines[request.param]
