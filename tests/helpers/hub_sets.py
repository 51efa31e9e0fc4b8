"""The data set that the loopback hub of tests holds at first, and what tests ask of its downloads."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from m1flow.errors import M1FlowError
from m1flow.files.records import data_files

SET = "datasets/owner/set"
ROWS = "".join(json.dumps({"q": f"Question {n}?", "o": {"A": "x", "B": "y"}, "a": "B"}) + "\n" for n in range(80))


def refused(fetch, **spec) -> str:
    """The one line that a download ends in."""
    with pytest.raises(M1FlowError) as caught:
        fetch(**spec)
    message = str(caught.value)
    assert "\n" not in message
    return message


def names(folder: Path) -> list[str]:
    """The data files that were fetched."""
    return [file.relative_to(folder).as_posix() for file in data_files(folder)]
