"""Training examples in the trainer's form: token ids of limited length, and where the loss starts."""

from __future__ import annotations

import hashlib
import logging
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field

from m1flow.models.formats import TrainingExample

log = logging.getLogger(__name__)

IGNORED_LABEL = -100
"""The label of a token that the loss leaves out (PyTorch's convention)."""


@dataclass
class Prepared:
    """Examples to train on.

    Attributes:
        input_ids: token ids of each example, four bytes a token.
        starts: number of tokens at each example's beginning that the loss leaves out; it counts all others.
        counts: numbers of examples, drops and tokens.
    """

    input_ids: list[array] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)
    counts: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("examples", "dropped", "truncated", "tokens", "trained_tokens"), 0)
    )

    def labels(self, example: int) -> list[int]:
        """An example's labels: -100 for tokens that the loss leaves out, else the token."""
        # A model predicts a token from those before it; the first token has none.
        start = max(self.starts[example], 1)
        return [IGNORED_LABEL] * start + list(self.input_ids[example][start:])

    def labelled(self, example: int) -> int:
        """The number of tokens of an example that the loss counts."""
        return len(self.input_ids[example]) - max(self.starts[example], 1)

    def fingerprint(self) -> str:
        """A hash (32 hex digits) of ids and labels."""
        digest = hashlib.sha256()
        for ids, start in zip(self.input_ids, self.starts, strict=True):
            digest.update(b"%d %d " % (len(ids), start))
            digest.update(ids.tobytes())
        return digest.hexdigest()[:32]


def prepare(examples: Iterable[TrainingExample], max_length: int, overlong: str, name: str) -> Prepared:
    """Token ids of examples, at most ``max_length`` each; only the assistant's turn counts towards the loss.

    Args:
        examples: the examples to train on.
        max_length: maximum length in tokens.
        overlong: "drop" or "truncate" longer ones. An example whose assistant's turn is truncated away is dropped
            too, since it would teach nothing.
        name: name of the student or base, for the log.
    """
    prepared = Prepared()
    counts = prepared.counts
    for example in examples:
        ids, start = array("i", example.input_ids), example.prompt_tokens
        if len(ids) > max_length:
            if overlong == "drop" or start >= max_length:
                counts["dropped"] += 1
                continue
            counts["truncated"] += 1
            ids = ids[:max_length]
        prepared.input_ids.append(ids)
        prepared.starts.append(start)
        counts["examples"] += 1
        counts["tokens"] += len(ids)
        counts["trained_tokens"] += len(ids) - start
    if counts["dropped"] or counts["truncated"]:
        log.warning(
            "%s: of %d examples, %d were dropped and %d truncated because they exceed %d tokens",
            name,
            counts["examples"] + counts["dropped"],
            counts["dropped"],
            counts["truncated"],
            max_length,
        )
    return prepared
