"""The nested sweep: think once, cut the thought at every budget, decode only the answers.

Under a fixed sampling stream, the thinking under budget b is the first b tokens of the thinking under any larger
budget, so one thought up to the largest budget contains the thinking under all budgets. Forced extensions form a chain
(the n-th extends the (n-1)-th), and the chain under a smaller total budget is a cut of the chain under a larger one.
Each cell (budget, extensions, cue, order of the options) then costs only its answer, and cells whose thinking ended
naturally at the same place share one answer.

The protocol is that of m1 (arXiv 2504.00869, section 3 and its evaluation code, after s1, arXiv 2501.19393); cuts are
made on token ids, question by question.
"""

from __future__ import annotations

import hashlib
import logging
import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from m1flow.engines.interface import Completion, Engine, Request, Sampling
from m1flow.models.formats import Formatter
from m1flow.sweep.box_end import BoxEnd
from m1flow.sweep.plan import NO_CUE, Cell, Item, SweepPlan, Thought, can_extend, under_budget
from m1flow.text.boxes import box_end
from m1flow.text.letters import LETTERS

log = logging.getLogger(__name__)

WIDTH = 256
"""The default number of generations under way at a time: the engines' default ``batch_size``."""
_FIELD = re.compile(r"\{(letter|text)\}")


def run_sweep(
    items: Iterable[Item], formatter: Formatter, engine: Engine, plan: SweepPlan, *, seed: int, width: int = WIDTH
) -> Iterator[dict]:
    """Run the plan on every question; yields rows of the generations contract and their ``benchmark``, in any order.

    A question begins only when another ends, so that the requests after a thought run while its KV cache is warm, and
    never wait for thoughts that haven't begun. Texts are decoded after the last generation: the engine never waits.

    Args:
        items: the questions of all benchmarks together, so that the engine has idle rows only once, at the end.
        formatter: the model's tokenizer and reasoning format; a format without thinking gives one cell, budget 0.
        engine: the engine to use; a journalled one makes the sweep resumable.
        plan: the cells to measure.
        seed: the study's seed; with question and sample it fixes every sampling stream.
        width: number of generations to keep under way.
    """
    if not formatter.thinks:
        plan = replace(plan, budgets=(0,), extension_counts=(), permutation_budgets=(0,))
    permutations = {cell.permutation for cell in plan.cells()}
    # Longest turns first: all think for about the same time, and a long turn begun last would run alone.
    ordered = sorted((item for item in items if item.permutation in permutations), key=lambda item: -len(item.turn))
    run = _Run(formatter, engine, plan, seed, [(item, sample) for item in ordered for sample in range(plan.samples)])
    run.begin(width)
    while run.under_way:
        for request, completion in engine.finished():
            run.under_way -= 1
            request.tag(completion)
            run.begin(width)
    for cut in run.cuts:
        yield from cut.rows()


def cue_ids(formatter: Formatter, cue: str) -> tuple[int, ...]:
    """The token ids of a cue; none for NO_CUE."""
    return () if cue == NO_CUE else tuple(formatter.encode(cue))


def context_needed(items: Sequence[Item], formatter: Formatter, plan: SweepPlan) -> int:
    """Length of the longest request that a sweep of these items can make, in tokens, prompt included."""
    turn = max((len(formatter.prompt(item.turn)) for item in items), default=1)
    thinking = plan.longest if formatter.thinks else 0
    answer = max(len(formatter.natural_end), len(formatter.forced_end)) + plan.answer_tokens
    if plan.option_answer:
        opening = max(len(formatter.answer_opening(natural)) for natural in (True, False))
        stated = (formatter.encode(text) for item in items for text in stated_options(item, plan.option_answer))
        answer = max(answer, opening + max(map(len, stated), default=0) + 1)
    return turn + len(formatter.thinking_start) + thinking + answer


def stated_options(item: Item, template: str) -> list[str]:
    """Each option, in the order shown, in the form of an answer; see `SweepPlan.option_answer`."""
    pairs = zip(LETTERS, item.options, strict=False)
    named = ({"letter": letter, "text": text} for letter, text in pairs)

    def stated(values: Mapping[str, str]) -> str:
        return _FIELD.sub(lambda field: values[field[1]], template)

    return [stated(values) for values in named]


