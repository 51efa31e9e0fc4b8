"""Training methods, by which a student learns from a dataset."""

from __future__ import annotations

from dataclasses import dataclass

from m1flow.study.seams.seam import Seam

METHODS = Seam("method", "m1flow.training.methods")


@dataclass(frozen=True, kw_only=True)
class MethodAbilities:
    """The abilities that a training method declares.

    Attributes:
        trains_adapters: whether it can train low-rank adapters instead of all weights.
        shares_work: whether several processes can train one student, on a node's GPUs or on several nodes.
    """

    trains_adapters: bool
    shares_work: bool
