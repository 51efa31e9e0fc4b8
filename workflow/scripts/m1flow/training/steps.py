"""What every training run does around its loop: threads, examples within a length, steps, the records of a model."""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from m1flow.errors import M1FlowError
from m1flow.files.json import write_json
from m1flow.models.folder import seal
from m1flow.models.formats import TrainingExample
from m1flow.study.settings.training import TrainingSettings
from m1flow.training.model_card import model_card
from m1flow.training.tokenised import Prepared, prepare

if TYPE_CHECKING:
    from m1flow.training.loss_curve import LossCurve


_DISK_ERRORS = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


def set_up(threads: int) -> None:
    """What a process that trains does first: so many CPU threads for PyTorch, and a log without progress bars."""
    import torch
    from transformers.utils import logging as transformers_logging

    torch.set_num_threads(threads)
    transformers_logging.disable_progress_bar()
    logging.getLogger("accelerate").setLevel(logging.WARNING)
    if int(os.environ.get("RANK", 0)):  # the first process speaks for all
        logging.getLogger().setLevel(logging.ERROR)


def prepared_examples(
    examples: Iterable[TrainingExample], training: TrainingSettings, name: str, where: Path | str
) -> Prepared:
    prepared = prepare(examples, training.max_length, training.overlong, name)
    if not prepared.counts["examples"]:
        raise M1FlowError(
            f"{where}: no example of at most {training.max_length} tokens is left to train {name} on; "
            "raise training.max_length, or give more data"
        )
    return prepared


@contextlib.contextmanager
def naming_full_disks(out: Path | str) -> Iterator[None]:
    """A full disk, said as it is: what writes weights raises no OSError, and others one that names no file."""
    from safetensors import SafetensorError

    try:
        yield
    except SafetensorError as error:
        reason = " ".join(str(error).split())[:160]
        raise M1FlowError(f"{out}: the model can't be written ({reason}); free the disk, then run again") from error
    except OSError as error:
        if error.filename or error.errno not in _DISK_ERRORS:
            raise
        raise OSError(error.errno, os.strerror(error.errno), str(out)) from error


def write_records(folder: Path, record: dict[str, Any], curve: LossCurve, provenance: Mapping[str, Any]) -> None:
    """What a model folder says of how it came about."""
    record["counts"] |= {"seen_tokens": curve.tokens}
    record |= {"seconds": round(curve.seconds, 1), "final_loss": curve.losses[-1]["loss"]}
    write_json(folder / "m1flow" / "training.json", record)
    write_json(folder / "m1flow" / "provenance.json", provenance)
    (folder / "m1flow" / "loss.csv").write_text(curve.csv(), encoding="utf-8")
    seal(folder)
    (folder / "README.md").write_text(model_card(record, curve.csv()), encoding="utf-8")


def total_steps(training: TrainingSettings, examples: int, where: str = "training") -> int:
    """Optimiser steps: ``steps`` as they are, or ``epochs`` over so many examples, in batches of ``batch_size``.

    Raises:
        M1FlowError: neither or both are given.
    """
    if (training.steps is None) == (training.epochs is None):
        raise M1FlowError(f"{where}: training: give either steps or epochs")
    if training.epochs is None:
        return training.steps or 0
    return max(1, math.ceil(training.epochs * math.ceil(examples / training.batch_size)))