@dataclass
class _Run:
    """State that a sweep's lines of thought share, including the queue of lines to begin."""

    formatter: Formatter
    engine: Engine
    plan: SweepPlan
    seed: int
    queue: list[tuple[Item, int]]
    begun: int = 0
    under_way: int = 0
    cuts: list[_Cut] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cells = self.plan.cells()
        self.cues = {cue: cue_ids(self.formatter, cue) for cue in self.plan.cues}
        self.answer_until = BoxEnd(self.formatter.decode, self.formatter.token_texts) if self.plan.stop_at_box else None

    def begin(self, width: int) -> None:
        """Begin lines until ``width`` generations are under way."""
        while self.under_way < width and self.begun < len(self.queue):
            _Line(self, *self.queue[self.begun]).begin()
            self.begun += 1
            if self.begun * 10 % len(self.queue) < 10:
                log.info("%d of %d thoughts begun, %d cuts", self.begun, len(self.queue), len(self.cuts))

    def submit(self, request: Request) -> None:
        """Hand a request to the engine."""
        self.under_way += 1
        self.engine.submit(request)


@dataclass
class _Line:
    """One question's line of thought in one sample; submits the next requests whenever one finishes."""

    run: _Run
    item: Item
    sample: int
    cuts: dict[Thought, _Cut] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.cells = [cell for cell in self.run.cells if cell.permutation == self.item.permutation]
        self.extended = [cell for cell in self.cells if cell.extensions]
        formatter = self.run.formatter
        self.opened = (*formatter.prompt(self.item.turn), *formatter.thinking_start)

    def begin(self) -> None:
        limit = max(cell.budget for cell in self.cells)
        if not self.run.formatter.thinks:
            self._thought(Thought((), natural=True))
        elif limit == 0:
            self._thought(Thought((), natural=False))
        else:
            self._think((), limit, "think", self._thought)

    def request(self, prompt: tuple[int, ...], max_tokens: int, stop: frozenset[int], role: str) -> Request:
        """A request in the sampling stream of a role in this line."""
        plan = self.run.plan
        sampling = Sampling(plan.temperature, plan.top_p, self._stream_seed(role))
        return Request(prompt, max_tokens, tuple(sorted(stop)), sampling)

    def _think(
        self, prefix: tuple[int, ...], limit: int, role: str, then: Callable[[Thought], None], min_tokens: int = 0
    ) -> None:
        formatter = self.run.formatter
        until = formatter.thinking_until

        def ended(completion: Completion) -> None:
            ids = completion.token_ids
            if until is not None and until.met(ids):
                start = until.start(ids)
                then(Thought(prefix + ids[:start], natural=True, marker=ids[start:]))
            else:
                then(Thought(prefix + ids, natural=completion.finished))

        request = self.request(self.opened + prefix, limit, formatter.thinking_stop, role)
        self.run.submit(replace(request, min_tokens=min_tokens, until=until, tag=ended))

    def _thought(self, thought: Thought) -> None:
        """Handle thinking that ended, by itself or at the largest budget: answer it, and extend it with every cue."""
        for cell in reversed(self.cells):  # the longest thought first: its answer is the longest, too
            if not cell.extensions:
                self._answer(cell, [thought])
        for cue in self.run.cues if self.extended else ():
            self._extend(cue, [thought])

    def _extend(self, cue: str, chain: list[Thought]) -> None:
        """Handle a new link of a chain: answer its cells, then extend it or settle the rest of its cells."""
        cells = [cell for cell in self.extended if cell.cue == cue]
        cue_tokens, n = self.run.cues[cue], len(chain) - 1
        cap = max(cell.budget for cell in cells)
        more = n < max(cell.extensions for cell in cells) and can_extend(chain[-1], cap, len(cue_tokens))
        for cell in cells:
            if cell.extensions == n or (cell.extensions > n and not more):
                self._answer(cell, chain)
        if more:
            prefix = chain[-1].token_ids + cue_tokens
            # With an empty cue, the end of thinking must not come again at once.
            held_back = 0 if cue_tokens else 1
            self._think(
                prefix,
                cap - len(prefix),
                f"extension {n + 1}",
                lambda thought: self._extend(cue, [*chain, thought]),
                held_back,
            )

    def _answer(self, cell: Cell, chain: list[Thought]) -> None:
        thought, done = chain[0], 0
        if self.run.formatter.thinks:
            cue_tokens = len(self.run.cues.get(cell.cue, ()))
            thought, done = under_budget(chain, cell.extensions, cell.budget, cue_tokens)
        cut = self.cuts.get(thought)
        if cut is None:
            cut = self.cuts[thought] = _Cut(self, thought)
            self.run.cuts.append(cut)
            cut.ask()
        cut.cells.append((cell, tuple(len(link.token_ids) for link in chain[:done])))

    def _stream_seed(self, role: str) -> int:
        """A seed of the question alone, so that no other question, budget or batch changes its sampling stream."""
        if self.run.plan.temperature == 0:
            return 0
        text = f"{self.run.seed}/{self.item.question_id}/{self.sample}/{role}"
        text += f"/{self.item.permutation}" if self.item.permutation else ""
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big") >> 1


