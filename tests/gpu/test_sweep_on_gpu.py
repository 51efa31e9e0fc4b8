"""The sweep on a GPU: the same rows from shards and widths in float32, and memory that runs out is survived."""

from __future__ import annotations

import importlib.util

import pandas as pd
import pytest

torch = pytest.importorskip("torch")
if not torch.cuda.is_available():
    pytest.skip("no GPU is to be seen", allow_module_level=True)

from helpers.sweep_reference import COLUMNS, M1, items  # noqa: E402
from m1flow.engines.opening import open_engine  # noqa: E402
from m1flow.engines.retrying import RetryingEngine  # noqa: E402
from m1flow.models.formats import Formatter  # noqa: E402
from m1flow.study.settings.architecture import ArchitectureSettings  # noqa: E402
from m1flow.study.settings.engine import EngineSettings  # noqa: E402
from m1flow.study.settings.formats import FormatSettings  # noqa: E402
from m1flow.study.settings.problems import read  # noqa: E402
from m1flow.sweep.plan import SweepPlan  # noqa: E402
from m1flow.sweep.run import run_sweep  # noqa: E402
from m1flow.sweep.shards import deal  # noqa: E402
from m1flow.training.random_weights import init_base  # noqa: E402
from m1flow.training.tokenizer import train_tokenizer  # noqa: E402

pytestmark = pytest.mark.gpu
ENGINES = ["transformers"] + (["vllm"] if importlib.util.find_spec("vllm") else [])
ARCHITECTURE = {"hidden_size": 256, "intermediate_size": 512, "layers": 2, "heads": 4, "vocabulary": 300}
PLAN = SweepPlan(
    budgets=(0, 8, 32), extension_counts=(0, 2), extension_budgets=(48,), answer_tokens=8, option_answer="{letter}"
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpu") / "model"
    tokenizer = train_tokenizer(["a question about a dose of some drug"], 300)
    model = init_base(
        read(ArchitectureSettings, ARCHITECTURE | {"rope_theta": 100, "max_position": 1024}), tokenizer, 0
    )
    with torch.no_grad():
        for weights in model.parameters():
            if weights.dim() > 1:
                weights.mul_(0.1 / weights.std())
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def sweep(engine, formatter, shards=1, width=256) -> pd.DataFrame:
    rows = [
        row
        for shard in range(1, shards + 1)
        for row in run_sweep(deal(items(12), shard, shards), formatter, engine, PLAN, seed=0, width=width)
    ]
    return pd.DataFrame(rows).sort_values(COLUMNS).reset_index(drop=True)


@pytest.mark.parametrize("name", ENGINES)
def test_budgets_are_cuts_of_one_trace_and_are_kept(folder, name):
    from m1flow.models.tokenizers import load_tokenizer

    formatter = Formatter(load_tokenizer(folder), "m1", FormatSettings(**M1))
    engine = RetryingEngine(
        lambda settings: open_engine(folder, settings),
        read(
            EngineSettings,
            {"name": name, "dtype": "float32", "batch_size": 64, "gpus": 1, "gpu_memory_utilization": 0.3},
        ),
        lambda: 1024,
    )
    rows = sweep(engine, formatter)
    again = sweep(engine, formatter, shards=3, width=5)
    engine.close()
    assert (rows["thinking_tokens"] <= rows["budget"]).all()
    columns = [*COLUMNS, "thinking_text", "natural_end", "answer_text"]
    same = (rows[columns] == again[columns]).all(axis=1).mean()
    assert same > 0.95  # other batches may round otherwise on a GPU


def test_a_job_that_asks_for_no_gpu_takes_none(folder):
    engine = open_engine(folder, EngineSettings(name="transformers"))
    assert engine._batch._model.device.type == "cpu"
    engine.close()


def test_a_batch_that_is_too_large_is_made_smaller(folder):
    opened = []

    def factory(settings):
        opened.append(settings.batch_size)
        if settings.batch_size > 32:
            torch.empty(1 << 50, dtype=torch.uint8, device="cuda")  # the device's own error
        return open_engine(folder, settings)

    engine = RetryingEngine(
        factory, read(EngineSettings, {"name": "transformers", "batch_size": 64, "gpus": 1}), lambda: 512
    )
    assert opened == [64, 32]
    engine.close()
