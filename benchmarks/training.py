"""How fast training is: packed against padded, and against the arithmetic that the device can do.

Two parts, run from the project's root on a machine that does nothing else: python benchmarks/training.py

1. On one CPU thread, a tiny model: packed against padded rows, tokens per second.
2. On a GPU, a model of Qwen2.5-7B's shape with random weights: full and LoRA, rows of 4K and 16K tokens; tokens per
   second, model FLOPs over the measured rate of bfloat16 matrix products, peak memory; beside a plain trl script with
   its defaults. Without a GPU, the same with a tiny shape: that shows that it runs, and nothing about speed.

Examples are as long as the paper's traces (quartiles 625, 985, 1,791 tokens). Each measurement is a process of its own.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import random
import subprocess
import sys
import tempfile
import time
from array import array
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow" / "scripts"))

MEDIAN, SPREAD, LONGEST = 985, 0.78, 7461
"""The paper's lengths, as a log-normal distribution: median, standard deviation of the logarithm, and the longest."""

QWEN_7B = {"hidden": 3584, "intermediate": 18944, "layers": 28, "heads": 28, "kv_heads": 4, "vocabulary": 152064}
TINY = {"hidden": 64, "intermediate": 128, "layers": 2, "heads": 2, "kv_heads": 1, "vocabulary": 2048}
SMALL = {"hidden": 128, "intermediate": 256, "layers": 4, "heads": 4, "kv_heads": 4, "vocabulary": 2048}
PROMPT_SHARE = 0.12
WARM_UP = 2


def main() -> None:
    """Measure, print the table, write the figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer steps")
    parser.add_argument("--part", choices=["cpu", "gpu", "all"], default="all")
    parser.add_argument("--attention", default="auto", help="part gpu: auto, sdpa, flash_attention_2 or varlen")
    parser.add_argument("--optimizer", default="adamw", help="part gpu, full: adamw or adamw_8bit")
    parser.add_argument("--out", type=Path, help="figures as JSON")
    parser.add_argument("--case", type=json.loads, help=argparse.SUPPRESS)
    flags = parser.parse_args()
    if flags.case:
        print(json.dumps(measure(flags.case)))
        return
    figures = {}
    if flags.part != "gpu":
        figures |= packed_against_padded(4 if flags.quick else 20)
    if flags.part != "cpu":
        figures |= against_the_device(3 if flags.quick else 10, flags.attention, flags.optimizer)
    show(figures)
    if flags.out:
        flags.out.write_text(json.dumps({"figures": figures}, indent=2) + "\n", encoding="utf-8")


def packed_against_padded(steps: int) -> dict[str, float]:
    """Part 1: the ratio of speeds, with lengths an eighth of the paper's."""
    case = {
        "shape": SMALL,
        "steps": steps,
        "scale": 1 / 8,
        "longest": LONGEST // 8,
        "device_tokens": 4096,
        "gpu": False,
    }
    # In turn, and the best of three: other work on the machine slows either.
    speeds = {True: 0.0, False: 0.0}
    for packing in (True, False) * 3:
        speeds[packing] = max(speeds[packing], run_case(case | {"packing": packing})["tokens/s"])
    return {
        "cpu: packed, tokens/s": speeds[True],
        "cpu: padded, tokens/s": speeds[False],
        "cpu: packed over padded": speeds[True] / speeds[False],
    }


def against_the_device(steps: int, attention: str, optimizer: str) -> dict[str, float]:
    """Part 2: every method and row length, beside the plain script."""
    import torch

    gpu = torch.cuda.is_available()
    scale = 1 if gpu else 1 / 64
    case = {"shape": QWEN_7B if gpu else TINY, "steps": steps, "scale": scale, "gpu": gpu, "packing": True}
    rate = run_case({"rate": True, "gpu": gpu})["rate"]
    figures = {"device: bfloat16 matrix products, TFLOP/s": rate / 1e12}
    for row in (4096, 16384):
        length = int(row * scale)
        limits = {"longest": min(length, int(LONGEST * scale)), "device_tokens": length}
        for method in ("lora", "full"):
            name = f"{method}, {row // 1024}K"
            plain = run_case(case | limits | {"method": method, "plain": True})
            ours = run_case(
                case | limits | {"method": method, "attention": attention, "optimizer": optimizer, "recompute": gpu}
            )
            for who, found in (("m1flow", ours), ("plain trl", plain)):
                for what, value in found.items():
                    figures[f"{name}: {who}, {what}"] = value
                if "model FLOP/s" in found:
                    figures[f"{name}: {who}, share of the matmul rate"] = found["model FLOP/s"] / rate
            if "tokens/s" in ours and "tokens/s" in plain:
                figures[f"{name}: m1flow over plain trl"] = ours["tokens/s"] / plain["tokens/s"]
    return figures


