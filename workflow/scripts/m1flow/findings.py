"""The report's opening sentences: made from the numbers, each with its interval, and no claim without a test.

Every sentence is about one paired comparison that the study's design fixes. Its sign-flip test (see `paired`) is
corrected for as many tests as there are sentences (Holm); only where p then is below 0.05 is a difference called one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import pandas as pd
from markupsafe import Markup
from statsmodels.stats.multitest import multipletests

from m1flow.paired import p_value
from m1flow.roster import Model, data_series, headline
from m1flow.statistics import CONFIDENCE, UNIT, Estimate, flips, paired_difference, proportion

SENTENCES = 3


@dataclass(frozen=True)
class Comparison:
    """What one sentence is about: the rows of two cells, what a difference would mean, and the rest of the sentence."""

    what: str
    before: pd.DataFrame
    after: pd.DataFrame
    tell: Callable[[Estimate], Markup]


def findings(rows: pd.DataFrame, models: Sequence[Model], cue: str = "Wait") -> list[Markup]:
    """Up to three sentences on thinking budget, training data, forced extensions, fine-tuning; the first that apply.

    The model, benchmark and budgets they are about are fixed by the study's design (see `roster.headline`): the first
    benchmark, the smallest and the largest budget, the fewest and the most traces, none and the most extensions.

    Args:
        rows: the sweeps contract with the columns model and benchmark.
        models: as `roster.roster` returns them.
        cue: the text that forces an extension.
    """
    lead = headline(list(models))
    if lead is None or not len(rows):
        return []
    here = rows[rows["benchmark"] == rows["benchmark"].iloc[0]]
    makers = (_on_budget, _on_data, _on_extensions, _on_fine_tuning)
    made = [comparison for make in makers if (comparison := make(here, lead, list(models), cue))][:SENTENCES]
    if not made:
        return []
    tested = multipletests([_p_value(one.before, one.after) for one in made], alpha=1 - CONFIDENCE, method="holm")[0]
    return [_sentence(one, bool(sure)) for one, sure in zip(made, tested, strict=True)]


def percent(estimate: Estimate) -> Markup:
    """12.3% (10.1 to 14.9)."""
    return Markup("<strong>{:.1f}%</strong> <span class=ci>({:.1f}–{:.1f})</span>").format(
        100 * estimate.value, 100 * estimate.low, 100 * estimate.high
    )


def points(estimate: Estimate) -> Markup:
    """+12.3 points (95% interval 10.1 to 14.9)."""
    return Markup("<strong>{}{:.1f} points</strong> <span class=ci>(95% interval {} to {})</span>").format(
        "+" if estimate.value > 0 else "−" if estimate.value < 0 else "±",
        abs(100 * estimate.value),
        _signed(estimate.low),
        _signed(estimate.high),
    )


def _on_budget(rows: pd.DataFrame, lead: Model, models: list[Model], cue: str) -> Comparison | None:
    budgets = sorted(_plain(rows, lead)["budget"].unique())
    if len(budgets) < 2:
        return None
    least, most = (_cell(rows, lead, budget) for budget in (budgets[0], budgets[-1]))
    start = "no thinking" if budgets[0] == 0 else f"up to {budgets[0]:,}"

    def tell(change: Estimate) -> Markup:
        return Markup(
            "On <i>{}</i>, <i>{}</i> answers {} right with {}, and {} with up to {:,} thinking tokens: {}."
        ).format(
            rows["benchmark"].iloc[0],
            lead.name,
            percent(proportion(least)),
            start,
            percent(proportion(most)),
            budgets[-1],
            points(change),
        )

    return Comparison("Thinking longer", least, most, tell)


def _on_data(rows: pd.DataFrame, lead: Model, models: list[Model], cue: str) -> Comparison | None:
    series = data_series(models)
    if not series:
        return None
    few, many = series[0], series[-1]
    before, after = _at_largest(rows, few), _at_largest(rows, many)
    if not len(before) or not len(after):
        return None

    def tell(change: Estimate) -> Markup:
        return Markup("On <i>{}</i> with the largest budget, {:,} traces give {}, and {:,} give {}: {}.").format(
            rows["benchmark"].iloc[0],
            few.traces,
            percent(proportion(before)),
            many.traces,
            percent(proportion(after)),
            points(change),
        )

    return Comparison("Training on more traces", before, after, tell)


def _on_extensions(rows: pd.DataFrame, lead: Model, models: list[Model], cue: str) -> Comparison | None:
    forced = rows[(rows["model"] == lead.name) & (rows["extensions"] > 0)]
    if not len(forced):
        return None
    budget, most = int(forced["budget"].max()), int(forced["extensions"].max())
    before, after = _cell(rows, lead, budget), _cell(rows, lead, budget, most)
    if not len(before) or not len(after):
        return None

    def tell(change: Estimate) -> Markup:
        moved = flips(before, after)
        return Markup(
            "With {} forced “{}” <i>{}</i> changes by {} on <i>{}</i>: "
            "of {:,} answers, {:,} turn from right to wrong and {:,} from wrong to right."
        ).format(
            most,
            cue,
            lead.name,
            points(change),
            rows["benchmark"].iloc[0],
            moved["pairs"],
            moved["right_to_wrong"],
            moved["wrong_to_right"],
        )

    return Comparison("Forcing the model to go on", before, after, tell)


def _on_fine_tuning(rows: pd.DataFrame, lead: Model, models: list[Model], cue: str) -> Comparison | None:
    base = next((model for model in models if not model.dataset and model.base == lead.base), None)
    if base is None or not lead.dataset:
        return None
    before, after = _at_largest(rows, base), _at_largest(rows, lead)
    if not len(before) or not len(after):
        return None

    def tell(change: Estimate) -> Markup:
        return Markup("On <i>{}</i>, <i>{}</i> answers {} right, and <i>{}</i>, made from it, {}: {}.").format(
            rows["benchmark"].iloc[0],
            base.name,
            percent(proportion(before)),
            lead.name,
            percent(proportion(after)),
            points(change),
        )

    return Comparison("Fine-tuning on traces", before, after, tell)


def _plain(rows: pd.DataFrame, model: Model) -> pd.DataFrame:
    return rows[(rows["model"] == model.name) & (rows["extensions"] == 0)]


def _cell(rows: pd.DataFrame, model: Model, budget: int, extensions: int = 0) -> pd.DataFrame:
    mine = (rows["model"] == model.name) & (rows["budget"] == budget)
    return rows[mine & (rows["extensions"] == extensions)]


def _at_largest(rows: pd.DataFrame, model: Model) -> pd.DataFrame:
    """The cell of the study's largest budget; a model that doesn't think has but one."""
    mine = _plain(rows, model)
    swept = rows.loc[rows["extensions"] == 0, "budget"].max() if model.thinks else mine["budget"].max()
    return mine[mine["budget"] == swept]


def _p_value(before: pd.DataFrame, after: pd.DataFrame) -> float:
    """Of the sign-flip test, over the answers that `paired_difference` compares."""
    columns = [*UNIT, "correct"]
    pairs = before[columns].merge(after[columns], on=UNIT, suffixes=("_before", "_after"))
    change = pairs["correct_after"].astype(int) - pairs["correct_before"].astype(int)
    by_question = change.groupby(pairs["question_id"])
    return p_value([by_question.mean().to_numpy()], int(by_question.size().max())) if len(pairs) else 1.0


def _sentence(comparison: Comparison, sure: bool) -> Markup:
    """The verdict that the corrected test allows, then the numbers."""
    change = paired_difference(comparison.before, comparison.after)
    verdict = {1: "helps", -1: "hurts"}[1 if change.value > 0 else -1] if sure else "makes no clear difference"
    return Markup("<b>{} {}.</b> {}").format(comparison.what, verdict, comparison.tell(change))


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")
