"""The examples of each optimiser step, and their layout on devices.

A batch is always so many *examples*, in an order that the seed fixes. Packing, micro-batches and the number of
processes only decide how a batch is laid out: which examples share a row, and which process computes it when. The loss
of a step is the sum over its labelled tokens divided by their number, whoever computed them, so the layout changes
rounding and nothing else.
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
"""The numbers of the examples that share a row."""

MicroBatch = list[PackedRow]
"""The rows that a process computes at once."""


@dataclass(frozen=True)
class PackingPlan:
    """Every optimiser step of a run: its examples, and what each process computes.

    Attributes:
        lengths: of every example, in tokens.
        batch_size: examples a step; the last step of an epoch may have fewer.
        steps: optimiser steps.
        seed: of the order.
        processes: that share a step's work.
        packing: whether several examples share a row; else each has its own.
        device_tokens: most tokens, padding included, that a process computes at once; one row may be longer.
        row_tokens: how long rows may get by packing; by default as long as the step's longest example.
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
        """What a process computes in a step, one micro-batch after the other; as many for every process.

        A micro-batch without rows is one that the others have and this process doesn't.
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
        # The widest rows first, so that what is computed together, here and by other processes, is about as wide.
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
        # As many rows for every process, where examples allow it: else some would wait for the others.
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
    """Refuse more processes than a batch has examples: some would have nothing to do, or the batch would have to grow.

    Raises:
        M1FlowError: says so.
    """
    smallest = min(batch_size, examples)
    if processes > smallest:
        raise M1FlowError(
            f"training: batch_size: {smallest} examples a step can't be shared by {processes} processes; "
            "ask for fewer GPUs, or raise batch_size (it changes the recipe: the learning rate may need raising)"
        )


def batches(examples: int, batch_size: int, seed: int) -> Iterator[list[int]]:
    """Batches of example numbers, without end: each epoch all of them in a new random order, the last batch shorter."""
    rng = random.Random(f"batches {seed}")
    while True:
        order = list(range(examples))
        rng.shuffle(order)
        for start in range(0, examples, batch_size):
            yield order[start : start + batch_size]


def pack(lengths: Sequence[int], capacity: int) -> list[PackedRow]:
    """Put items into as few rows as best-fit-decreasing finds (at most 11/9 of the fewest, and 4 more).

    The longest item first, each into the fullest row that still has room.

    Args:
        lengths: of the items; none above ``capacity``.
        capacity: of a row.
    """
    rows: list[PackedRow] = []
    room: list[tuple[int, int]] = []  # what is left in each row, sorted, and the row's number
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
    """Put items into exactly so many rows of about equal length: the longest item first, each into the shortest row."""
    filled: list[PackedRow] = [[] for _ in range(rows)]
    used = [0] * rows
    for item in sorted(range(len(lengths)), key=lambda n: -lengths[n]):
        shortest = used.index(min(used))
        filled[shortest].append(item)
        used[shortest] += lengths[item]
    return filled
