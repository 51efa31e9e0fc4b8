"""Numbers are written as their kind asks."""

from __future__ import annotations

import pytest

from m1flow.files.column_kinds import Kind
from m1flow.report.number_formats import written


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        (0.1234, Kind.SHARE, "12.3%"),
        (-0.0312, Kind.POINTS, "−3.1"),
        (0.05, Kind.POINTS, "+5.0"),
        (0.00001, Kind.P, "<0.0001"),
        (0.04, Kind.P, "0.0400"),
        (0.0001, Kind.P, "0.0001"),
        (12345, Kind.COUNT, "12,345"),
        (12.345, Kind.TOKENS, "12.3"),
        (0.5, Kind.MONEY, "0.50"),
        (float("nan"), Kind.P, "–"),
        ("1000", Kind.TEXT, "1000"),
        (0.754, Kind.NUMBER, "0.75"),
        (1234.0, Kind.NUMBER, "1,234"),
    ],
)
def test_values_are_written_as_their_kind_asks(value, kind, text):
    assert written(value, kind) == text
