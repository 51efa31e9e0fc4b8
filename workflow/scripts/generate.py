"""Sweep one model over budgets and extensions, on all questions or a shard of them, without scoring; resumable."""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from pathlib import Path

import pandas as pd

from m1flow.engines.journalled import JournalledEngine
from m1flow.engines.opening import open_engine
from m1flow.engines.retrying import RetryingEngine
from m1flow.files.contracts import CONTRACTS
from m1flow.files.journal import Journal
from m1flow.files.json import write_json
from m1flow.files.parquet import read_table, write_table
from m1flow.files.provenance import provenance
from m1flow.models.folder import model_id
from m1flow.models.formats import Formatter
from m1flow.models.gpus import claiming_gpus
from m1flow.models.tokenizers import load_tokenizer
from m1flow.questions.option_orders import permuted
from m1flow.questions.prompts import prompt_text
from m1flow.script import json_argument, named_settings_argument, run, settings_argument
from m1flow.study.settings.engine import EngineSettings
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.models import ModelSettings
from m1flow.study.settings.section import plain
from m1flow.study.settings.sweep import SweepSettings
from m1flow.sweep.plan import Item, SweepPlan
from m1flow.sweep.run import context_needed, cue_ids, run_sweep
from m1flow.sweep.shards import deal, in_order, parse_shard
from m1flow.sweep.token_counts import nested_tokens, separate_tokens

log = logging.getLogger("generate")


def main() -> None:
    """Open the journal, run the sweep, and log its cost."""
    flags = parse_flags()
    name = flags.spec.format
    formatter = Formatter(load_tokenizer(flags.model), name, flags.formats[name])
    plan = SweepPlan.from_settings(flags.sweep)
    benchmarks = {Path(path).stem: read_table(path, "questions") for path in flags.questions}
    items = deal(sweep_items(benchmarks, flags.spec.prompts(flags.prompts), plan), *parse_shard(flags.shard))
    log.info("shard %s: %d turns of %s, format %s", flags.shard, len(items), ", ".join(benchmarks), name)
    identity = model_id(flags.model, flags.engine.dtype)

    def opening() -> RetryingEngine:
        return RetryingEngine(
            lambda settings: open_engine(flags.model, settings),
            flags.engine,
            lambda: context_needed(items, formatter, plan),
        )

    with Journal(flags.journal) as journal, claiming_gpus(flags.engine.gpus, opening) as opened:
        engine = JournalledEngine(opened, identity, journal)
        width = flags.engine.batch_size
        rows = pd.DataFrame(
            run_sweep(items, formatter, engine, plan, seed=flags.seed, width=width),
            columns=["benchmark", *CONTRACTS["generations"].names],
        )
        engine.close()
    counts = write_benchmarks(flags, rows, benchmarks, plan, formatter)
    tokens = engine.generated.decoded_tokens, counts["decoded"], counts["separate"]
    log.info("%d tokens decoded now; %d in all, against %d in separate runs", *tokens)
    # Answers from the journal took no time in this run, so the seconds are stored with the tokens generated in that
    # time.
    devices = max(1, flags.engine.gpus)
    timed = {"generated": engine.generated.decoded_tokens, "seconds": round(devices * engine.seconds, 3)}
    write_json(flags.counts, dict(counts) | timed)


def sweep_items(benchmarks: dict[str, pd.DataFrame], prompts: dict[str, str], plan: SweepPlan) -> list[Item]:
    """The items to ask: every question in every order of its options."""
    items = []
    for benchmark, questions in benchmarks.items():
        for question in questions.to_dict("records"):
            for permutation in range(plan.permutations):
                shown, order = permuted(question, permutation)
                turn = prompt_text(shown, prompts, "evaluate")
                options = tuple(shown["options"])
                items.append(Item(question["question_id"], turn, options, tuple(order), permutation, benchmark))
    return items


def write_benchmarks(
    flags: argparse.Namespace,
    rows: pd.DataFrame,
    benchmarks: dict[str, pd.DataFrame],
    plan: SweepPlan,
    formatter: Formatter,
) -> Counter[str]:
    """Write a table of generations per benchmark; return the numbers of tokens decoded here and in separate runs."""
    keys = ("name", "spec", "formats", "sweep", "prompts", "engine", "seed")
    parameters = {key: plain(getattr(flags, key)) for key in keys}
    cues = {cue: len(cue_ids(formatter, cue)) for cue in plan.cues}
    counts = Counter(decoded=0, separate=0)
    for path, out in zip(flags.questions, flags.out, strict=True):
        benchmark = Path(path).stem
        own = in_order(rows[rows["benchmark"] == benchmark].drop(columns="benchmark"), benchmarks[benchmark])
        counts["decoded"] += nested_tokens(own, cues, stop_at_box=plan.stop_at_box)
        counts["separate"] += separate_tokens(own, cues, stop_at_box=plan.stop_at_box)
        write_table(out, own, "generations", provenance=provenance(parameters, [path, flags.model]))
    return counts


def parse_flags() -> argparse.Namespace:
    """Parse the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--name", required=True, help="the model's name in the study")
    spec, sweep = settings_argument(ModelSettings), settings_argument(SweepSettings)
    formats, engine = named_settings_argument(FormatSettings), settings_argument(EngineSettings)
    parser.add_argument("--spec", type=spec, required=True, help="the study's models.<name> without its sweep")
    parser.add_argument("--model", required=True, help="model folder")
    parser.add_argument("--questions", nargs="+", required=True, help="benchmark tables")
    parser.add_argument("--sweep", type=sweep, required=True, help="how the model is swept")
    parser.add_argument("--formats", type=formats, required=True, help="reasoning formats by name")
    parser.add_argument("--prompts", type=json_argument, required=True, help="the study's prompts")
    parser.add_argument("--engine", type=engine, required=True, help="the study's engine section")
    parser.add_argument("--seed", type=int, required=True, help="the study's seed")
    parser.add_argument("--shard", default="1-of-1", help="which part of the questions: 2-of-4 is the second of four")
    parser.add_argument("--journal", required=True, help="file that keeps generations; all shards share it")
    parser.add_argument("--out", nargs="+", required=True, help="a table of generations for each benchmark")
    parser.add_argument("--counts", required=True, help="token counts, JSON")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
