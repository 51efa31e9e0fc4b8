"""Settings for models that run without an endpoint."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from m1flow.study.seams.engines import AUTOMATIC, ENGINES
from m1flow.study.settings.section import Section
from m1flow.study.settings.values import Amount, Count, PositiveShare


class EngineSettings(Section):
    """The section ``engine``."""

    name: Annotated[str, ENGINES] = Field("auto", description="auto: vllm if it is installed, else transformers")
    dtype: Literal["float32", "bfloat16", "float16"] = Field(
        "float32", description="type of weights and arithmetic; it changes the answers"
    )
    max_model_len: Count | None = Field(
        None, description="maximum tokens of prompt and answer; by default the model's own"
    )
    memory_mb: Count = Field(256, description="memory for the KV cache on the CPU")
    batch_size: Count = Field(256, description="number of sequences at a time")
    threads: Count = Field(1, description="number of CPU cores of a job that runs a model")
    tensor_parallel_size: Count = Field(1, description="number of GPUs that share a model (vllm)")
    gpus: Amount = Field(0, description="number of GPUs of a job that runs a model")
    gpu_memory_utilization: PositiveShare = Field(0.9, description="share of a GPU's memory that the engine takes")

    @property
    def candidates(self) -> tuple[str, ...]:
        """The engines that may run; the choice of ``auto`` depends on the packages installed where the job runs."""
        return AUTOMATIC if self.name == "auto" else (self.name,)
