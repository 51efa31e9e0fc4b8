"""The report's opening sentences: made from the numbers, each with its interval, and no claim without a test.

Every sentence is about one paired comparison that the study's design fixes, on the questions that both sides have, each
counting once however many samples it has. Its sign-flip test (see `paired_tests`) is corrected for as many tests as
there are sentences (Holm); only if p is then below 0.05 does a sentence claim a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import lcm

import numpy as np
import pandas as pd
from markupsafe import Markup

from m1flow.analysis.intervals import CONFIDENCE, Estimate, means_with_intervals
from m1flow.analysis.paired_tests import holm, p_value
from m1flow.report.cue_wording import by_cue
from m1flow.study.roster import Model, data_series, headline, shared_budget

SENTENCES = 3


@dataclass(frozen=True)
class Paired:
    """Two cells on the same questions.

    Attributes:
        before: accuracy in the first cell.
        after: accuracy in the second cell.
        change: the difference, after minus before.
        worse: number of questions that are right less often in the second cell.
        better: number of questions that are right more often in the second cell.
        p: p-value of the sign-flip test.
    """

    before: Estimate
    after: Estimate
    change: Estimate
    worse: int
    better: int
    p: float


@dataclass(frozen=True)
class Comparison:
    """The content of one sentence: what a difference would mean, its numbers, and the rest of the sentence."""

    what: str
    paired: Paired
    tell: Callable[[Paired], Markup]


def findings(rows: pd.DataFrame, models: Sequence[Model], cue: str = "Wait") -> list[Markup]:
    """Up to three sentences on thinking budget, training data, forced extensions, fine-tuning; the first that apply.

    The model, benchmark and budgets they are about are fixed by the study's design (see `roster.headline`): the first
    benchmark, the smallest and the largest budget (of two models: the largest that both have), the fewest and the most
    traces, none and the most extensions.

    Args:
        rows: the sweeps contract with the columns model and benchmark.
        models: as `roster.roster` returns them.
        cue: the text that forces an extension.
    """
    lead = headline(list(models))
    if lead is None or not len(rows):
        return []
    first_benchmark = rows[rows["benchmark"] == rows["benchmark"].iloc[0]]
    makers = (_on_budget, _on_data, _on_extensions, _on_fine_tuning)
    comparisons = [comparison for make in makers if (comparison := make(first_benchmark, lead, list(models), cue))][
        :SENTENCES
    ]
    corrected = holm(np.array([one.paired.p for one in comparisons]))
    return [_sentence(one, p < 1 - CONFIDENCE) for one, p in zip(comparisons, corrected, strict=True)]


def percent(estimate: Estimate) -> Markup:
    """An accuracy in the form "12.3% (10.1 to 14.9)"."""
    return Markup("<strong>{:.1f}%</strong> <span class=ci>({:.1f}–{:.1f})</span>").format(
        100 * estimate.value, 100 * estimate.low, 100 * estimate.high
    )


def points(estimate: Estimate) -> Markup:
    """A difference in the form "+12.3 points (95% interval 10.1 to 14.9)"."""
    return Markup("<strong>{}{:.1f} points</strong> <span class=ci>(95% interval {} to {})</span>").format(
        "+" if estimate.value > 0 else "−" if estimate.value < 0 else "±",
        abs(100 * estimate.value),
        _signed(estimate.low),
        _signed(estimate.high),
    )


def _on_budget(rows: pd.DataFrame, lead: Model, models: list[Model], cue: str) -> Comparison | None:
    lead_rows = rows[(rows["model"] == lead.name) & (rows["extensions"] == 0)]
    budgets = sorted(lead_rows["budget"].unique())
    if len(budgets) < 2:
        return None
    paired = _paired(*(_cell(rows, lead, budget) for budget in (budgets[0], budgets[-1])))
    start = "no thinking" if budgets[0] == 0 else f"up to {budgets[0]:,}"

    def tell(found: Paired) -> Markup:
        return Markup(
            "On <i>{}</i>, <i>{}</i> answers {} right with {}, and {} with up to {:,} thinking tokens: {}."
        ).format(
            rows["benchmark"].iloc[0],
            lead.name,
            percent(found.before),
            start,
            percent(found.after),
            budgets[-1],
            points(found.change),
        )

    return None if paired is None else Comparison("Thinking longer", paired, tell)


def _on_data(rows: pd.DataFrame, lead: Model, models: list[Model], cue: str) -> Comparison | None:
    series = [model for model in data_series(models) if (rows["model"] == model.name).any()]
    if len(series) < 2:
        return None
    few, many = series[0], series[-1]
    budget = shared_budget(rows, [few.name, many.name])
    if budget is None:
        return None

    def tell(found: Paired) -> Markup:
        return Markup(
            "On <i>{}</i> with up to {:,} thinking tokens, {:,} traces give {}, and {:,} give {}: {}."
        ).format(
            rows["benchmark"].iloc[0],
            budget,
            few.traces,
            percent(found.before),
            many.traces,
            percent(found.after),
            points(found.change),
        )

    paired = _paired(_cell(rows, few, budget), _cell(rows, many, budget))
    return None if paired is None else Comparison("Training on more traces", paired, tell)


def _on_extensions(rows: pd.DataFrame, lead: Model, models: list[Model], cue: str) -> Comparison | None:
    forced = rows[(rows["model"] == lead.name) & (rows["extensions"] > 0)]
    if not len(forced):
        return None
    budget = int(forced["budget"].max())
    most = int(forced.loc[forced["budget"] == budget, "extensions"].max())

    def tell(found: Paired) -> Markup:
        return Markup(
            "Forced on {}× {}, <i>{}</i> changes by {} on <i>{}</i>: "
            "of {:,} questions, {:,} are right less often and {:,} more often."
        ).format(
            most,
            by_cue(cue),
            lead.name,
            points(found.change),
            rows["benchmark"].iloc[0],
            found.change.n,
            found.worse,
            found.better,
        )

    paired = _paired(_cell(rows, lead, budget), _cell(rows, lead, budget, most))
    return None if paired is None else Comparison("Forcing the model to go on", paired, tell)


def _on_fine_tuning(rows: pd.DataFrame, lead: Model, models: list[Model], cue: str) -> Comparison | None:
    base = next((model for model in models if not model.dataset and model.base == lead.base), None)
    if base is None or not lead.dataset:
        return None
    # A model that doesn't think has only one cell, which is compared with the largest budget.
    budget = shared_budget(rows, [lead.name, base.name] if base.thinks else [lead.name])
    base_budget = budget if base.thinks else shared_budget(rows, [base.name])
    if budget is None or base_budget is None:
        return None

    def tell(found: Paired) -> Markup:
        return Markup(
            "On <i>{}</i>, <i>{}</i> answers {} right, and <i>{}</i>, made from it, {} "
            "with up to {:,} thinking tokens: {}."
        ).format(
            rows["benchmark"].iloc[0],
            base.name,
            percent(found.before),
            lead.name,
            percent(found.after),
            budget,
            points(found.change),
        )

    paired = _paired(_cell(rows, base, base_budget), _cell(rows, lead, budget))
    return None if paired is None else Comparison("Fine-tuning on traces", paired, tell)


def _cell(rows: pd.DataFrame, model: Model, budget: int, extensions: int = 0) -> pd.DataFrame:
    selected = (rows["model"] == model.name) & (rows["budget"] == budget)
    return rows[selected & (rows["extensions"] == extensions)]


def _paired(before: pd.DataFrame, after: pd.DataFrame) -> Paired | None:
    """Two cells compared as in `comparisons`; None if they share no question."""
    both = {"before": before, "after": after}
    by_question = {side: cell.groupby("question_id")["correct"].agg(["mean", "size"]) for side, cell in both.items()}
    shared = pd.concat(by_question, axis="columns", join="inner")
    if not len(shared):
        return None
    shares = shared.xs("mean", axis="columns", level=1).to_numpy(float)
    change = shares[:, 1] - shares[:, 0]
    sides, changed = (
        means_with_intervals({"": shares})[""],
        means_with_intervals({"": change[:, None]}, change=True)[""],
    )
    units = lcm(*np.unique(shared.xs("size", axis="columns", level=1)).tolist())
    return Paired(
        before=sides.estimate(0),
        after=sides.estimate(1),
        change=changed.estimate(0),
        worse=int((change < 0).sum()),
        better=int((change > 0).sum()),
        p=p_value([change], units),
    )


def _sentence(comparison: Comparison, sure: bool) -> Markup:
    """The verdict that the corrected test allows, then the numbers."""
    found = comparison.paired
    verdict = {1: "helps", -1: "hurts"}[1 if found.change.value > 0 else -1] if sure else "makes no clear difference"
    return Markup("<b>{} {}.</b> {}").format(comparison.what, verdict, comparison.tell(found))


def _signed(share: float) -> str:
    return f"{100 * share:+.1f}".replace("-", "−")
