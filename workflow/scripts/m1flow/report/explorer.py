"""The trace explorer's data: some questions with every model's thinking under every budget, and teachers' traces.

A large study's texts fit neither a page nor memory. Therefore some questions are drawn by a hash of their ids, in turns
over the benchmarks and the headline model's categories, until a number of bytes is reached. Only the texts of these
questions are ever in memory.
"""

from __future__ import annotations

import base64
import hashlib
import json
import logging
import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from m1flow.analysis.tables import failures
from m1flow.errors import M1FlowError
from m1flow.files.parquet import read_table
from m1flow.report.trace_cuts import COLUMNS, LONGEST_TRACE, VERDICTS, pack, shown_cells
from m1flow.study.roster import Model
from m1flow.sweep.grids import Grid, read_grids
from m1flow.sweep.plan import NO_CUE
from m1flow.text.shown import clean

log = logging.getLogger(__name__)

MOST_BYTES = 4_000_000
"""Maximum number of bytes of packed data in the page."""

MOST_SAMPLES = 4
"""Maximum number of samples of one question; more are left out."""

TRAINING_QUESTIONS = 40
"""Number of training questions shown with their teachers' traces."""

LONGEST_LESSON = 30_000
"""Maximum number of characters shown of a teacher's trace."""

_BATCH = 1000
"""Number of rows of a sweep in memory at a time, while those of the chosen questions are looked for."""

Key = tuple[str, str]
"""Benchmark and question_id."""

_KNOWN = pd.DataFrame(columns=["model", "benchmark", "question_id", "category", "samples", "bytes"])
_OUTLINE = pd.DataFrame(columns=["question_id", "teacher", "outcome"])
_LESSON = "question_id teacher reasoning answer parsed_index outcome".split()
_QUESTION = "question_id source context stem options answer_index".split()


@dataclass(frozen=True)
class Explorer:
    """The content of the page's explorer.

    Attributes:
        data: the packed questions, empty if there are none; see `packed`.
        shown: number of benchmark questions in it.
        total: number of benchmark questions in the study.
        training: number of training questions in it.
        samples: number of samples of a question in it, and number measured.
        content: what is packed in ``data``.
    """

    data: str
    shown: int
    total: int
    training: int
    samples: tuple[int, int]
    content: Mapping[str, Any] = field(repr=False)


def explore(
    sweeps: Sequence[Path],
    questions: Mapping[str, pd.DataFrame],
    models: Sequence[Model],
    lead: Model | None,
    *,
    cue: str | None = None,
    traces: Sequence[Path] = (),
    pool: Path | None = None,
    most_bytes: int = MOST_BYTES,
) -> Explorer:
    """Draw the questions and pack the study's data on them.

    Args:
        sweeps: scored sweeps, sweeps/{model}/{benchmark}.parquet.
        questions: the questions table of each benchmark to show, by name.
        models: as `roster.roster` returns them.
        lead: the model over whose categories the draw is spread; if None, the first model.
        cue: the cue whose extensions count for categories and are shown first; those of other cues are shown, too.
        traces: traces/{teacher}.parquet.
        pool: pool.parquet, the text of the teachers' questions.
        most_bytes: maximum number of bytes of the packed data.
    """
    paths = [path for path in sweeps if path.stem in questions]
    known = pd.concat([_KNOWN, *map(_known, read_grids(paths, cue))], ignore_index=True)
    drawn = _draw(known, (lead or models[0]).name, most_bytes)
    drawn_questions = _questions(drawn, questions)
    content: dict[str, Any] = {
        "groups": [{"name": clean(name), "training": False} for name in questions],
        "models": [
            _add_model(drawn_questions, number, model, paths, known, cue) for number, model in enumerate(models)
        ],
        "no_cue": NO_CUE,
        "categories": list(failures.MEANING.items()),
        "verdicts": VERDICTS,
        "longest": LONGEST_TRACE,
    }
    lessons = _add_lessons(drawn_questions, content["groups"], traces, pool)
    content["questions"] = [*drawn_questions.values(), *lessons]
    data, kept = packed(content), len(drawn_questions)
    while len(data) > most_bytes and kept:
        # Keep the questions drawn first: they are spread over all benchmarks and categories.
        kept = int(0.95 * kept * most_bytes / len(data))
        content["questions"] = [*list(drawn_questions.values())[:kept], *lessons]
        data = packed(content)
    total = sum(map(len, questions.values())) if paths else 0
    log.info("explorer: %d of %d questions, %d training questions, %d bytes", kept, total, len(lessons), len(data))
    samples = int(known["samples"].max()) if len(known) else 0
    return Explorer(
        data=data if content["questions"] else "",
        shown=kept,
        total=total,
        training=len(lessons),
        samples=(min(samples, MOST_SAMPLES), samples),
        content=content,
    )


