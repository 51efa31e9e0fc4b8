"""A question: its normalised text, its id, which depends only on its content, and the seeded order of its options."""

from __future__ import annotations

import hashlib
import json
import logging
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from m1flow.errors import M1FlowError
from m1flow.files.contracts import CONTRACTS
from m1flow.text.letters import LETTERS
from m1flow.text.normalising import normalise

log = logging.getLogger(__name__)
EXAMPLES_SHOWN = 3


def question_id(context: str, stem: str, options: Sequence[str], answer: str) -> str:
    """16 hex digits of the SHA-256 of normalised content; the order of the options doesn't matter.

    Args:
        context: a passage the question refers to; may be empty.
        stem: the question itself.
        options: the texts to choose from.
        answer: the right option's text.
    """
    content = [normalise(context), normalise(stem), sorted(map(normalise, options)), normalise(answer)]
    return hashlib.sha256(json.dumps(content, ensure_ascii=False).encode()).hexdigest()[:16]


def shuffled(options: Sequence[str], answer_index: int, seed: str) -> tuple[list[str], int]:
    """Options in the order that ``seed`` gives, and the new index of the right one, even if two have the same text."""
    order = list(range(len(options)))
    random.Random(seed).shuffle(order)
    return [options[index] for index in order], order.index(answer_index)


def drop_reason(row: Mapping[str, Any]) -> str | None:
    """The reason why a row can't be a question, or None. ``row`` is as for `make_questions`, with normalised text."""
    if row.get("drop"):
        return row["drop"]
    if not row["stem"]:
        return "empty stem"
    if len(row["options"]) < 2:
        return "fewer than 2 options"
    if len(row["options"]) > len(LETTERS):
        return f"more than {len(LETTERS)} options"
    if not all(row["options"]):
        return "blank option"
    index = row["answer_index"]
    if index is None or not 0 <= index < len(row["options"]):
        return "answer outside the options"
    return None


def make_questions(
    rows: Iterable[Mapping[str, Any]],
    source: str,
    *,
    where: str,
    split: str,
    seed: int,
    shuffle: bool,
    order: Callable[[Mapping[str, Any]], list[int] | None] = lambda question: None,
) -> tuple[pd.DataFrame, dict]:
    """Turn raw rows into a questions table; rows that can't be questions are dropped, counted and logged.

    Args:
        rows: mappings with stem, options (list of text), answer_index (int or None) and origin_id; and
            optionally context, domain, split, and ``drop`` (the adapter's reason for leaving out the row).
        source: the name of the source or benchmark.
        where: "<file>: <key>" for messages.
        split: the split of rows that name none.
        seed: the study's seed; options are shuffled by it and the question's id.
        shuffle: whether to shuffle options.
        order: gives the positions of a question's options in the required order, or None if there is none.

    Returns:
        The table (questions contract, in the order of ``rows``), and a report: counts ``read``, ``kept``, ``repeated``
        (rows equal to an earlier one; their ids get a suffix -2, -3), ``dropped`` by reason, and
        ``dropped_examples``.

    Raises:
        M1FlowError: no question is left.
    """
    kept: list[dict] = []
    dropped: dict[str, list[str]] = defaultdict(list)
    seen: Counter[str] = Counter()
    read = 0
    for number, raw in enumerate(rows):
        read += 1
        row = _normalised(raw, number)
        reason = drop_reason(row)
        if reason:
            dropped[reason].append(row["origin_id"])
            continue
        identity = question_id(row["context"], row["stem"], row["options"], row["options"][row["answer_index"]])
        options, answer_index = row["options"], row["answer_index"]
        if (fixed := order(row)) is not None:
            options, answer_index = [options[index] for index in fixed], fixed.index(answer_index)
        elif shuffle:
            options, answer_index = shuffled(options, answer_index, f"{seed}:{identity}")
        seen[identity] += 1
        kept.append(
            {
                "question_id": identity if seen[identity] == 1 else f"{identity}-{seen[identity]}",
                "source": source,
                "split": row["split"] or split,
                "context": row["context"],
                "stem": row["stem"],
                "options": options,
                "answer_index": answer_index,
                "origin_id": row["origin_id"],
                "domain": row["domain"] or None,
            }
        )
    report: dict[str, Any] = {
        "source": source,
        "read": read,
        "kept": len(kept),
        "repeated": len(kept) - len(seen),
        "dropped": {reason: len(ids) for reason, ids in sorted(dropped.items())},
        "dropped_examples": {reason: ids[:EXAMPLES_SHOWN] for reason, ids in sorted(dropped.items())},
    }
    _log_report(report)
    if not kept:
        reasons = ", ".join(f"{count} with {reason}" for reason, count in report["dropped"].items()) or "no rows at all"
        raise M1FlowError(
            f"{where}: no question is left of {read} rows ({reasons}); correct the file, or the entry's fields"
        )
    return pd.DataFrame(kept, columns=CONTRACTS["questions"].names), report


def _normalised(raw: Mapping[str, Any], number: int) -> dict[str, Any]:
    row: dict[str, Any] = {key: normalise(raw.get(key)) for key in ("context", "stem", "domain", "split")}
    row["options"] = [normalise(option) for option in raw.get("options") or ()]
    row["answer_index"] = raw.get("answer_index")
    row["origin_id"] = normalise(raw.get("origin_id")) or str(number)
    row["drop"] = raw.get("drop")
    return row


def _log_report(report: dict) -> None:
    log.info("%s: %d questions of %d rows", report["source"], report["kept"], report["read"])
    for reason, count in report["dropped"].items():
        examples = ", ".join(report["dropped_examples"][reason])
        more = ", ..." * (count > EXAMPLES_SHOWN)
        log.warning("%s: dropped %d with %s (%s%s)", report["source"], count, reason, examples, more)
    if report["repeated"]:
        log.warning("%s: %d rows repeat an earlier one exactly", report["source"], report["repeated"])
