"""The examples of each optimiser step, and their layout on devices.

A batch always has the same number of *examples*, in an order that the seed fixes. Packing, micro-batches and the number
of processes only decide the layout of a batch: which examples share a row, and which process computes the row when. The
loss of a step is the sum over its labelled tokens divided by their number, whichever process computed them. Therefore
the layout changes only rounding.
"""

from __future__ import annotations

import bisect
import functools
import itertools
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from m1flow.errors import M1FlowError

PackedRow = list[int]
"""Numbers of the examples that share a row."""

MicroBatch = list[PackedRow]
"""Rows that a process computes at once."""


@dataclass(frozen=True)
class PackingPlan:
    """Every optimiser step of a run: its examples, and the share of each process.

    Attributes:
        lengths: length of every example, in tokens.
        batch_size: examples per step; the last step of an epoch may have fewer.
        steps: number of optimiser steps.
        seed: the seed for the order.
        processes: number of processes that share a step's work.
        packing: whether several examples share a row; else each has its own.
        device_tokens: maximum number of tokens, with padding, that a process computes at once; one row may be longer.
        row_tokens: maximum length of packed rows; by default, the length of the step's longest example.
    """

    lengths: Sequence[int]
    batch_size: int
    steps: int
    seed: int
    processes: int = 1
    packing: bool = True
    device_tokens: int = 16384
    row_tokens: int | None = None

    def __post_init__(self) -> None:
        check_shared(self.batch_size, len(self.lengths), self.processes)

    @functools.cached_property
    def _batches(self) -> list[list[int]]:
        return list(itertools.islice(batches(len(self.lengths), self.batch_size, self.seed), self.steps))

    def examples(self, step: int) -> list[int]:
        """The examples of a step (from 0)."""
        return self._batches[step]

    def share(self, step: int, process: int) -> list[MicroBatch]:
        """The micro-batches that a process computes in a step, in order; their number is the same for every process.

        A process with less work than the others has micro-batches without rows.
        """
        return self._layout(step)[process]

    def padding(self, step: int) -> float:
        """The share of a step's computed positions that hold no token."""
        shares = [micro for share in self._layout(step) for micro in share if micro]
        places = sum(len(micro) * max(map(self._width, micro)) for micro in shares)
        return 1 - sum(self._width(row) for micro in shares for row in micro) / places

    @functools.lru_cache(maxsize=4)  # noqa: B019 - a plan lives as long as its run
    def _layout(self, step: int) -> list[list[MicroBatch]]:
        examples = self.examples(step)
        rows = self._rows(examples)
        shares: list[list[MicroBatch]] = [[] for _ in range(self.processes)]
        # The widest rows first, so that rows computed together, here and by other processes, have similar widths.
        rows.sort(key=self._width, reverse=True)
        while rows:
            fitting = max(1, self.device_tokens // self._width(rows[0]))
            taken, rows = rows[: fitting * self.processes], rows[fitting * self.processes :]
            for process, share in enumerate(shares):
                share.append(taken[process :: self.processes])
        return shares

    def _rows(self, examples: list[int]) -> list[PackedRow]:
        if not self.packing:
            return [[example] for example in examples]
        lengths = [self.lengths[example] for example in examples]
        capacity = max(*lengths, self.row_tokens or 0) if len(lengths) > 1 else lengths[0]
        packed = pack(lengths, capacity)
        # The same number of rows for every process if the examples allow it, so that none waits for others.
        wanted = min(math.ceil(len(packed) / self.processes) * self.processes, len(lengths))
        if wanted > len(packed):
            spread_out = spread(lengths, wanted)
            if max(sum(lengths[n] for n in row) for row in spread_out) <= capacity:
                packed = spread_out
        return [[examples[n] for n in row] for row in packed]

    def _width(self, row: PackedRow) -> int:
        return sum(self.lengths[example] for example in row)

    def __hash__(self) -> int:
        return id(self)


def check_shared(batch_size: int, examples: int, processes: int) -> None:
    """Refuse more processes than a batch has examples, since some would have nothing to do.

    Raises:
        M1FlowError: there are more processes than examples in the smallest batch.
    """
    smallest = min(batch_size, examples)
    if processes > smallest:
        raise M1FlowError(
            f"training: batch_size: {smallest} examples per step can't be shared by {processes} processes; "
            "ask for fewer GPUs, or raise batch_size (this changes the recipe: the learning rate may have to rise too)"
        )


def batches(examples: int, batch_size: int, seed: int) -> Iterator[list[int]]:
    """Endless batches of example numbers: each epoch has all in a new random order; its last batch may be shorter."""
    rng = random.Random(f"batches {seed}")
    while True:
        order = list(range(examples))
        rng.shuffle(order)
        for start in range(0, examples, batch_size):
            yield order[start : start + batch_size]


def pack(lengths: Sequence[int], capacity: int) -> list[PackedRow]:
    """Put items into as few rows as best-fit-decreasing finds (at most 11/9 of the minimum, plus 4).

    The longest item comes first, and each goes into the fullest row that still has room for it.

    Args:
        lengths: lengths of the items; none above ``capacity``.
        capacity: capacity of a row.
    """
    rows: list[PackedRow] = []
    room: list[tuple[int, int]] = []  # free room of each row, sorted, with the row's number
    for item in sorted(range(len(lengths)), key=lambda n: -lengths[n]):
        place = bisect.bisect_left(room, (lengths[item], 0))
        if place == len(room):
            left, row = capacity, len(rows)
            rows.append([])
        else:
            left, row = room.pop(place)
        rows[row].append(item)
        bisect.insort(room, (left - lengths[item], row))
    return rows


def spread(lengths: Sequence[int], rows: int) -> list[PackedRow]:
    """Put items into ``rows`` rows of about equal length: the longest item first, each into the shortest row."""
    filled: list[PackedRow] = [[] for _ in range(rows)]
    used = [0] * rows
    for item in sorted(range(len(lengths)), key=lambda n: -lengths[n]):
        shortest = used.index(min(used))
        filled[shortest].append(item)
        used[shortest] += lengths[item]
    return filled
