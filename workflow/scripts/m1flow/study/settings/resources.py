"""The resources of a student's job, and how it computes; none of it changes the trained model."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from m1flow.study.settings.section import Section
from m1flow.study.settings.values import Amount, Count


class TrainingResources(Section):
    """``resources`` of a student."""

    gpus: Amount = Field(
        0, description="number of GPUs per node; 0 trains on the CPU, several share the weights (FSDP2)"
    )
    nodes: Count = Field(1, description="several need SLURM")
    processes: Count = Field(1, description="without GPUs: number of processes that share a batch")
    threads: Count = Field(1, description="number of CPU cores; with GPUs on SLURM, per GPU")
    mem_mb: Count = Field(3000, description="of each node")
    runtime: Count = Field(
        720, description="minutes; a job that reaches its limit saves, and goes on in its next attempt"
    )
    device_tokens: Count = Field(
        16384, description="maximum tokens, padding included, that a process computes at once; fewer need less memory"
    )
    gradient_checkpointing: bool = Field(False, description="compute activations twice: less memory, slower")
    checkpoint_minutes: Amount = Field(15, description="between checkpoints")
    report_to: Literal["auto", "none", "tensorboard", "wandb", "trackio"] = Field(
        "auto", description="auto: TensorBoard if installed"
    )
