"""The wording of cues: a cue in quotes, or that there was none."""

from __future__ import annotations

from m1flow.report.cue_wording import by_cue


def test_a_cue_is_quoted_and_its_absence_said():
    assert by_cue("Wait") == "by “Wait”"
    assert by_cue("none") == "without a cue"
