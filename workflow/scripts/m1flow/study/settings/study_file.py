"""A whole study in the form of its config files: every section by its name."""

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
    seed: Amount = Field(0, description="decides every random choice that has no seed of its own")
    description: str = Field("", description="one sentence for the report")
    data_folder: LocalPath = Field(
        ".", description="folder that relative paths of sources, benchmarks and traces start from"
    )
    scorer: Annotated[str, SCORERS] = Field("strict", description="reads the options that answers state")
    published: LocalPath = Field(
        "config/published/m1.csv",
        description="file of published accuracies to compare models with (docs/methods/published.md)",
    )
    only_finished: bool = Field(
        False, description="report only on models whose sweeps are finished; the log names those left out"
    )
    engine: EngineSettings = Field(
        default_factory=EngineSettings,
        description="settings for models without an endpoint: solvers, teachers, domains, the judge and sweeps",
    )
    formats: dict[Name, FormatSettings] = Field(
        description="reasoning formats, as texts in the model's own markers; "
        "one without thinking_start answers directly"
    )
    prompts: PromptSettings = Field(
        default_factory=PromptSettings,
        description="the user's turns, with {context}, {stem} and {options} in question, and {question} in all others",
    )
    formulary: FormularySettings = Field(
        default_factory=FormularySettings, description="the world of the adapter formulary"
    )
    sources: dict[Name, QuestionSetSettings] = Field(
        default_factory=dict, description="question sets to train on (docs/reference/sources.md)"
    )
    benchmarks: Annotated[dict[Name, QuestionSetSettings], Field(min_length=1)] = Field(
        description="question sets to evaluate models on (docs/reference/sources.md)"
    )
    pool: PoolSettings = Field(
        default_factory=PoolSettings,
        description="deduplication, and removal of questions that benchmarks ask (docs/methods/data.md)",
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
        description="models that attempt the pool: questions that they get wrong are hard (docs/methods/traces.md)",
    )
    difficulty: DifficultySettings = Field(
        default_factory=DifficultySettings,
        description="hard questions are those whose pass rate over all attempts of all solvers lies in this range",
    )
    teachers: dict[Name, TeacherSettings] = Field(
        default_factory=dict, description="writers of reasoning traces, which are verified (docs/methods/traces.md)"
    )
    domains: DomainSettings = Field(
        default_factory=DomainSettings,
        description="how questions get a domain, for recipes that balance domains (docs/methods/domains.md)",
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
        description="groups of models that differ only in the seed of their training, by name, to measure the effect "
        "of the seed (docs/methods/statistics.md)",
    )
    sweep: StudySweep = Field(
        description="thinking budgets and further measurements of every model (docs/methods/sweep.md)"
    )
    judge: JudgeSettings | None = Field(
        None,
        description="a model that labels wrong answers of the sweeps as errors of knowledge, of reasoning or other "
        "(docs/methods/judging.md); by default none",
    )
