"""The orders in which a question's options are shown: the benchmark's own, then others derived from its id."""

from __future__ import annotations

import math
import random
from collections.abc import Mapping
from typing import Any


def option_order(question_id: str, permutation: int, options: int) -> list[int]:
    """The order of a question's options: for each place, the option's index in the benchmark's order.

    Args:
        question_id: seeds the orders, so that every model and every study sees the same ones.
        permutation: 0 is the benchmark's order; the next ones differ from it and from each other. After the last order
            that the number of options allows, they repeat.
        options: number of options.
    """
    seen = [list(range(options))]
    draw = random.Random(f"{question_id}/options")
    wanted = permutation % math.factorial(options)
    while len(seen) <= wanted:
        order = draw.sample(range(options), options)
        if order not in seen:
            seen.append(order)
    return seen[wanted]


def permuted(question: Mapping[str, Any], permutation: int) -> tuple[dict, list[int]]:
    """A row of a questions table with its options in another order, and that order."""
    order = option_order(question["question_id"], permutation, len(question["options"]))
    options = [question["options"][index] for index in order]
    return {**question, "options": options, "answer_index": order.index(question["answer_index"])}, order
