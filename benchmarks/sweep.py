"""What nesting saves: the paper's protocol against the nested sweep, on one engine, one model and the same questions.

The paper runs every thinking budget and every number of extensions from scratch; here with one engine start for all,
its best case. The nested sweep thinks once. Both must give the same rows, which is checked. Run it as

    python benchmarks/sweep.py           # or --quick, with fewer questions

A model with random weights doesn't end its thoughts, so every question gets lengths for its thought, its extensions and
its answers, once for all runs. They follow the paper's quartiles (625, 985, 1,791 tokens, at most 7,461; mean 1,383)
and bind both sides alike: a generation runs on the engine for just as many steps as if the model had ended it there.
On a CPU, budgets and lengths are an eighth of the paper's, the model has 0.1M parameters; on a GPU they are the paper's
and the model has the shape of Qwen2.5-7B, with random weights.

Where answers stop at their box (``sweep.answer_stop``), those after a cut are taken to state it at once and to go on as
long as other answers do, which the paper's protocol decodes; other answers have it at their end.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import statistics
import sys
import tempfile
import time
from bisect import bisect
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from m1flow.engines.interface import Completion, Engine, EngineTally, Request  # noqa: E402
from m1flow.engines.opening import open_engine  # noqa: E402
from m1flow.models.folder import context_length  # noqa: E402
from m1flow.models.formats import Formatter  # noqa: E402
from m1flow.models.tokenizers import load_tokenizer  # noqa: E402
from m1flow.study.settings.engine import EngineSettings  # noqa: E402
from m1flow.study.settings.formats import FormatSettings  # noqa: E402
from m1flow.sweep.plan import Item, SweepPlan  # noqa: E402
from m1flow.sweep.run import run_sweep  # noqa: E402
from m1flow.training.tokenizer import train_tokenizer  # noqa: E402

BUDGETS = (128, 256, 512, 1024, 2048, 4096, 8192)
COUNTS = (0, 1, 2, 4, 6, 8)
ANSWER_TOKENS = 1024
PROMPT_WORDS = (15, 70)
"""Words of a question, fewest and most: 120 to 480 tokens here. Not scaled down, prompts don't shrink with budgets."""
THOUGHTS = ((0, 150), (0.25, 625), (0.5, 985), (0.75, 1791), (0.95, 3350), (1, 7461))
"""Lengths by quantile, between which their logarithm is interpolated. Here the paper's quartiles and longest."""
EXTENSIONS = ((0, 40), (0.5, 200), (1, 600))
"""What a model still thinks after a cue; assumed."""
ANSWERS = ((0, 60), (0.5, 170), (1, 430))
"""Answers after a thought that ended by itself; the mean is the paper's, 194 tokens."""
FORCED = ((0, 12), (0.5, 20), (1, 60))
"""Answers after a cut, which go on from "Final Answer:", up to their box; assumed."""
FORMAT = {
    "thinking_start": "<|im_start|>think\n",
    "thinking_end": "\n<|im_start|>answer\n",
    "answer_start": "Answer: ",
    "forced_end": "\n<|im_start|>answer\nFinal Answer:",
}
SHAPES = {  # hidden and intermediate size, layers, heads, key-value heads, vocabulary
    "tiny": (64, 128, 2, 2, 2, 1024),
    "small": (256, 1024, 4, 4, 4, 1024),
    "7b": (3584, 18944, 28, 28, 4, 152064),
}
"""0.1M and 4M parameters, and Qwen2.5-7B's shape."""
PACE = ("tokens_per_s", "tokens_per_cpu_s")
ROUNDS = 5
"""How often one pass, the nested sweep and bare vLLM are measured, in turn. The median counts; where the sweep is held
against bare vLLM, the best of each, since what else the machine does can only slow them."""


