"""Micro-batches as tensors: rows of packed examples that don't attend to each other, or padded rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch

from m1flow.training.packing import MicroBatch, PackedRow, PackingPlan
from m1flow.training.tokenised import IGNORED_LABEL, Prepared


@dataclass
class StepCollator:
    """Turns the number of a share (a process's part of a step) into tensors; a collate function for torch.

    Positions restart with every example of a row. Given positions, no mask and no cache, transformers builds a mask in
    which no example attends to another (`masking_utils.find_packed_sequence_indices`); kernels for variable lengths
    take one row with the examples' boundaries instead.

    Attributes:
        plan: the plan of each process's work; item ``n`` is the share of process ``n % processes`` in step
            ``n // processes``.
        examples: the examples to train on.
        pad_id: token id that fills rows.
        flat: whether to lay a micro-batch's rows end to end in one, with boundaries, for kernels of variable lengths.
    """

    plan: PackingPlan
    examples: Prepared
    pad_id: int
    flat: bool = False

    def __call__(self, items: list[dict[str, int]]) -> dict[str, Any]:
        """The share's micro-batches, and the numbers of labelled and of all tokens in the step, over all processes."""
        step, process = divmod(items[0]["item"], self.plan.processes)
        batch = self.plan.examples(step)
        return {
            "micro": [self.tensors(micro) for micro in self.plan.share(step, process)],
            "labelled": sum(map(self.examples.labelled, batch)),
            "tokens": sum(len(self.examples.input_ids[example]) for example in batch),
        }

    def tensors(self, micro: MicroBatch) -> dict[str, Any]:
        """The model's inputs; a micro-batch without rows becomes a row of padding, which has no loss."""
        if self.flat:
            micro = [[example for row in micro for example in row]]
        rows = [self._row(row) for row in micro] or [([self.pad_id], [IGNORED_LABEL], [0])]
        width = max(len(ids) for ids, _, _ in rows)
        fill = [width - len(ids) for ids, _, _ in rows]
        tensors: dict[str, Any] = {
            "input_ids": torch.tensor([ids + [self.pad_id] * n for (ids, _, _), n in zip(rows, fill, strict=True)]),
            "labels": torch.tensor([given + [IGNORED_LABEL] * n for (_, given, _), n in zip(rows, fill, strict=True)]),
        }
        if self.flat or any(len(row) > 1 for row in micro):
            # Padding is one more example of its row, which attends only to itself.
            positions = [places + list(range(n)) for (_, _, places), n in zip(rows, fill, strict=True)]
            tensors["position_ids"] = torch.tensor(positions)
        elif any(fill):
            tensors["attention_mask"] = torch.tensor([[1] * (width - n) + [0] * n for n in fill])
        return tensors | (self._boundaries(tensors["position_ids"]) if self.flat else {})

    def _row(self, row: PackedRow) -> tuple[list[int], list[int], list[int]]:
        ids: list[int] = []
        labels: list[int] = []
        positions: list[int] = []
        for example in row:
            ids += self.examples.input_ids[example]
            labels += self.examples.labels(example)
            positions += range(len(self.examples.input_ids[example]))
        return ids or [self.pad_id], labels or [IGNORED_LABEL], positions or [0]

    @staticmethod
    def _boundaries(positions: torch.Tensor) -> dict[str, Any]:
        starts = (positions[0] == 0).nonzero().flatten().to(torch.int32)
        ends = torch.cat([starts, torch.tensor([positions.shape[1]], dtype=torch.int32)])
        longest = int(ends.diff().max())
        return {"cu_seq_lens_q": ends, "cu_seq_lens_k": ends, "max_length_q": longest, "max_length_k": longest}