@dataclass(eq=False)
class _Cut:
    """A thought as it ended or was cut, its answer, and the cells that it belongs to.

    Each cell comes with the token positions at which the thought was forced on, one for each extension done.
    """

    line: _Line
    thought: Thought
    cells: list[tuple[Cell, tuple[int, ...]]] = field(default_factory=list)
    completion: Completion | None = None
    option_logprobs: list[float] | None = None

    def ask(self) -> None:
        """Submit the request for its answer, and those for the probabilities of options if the plan asks for them."""
        run = self.line.run
        close = run.formatter.natural_end if self.thought.natural else run.formatter.forced_end
        prompt = self.line.opened + self.thought.token_ids + tuple(close)
        request = self.line.request(prompt, run.plan.answer_tokens, run.formatter.answer_stop, "answer")
        until = run.answer_until
        run.submit(replace(request, logprob=run.plan.answer_logprobs, until=until, tag=self._answered))
        if run.plan.option_answer:
            self._judge_options(run)

    def rows(self) -> Iterator[dict]:
        """A row of the generations contract for each cell."""
        line, completion = self.line, self.completion
        assert completion is not None  # rows are asked for once the run has ended
        formatter, item = line.run.formatter, line.item
        answer, finished = formatter.decode(completion.token_ids), completion.finished
        if line.run.plan.stop_at_box and (end := box_end(answer)) is not None:
            answer, finished = answer[:end], True
        thinking = formatter.decode(self.thought.token_ids)
        for cell, forced in self.cells:
            yield {
                "benchmark": item.benchmark,
                "question_id": item.question_id,
                "sample": line.sample,
                "permutation": item.permutation,
                "budget": cell.budget,
                "extensions": cell.extensions,
                "cue": cell.cue,
                "extensions_done": len(forced),
                "cue_positions": [len(formatter.decode(self.thought.token_ids[:place])) for place in forced],
                "thinking_tokens": len(self.thought.token_ids),
                "natural_end": self.thought.natural,
                "thinking_text": thinking,
                "answer_tokens": len(completion.token_ids),
                "answer_text": answer,
                "answer_finished": finished,
                "answer_logprob": completion.logprob,
                "option_logprobs": self.option_logprobs,
            }

    def _answered(self, completion: Completion) -> None:
        self.completion = completion

    def _judge_options(self, run: _Run) -> None:
        """Ask for the probability of each option at the place where the answer would state it."""
        opening = tuple(run.formatter.answer_opening(self.thought.natural))
        prompt = self.line.opened + self.thought.token_ids + opening
        item = self.line.item
        self.option_logprobs = logprobs = [math.nan] * len(item.options)
        for place, stated in zip(item.order, stated_options(item, run.plan.option_answer), strict=True):
            run.submit(Request.judging(prompt, tuple(run.formatter.encode(stated)), tag=self._judged(logprobs, place)))

    def _judged(self, logprobs: list[float], place: int) -> Callable[[Completion], None]:
        def judged(completion: Completion) -> None:
            assert completion.logprob is not None  # it was asked for
            logprobs[place] = completion.logprob

        return judged