def main() -> None:
    """Measure, print a table, and write the figures."""
    flags = parse_flags()
    gpu = torch.cuda.is_available()
    scale = flags.scale or (1 if gpu else 8)
    questions = flags.questions or (32 if flags.quick else 512 if gpu else 96)
    with tempfile.TemporaryDirectory() as folder:
        shape = flags.model or ("7b" if gpu else "tiny")
        model = build_model(Path(folder) / "model", SHAPES[shape], gpu)
        formatter = Formatter(load_tokenizer(model), "m1", FormatSettings(**FORMAT))
        settings = EngineSettings(
            name=flags.engine,
            dtype="bfloat16" if gpu else "float32",
            batch_size=flags.batch_size,
            threads=1,
            memory_mb=1024,
        )
        llm, engine = open_both(model, settings)
        items = make_items(questions)
        bench = Bench(EndingEngine(engine, formatter, items, scale), formatter, items, scale, flags.batch_size, llm)
        budgets, counts = (", ".join(map(str, row)) for row in ([b // scale for b in BUDGETS], COUNTS))
        print(f"{questions} questions, {type(engine).__name__}, model {shape}; budgets {budgets}; extensions {counts}")
        figures = bench.figures()
        engine.close()
    show(figures)
    if flags.out:
        flags.out.write_text(json.dumps({"figures": figures}, indent=2) + "\n", encoding="utf-8")


class EndingEngine:
    """Ends generations at lengths that follow from the question and from what was thought so far, as a model would."""

    def __init__(self, engine: Engine, formatter: Formatter, items: list[Item], scale: int):
        """Give each item's thought a length of its own; ``scale`` divides lengths."""
        self.engine: Any = engine
        self.scale = scale
        self.model_id = engine.model_id
        self.made: tuple[list[Request], list[Request]] = [], []
        """Thoughts and answers that the engine was asked for."""
        self.go_on = False
        """Whether answers after a cut go on after their box."""
        self._natural_end, self._forced_end = tuple(formatter.natural_end), tuple(formatter.forced_end)
        shares = [(place + 0.5) / len(items) for place in range(len(items))]
        random.Random(2).shuffle(shares)
        opened = [(*formatter.prompt(item.turn), *formatter.thinking_start) for item in items]
        self._lengths = sorted({len(prompt) for prompt in opened})
        self._shares = dict(zip(opened, shares, strict=True))

    @property
    def tally(self) -> EngineTally:
        """What the engine has done."""
        return self.engine.tally

    def submit(self, request: Request) -> None:
        """Queue a request that runs as long as its length says."""
        if request.given:
            self.engine.submit(replace(request, tag=(request, math.inf, False)))
            return
        length, by_box = self._length(request)
        whole = length if by_box else length + 1  # the stop token counts
        tag = (request, whole, by_box)
        made = replace(request, stop=(), until=None, max_tokens=min(whole, request.max_tokens), tag=tag)
        self.made[self._answers(request)].append(made)
        self.engine.submit(made)

    def finished(self) -> Iterator[tuple[Request, Completion]]:
        """Yield requests as they finish."""
        for made, completion in self.engine.finished():
            request, whole, by_box = made.tag
            if whole <= request.max_tokens and not by_box:
                logprobs = completion.token_logprobs and completion.token_logprobs[:-1]
                completion = Completion.of(completion.token_ids[:-1], request.stop[0], logprobs)
            yield request, completion

    def close(self) -> None:
        """Close the engine."""
        self.engine.close()

    def _answers(self, request: Request) -> bool:
        return any(request.prompt[-len(end) :] == end for end in (self._natural_end, self._forced_end))

    def _length(self, request: Request) -> tuple[int, bool]:
        """A generation's length without its stop token, and whether a box ends it."""
        prompt = request.prompt
        opened = next(prompt[:n] for n in self._lengths if prompt[:n] in self._shares)
        share, so_far = self._shares[opened], len(prompt) - len(opened)
        draw, more = (random.Random(f"{share}/{so_far}/{part}").random() for part in "ab")
        if not self._answers(request):
            return (self._scaled(EXTENSIONS, draw) if so_far else self._scaled(THOUGHTS, share)), False
        if prompt[-len(self._forced_end) :] != self._forced_end:
            return self._scaled(ANSWERS, draw), request.until is not None
        box = self._scaled(FORCED, draw)
        if request.until is not None:
            return box, True
        return box + (self._scaled(ANSWERS, more) if self.go_on else 0), False

    def _scaled(self, lengths: tuple[tuple[float, float], ...], share: float) -> int:
        return max(1, round(quantile(lengths, share) / self.scale))


def quantile(points: tuple[tuple[float, float], ...], share: float) -> float:
    """The length at a quantile, its logarithm interpolated between the points."""
    place = min(bisect([at for at, _ in points], share), len(points) - 1)
    (low, shorter), (high, longer) = points[place - 1 : place + 1]
    return math.exp(math.log(shorter) + (share - low) / (high - low) * math.log(longer / shorter))


@dataclass
class Bench:
    """The runs that are compared, each from a cold cache."""

    engine: EndingEngine
    formatter: Formatter
    items: list[Item]
    scale: int
    width: int
    llm: Any

    def figures(self) -> dict[str, float]:
        """Everything that is measured; see the module's text."""
        budgets = tuple(budget // self.scale for budget in BUDGETS)
        answer = ANSWER_TOKENS // self.scale
        cap = budgets[-1]
        by_budget = SweepPlan(budgets=budgets, answer_tokens=answer)
        by_count = SweepPlan(budgets=(), extension_counts=COUNTS, extension_budgets=(cap,), answer_tokens=answer)
        self.run([replace(by_budget, budgets=budgets[:2])])  # first steps compile and allocate
        names = ["one_pass", "budgets_nested", "bare_vllm", "nested_without_logprobs", "bare_without_logprobs"]
        rounds: dict[str, list[dict[str, float]]] = {name: [] for name in (names if self.llm else names[:2])}
        for _ in range(ROUNDS):
            rounds["one_pass"].append(self.run([replace(by_budget, budgets=(cap,))])[0])
            nested, rows = self.run([by_budget])
            rounds["budgets_nested"].append(nested)
            if self.llm:
                rounds["bare_vllm"].append(self.bare())
                rounds["nested_without_logprobs"].append(self.run([replace(by_budget, answer_logprobs=False)])[0])
                rounds["bare_without_logprobs"].append(self.bare())
        costs = {name: median(made) for name, made in rounds.items()}
        nested = costs["budgets_nested"]
        costs["budgets_separate"], again = self.run([replace(by_budget, budgets=(budget,)) for budget in budgets])
        compare(rows, again)
        figures = {f"{name}_{key}": value for name, cost in costs.items() for key, value in cost.items()}
        figures |= {f"nested_over_one_pass_{key}": nested[key] / costs["one_pass"][key] for key in ("wall_s", "cpu_s")}
        figures |= ratios("budgets", costs["budgets_separate"], nested)
        if self.llm:
            for ours, theirs, what in ((*names[1:3], ""), (*names[3:], "_without_logprobs")):
                best = {key: [max(cost[key] for cost in rounds[side]) for side in (ours, theirs)] for key in PACE}
                figures |= {f"nested_over_bare{what}_{key}": mine / bare for key, (mine, bare) in best.items()}
        nested, rows = self.run([by_count])
        separate, again = self.run([replace(by_count, extension_counts=(count,)) for count in COUNTS])
        compare(rows, again)
        for name, cost in (("extensions_nested", nested), ("extensions_separate", separate)):
            figures |= {f"{name}_{key}": value for key, value in cost.items()}
        figures |= ratios("extensions", separate, nested)
        self.engine.go_on = True
        nested, _ = self.run([replace(by_budget, stop_at_box=True)])
        separate, _ = self.run([replace(by_budget, budgets=(budget,)) for budget in budgets])
        return figures | ratios("budgets_and_box", separate, nested)

    def run(self, plans: list[SweepPlan]) -> tuple[dict[str, float], pd.DataFrame]:
        """Run plans one after the other; what they cost together, and their rows."""
        self.cool()
        for made in self.engine.made:
            made.clear()
        before, started, cpu = replace(self.engine.tally), time.perf_counter(), time.process_time()
        rows: list[dict] = []
        for plan in plans:
            rows += run_sweep(self.items, self.formatter, self.engine, plan, seed=0, width=self.width)
        wall, after = time.perf_counter() - started, self.engine.tally
        cached = after.cached_tokens - before.cached_tokens
        cost = {
            "wall_s": wall,
            "cpu_s": time.process_time() - cpu,
            "decoded_tokens": after.decoded_tokens - before.decoded_tokens,
            "prefilled_tokens": after.prompt_tokens - before.prompt_tokens - cached,
            "cached_tokens": cached,
            "requests": after.requests - before.requests,
        }
        return cost | pace(cost), pd.DataFrame(rows)

    def bare(self) -> dict[str, float]:
        """What `vllm.LLM.generate` costs on the very requests of the last run: all thoughts, then all answers.

        It takes a list: what comes later must be known to be asked. Its prompts and parameters are made in its time, as
        the sweep's are.
        """
        from vllm import TokensPrompt

        from m1flow.engines.backends.vllm import sampling_params

        self.cool()
        decoded, wall, cpu = 0, 0.0, 0.0
        for made in self.engine.made:
            started, cpu_started = time.perf_counter(), time.process_time()
            prompts = [TokensPrompt(prompt_token_ids=list(request.prompt)) for request in made]
            parameters = [sampling_params(request) for request in made]
            outputs = self.llm.generate(prompts, parameters, use_tqdm=False)
            wall += time.perf_counter() - started
            cpu += time.process_time() - cpu_started
            decoded += sum(len(output.outputs[0].token_ids) for output in outputs)
        cost = {"wall_s": wall, "cpu_s": cpu, "decoded_tokens": decoded}
        return cost | pace(cost)

    def cool(self) -> None:
        """Forget all that is cached."""
        if self.llm:
            self.llm.reset_prefix_cache()


def pace(cost: dict[str, float]) -> dict[str, float]:
    """Decoded tokens per second, and per second of this process on a CPU, which others on the machine don't slow."""
    return {key: cost["decoded_tokens"] / cost[of] for key, of in zip(PACE, ("wall_s", "cpu_s"), strict=True)}


def median(costs: list[dict[str, float]]) -> dict[str, float]:
    """The median of each figure."""
    return {key: statistics.median(cost[key] for cost in costs) for key in costs[0]}


def ratios(name: str, separate: dict[str, float], nested: dict[str, float]) -> dict[str, float]:
    """What separate runs cost over the nested sweep."""
    keys = ("wall_s", "cpu_s", "decoded_tokens", "prefilled_tokens")
    return {f"{name}_separate_over_nested_{key}": separate[key] / nested[key] for key in keys}


def compare(rows: pd.DataFrame, again: pd.DataFrame) -> None:
    """Both sides must have said the same in every cell, to the token; on a GPU, bfloat16 may tip a token, so counts."""
    key = ["question_id", "budget", "extensions"]
    told = ["thinking_tokens", "natural_end", "extensions_done", "answer_tokens"]
    if not torch.cuda.is_available():
        told += ["thinking_text", "answer_text"]
    sides = [side.sort_values(key).reset_index(drop=True)[[*key, *told]] for side in (rows, again)]
    pd.testing.assert_frame_equal(*sides)


def open_both(model: Path, settings: EngineSettings) -> tuple[Any, Engine]:
    """Both interfaces around one vLLM engine, vLLM's own and ours; without vLLM, ours alone."""
    if settings.name == "transformers":
        return None, open_engine(model, settings)
    from m1flow.engines.backends.vllm import VllmEngine, engine_arguments

    arguments = engine_arguments(model, context_length(model, settings.max_model_len), settings)
    from vllm import LLM

    llm = LLM(**arguments)
    return llm, VllmEngine(model, settings, started=llm.llm_engine)


def build_model(folder: Path, shape: tuple[int, ...], gpu: bool) -> Path:
    """A Qwen2 model of random weights with a tokenizer of 1,024 tokens."""
    from transformers import Qwen2Config, Qwen2ForCausalLM

    rng = random.Random(0)
    train_tokenizer([sentence(rng, 30) for _ in range(300)], 1024).save_pretrained(folder)
    torch.manual_seed(0)
    names = "hidden_size intermediate_size num_hidden_layers num_attention_heads num_key_value_heads vocab_size".split()
    named = dict(zip(names, shape, strict=True))
    config = Qwen2Config(**named, max_position_embeddings=16384 if gpu else 2048, initializer_range=0.1)
    with torch.device("cuda" if gpu else "cpu"):
        model = Qwen2ForCausalLM(config)
    model.to(torch.bfloat16 if gpu else torch.float32).save_pretrained(folder)
    return folder


def make_items(number: int) -> list[Item]:
    """Questions of random words."""
    rng = random.Random(1)
    return [Item(f"q{n}", f"{n}. {sentence(rng, rng.randint(*PROMPT_WORDS))}") for n in range(number)]


def sentence(rng: random.Random, words: int) -> str:
    """Random words."""
    return " ".join("".join(rng.choices("etaoinshrdlu", k=rng.randint(2, 9))) for _ in range(words))


def show(figures: dict[str, float]) -> None:
    """Print the table."""
    for name, value in figures.items():
        print(f"{name:<48} {value:>12,.2f}" if isinstance(value, float) else f"{name:<48} {value:>12,}")


def parse_flags() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="32 questions")
    parser.add_argument("--questions", type=int)
    parser.add_argument("--scale", type=int, help="divides budgets and lengths; 8 on a CPU, 1 on a GPU")
    parser.add_argument("--engine", choices=["vllm", "transformers"], default="vllm")
    parser.add_argument("--model", choices=list(SHAPES), help="tiny on a CPU, 7b on a GPU")
    parser.add_argument("--batch-size", type=int, default=256)
    parser.add_argument("--out", type=Path, help="write the figures here, as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
