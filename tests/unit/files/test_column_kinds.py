"""Kinds of columns: which are written with six significant digits."""

from __future__ import annotations

import pytest

from m1flow.files.column_kinds import Kind


def test_kinds_are_told_apart_in_words():
    assert len(Kind) == len(Kind.__members__)  # two of one value would be one kind by two names


@pytest.mark.parametrize("kind", [Kind.P, Kind.SECONDS])
def test_small_values_of_these_are_not_rounded_to_nothing(kind):
    assert kind.significant
    assert not Kind.SHARE.significant and not Kind.COUNT.significant
