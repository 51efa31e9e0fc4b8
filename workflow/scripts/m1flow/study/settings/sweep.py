"""Thinking budgets, and further measurements of every model."""

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

    counts: SomeDistinct[Amount] = Field(
        description="numbers of times that the model is forced on; 0 is a plain run under the same cap"
    )
    budgets: SomeDistinct[Count] = Field(description="total caps")
    cues: SomeDistinct[Text] = Field(
        ("Wait",),
        description="texts that replace the end of thinking, each in separate runs; none: the end is only withheld",
    )


class PermutationSettings(Section):
    """``permutations`` of a sweep."""

    count: Count = Field(description="number of orders, with the benchmark's own")
    budgets: Budgets | None = Field(None, description="budgets for the other orders; by default sweep.budgets")


class SweepSettings(Section):
    """Settings of a model's sweep."""

    budgets: Budgets = Field(description="caps on thinking tokens")
    extensions: ExtensionSettings | None = Field(
        None, description="force the model to go on when it would stop thinking"
    )
    permutations: PermutationSettings | None = Field(
        None, description="also ask every question in other orders of its options"
    )
    samples: Count = Field(1, description="number of independent generations per question")
    temperature: Temperature = Field(0, description=f"{GREEDY}; several samples need more")
    top_p: PositiveShare = Field(1, description=TOP_P)
    answer_tokens: Count = Field(1024, description="maximum tokens of an answer")
    answer_stop: Literal["end", "box"] = Field(
        "end",
        description="end: answers go on to their own end or answer_tokens, as in the paper; "
        "box: until their first box closes",
    )
    answer_logprobs: bool = Field(
        True, description="how probable each answer is: for ties of votes, confidence and early exit"
    )
    option_logprobs: bool = Field(False, description="measure the probability of each option as the answer")
    option_answer: OptionAnswer = Field(
        "\\boxed{{letter}}", description="form in which an answer states an option, with {letter} or {text}"
    )


class StudySweep(SweepSettings):
    """The section ``sweep``."""

    shards: Count = Field(1, description="number of jobs that share a model's questions, on as many GPUs")
