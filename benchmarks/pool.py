"""How long it takes to find near-duplicates and benchmark questions among as many questions as the paper has.

196,157 prompts are compared with themselves and with 11,460 benchmark questions at ratio 95: by
`m1flow.pool.similarity`, and the paper's way (``rapidfuzz.process.extract``, prompt by prompt), which is measured on
a sample in the same run and extrapolated. Then the same questions are looked for by mode `stem`, which
finds more. Run it as

    python benchmarks/pool.py            # or --quick, with a twentieth of the questions

The prompts are grown from real questions (MedMCQA, MedQA, HEAD-QA and PubMedQA in the paper's proportions, from
$M1FLOW_DATA or ../shared/data): a grown question begins as one real stem and ends as another of the same source, cut
where both have spent the same share of their words; its options are drawn among options about as long. So lengths,
words and the many common phrases are real. One question in 50 repeats an earlier one with one to six characters changed
(the paper's pool lost 2.1 %). Without real data, words are drawn with Zipf's frequencies, stems of 8 to 200 words.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import threading
import time
from bisect import bisect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import psutil
from rapidfuzz import fuzz, process

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow" / "scripts"))

from m1flow.files.contracts import CONTRACTS  # noqa: E402
from m1flow.pool.decontamination import BenchmarkIndex  # noqa: E402
from m1flow.pool.overlap import folded_questions  # noqa: E402
from m1flow.pool.similarity import similar_pairs  # noqa: E402
from m1flow.questions.prompts import PLAIN, render  # noqa: E402
from m1flow.questions.sources import load  # noqa: E402
from m1flow.study.settings.problems import read  # noqa: E402
from m1flow.study.settings.question_sets import QuestionSetSettings  # noqa: E402

THRESHOLD = 95
BENCHMARK_QUESTIONS = {"medmcqa": 5_730, "medqa": 5_730}
SHARES = {"medmcqa": 182_822, "medqa": 10_178, "headqa": 2_657, "pubmedqa": 500}
FILES = {
    "medmcqa": ("medqa_dict", "medmcqa-train10k/medmcqa_val.json"),
    "medqa": ("medqa_dict", "medqa-dev/medqa_4opt_val.json"),
    "headqa": ("headqa", "headqa-en-train/train_HEAD_EN.json"),
    "pubmedqa": ("pubmedqa", "pubmedqa-nontest500/ori_pqal.nontest500.json"),
}
REPEATED, MOST_CHANGED = 0.02, 6
SAMPLE = 60
"""Prompts that the paper's way is timed on, each against all the others: 12 million pairs."""

Question = dict[str, Any]


