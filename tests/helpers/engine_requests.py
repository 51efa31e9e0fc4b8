"""Requests to the engines that are installed, and their completions in order."""

from __future__ import annotations

import importlib.util
import random
from dataclasses import replace

from helpers.engine_models import ALPHABET_SIZE
from m1flow.engines.interface import Completion, Request, Sampling

ENGINES = ["transformers"] + (["vllm"] if importlib.util.find_spec("vllm") else [])
END = 2
SETTINGS = {"memory_mb": 32, "batch_size": 16}


def generate(engine, requests) -> list[Completion]:
    """Completions in the order of the requests."""
    for index, request in enumerate(requests):
        engine.submit(replace(request, tag=index))
    answers = {request.tag: completion for request, completion in engine.finished()}
    return [answers[index] for index in range(len(requests))]


def requests(count, max_tokens=40, seed=0, **options) -> list[Request]:
    rng = random.Random(seed)
    prompts = [tuple(rng.randrange(4, ALPHABET_SIZE) for _ in range(rng.randrange(3, 60))) for _ in range(count)]
    sampling = options.pop("sampling", Sampling())
    return [
        Request(prompt, max_tokens, (END,), replace(sampling, seed=sampling.seed + index), **options)
        for index, prompt in enumerate(prompts)
    ]