def packed(content: Mapping[str, Any]) -> str:
    """Compressed JSON as text, which the page unpacks with DecompressionStream("deflate")."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    return base64.b64encode(zlib.compress(text.encode("utf-8"), 9)).decode("ascii")


def _known(one: Grid) -> pd.DataFrame:
    """The questions of a sweep: category, samples, and about how many bytes their texts will take."""
    longest = one.thinking_tokens[:, :MOST_SAMPLES].max(axis=2).sum(axis=1)
    return pd.DataFrame(
        {
            "model": one.model,
            "benchmark": one.benchmark,
            "question_id": one.questions,
            "category": failures.categories(one),
            "samples": one.samples,
            "bytes": 2 * longest + 25 * len(one.cells) * min(one.samples, MOST_SAMPLES),
        }
    )


def _draw(known: pd.DataFrame, lead: str, most_bytes: int) -> list[Key]:
    """Benchmark and id of the questions to show, in turns over benchmarks and categories."""
    key = ["benchmark", "question_id"]
    size = known.groupby(key, sort=False)["bytes"].sum()
    ranked = known[known["model"] == lead].set_index(key)
    ranked = ranked.assign(size=size, order=[_digest(question_id) for _, question_id in ranked.index]).sort_values(
        "order"
    )
    ranked = ranked.assign(turn=ranked.groupby(["benchmark", "category"]).cumcount())
    ranked = ranked.sort_values(["turn", "order"], kind="stable")
    return ranked.index[ranked["size"].cumsum() <= most_bytes].tolist()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _questions(drawn: Sequence[Key], questions: Mapping[str, pd.DataFrame]) -> dict[Key, dict[str, Any]]:
    """The drawn questions, as packed: group, id, text, options, right option, and what models and teachers add."""
    found: dict[Key, dict[str, Any]] = {}
    for group, (name, table) in enumerate(questions.items()):
        wanted = {question_id for benchmark, question_id in drawn if benchmark == name}
        for row in table[table["question_id"].isin(wanted)].to_dict("records"):
            found[name, row["question_id"]] = _question(group, row)
    return {key: found[key] for key in drawn if key in found}


def _question(group: int, row: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "g": group,
        "i": clean(row["question_id"]),
        "s": clean("\n".join(part for part in (row["context"], row["stem"]) if part)),
        "o": [clean(option) for option in row["options"]],
        "r": int(row["answer_index"]),
        "m": {},
        "t": [],
    }


def _add_model(
    drawn_questions: Mapping[Key, dict],
    number: int,
    model: Model,
    sweeps: Sequence[Path],
    known: pd.DataFrame,
    first_cue: str | None,
) -> dict[str, Any]:
    """Put a model's category and samples under its number into each question; returns its name, label and cells."""
    parts = []
    for path in sweeps:
        if path.parent.name == model.name:
            wanted = [question_id for benchmark, question_id in drawn_questions if benchmark == path.stem]
            parts.append(_rows_of(path, wanted, COLUMNS).assign(benchmark=path.stem))
    rows = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=[*COLUMNS, "benchmark"])
    rows = rows[(rows["permutation"] == 0) & (rows["sample"] < MOST_SAMPLES)]
    cells = shown_cells(
        list(dict.fromkeys(zip(rows["budget"], rows["extensions"], rows["cue"], strict=True))), first_cue
    )
    lookup = known[known["model"] == model.name]
    category = dict(zip(zip(lookup["benchmark"], lookup["question_id"], strict=True), lookup["category"], strict=True))
    numbers = {name: at for at, name in enumerate(failures.MEANING)}
    for key, part in rows.groupby(["benchmark", "question_id"], sort=False):
        if key in category:
            samples = [pack(one, cells) for _, one in part.groupby("sample", sort=True)]
            drawn_questions[key]["m"][number] = [numbers[category[key]], samples]
    shown = [[budget, count, clean(cue)] for budget, count, cue in cells]
    return {"name": clean(model.name), "label": clean(model.label), "cells": shown}


def _add_lessons(
    drawn_questions: Mapping[Key, dict], groups: list[dict], traces: Sequence[Path], pool: Path | None
) -> list[dict[str, Any]]:
    """Put teachers' traces into the questions that have one; returns training questions, some of each outcome."""
    outlines = [read_table(path, "traces", columns=["question_id", "teacher", "outcome"]) for path in traces]
    outline = pd.concat([_OUTLINE, *outlines], ignore_index=True)
    outline = outline.assign(order=outline["question_id"].map(_digest)).sort_values(["order", "teacher"])
    outline = outline.assign(turn=outline.groupby(["teacher", "outcome"]).cumcount()).sort_values("turn", kind="stable")
    drawn = outline["question_id"].drop_duplicates().head(TRAINING_QUESTIONS).tolist() if pool else []
    by_id = {question_id: question for (_, question_id), question in drawn_questions.items()}
    lessons: dict[str, dict[str, Any]] = {}
    for row in _rows_of(pool, drawn, _QUESTION).to_dict("records") if pool else ():
        group = {"name": clean(row["source"]), "training": True}
        if group not in groups:
            groups.append(group)
        lessons[row["question_id"]] = _question(groups.index(group), row)
    wanted = [*drawn, *by_id]
    for path in traces:
        for row in _rows_of(path, wanted, _LESSON).to_dict("records"):
            if question := lessons.get(row["question_id"]) or by_id.get(row["question_id"]):
                question["t"].append(_lesson(row))
    return [lessons[question_id] for question_id in drawn if question_id in lessons]


def _lesson(row: Mapping[str, Any]) -> list[Any]:
    chosen = -1 if pd.isna(row["parsed_index"]) else int(row["parsed_index"])
    reasoning = clean(row["reasoning"], LONGEST_LESSON)
    return [clean(row["teacher"]), clean(row["outcome"]), chosen, reasoning, clean(row["answer"])]


def _rows_of(path: Path, question_ids: Iterable[str], columns: Sequence[str]) -> pd.DataFrame:
    """The rows of some questions, found with a part of the file in memory at a time."""
    wanted = pa.array(sorted(set(question_ids)), pa.string())
    try:
        batches = pq.ParquetFile(path, page_checksum_verification=True).iter_batches(_BATCH, columns=list(columns))
        parts = [batch.filter(pc.is_in(batch["question_id"].cast(pa.string()), value_set=wanted)) for batch in batches]
    except (pa.ArrowInvalid, OSError) as error:
        problem = str(error).splitlines()[0]
        raise M1FlowError(f"{path}: not readable ({problem}); delete it and rerun: snakemake {path}") from None
    return pa.Table.from_batches(parts).to_pandas() if parts else pd.DataFrame(columns=list(columns))
