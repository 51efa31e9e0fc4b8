"""Datasets: verified traces selected for training by a recipe, and a card that describes the selection."""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator, Mapping
from typing import Any

import pandas as pd

from m1flow.errors import M1FlowError
from m1flow.study.settings.datasets import DatasetSettings

log = logging.getLogger(__name__)

RECIPES = {
    "hard": "verified traces of hard questions, uniformly",
    "hard_domain": "verified traces of hard questions: a domain uniformly, then a question in it",
    "hard_domain_source": "verified traces of hard questions: a domain, a source in it, a question, uniformly (as m1K)",
    "random": "verified traces of questions drawn before looking at difficulty, uniformly",
    "all": "every verified trace, in random order",
}
"""The recipes in words."""

_GROUPING = {"hard_domain": ["domain"], "hard_domain_source": ["domain", "source"]}
LIGHT = ["question_id", "source", "domain", "prompt_tokens", "thinking_tokens", "answer_tokens", "hard", "sampled"]
"""The columns of the examples contract that selection reads."""


def select(
    name: str, settings: DatasetSettings, examples: pd.DataFrame, domains: pd.DataFrame | None
) -> tuple[pd.DataFrame, dict]:
    """Choose one dataset's examples.

    Drawing is sequential and without replacement, so with one seed a smaller dataset is the beginning of a larger one.

    Args:
        name: the dataset's name, for messages.
        settings: its entry in the study's ``datasets``.
        examples: the columns LIGHT of one teacher's examples.
        domains: rows of the domains contract, in place of the sources' own domains.

    Returns:
        The chosen rows of ``examples`` in the order drawn, with the domains used; and counts: ``verified``,
        ``eligible``, ``too_short``, ``too_long``, ``selected``.

    Raises:
        M1FlowError: there are no eligible examples or fewer than ``size``, or no domains although the recipe needs
            them.
    """
    recipe, size = settings.recipe, settings.size
    where = f"config: datasets.{name}"
    if domains is not None:
        assigned = dict(zip(domains["question_id"], domains["domain"], strict=True))
        examples = examples.assign(domain=examples["question_id"].map(assigned))
    examples = examples.assign(domain=examples["domain"].astype(object).where(examples["domain"].notna(), None))
    eligible = examples[_eligible(recipe, examples)].sort_values("question_id", kind="stable").reset_index(drop=True)
    tokens = eligible[["prompt_tokens", "thinking_tokens", "answer_tokens"]].sum(axis=1)
    too_short, too_long = tokens < (settings.min_tokens or 0), tokens > (settings.max_tokens or float("inf"))
    fitting = eligible[~too_short & ~too_long].reset_index(drop=True)
    counts = {"verified": len(examples), "eligible": len(eligible)}
    counts |= {"too_short": int(too_short.sum()), "too_long": int(too_long.sum())}
    _check_size(where, settings, len(fitting), counts)
    if recipe in _GROUPING and fitting["domain"].isna().all():
        raise M1FlowError(
            f"{where}.recipe: no question has a domain; use recipe hard, name the sources' domain field, or let a "
            "model assign domains (domains.by)"
        )
    order = list(draw(fitting, _GROUPING.get(recipe, []), settings.seed))[: size or len(fitting)]
    chosen = fitting.iloc[order].reset_index(drop=True)
    counts["selected"] = len(chosen)
    log.info("%s: %d of %d eligible examples (%s)", name, len(chosen), len(fitting), RECIPES[recipe])
    return chosen, counts


def draw(table: pd.DataFrame, by: list[str], seed: int) -> Iterator[int]:
    """Row positions in the order drawn: each time, a group of the first column uniformly, one of the next, then a row.

    Only groups that still have rows are drawn. Missing values form a group. The draw depends on the rows' order.
    """
    rng = random.Random(f"draw {seed}")
    groups = _nested(table, by)
    while groups:
        path, level = [], groups
        for _ in by:
            key = rng.choice(list(level))
            path.append((level, key))
            level = level[key]
        position = rng.randrange(len(level))
        level[position], level[-1] = level[-1], level[position]
        yield level.pop()
        for parent, key in reversed(path):
            if not parent[key]:
                del parent[key]


