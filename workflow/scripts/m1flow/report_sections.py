"""What the report shows of the sweeps, section by section: figures and tables, made from the study's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from m1flow import figures, further_figures, policy_figures
from m1flow.charts import Figure
from m1flow.roster import Model, data_series
from m1flow.study_tables import StudyTables


@dataclass(frozen=True)
class ShownTable:
    """A table on the page; one without rows isn't shown."""

    title: str
    note: str
    rows: pd.DataFrame


@dataclass(frozen=True)
class Section:
    """A part of the page: an id for links, a heading, a sentence or none, then figures, then tables."""

    id: str
    title: str
    intro: str = ""
    figures: Sequence[Figure] = ()
    tables: Sequence[ShownTable] = field(default=())


@dataclass(frozen=True)
class Shown:
    """What sections are made from.

    Attributes:
        tables: the study's tables.
        models: as `roster.roster` returns them.
        chance: benchmark to the accuracy of guessing.
        cue: the study's first extension cue.
    """

    tables: StudyTables
    models: Sequence[Model]
    chance: Mapping[str, float]
    cue: str


def sections(shown: Shown) -> list[Section]:
    """The sections on the sweeps, in the order in which they are read."""
    return [make(shown) for make in (_budget, _data, _extensions, _policies, _early_exit, _order, _sure, _unfinished)]


def _budget(shown: Shown) -> Section:
    accuracy = shown.tables["accuracy"]
    drawn = [
        figures.accuracy_by_budget(accuracy, shown.models, shown.chance),
        figures.accuracy_by_tokens(accuracy, shown.models, shown.chance),
    ]
    return Section("budget", "Thinking budget", figures=drawn)


def _data(shown: Shown) -> Section:
    accuracy = shown.tables["accuracy"]
    largest = int(accuracy["budget"].max())
    drawn = figures.data_scale(accuracy, shown.models, data_series(list(shown.models)), largest)
    return Section("data", "Training data", figures=[drawn])


def _extensions(shown: Shown) -> Section:
    table = shown.tables["extensions"] if "extensions" in shown.tables else shown.tables["accuracy"].iloc[:0]
    drawn = [
        figures.extensions(table, shown.models, shown.cue),
        figures.extension_flips(table, shown.models, shown.cue),
    ]
    return Section("extensions", "Forcing it to go on", figures=drawn)


def _policies(shown: Shown) -> Section:
    equal = ShownTable(
        "At equal thinking tokens",
        "Each row is one total of thinking tokens per question, all samples counted; between two measured cells "
        "accuracy is interpolated, beyond them nothing is said (–). ▲ and ▼: better and worse than one sample with as "
        "many tokens, where the 95% interval of the difference says so.",
        policy_figures.equal_tokens(shown.tables["matched"]),
    )
    drawn = policy_figures.policies(shown.tables["policies"])
    return Section("policies", "Longer, or more often", figures=[drawn], tables=[equal])


def _early_exit(shown: Shown) -> Section:
    drawn = further_figures.early_exit(shown.tables["early_exit"], shown.models)
    return Section("early", "Stopping early", figures=[drawn])


def _order(shown: Shown) -> Section:
    drawn = further_figures.option_order(shown.tables["option_order"], shown.models)
    return Section("order", "The order of the options", figures=[drawn])


def _sure(shown: Shown) -> Section:
    scores, curves = shown.tables["calibration"], shown.tables["calibration_curves"]
    drawn = [
        further_figures.reliability(curves, scores, shown.models),
        further_figures.risk_coverage(curves, scores, shown.models),
    ]
    return Section("sure", "How sure it is", figures=drawn)


def _unfinished(shown: Shown) -> Section:
    drawn = figures.unfinished(shown.tables["accuracy"], shown.models)
    return Section("unfinished", "What was not counted as an answer", figures=[drawn])
