"""The plan of a sweep, and cutting the thought of one budget out of a longer one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from m1flow.study.settings.sweep import SweepSettings

NO_CUE = "none"
"""The empty cue: the end of thinking is only withheld for one token."""


@dataclass(frozen=True)
class Thought:
    """Thinking as token ids.

    Attributes:
        token_ids: tokens without the end marker.
        natural: whether the model ended it by itself.
        marker: the tokens of the end marker if it is a text of several tokens; a single stop token is left out.
    """

    token_ids: tuple[int, ...]
    natural: bool
    marker: tuple[int, ...] = ()

    def cut(self, budget: int) -> Thought:
        """This thinking under a smaller budget.

        The model must produce the end marker within the budget, so thinking of exactly ``budget`` tokens has not ended
        naturally: an engine limited to ``budget`` tokens would not have produced the marker either.
        """
        if len(self.token_ids) + (max(1, len(self.marker)) if self.natural else 0) <= budget:
            return self
        return Thought((self.token_ids + self.marker)[:budget], natural=False)


@dataclass(frozen=True)
class Cell:
    """One setting of the sweep: a cap on thinking tokens, forced extensions by a cue, and an order of options."""

    budget: int
    extensions: int = 0
    cue: str = ""
    permutation: int = 0


@dataclass(frozen=True)
class SweepPlan:
    r"""The measurements on every question.

    Attributes:
        budgets: thinking budgets in tokens, without extensions.
        extension_counts: numbers of times to force the model to go on.
        extension_budgets: total caps on thinking tokens under which every extension count is measured.
        cues: texts that replace the end of thinking ("Wait"), each in separate runs; NO_CUE adds no text.
        permutations: number of orders of the options in which a question is asked, including the benchmark's own.
        permutation_budgets: thinking budgets for the orders other than the benchmark's.
        samples: independent generations per question.
        temperature: 0 is greedy.
        top_p: nucleus of the sampling distribution.
        answer_tokens: cap on the tokens of an answer.
        stop_at_box: whether to end an answer at its first closed ``\boxed{}``.
        answer_logprobs: whether to ask for the probability of each answer.
        option_answer: the form in which an answer states an option, with {letter} or {text}; "" asks for no
            probabilities of options.
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
        """The plan that one model's settings, as in `Study.sweeps`, describe."""
        extensions, orders = settings.extensions, settings.permutations
        budgets = tuple(sorted(settings.budgets))
        reordered = orders.budgets if orders and orders.budgets is not None else budgets
        return cls(
            budgets=budgets,
            # Cells without extensions, the reference for those with extensions.
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
        """The largest number of thinking tokens of any cell."""
        return max(cell.budget for cell in self.cells())


def under_budget(chain: Sequence[Thought], extensions: int, budget: int, cue_tokens: int) -> tuple[Thought, int]:
    """The thinking of one cell, from a chain made under a budget at least as large.

    Args:
        chain: ``chain[n]`` is the thinking after n extensions (it begins with ``chain[n - 1]`` and the cue); the last
            one is the longest that could be reached.
        extensions: number of extensions asked for.
        budget: the cell's cap on thinking tokens, cues included.
        cue_tokens: length of the cue.

    Returns:
        The thinking and its number of extensions, which is smaller than asked for if the budget left no room.
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
        order: for each place, the option's index in the benchmark's order.
        permutation: number of that order; 0 is the benchmark's own.
        benchmark: name of its benchmark.
    """

    question_id: str
    turn: str
    options: tuple[str, ...] = ()
    order: tuple[int, ...] = ()
    permutation: int = 0
    benchmark: str = ""
