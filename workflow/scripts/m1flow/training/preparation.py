"""Preparation of a training run: threads, examples within the length, and the number of steps."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import Iterable
from pathlib import Path

from m1flow.errors import M1FlowError
from m1flow.models.formats import TrainingExample
from m1flow.study.settings.training import TrainingSettings
from m1flow.training.tokenised import Prepared, prepare


def set_up(threads: int, gpus: int = 0) -> None:
    """Prepare a training process: set PyTorch's number of CPU threads, and keep progress bars out of the log.

    Args:
        threads: number of CPU threads of this process.
        gpus: number of GPUs that this node's processes train on.

    Raises:
        M1FlowError: PyTorch can use fewer GPUs; training would then silently run on the CPU, or in each process by
            itself.
    """
    import torch
    from transformers.utils import logging as transformers_logging

    usable = torch.cuda.device_count() if gpus and torch.cuda.is_available() else 0
    if usable < gpus:
        built = f"CUDA {torch.version.cuda}" if torch.version.cuda else "the CPU alone"
        raise M1FlowError(
            f"students: resources: gpus: {gpus} asked for, but PyTorch {torch.__version__}, built for {built}, can use "
            f"{usable}; install a driver and a build of PyTorch that work together, or set gpus to 0"
        )
    torch.set_num_threads(threads)
    transformers_logging.disable_progress_bar()
    logging.getLogger("accelerate").setLevel(logging.WARNING)
    if int(os.environ.get("RANK", 0)):  # only the first process logs
        logging.getLogger().setLevel(logging.ERROR)


def prepared_examples(
    examples: Iterable[TrainingExample], training: TrainingSettings, name: str, where: Path | str
) -> Prepared:
    """The examples within ``max_length`` tokens; longer ones are dropped or truncated, as the settings say.

    Raises:
        M1FlowError: no example is left.
    """
    prepared = prepare(examples, training.max_length, training.overlong, name)
    if not prepared.counts["examples"]:
        raise M1FlowError(
            f"{where}: no example of at most {training.max_length} tokens is left to train {name} on; "
            "raise training.max_length, or give more data"
        )
    return prepared


def total_steps(training: TrainingSettings, examples: int, where: str = "training") -> int:
    """The number of optimiser steps: ``steps``, or ``epochs`` over the examples in batches of ``batch_size``.

    Raises:
        M1FlowError: neither or both of steps and epochs are given.
    """
    if (training.steps is None) == (training.epochs is None):
        raise M1FlowError(f"{where}: training: give either steps or epochs")
    if training.epochs is None:
        return training.steps or 0
    return max(1, math.ceil(training.epochs * math.ceil(examples / training.batch_size)))
