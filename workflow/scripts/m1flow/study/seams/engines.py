"""Engines, which generate completions from token ids."""

from __future__ import annotations

from dataclasses import dataclass

from m1flow.study.seams.seam import Seam

ENGINES = Seam("engine", "m1flow.engines.backends", also=("auto",))

AUTOMATIC = ("vllm", "transformers")
"""The engines for which ``auto`` stands: the first of them that is installed where a job runs is used."""


@dataclass(frozen=True, kw_only=True)
class EngineAbilities:
    """The abilities that an engine declares.

    Attributes:
        stops_at_text: whether a generation can end at a text of several tokens, such as ``</think>`` or a closed box.
        gives_logprobs: whether it gives the log-probabilities of generated and of given tokens.
        caches_prefixes: whether prompts with the same beginning share their KV cache, so that a thought is computed
            once, however many budgets cut it.
        in_process: whether the model runs in the job's own process, on the GPUs that the job asked for.
        splits_models: whether several GPUs can share a model.
    """

    stops_at_text: bool
    gives_logprobs: bool
    caches_prefixes: bool
    in_process: bool
    splits_models: bool