def run_case(case: dict[str, Any]) -> dict[str, float]:
    """One measurement in a process of its own; where memory runs out, that is what it gives."""
    command = [sys.executable, __file__, "--case", json.dumps(case)]
    environment = os.environ | {"OMP_NUM_THREADS": os.environ.get("OMP_NUM_THREADS", "1"), "HF_HUB_OFFLINE": "1"}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    if done.returncode:
        if "OutOfMemoryError" in done.stderr:
            return {"out of memory": 1.0}
        sys.exit(f"error: {case}: {done.stderr[-2000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def measure(case: dict[str, Any]) -> dict[str, float]:
    """What a case gives: the device's rate, or the speed of training."""
    import torch

    if case.get("rate"):
        return {"rate": matmul_rate("cuda" if case["gpu"] else "cpu")}
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", 1)))
    lengths = draw_lengths(16 * case["steps"], case["scale"], case["longest"])
    train = plain_script if case.get("plain") else ours
    tokens, seconds = train(case, lengths)
    found = {"tokens/s": tokens / seconds, "model FLOP/s": flops_per_token(case, lengths) * tokens / seconds}
    if case["gpu"]:
        found["peak memory, GB"] = torch.cuda.max_memory_allocated() / 1e9
    return found


def draw_lengths(number: int, scale: float, longest: int) -> list[int]:
    """Lengths of examples, the same for the same number."""
    rng = random.Random(0)
    drawn = (rng.lognormvariate(math.log(MEDIAN * scale), SPREAD) for _ in range(number))
    return [min(max(int(length), 8), longest) for length in drawn]


def ours(case: dict[str, Any], lengths: list[int]) -> tuple[int, float]:
    """Train by m1flow; tokens and seconds after the warm-up."""
    from m1flow.study.settings.training import LoraSettings, TrainingSettings
    from m1flow.training.launch import Computation
    from m1flow.training.loop import Run, run_sft, trainer_arguments
    from m1flow.training.tokenised import Prepared

    full = case.get("method", "full") == "full"
    training: dict[str, Any] = {
        "batch_size": 16,
        "learning_rate": 1e-5,
        "packing": case["packing"],
        "attention": case.get("attention", "auto"),
    }
    training |= {"optimizer": case.get("optimizer", "adamw") if full else "adamw"}
    training |= {"precision": "bfloat16" if case["gpu"] else "float32"}
    computation = Computation(
        gpus=int(case["gpu"]), device_tokens=case["device_tokens"], gradient_checkpointing=case.get("recompute", False)
    )
    lora = None if full else LoraSettings()
    run = Run("benchmark", TrainingSettings(**training), case["steps"], lora, 0, computation)
    arguments = trainer_arguments(run)
    vocabulary = case["shape"]["vocabulary"]
    rng = random.Random(1)
    examples = Prepared([array("i", (rng.randrange(10, vocabulary) for _ in range(n))) for n in lengths])
    examples.starts = [int(PROMPT_SHARE * n) for n in lengths]
    _, curve = run_sft(run, arguments, model_of(case, torch_dtype(case, full)), Padding(), examples)
    seen = [entry["tokens"] for entry in curve.losses]
    return int(seen[-1] - seen[WARM_UP - 1]), curve.ends[-1] - curve.ends[WARM_UP - 1]


def plain_script(case: dict[str, Any], lengths: list[int]) -> tuple[int, float]:
    """Train as a short script with trl's defaults would, on the same examples; as many rows at once as fit."""
    import torch

    for rows in (8, 4, 2, 1):
        try:
            return _plain(case, lengths, rows)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            if rows == 1:
                raise
    raise AssertionError


def _plain(case: dict[str, Any], lengths: list[int], rows: int) -> tuple[int, float]:
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer

    ends: list[float] = []

    class Clock(TrainerCallback):
        def on_step_end(self, *_, **__):
            ends.append(time.perf_counter())

    rng = random.Random(1)
    ids = [[rng.randrange(10, case["shape"]["vocabulary"]) for _ in range(n)] for n in lengths]
    labels = [[-100] * int(PROMPT_SHARE * len(row)) + row[int(PROMPT_SHARE * len(row)) :] for row in ids]
    with tempfile.TemporaryDirectory() as scratch:
        arguments = SFTConfig(
            output_dir=scratch,
            max_steps=case["steps"],
            per_device_train_batch_size=rows,
            gradient_accumulation_steps=16 // rows,
            max_length=None,
            train_sampling_strategy="sequential",
            dataset_kwargs={"skip_prepare_dataset": True},
            use_cpu=not case["gpu"],
            bf16=case["gpu"],
            save_strategy="no",
            report_to="none",
            disable_tqdm=True,
        )
        full = case["method"] == "full"
        trainer = SFTTrainer(
            model=model_of(case, torch_dtype(case, full)),
            args=arguments,
            train_dataset=Dataset.from_dict({"input_ids": ids, "labels": labels}),
            processing_class=Padding(),
            peft_config=None if full else LoraConfig(r=16, target_modules="all-linear", task_type="CAUSAL_LM"),
            callbacks=[Clock()],
        )
        trainer.train()
    return sum(lengths[16 * WARM_UP :]), ends[-1] - ends[WARM_UP - 1]


def torch_dtype(case: dict[str, Any], full: bool) -> Any:
    """Weights that are trained stay in float32; those under adapters needn't."""
    import torch

    return torch.float32 if full or not case["gpu"] else torch.bfloat16


def model_of(case: dict[str, Any], dtype: Any) -> Any:
    """A Qwen2 model of a shape, with random weights, where it will be trained."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    shape = case["shape"]
    config = Qwen2Config(
        vocab_size=shape["vocabulary"],
        hidden_size=shape["hidden"],
        intermediate_size=shape["intermediate"],
        num_hidden_layers=shape["layers"],
        num_attention_heads=shape["heads"],
        num_key_value_heads=shape["kv_heads"],
        max_position_embeddings=32768,
        tie_word_embeddings=False,
        dtype=dtype,
    )
    with torch.device("cuda" if case["gpu"] else "cpu"):
        return Qwen2ForCausalLM._from_config(config, dtype=dtype)


def Padding() -> Any:  # noqa: N802 - stands for a tokenizer
    """The least of a tokenizer that the trainers ask for: a padding token."""
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"<pad>": 0, "<end>": 1}, unk_token="<pad>"))
    return PreTrainedTokenizerFast(tokenizer_object=words, pad_token="<pad>", eos_token="<end>")


def flops_per_token(case: dict[str, Any], lengths: list[int]) -> float:
    """Model FLOPs a token: what the mathematics needs, without anything that is computed twice.

    Two a weight forward, two backward to the activations, and, where all weights are trained, two to the weights; the
    head only for labelled tokens; attention of each token to half its example.
    """
    shape, full = case["shape"], case.get("method", "full") == "full"
    hidden, heads = shape["hidden"], shape["heads"]
    kv = hidden // heads * shape["kv_heads"]
    layer = 2 * hidden * (hidden + kv) + 3 * hidden * shape["intermediate"]
    weights = shape["layers"] * layer + (1 - PROMPT_SHARE) * hidden * shape["vocabulary"]
    length = sum(n * n for n in lengths) / sum(lengths)
    return (6 if full else 4) * weights + 3 * 2 * shape["layers"] * hidden * length


def matmul_rate(device: str) -> float:
    """FLOP/s of large bfloat16 matrix products: the best of several."""
    import torch

    size, dtype = (8192, torch.bfloat16) if device == "cuda" else (512, torch.float32)
    a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
    best = math.inf
    for _ in range(5):
        if device == "cuda":
            torch.cuda.synchronize()
        start = time.perf_counter()
        for _ in range(20):
            a @ b
        if device == "cuda":
            torch.cuda.synchronize()
        best = min(best, (time.perf_counter() - start) / 20)
    return 2 * size**3 / best


def show(figures: dict[str, float]) -> None:
    """The figures as a table on screen."""
    from rich.console import Console
    from rich.table import Table

    table = Table("figure", "value")
    for name, value in figures.items():
        table.add_row(name, f"{value:,.3f}" if abs(value) < 1000 else f"{value:,.0f}")
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
