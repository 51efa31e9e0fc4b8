"""What forcing a model to think on does to its answers."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from m1flow.report.figures import accuracy_by_cue, accuracy_by_extensions, extension_flips
from m1flow.report.page_sections import Section, SectionDeclaration
from m1flow.study.roster import Model


def make(
    *, extensions: pd.DataFrame, flips: pd.DataFrame, cues: pd.DataFrame, models: Sequence[Model], cue: str
) -> Section:
    """The section, from tables of the study."""
    figures = [
        accuracy_by_extensions.draw(extensions, flips, models, cue),
        accuracy_by_cue.draw(cues),
        extension_flips.draw(flips, models, cue),
    ]
    return Section("Forcing it to go on", figures=figures)


SECTION = SectionDeclaration(order=60, make=make)
