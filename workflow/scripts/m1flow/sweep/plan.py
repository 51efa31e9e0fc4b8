"""The plan of a sweep, and how a thought of one budget is cut out of a longer one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from m1flow.study.settings.sweep import SweepSettings

NO_CUE = "none"
"""The cue that says nothing: the end of thinking is held back for one token, and that is all."""


@dataclass(frozen=True)
class Thought:
    """Thinking as token ids.

    Attributes:
        token_ids: without the end marker.
        natural: the model ended it by itself.
        marker: the marker's tokens, where it is a text of several; one stop token is left out.
    """

    token_ids: tuple[int, ...]
    natural: bool
    marker: tuple[int, ...] = ()

    def cut(self, budget: int) -> Thought:
        """This thinking under a smaller budget.

        The end marker is what the model must produce within the budget, so thinking of exactly ``budget`` tokens has
        not ended naturally: an engine limited to ``budget`` tokens could not have seen the marker either.
        """
        if len(self.token_ids) + (max(1, len(self.marker)) if self.natural else 0) <= budget:
            return self
        return Thought((self.token_ids + self.marker)[:budget], natural=False)


@dataclass(frozen=True)
class Cell:
    """One setting of the sweep: a cap on thinking tokens, cues included; forced extensions by a cue; an order."""

    budget: int
    extensions: int = 0
    cue: str = ""
    permutation: int = 0


@dataclass(frozen=True)
class SweepPlan:
    r"""The measurements on every question.

    Attributes:
        budgets: thinking budgets in tokens, without extensions.
        extension_counts: how many times to force the model to go on.
        extension_budgets: total caps on thinking tokens under which every extension count is measured.
        cues: texts that replace the end of thinking ("Wait"), each in runs of its own; NO_CUE puts nothing there.
        permutations: orders of the options in which a question is asked, the benchmark's own included.
        permutation_budgets: thinking budgets under which the other orders are measured.
        samples: independent generations per question.
        temperature: 0 is greedy.
        top_p: nucleus of the sampling distribution.
        answer_tokens: cap on the tokens of an answer.
        stop_at_box: end an answer where its first ``\boxed{}`` closes.
        answer_logprobs: ask how probable each answer is.
        option_answer: an option as the answer would state it, with {letter} or {text}; "" asks for no probabilities.
    """

    budgets: tuple[int, ...]
    extension_counts: tuple[int, ...] = ()
    extension_budgets: tuple[int, ...] = ()
    cues: tuple[str, ...] = ("Wait",)
    permutations: int = 1
    permutation_budgets: tuple[int, ...] = ()
    samples: int = 1
    temperature: float = 0.0
    top_p: float = 1.0
    answer_tokens: int = 1024
    stop_at_box: bool = False
    answer_logprobs: bool = True
    option_answer: str = ""

    @classmethod
    def from_settings(cls, settings: SweepSettings) -> SweepPlan:
        """The plan of a sweep's settings, those of one model in `Study.sweeps`."""
        extensions, orders = settings.extensions, settings.permutations
        budgets = tuple(sorted(settings.budgets))
        reordered = orders.budgets if orders and orders.budgets is not None else budgets
        return cls(
            budgets=budgets,
            # No extensions: the reference for the others.
            extension_counts=tuple(sorted({0, *extensions.counts})) if extensions else (),
            extension_budgets=tuple(sorted(extensions.budgets)) if extensions else (),
            cues=extensions.cues if extensions else cls.cues,
            permutations=orders.count if orders else 1,
            permutation_budgets=tuple(sorted(reordered)),
            samples=settings.samples,
            temperature=settings.temperature,
            top_p=settings.top_p,
            answer_tokens=settings.answer_tokens,
            stop_at_box=settings.answer_stop == "box",
            answer_logprobs=settings.answer_logprobs,
            option_answer=settings.option_answer if settings.option_logprobs else "",
        )

    def cells(self) -> list[Cell]:
        """Every distinct cell, budgets first."""
        budgets = [Cell(budget) for budget in self.budgets]
        extended = [
            Cell(budget, n, cue if n else "")
            for cue in self.cues
            for budget in self.extension_budgets
            for n in self.extension_counts
        ]
        reordered = [
            Cell(budget, permutation=r) for r in range(1, self.permutations) for budget in self.permutation_budgets
        ]
        return list(dict.fromkeys(budgets + extended + reordered))

    @property
    def longest(self) -> int:
        """The most thinking tokens of any cell."""
        return max(cell.budget for cell in self.cells())


def under_budget(chain: Sequence[Thought], extensions: int, budget: int, cue_tokens: int) -> tuple[Thought, int]:
    """The thinking of one cell, from a chain made under a budget at least as large.

    Args:
        chain: ``chain[n]`` is the thinking after n extensions (it begins with ``chain[n - 1]`` and the cue); the last
            one is as far as the chain could go.
        extensions: how many were asked for.
        budget: the cell's cap on thinking tokens, cues included.
        cue_tokens: length of the cue.

    Returns:
        The thinking, and how many extensions it holds: fewer than asked for where the budget left no room.
    """
    done = 0
    while done < extensions and done + 1 < len(chain) and can_extend(chain[done].cut(budget), budget, cue_tokens):
        done += 1
    return chain[done].cut(budget), done


def can_extend(thought: Thought, budget: int, cue_tokens: int) -> bool:
    """Whether thinking ended by itself with room for the cue and at least one more token."""
    return thought.natural and len(thought.token_ids) + cue_tokens < budget


@dataclass(frozen=True)
class Item:
    """A question as shown to the model.

    Attributes:
        question_id: its id in its benchmark.
        turn: the user's turn.
        options: the options' texts in the order shown.
        order: which option of the benchmark's order stands at each place.
        permutation: the number of that order; 0 is the benchmark's own.
        benchmark: whose question it is.
    """

    question_id: str
    turn: str
    options: tuple[str, ...] = ()
    order: tuple[int, ...] = ()
    permutation: int = 0
    benchmark: str = ""
