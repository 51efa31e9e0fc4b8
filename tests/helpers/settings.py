"""Settings that are refused, and the words that refuse them."""

from __future__ import annotations

from typing import Any

import pytest

from m1flow.study.settings.problems import Rejected, read
from m1flow.study.settings.section import Section


def refusal(section: type[Section], values: Any) -> str:
    """What is said of settings that can't be read."""
    with pytest.raises(Rejected) as caught:
        read(section, values)
    return str(caught.value)
