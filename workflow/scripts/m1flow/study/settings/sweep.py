"""Thinking budgets, and what else is measured of every model."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from m1flow.study.settings.section import Section
from m1flow.study.settings.values import (
    GREEDY,
    TOP_P,
    Amount,
    Count,
    Matching,
    PositiveShare,
    SomeDistinct,
    Temperature,
    Text,
)

Budgets = SomeDistinct[Amount]
OptionAnswer = Annotated[str, Matching(r"\{(letter|text)\}", "a text with {letter} or {text}", anchored=False)]


class ExtensionSettings(Section):
    """``extensions`` of a sweep."""

    counts: SomeDistinct[Amount] = Field(description="how often it is forced on; 0 is a plain run under the same cap")
    budgets: SomeDistinct[Count] = Field(description="total caps")
    cues: SomeDistinct[Text] = Field(
        ("Wait",),
        description="what replaces the end of thinking, each in runs of its own; none: nothing does, it is held back",
    )


class PermutationSettings(Section):
    """``permutations`` of a sweep."""

    count: Count = Field(description="orders, the benchmark's own included")
    budgets: Budgets | None = Field(None, description="for the other orders; sweep.budgets by default")


class SweepSettings(Section):
    """How a model is swept."""

    budgets: Budgets = Field(description="caps on thinking tokens")
    extensions: ExtensionSettings | None = Field(
        None, description="force the model to go on where it would stop thinking"
    )
    permutations: PermutationSettings | None = Field(
        None, description="ask every question in other orders of its options, too"
    )
    samples: Count = Field(1, description="independent generations per question")
    temperature: Temperature = Field(0, description=f"{GREEDY}; several samples need more")
    top_p: PositiveShare = Field(1, description=TOP_P)
    answer_tokens: Count = Field(1024, description="most tokens of an answer")
    answer_stop: Literal["end", "box"] = Field(
        "end",
        description="end: answers go on to their end or answer_tokens, as in the paper; "
        "box: until their first box closes",
    )
    answer_logprobs: bool = Field(
        True, description="how probable each answer is: for ties of votes, confidence and early exit"
    )
    option_logprobs: bool = Field(False, description="how probable each option is as the answer")
    option_answer: OptionAnswer = Field(
        "\\boxed{{letter}}", description="how an answer states an option: {letter} or {text}"
    )


class StudySweep(SweepSettings):
    """The section ``sweep``."""

    shards: Count = Field(1, description="jobs that share a model's questions; on as many GPUs")
