"""What the report shows of the sweeps, section by section: figures and tables, made from the study's tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from m1flow import comparison_figures, cue_figure, figures, further_figures, policy_figures, published_figure
from m1flow.charts import Figure
from m1flow.policy_figures import overall
from m1flow.published import PAPER
from m1flow.roster import Model, data_series, shared_budget
from m1flow.statistics import MACRO
from m1flow.study_tables import StudyTables

ON_THE_PAPER = (
    "Comparable: numbers at the same fixed budget, on benchmarks with as many questions (column n of the figure's "
    "numbers). Not comparable with anything here but the oracle budget: the paper's main table, whose m1 rows are the "
    "best of seven budgets, chosen on the test questions, while its baselines ran once. The paper's PubMedQA benchmark "
    "holds rows that its models were trained on; its decoding, scorer and prompts may differ from this study's in what "
    "the configuration says."
)
"""What to know of the numbers in `published.PAPER`."""
ON_PUBLISHED = (
    "A number at a fixed budget stands beside the same budget here, the best of several budgets beside the oracle "
    "budget, and one without a budget beside the model's only or largest one. Whether the questions, the decoding, the "
    "scorer and the prompts were the same, the source of the numbers must say."
)


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
        published: the file of published numbers.
    """

    tables: StudyTables
    models: Sequence[Model]
    chance: Mapping[str, float]
    cue: str
    published: str = ""


def sections(shown: Shown) -> list[Section]:
    """The sections on the sweeps, in the order in which they are read."""
    makers = (
        *(_budget, _choice, _published, _models, _data, _extensions, _policies, _early_exit),
        *(_failures, _order, _sure, _unfinished, _leaked),
    )
    return [section for make in makers if (section := make(shown))]


def _budget(shown: Shown) -> Section:
    accuracy = shown.tables["accuracy"]
    drawn = [
        figures.accuracy_by_budget(accuracy, shown.models, shown.chance, shown.tables["published"]),
        figures.accuracy_by_tokens(accuracy, shown.models, shown.chance),
        comparison_figures.budget_flips(shown.tables["flips"], shown.models),
    ]
    return Section("budget", "Thinking budget", figures=drawn)


def _choice(shown: Shown) -> Section:
    choices, falls = shown.tables["budget_choice"], shown.tables["overthinking"]
    tables = [
        ShownTable(
            "Does accuracy fall at the end?",
            "Of the smaller budgets the one that does best, with the accuracy under the largest budget less that under "
            "it. p is one-sided, that thinking to the largest budget is worse; Holm's correction is over all smaller "
            "budgets. Only where it is below 0.05 is over-thinking shown.",
            overall(falls),
        ),
        ShownTable(
            "The budget of each benchmark",
            "Budget: fixed, most often chosen, or best; its range holds 95% of the choices.",
            choices[choices["benchmark"] != MACRO],
        ),
    ]
    drawn = comparison_figures.budget_choice(choices, shown.models)
    return Section("choice", "Which budget?", figures=[drawn], tables=tables)


def _models(shown: Shown) -> Section:
    table = shown.tables["comparisons"]
    columns = (
        "family model budget extensions against_model against_budget against_extensions difference diff_low diff_high "
        "p p_holm effect_size detectable"
    ).split()
    tests = ShownTable(
        "Every paired test",
        "Models, neighbouring budgets, and forced extensions against none, on the same questions"
        f"{' of all benchmarks, each weighing the same' if (table['benchmark'] == MACRO).any() else ''}; "
        "comparisons.csv has each benchmark. p: exact sign flips (McNemar's test with one sample a question), then "
        "after Holm's correction within the family. Effect size: Cohen's h. Detectable: the smallest true difference "
        "that one such test would have found four times in five.",
        overall(table)[columns],
    )
    drawn = comparison_figures.models_apart(table, shown.models)
    seeds = ShownTable(
        "Other training seeds",
        "Models that differ in their seed only: the mean accuracy, the standard deviation between seeds, the worst and "
        "the best one. The interval holds both the draw of questions and the draw of seeds.",
        overall(shown.tables["replicates"]),
    )
    return Section("models", "Models against each other", figures=[drawn], tables=[tests, seeds])


def _failures(shown: Shown) -> Section:
    agreement = shown.tables["judge_agreement"]
    trust = "the next table says how often it agrees with people" if len(agreement) else "how often, nobody measured"
    tables = [
        ShownTable(
            "Knowledge or reasoning?",
            f"What the judge named as the cause of wrong answers, drawn at random. A judge errs; {trust}.",
            shown.tables["error_kinds"],
        ),
        ShownTable(
            "Does the judge agree with people?",
            "Answers by their label by hand (rows) and by the judge (columns); in the last row Cohen's kappa, the "
            "agreement beyond chance.",
            agreement,
        ),
    ]
    drawn = comparison_figures.failures(shown.tables["failures"], shown.models)
    return Section("failures", "Where questions fail", figures=[drawn], tables=tables)


def _published(shown: Shown) -> Section | None:
    table = shown.tables["published"]
    if not len(table):
        return None
    names = "model benchmark selection budget published accuracy ci_low ci_high difference diff_low diff_high place"
    side_by_side = ShownTable(
        "Side by side",
        "Each published number with what was measured here in the same way. Intervals of differences take the two as "
        "independent samples of questions.",
        table[names.split()],
    )
    of_the_paper = Path(shown.published).absolute() == PAPER.absolute()
    return Section(
        "published",
        "Beside the paper" if of_the_paper else "Beside published numbers",
        ON_THE_PAPER if of_the_paper else ON_PUBLISHED,
        figures=[published_figure.differences(table, shown.models)],
        tables=[side_by_side],
    )


def _data(shown: Shown) -> Section:
    accuracy = shown.tables["accuracy"]
    series = data_series(list(shown.models))
    compared = series or [model for model in shown.models if model.traces]
    budget = shared_budget(accuracy, [model.name for model in compared])
    budget = int(accuracy["budget"].max()) if budget is None else budget
    drawn = figures.data_scale(accuracy, shown.models, series, budget)
    return Section("data", "Training data", figures=[drawn])


def _extensions(shown: Shown) -> Section:
    table = shown.tables["extensions"] if "extensions" in shown.tables else shown.tables["accuracy"].iloc[:0]
    drawn = [
        figures.extensions(table, shown.tables["flips"], shown.models, shown.cue),
        cue_figure.cues(shown.tables["cues"]),
        figures.extension_flips(shown.tables["flips"], shown.models, shown.cue),
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
    costs = comparison_figures.pareto(shown.tables["pareto"], shown.models)
    return Section("policies", "Longer, or more often", figures=[drawn, costs], tables=[equal])


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


def _leaked(shown: Shown) -> Section | None:
    found = shown.tables["leaked"]
    if not len(found):
        return None
    tables = [
        ShownTable(
            "Benchmark questions that training data ask, too",
            "Found by the same tests that take questions out of the pool; leaked.parquet has the pairs.",
            found,
        ),
        ShownTable(
            "Accuracy with and without them",
            "Unseen: only questions that no training data of the study ask, the same for all models.",
            shown.tables["leaked_accuracy"],
        ),
    ]
    return Section(
        "leaked",
        "Benchmarks that came after the pool",
        "The pool wasn't cleaned of these benchmarks' questions, so models may have been trained on some. Read their "
        "accuracy on unseen questions.",
        tables=tables,
    )
