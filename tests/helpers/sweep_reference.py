"""The paper's protocol, written independently of the sweep, and models that are pure functions to hold both against."""

from __future__ import annotations

import hashlib

import pandas as pd

from m1flow.engines.interface import Completion, Request, Sampling
from m1flow.questions.option_orders import option_order
from m1flow.sweep.plan import NO_CUE, Item
from m1flow.text.boxes import bare, find_boxes

M1 = {
    "thinking_start": "<|im_start|>think\n",
    "thinking_end": "\n<|im_start|>answer\n",
    "answer_start": "Answer: ",
    "forced_end": "\n<|im_start|>answer\nFinal Answer:",
}
THINK = {"thinking_start": "<think>\n", "thinking_end": "\n</think>\n\n", "forced_end": "\n</think>\n\nFinal Answer:"}
PLAIN = {
    "thinking_start": "## Thinking\n\n",
    "thinking_end": "\n\nox",
    "forced_end": "\n\nox\n\nFinal Answer:",
    "text_marker": True,
}
FORMATS = {"m1": M1, "think": THINK, "plain": PLAIN}
COLUMNS = ["question_id", "permutation", "sample", "budget", "cue", "extensions"]
LETTERS = "ABC"


class OracleEngine:
    """A language model that is a pure function: the next token follows from a hash of all tokens and the stream's seed.

    It shows what nesting must do on thoughts of every length, in milliseconds; the real engines are tested beside it.
    """

    def __init__(self, stop_rate: float, salt: int = 0, words: tuple[int, ...] = tuple(range(10, 70))):
        self.stop_rate, self.salt, self.words = stop_rate, salt, words
        self.decoded, self.pending, self.most_pending = 0, [], 0

    def submit(self, request):
        self.pending.append(request)
        self.most_pending = max(self.most_pending, len(self.pending))

    def finished(self):
        while self.pending:
            request = self.pending.pop(len(self.pending) // 2)  # out of order, as real engines finish
            yield request, self.complete(request)

    def complete(self, request):
        tokens: list[int] = []
        if request.given:
            logprobs = [-self.digest(request, request.given[: n + 1])[0] / 7 for n in range(len(request.given))]
            return Completion.of(request.given, None, logprobs)
        while len(tokens) < request.max_tokens:
            digest = self.digest(request, tokens)
            self.decoded += 1
            if digest[0] / 256 < self.stop_rate and len(tokens) >= request.min_tokens:
                return Completion(tuple(tokens), True, request.stop[digest[1] % len(request.stop)], None)
            tokens.append(self.words[digest[2] % len(self.words)])
            if request.until is not None and request.until.met(tokens):
                break
        return Completion(tuple(tokens), False, None, None)

    def digest(self, request, tokens):
        text = f"{self.salt}{request.sampling.seed}{request.prompt + tuple(tokens)}"
        return hashlib.sha256(text.encode()).digest()


def items(n: int, permutations: int = 1) -> list[Item]:
    options = ("ten", "one", "six")
    made = []
    for i in range(n):
        for r in range(permutations):
            order = tuple(option_order(f"q{i}", r, len(options)))
            shown = tuple(options[index] for index in order)
            made.append(Item(f"q{i}", f"a question about {'a dose ' * i}" + "/".join(shown), shown, order, r))
    return made


def separate_run(formatter, engine, plan, cell, n=3, seed=5) -> list[dict]:
    """The paper's protocol for one cell, written independently: think under this budget, extend, answer."""

    def generate(prompt, limit, stop, item, sample, role, **more):
        stream = f"{seed}/{item.question_id}/{sample}/{role}" + (f"/{item.permutation}" if item.permutation else "")
        stream_seed = int.from_bytes(hashlib.sha256(stream.encode()).digest()[:4], "big") >> 1
        sampling = Sampling(plan.temperature, plan.top_p, stream_seed if plan.temperature else 0)
        engine.submit(Request(tuple(prompt), limit, tuple(sorted(stop)), sampling, **more))
        [(_, completion)] = list(engine.finished())
        return completion

    def think(prompt, limit, *stream, **more):
        """Thinking without its marker, and whether the marker came."""
        completion = generate(prompt, limit, formatter.thinking_stop, *stream, until=formatter.thinking_until, **more)
        ids, until = list(completion.token_ids), formatter.thinking_until
        if until and until.marker in formatter.decode(ids):
            kept = max(n for n in range(len(ids)) if until.marker in formatter.decode(ids[n:]))
            return ids[:kept], True
        return ids, completion.finished

    rows = []
    for item in items(n, plan.permutations):
        for sample in range(plan.samples):
            if item.permutation != cell.permutation:
                continue
            opened = formatter.prompt(item.turn) + formatter.thinking_start
            thinking, natural, done, positions = [], False, 0, []
            if cell.budget:
                thinking, natural = think(opened, cell.budget, item, sample, "think")
            cue = [] if cell.cue == NO_CUE else formatter.encode(cell.cue)
            while natural and done < cell.extensions and len(thinking) + len(cue) < cell.budget:
                done += 1
                positions.append(len(formatter.decode(thinking)))
                thinking += cue
                room = cell.budget - len(thinking)
                min_tokens = 0 if cue else 1
                more = think(opened + thinking, room, item, sample, f"extension {done}", min_tokens=min_tokens)
                thinking, natural = thinking + more[0], more[1]
            close = formatter.natural_end if natural else formatter.forced_end
            stop = formatter.answer_stop
            answer = generate(opened + thinking + close, plan.answer_tokens, stop, item, sample, "answer", logprob=True)
            ids, text, finished = answer.token_ids, formatter.decode(answer.token_ids), answer.finished
            if plan.stop_at_box:
                ends = [end for content, _, end in find_boxes(text)[0] if bare(content)]
                if ends:
                    text, finished = text[: ends[0]], True
                    ids = next(ids[:k] for k in range(len(ids) + 1) if formatter.decode(ids[:k]).startswith(text))
            judged = None
            if plan.option_answer:
                before = opened + thinking + (formatter.natural_end if natural else formatter.forced_end)
                if natural and formatter._name == "m1":
                    before = before + formatter.template("Answer: ")
                elif not natural or not formatter.decode(formatter.natural_end)[-1].isspace():
                    before = before + formatter.encode(" ")
                judged = [0.0] * len(item.options)
                for place, index in enumerate(item.order):
                    stated = plan.option_answer.replace("{letter}", LETTERS[place])
                    given = formatter.encode(stated.replace("{text}", item.options[place]))
                    engine.submit(Request.judging(tuple(before), tuple(given)))
                    [(_, completion)] = list(engine.finished())
                    judged[index] = completion.logprob
            rows.append(
                {
                    "question_id": item.question_id,
                    "sample": sample,
                    "permutation": cell.permutation,
                    "budget": cell.budget,
                    "extensions": cell.extensions,
                    "cue": cell.cue,
                    "extensions_done": done,
                    "cue_positions": positions,
                    "thinking_tokens": len(thinking),
                    "natural_end": natural,
                    "thinking_text": formatter.decode(thinking),
                    "answer_tokens": len(ids),
                    "answer_text": text,
                    "answer_finished": finished,
                    "answer_logprob": answer.logprob,
                    "option_logprobs": judged,
                }
            )
    return rows


def all_separate(formatter, engine, plan, **options) -> pd.DataFrame:
    rows = [row for cell in plan.cells() for row in separate_run(formatter, engine, plan, cell, **options)]
    return pd.DataFrame(rows).sort_values(COLUMNS).reset_index(drop=True)