def card(name: str, settings: DatasetSettings, dataset: pd.DataFrame, counts: Mapping[str, int]) -> str:
    """A dataset card in the Hugging Face hub's form: Markdown with a YAML header."""
    header = [
        "---",
        f"pretty_name: {name}",
        "task_categories: [question-answering]",
        "language: [en]",
        f"size_categories: [{_size_category(len(dataset))}]",
        "tags: [reasoning, medical, m1flow]",
        f"configs: [{{config_name: default, data_files: {name}.parquet}}]",
        "---",
    ]
    facts = {
        "Teacher": settings.teacher,
        "Recipe": f"`{settings.recipe}`: {RECIPES[settings.recipe]}",
        "Reasoning format": settings.format,
        "Tokens counted by the tokenizer of": settings.tokenizer or "",
        "Seed": settings.seed,
        "Examples": f"{len(dataset):,} of {counts['eligible']:,} eligible, of {counts['verified']:,} verified traces",
        "Left out, shorter than min_tokens": f"{counts['too_short']:,}",
        "Left out, longer than max_tokens": f"{counts['too_long']:,}",
        "Training tokens": f"{int(dataset[['prompt_tokens', 'thinking_tokens', 'answer_tokens']].sum().sum()):,}",
    }
    body = [f"# {name}", "", *_markdown_table(["", ""], list(facts.items()))]
    body += ["", "## Tokens of an example", "", *_token_statistics(dataset)]
    for column in ("source", "domain"):
        shares = dataset[column].fillna("(none)").value_counts()
        body += ["", f"## By {column}", "", *_markdown_table([column, "examples"], list(shares.sort_index().items()))]
    body += [
        "",
        "Every trace ends in the right answer, read by the strict parser. Questions that a benchmark of the study asks",
        "were removed before. Columns: prompt, reasoning, answer, text (all of it in the data set's format), input_ids",
        "(the same as token ids; the loss falls on those from prompt_tokens on), token counts, source, domain.",
    ]
    return "\n".join([*header, "", *body]) + "\n"


def _token_statistics(dataset: pd.DataFrame) -> list[str]:
    columns = ["prompt_tokens", "thinking_tokens", "answer_tokens"]
    statistics = dataset[columns].describe().round().astype(int)
    head = "| | fewest | first quartile | median | third quartile | most | mean |"
    order = ["min", "25%", "50%", "75%", "max", "mean"]
    rows = [
        f"| {column.removesuffix('_tokens')} | {' | '.join(f'{statistics.loc[key, column]:,}' for key in order)} |"
        for column in columns
    ]
    return [head, "|---|---|---|---|---|---|---|", *rows]


def _eligible(recipe: str, examples: pd.DataFrame) -> pd.Series:
    if recipe not in RECIPES:
        raise M1FlowError(f"config: datasets: recipe: {recipe!r} is not one of {', '.join(RECIPES)}")
    if recipe == "all":
        return pd.Series(True, index=examples.index)
    return examples["sampled" if recipe == "random" else "hard"].astype(bool)


def _check_size(where: str, settings: DatasetSettings, available: int, counts: Mapping[str, int]) -> None:
    recipe, size = settings.recipe, settings.size
    found = f"{available} of {counts['verified']} verified traces are eligible for recipe {recipe}"
    left_out = [f"{counts[key]} {key.replace('_', ' ')}" for key in ("too_short", "too_long") if counts[key]]
    found += f" ({', '.join(left_out)})" if left_out else ""
    more = "raise the teacher's unfiltered_questions" if recipe == "random" else "give the sources more questions"
    if available == 0:
        raise M1FlowError(f"{where}: {found}; {more}, or choose another recipe")
    if size is not None and available < size and not settings.allow_fewer:
        raise M1FlowError(f"{where}.size: {size} asked for, but {found}; lower size, {more}, or set allow_fewer: true")


def _nested(table: pd.DataFrame, by: list[str]) -> Any:
    """Row positions in nested mappings by the columns' values, keys sorted."""
    if not by:
        return list(range(len(table)))
    tree: dict = {}
    values = [["" if not isinstance(value, str) else value for value in table[column]] for column in by]
    for position, path in sorted(enumerate(zip(*values, strict=True)), key=lambda item: (item[1], item[0])):
        level = tree
        for key in path[:-1]:
            level = level.setdefault(key, {})
        level.setdefault(path[-1], []).append(position)
    return tree


def _markdown_table(head: list[str], rows: list[tuple[Any, Any]]) -> list[str]:
    cells = [(str(a).replace("|", "\\|"), str(b).replace("|", "\\|")) for a, b in rows]
    return [f"| {head[0]} | {head[1]} |", "|---|---|", *(f"| {a} | {b} |" for a, b in cells)]


def _size_category(n: int) -> str:
    limits = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K"}
    return next((name for limit, name in limits.items() if n < limit), "n>100K")
