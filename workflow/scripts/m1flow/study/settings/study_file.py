"""A whole study, as its config files say it: every section by its name."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from m1flow.study.seams.scorers import SCORERS
from m1flow.study.settings.bases import BaseSettings
from m1flow.study.settings.datasets import DatasetSettings
from m1flow.study.settings.difficulty import DifficultySettings
from m1flow.study.settings.domains import DomainSettings
from m1flow.study.settings.endpoints import EndpointSettings
from m1flow.study.settings.engine import EngineSettings
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.formulary import FormularySettings
from m1flow.study.settings.judge import JudgeSettings
from m1flow.study.settings.models import ModelSettings
from m1flow.study.settings.pool import PoolSettings
from m1flow.study.settings.prompts import PromptSettings
from m1flow.study.settings.question_sets import QuestionSetSettings
from m1flow.study.settings.section import Section
from m1flow.study.settings.solvers import SolverSettings
from m1flow.study.settings.students import StudentSettings
from m1flow.study.settings.sweep import StudySweep
from m1flow.study.settings.teachers import TeacherSettings
from m1flow.study.settings.values import Amount, Listed, LocalPath, Name, Unique


class StudyFile(Section):
    """The keys of a study's config, in the order in which its reference lists them."""

    study: Name = Field(description="the study's name: everything goes to results/<study>/")
    seed: Amount = Field(0, description="every random choice follows from it, where no seed of its own is given")
    description: str = Field("", description="one sentence for the report")
    data_folder: LocalPath = Field(".", description="where relative paths of sources and benchmarks and traces start")
    scorer: Annotated[str, SCORERS] = Field("strict", description="how answers are read out of text")
    published: LocalPath = Field(
        "config/published/m1.csv",
        description="published accuracies, which models are set beside: see docs/methods/published.md",
    )
    only_finished: bool = Field(
        False, description="report on the models whose sweeps are there; the others are left out, by name"
    )
    engine: EngineSettings = Field(
        default_factory=EngineSettings,
        description="how models run that have no endpoint: solvers, teachers, domains, the judge and sweeps",
    )
    formats: dict[Name, FormatSettings] = Field(
        description="reasoning formats, as texts in the model's own markers; "
        "one without thinking_start answers directly"
    )
    prompts: PromptSettings = Field(
        default_factory=PromptSettings,
        description="the user's turn; {context}, {stem} and {options} in question, {question} in the others",
    )
    formulary: FormularySettings = Field(
        default_factory=FormularySettings, description="the world of the adapter formulary"
    )
    sources: dict[Name, QuestionSetSettings] = Field(
        default_factory=dict, description="question sets to train on (docs/reference/sources.md)"
    )
    benchmarks: Annotated[dict[Name, QuestionSetSettings], Field(min_length=1)] = Field(
        description="question sets to be tested on (docs/reference/sources.md)"
    )
    pool: PoolSettings = Field(
        default_factory=PoolSettings,
        description="which questions count as copies of each other or of a benchmark's, and leave "
        "(docs/methods/data.md)",
    )
    bases: Annotated[dict[Name, BaseSettings], Field(min_length=1)] = Field(
        description="base models, from random weights (architecture, corpus, training), a local folder (path) "
        "or the hub"
    )
    endpoints: dict[Name, EndpointSettings] = Field(
        default_factory=dict,
        description="OpenAI-compatible chat endpoints, for solvers, teachers, domains and the judge",
    )
    solvers: dict[Name, SolverSettings] = Field(
        default_factory=dict,
        description="models that attempt the pool: what they get wrong is hard (docs/methods/traces.md)",
    )
    difficulty: DifficultySettings = Field(
        default_factory=DifficultySettings,
        description="hard questions are those whose pass rate over all attempts of all solvers lies in this range",
    )
    teachers: dict[Name, TeacherSettings] = Field(
        default_factory=dict, description="who writes reasoning traces, which are verified (docs/methods/traces.md)"
    )
    domains: DomainSettings = Field(
        default_factory=DomainSettings,
        description="what a question's domain is, for recipes that balance domains (docs/methods/domains.md)",
    )
    datasets: dict[Name, DatasetSettings] = Field(
        default_factory=dict, description="selections of verified traces to train on (docs/methods/traces.md)"
    )
    students: dict[Name, StudentSettings] = Field(
        default_factory=dict, description="bases fine-tuned on a dataset (docs/methods/training.md)"
    )
    models: Annotated[dict[Name, ModelSettings], Field(min_length=1)] = Field(description="what is evaluated")
    replicates: dict[Name, Annotated[Listed[str], Field(min_length=2), Unique()]] = Field(
        default_factory=dict,
        description="models that differ in nothing but the seed of their training, by a name of their own: "
        "what another seed would change (docs/methods/statistics.md)",
    )
    sweep: StudySweep = Field(
        description="thinking budgets and what else is measured, of every model (docs/methods/sweep.md)"
    )
    judge: JudgeSettings | None = Field(
        None,
        description="a model that labels wrong answers of the sweeps: errors of knowledge, of reasoning, others "
        "(docs/methods/judging.md); none by default",
    )
