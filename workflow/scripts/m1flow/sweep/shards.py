"""Shards: dealing a sweep's questions to several jobs, and merging their tables."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from m1flow.errors import M1FlowError
from m1flow.files.parquet import read_table
from m1flow.sweep.plan import Item

_NAME = re.compile(r"([1-9]\d*)-of-([1-9]\d*)")


def parse_shard(text: str) -> tuple[int, int]:
    """``2-of-4`` as (2, 4).

    Raises:
        M1FlowError: the text isn't a shard's name.
    """
    match = _NAME.fullmatch(text)
    if not match or int(match[1]) > int(match[2]):
        raise M1FlowError(f"--shard: {text!r} is not a shard; write 2-of-4 for the second of four")
    return int(match[1]), int(match[2])


def deal(items: Sequence[Item], shard: int, shards: int) -> list[Item]:
    """The items of one shard, numbered from 1 to ``shards``.

    Within each benchmark, questions are dealt by the length of their turn, back and forth (1, 2, 3, 3, 2, 1, ...), and
    each benchmark continues where the previous one ended. So every shard gets its part of every benchmark and of every
    length, and about equal work. A question's permutations stay together. The deal depends only on the questions, so
    that shards that run at different times never overlap.
    """
    order = sorted(items, key=lambda item: (item.benchmark, -len(item.turn), item.question_id))
    first = {(item.benchmark, item.question_id): item for item in reversed(order)}
    ranked = sorted(first.values(), key=lambda item: (item.benchmark, -len(item.turn), item.question_id))
    chosen = set()
    for place, item in enumerate(ranked):
        lap, at = divmod(place, shards)
        if (at if lap % 2 == 0 else shards - 1 - at) == shard - 1:
            chosen.add((item.benchmark, item.question_id))
    return [item for item in items if (item.benchmark, item.question_id) in chosen]


def gather(paths: Sequence[Path | str], questions: pd.DataFrame, where: Path | str) -> pd.DataFrame:
    """All shards' generations of one benchmark, in the questions' order.

    Args:
        paths: one table of generations per shard.
        questions: the benchmark.
        where: the benchmark's table, for messages.

    Raises:
        M1FlowError: a question has no rows, or its number of rows differs from the others'.
    """
    rows = pd.concat([read_table(path, "generations") for path in paths], ignore_index=True)
    counts = rows["question_id"].value_counts().reindex(questions["question_id"], fill_value=0)
    odd = counts[counts != counts.max()]
    if len(odd) or counts.max() == 0 or counts.sum() != len(rows):
        raise M1FlowError(
            f"{Path(paths[0]).parent}: {len(odd)} of {len(questions)} questions of {where} have no answer; "
            "delete this folder and rerun (answers in the journal aren't generated again)"
        )
    return in_order(rows, questions)


def in_order(rows: pd.DataFrame, questions: pd.DataFrame) -> pd.DataFrame:
    """Rows in the questions' order, then by order of the options, sample, cue, extensions and budget."""
    place = {question_id: index for index, question_id in enumerate(questions["question_id"])}
    rows = rows.assign(place=rows["question_id"].map(place))
    by = ["place", "permutation", "sample", "cue", "extensions", "budget"]
    return rows.sort_values(by).drop(columns="place").reset_index(drop=True)
