"""The demo's config with a mistake in it, and the line that tells of it."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from helpers.project import ROOT
from m1flow.errors import M1FlowError
from m1flow.study.study import Study

DEMO = ROOT / "config" / "config.yaml"
FAR = {"url": "https://far.org/v1", "model": "x"}
HUB = {"adapter": "pubmedqa", "hub": "owner/set", "split": "train"}


def changed(config: dict, path: str, value: Any) -> dict:
    """A copy of a config with another value at a path of keys (a/b/c); None takes the key away."""
    config = copy.deepcopy(config)
    *parents, last = path.split("/")
    place = config
    for key in parents:
        place = place[key]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return config


def refused(config: dict, path: str, value: Any) -> str:
    """The message that refuses such a change, which is one line, and names the file."""
    with pytest.raises(M1FlowError) as caught:
        Study.from_config(changed(config, path, value), [DEMO])
    message = str(caught.value)
    assert message.startswith("config/config.yaml: ") and "\n" not in message
    return message.removeprefix("config/config.yaml: ")
