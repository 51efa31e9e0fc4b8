"""Training on a GPU: packed rows, kernels and precision give what the CPU gives."""

from __future__ import annotations

import pandas as pd
import pytest

from helpers.training_models import M1, make_base, tune, write_corpus, write_dataset
from m1flow.models.formats import Formatter
from m1flow.models.tokenizers import load_tokenizer
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.problems import read
from m1flow.study.settings.training import TrainingSettings
from m1flow.training import kernels
from m1flow.training.collator import StepCollator
from m1flow.training.launch import Computation
from m1flow.training.packages import installed
from m1flow.training.packing import PackingPlan
from m1flow.training.tokenised import prepare
from m1flow.training.weights import load_weights

torch = pytest.importorskip("torch")

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("gpu")
    return make_base(write_corpus(folder / "corpus.parquet"), folder / "mini")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("gpu-data") / "few.parquet")


@pytest.mark.parametrize("attention", ["sdpa", "varlen", "flash_attention_2"])
def test_logits_of_packed_examples_are_those_of_each_alone(base, attention):
    if attention == "flash_attention_2" and not installed(attention):
        pytest.skip("flash-attn is not installed here")
    model = load_weights(base, "bfloat16").cuda()
    name = kernels.attention(
        read(TrainingSettings, {"attention": attention, "precision": "bfloat16"}), True, model.config
    )
    tokenizer = load_tokenizer(base)
    formatter = Formatter(tokenizer, "m1", FormatSettings(**M1))
    prepared = prepare((formatter.example("Q?", "Think. " * n, str(n)) for n in (9, 1, 4, 7)), 500, "drop", "test")
    plan = PackingPlan(list(map(len, prepared.input_ids)), 4, 1, 0, row_tokens=10_000)
    flat = kernels.takes_boundaries(name)
    [micro] = plan.share(0, 0)
    tensors = StepCollator(plan, prepared, tokenizer.pad_token_id, flat).tensors(micro)
    given = {
        key: value.cuda() if torch.is_tensor(value) else value for key, value in tensors.items() if key != "labels"
    }
    with torch.no_grad():
        model.set_attn_implementation(name)
        packed = model(**given, use_cache=False).logits[0]
        model.set_attn_implementation("sdpa")
        start = 0
        for example in micro[0]:
            ids = torch.tensor([list(prepared.input_ids[example])], device="cuda")
            alone = model(ids, use_cache=False).logits[0]
            torch.testing.assert_close(packed[start : start + ids.shape[1]], alone, atol=0.05, rtol=0.05)
            start += ids.shape[1]


@pytest.mark.parametrize("settings", [{}, {"attention": "varlen"}, {"packing": False}], ids=str)
@pytest.mark.parametrize("adapters", [None, "lora"])
def test_the_gpu_gives_the_cpus_loss_curve(base, dataset, tmp_path, settings, adapters):
    curves = []
    for gpus in (0, 1):
        computation = Computation(gpus=gpus, gradient_checkpointing=bool(gpus))
        on_gpu = settings | {"precision": "bfloat16"} if gpus else {}
        folder = tune(
            base, dataset, tmp_path / str(gpus), adapters=adapters, steps=30, computation=computation, **on_gpu
        )
        curves.append(pd.read_csv(folder / "m1flow" / "loss.csv")["loss"])
    pd.testing.assert_series_equal(curves[0], curves[1], rtol=0.05)


@pytest.mark.skipif(not installed("4bit"), reason="bitsandbytes is not installed here")
def test_qlora_trains_and_is_merged_into_whole_weights(base, dataset, tmp_path):
    lora = {"rank": 4, "quantize": "4bit"}
    computation = Computation(gpus=1, gradient_checkpointing=True)
    out = tune(
        base,
        dataset,
        tmp_path / "q",
        adapters="lora",
        lora=lora,
        steps=30,
        computation=computation,
        precision="bfloat16",
    )
    curve = pd.read_csv(out / "m1flow" / "loss.csv")["loss"]
    assert curve.iloc[-5:].mean() < curve.iloc[:5].mean()
    assert load_weights(out, "bfloat16").dtype == torch.bfloat16