def main() -> None:
    """Measure, print a table, and write the figures."""
    flags = parse_flags()
    scale = 20 if flags.quick else 1
    rng = random.Random(0)
    data = Path(os.environ.get("M1FLOW_DATA", ROOT.parent / "shared" / "data"))
    seeds = real_questions(data) if data.is_dir() else synthetic_questions(rng)
    pool = [question for source, n in SHARES.items() for question in grow(seeds[source], n // scale, rng)]
    rng.shuffle(pool)
    benchmark = [
        question for source, n in BENCHMARK_QUESTIONS.items() for question in grow(seeds[source], n // scale, rng)
    ]
    pool, benchmark = as_table(pool, "pool"), as_table(benchmark, "benchmark")
    prompts = [render(row, PLAIN) for row in pool.to_dict("records")]
    stems = benchmark["stem"].tolist()
    lengths = sorted(map(len, prompts))
    print(
        f"{len(prompts):,} prompts grown from {'real' if data.is_dir() else 'synthetic'} questions, median "
        f"{lengths[len(lengths) // 2]} characters; {len(stems):,} benchmark questions; {flags.processes} processes"
    )
    with PeakMemory() as memory:
        before = brute_seconds(rng.sample(prompts, SAMPLE), prompts) * len(prompts) / SAMPLE
        before_benchmarks = brute_seconds(rng.sample(prompts, SAMPLE), stems) * len(prompts) / SAMPLE
        brute = (before + before_benchmarks) / flags.processes
        pairs, own = timed(lambda: similar_pairs(prompts, prompts, THRESHOLD, flags.processes))
        leaked, against = timed(lambda: similar_pairs(prompts, stems, THRESHOLD, flags.processes))
        _, stem = timed(lambda: find_stems(pool, benchmark, flags.processes))
    figures = {
        "prompts": len(prompts),
        "benchmark_questions": len(stems),
        "processes": flags.processes,
        "join_pool_s": own,
        "join_benchmarks_s": against,
        "join_s": own + against,
        "brute_force_s": brute,
        "times_faster": brute / (own + against),
        "stem_mode_s": stem,
        "peak_memory_gb": memory.peak / 1e9,
        "pairs_found": len(pairs.left) + len(leaked.left),
    }
    for name, value in figures.items():
        print(f"{name:<22} {value:>12,.1f}" if isinstance(value, float) else f"{name:<22} {value:>12,}")
    if flags.out:
        flags.out.write_text(json.dumps({"figures": figures}, indent=2) + "\n", encoding="utf-8")


def find_stems(pool: pd.DataFrame, benchmark: pd.DataFrame, processes: int) -> dict:
    """Decontaminate by mode stem."""
    folded = folded_questions(pool)
    return BenchmarkIndex(benchmark, folded, THRESHOLD, processes=processes).find("stem", pool, folded)


def brute_seconds(queries: list[str], texts: list[str]) -> float:
    """How long one core compares the queries with all texts, as the paper's code does."""
    started = time.perf_counter()
    for query in queries:
        process.extract(query, texts, scorer=fuzz.ratio, score_cutoff=THRESHOLD, limit=None)
    return time.perf_counter() - started


def timed(work: Callable[[], Any]) -> tuple[Any, float]:
    """What it returns and its seconds."""
    started = time.perf_counter()
    result = work()
    return result, time.perf_counter() - started


class PeakMemory:
    """The most memory that this process and those it starts hold together, in bytes (shared pages count once)."""

    def __enter__(self) -> PeakMemory:
        self.peak = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        this = psutil.Process()
        while not self._done.wait(0.5):
            total = 0
            for one in [this, *this.children(recursive=True)]:
                try:
                    memory = one.memory_full_info()
                except psutil.Error:
                    continue  # it ended meanwhile
                total += getattr(memory, "pss", memory.rss)
            self.peak = max(self.peak, total)


def real_questions(data: Path) -> dict[str, list[Question]]:
    """The questions that others are grown from, by source."""
    return {
        source: load(source, read(QuestionSetSettings, {"adapter": adapter, "path": str(data / path)}), 0)[0].to_dict(
            "records"
        )
        for source, (adapter, path) in FILES.items()
    }


def synthetic_questions(rng: random.Random) -> dict[str, list[Question]]:
    """Questions of random words with Zipf's frequencies."""
    words = ["".join(rng.choices("eeeettaaooiinnsshrdlucmfwypvbgkq", k=rng.randint(2, 11))) for _ in range(20_000)]
    weights = [1 / rank for rank in range(1, len(words) + 1)]
    lengths = {"medmcqa": (8, 25), "medqa": (80, 200), "headqa": (8, 40), "pubmedqa": (10, 20)}

    def text(fewest: int, most: int) -> str:
        return " ".join(rng.choices(words, weights, k=rng.randint(fewest, most)))

    return {
        source: [
            {
                "context": text(150, 350) if source == "pubmedqa" else "",
                "stem": text(*span),
                "options": ["yes", "no", "maybe"] if source == "pubmedqa" else [text(1, 5) for _ in range(4)],
                "answer_index": 0,
            }
            for _ in range(2000)
        ]
        for source, span in lengths.items()
    }


def grow(seeds: list[Question], number: int, rng: random.Random) -> list[Question]:
    """More questions of the same kind; see the module's text."""
    options = sorted((option for question in seeds for option in question["options"]), key=len)
    lengths = list(map(len, options))

    def alike(option: str) -> str:
        place = bisect(lengths, len(option))
        return options[rng.randrange(max(0, place - 200), min(len(options), place + 200))]

    grown: list[Question] = []
    while len(grown) < number:
        if grown and rng.random() < REPEATED:
            grown.append(changed(rng.choice(grown), rng))
            continue
        first, second, share = rng.choice(seeds), rng.choice(seeds), rng.uniform(0.3, 0.7)
        begin, end = first["stem"].split(), second["stem"].split()
        stem = " ".join(begin[: round(share * len(begin))] + end[round(share * len(end)) :]) or first["stem"]
        grown.append(first | {"stem": stem, "options": [alike(option) for option in first["options"]]})
    return grown


def changed(question: Question, rng: random.Random) -> Question:
    """The question with one to MOST_CHANGED characters of its stem changed."""
    stem = list(question["stem"])
    for _ in range(rng.randint(1, MOST_CHANGED)):
        stem[rng.randrange(len(stem))] = rng.choice("abcdefghijklmnopqrstuvwxyz ")
    return question | {"stem": "".join(stem)}


def as_table(questions: list[Question], name: str) -> pd.DataFrame:
    """A questions table."""
    fixed = {"source": name, "split": "train", "domain": None, "origin_id": ""}
    rows = [question | fixed | {"question_id": f"{name}-{n}"} for n, question in enumerate(questions)]
    return pd.DataFrame(rows, columns=CONTRACTS["questions"].names)


def parse_flags() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a twentieth of the questions")
    parser.add_argument("--processes", type=int, default=2)
    parser.add_argument("--out", type=Path, help="write the figures here, as JSON")
    return parser.parse_args()


if __name__ == "__main__":
    main()
