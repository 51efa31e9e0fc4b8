"""Packing changes where an example is computed, and nothing about what it teaches."""

from __future__ import annotations

from collections import Counter
from itertools import chain
from pathlib import Path

import pandas as pd
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from helpers.training_models import M1, load_base, make_base, tune, write_corpus, write_dataset
from m1flow.errors import M1FlowError
from m1flow.models.formats import Formatter
from m1flow.models.tokenizers import load_tokenizer
from m1flow.study.settings.formats import FormatSettings
from m1flow.training.collator import StepCollator
from m1flow.training.launch import Computation
from m1flow.training.packing import PackingPlan, batches, pack, spread
from m1flow.training.preparation import set_up
from m1flow.training.tokenised import prepare

LOSS = Path("m1flow") / "loss.csv"
LENGTHS = st.lists(st.integers(1, 60), min_size=1, max_size=40)


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    set_up(1)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("packing")
    return make_base(write_corpus(folder / "corpus.parquet"), folder / "mini")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory):
    return write_dataset(tmp_path_factory.mktemp("packing-data") / "few.parquet")


# --- the plan --------------------------------------------------------------------------------------------------------


@given(lengths=LENGTHS)
def test_every_item_is_packed_once_and_no_row_overflows(lengths):
    rows = pack(lengths, max(lengths))
    assert sorted(chain.from_iterable(rows)) == list(range(len(lengths)))
    assert all(sum(lengths[n] for n in row) <= max(lengths) for row in rows)
    # Best fit never leaves two rows that would have fitted into one.
    filled = sorted(sum(lengths[n] for n in row) for row in rows)
    assert len(filled) < 2 or filled[0] + filled[1] > max(lengths)


@given(lengths=LENGTHS, data=st.data())
def test_spread_makes_just_so_many_rows_none_empty(lengths, data):
    rows = spread(lengths, data.draw(st.integers(1, len(lengths))))
    assert sorted(chain.from_iterable(rows)) == list(range(len(lengths)))
    assert all(rows)


@given(examples=st.integers(1, 50), batch_size=st.integers(1, 20), seed=st.integers(0, 5))
def test_every_epoch_takes_each_example_once(examples, batch_size, seed):
    endless = batches(examples, batch_size, seed)
    for _ in range(3):
        epoch: list[int] = []
        while len(epoch) < examples:
            batch = next(endless)
            assert len(batch) == min(batch_size, examples - len(epoch))
            epoch += batch
        assert sorted(epoch) == list(range(examples))


@given(
    lengths=LENGTHS,
    batch_size=st.integers(1, 16),
    processes=st.integers(1, 5),
    packing=st.booleans(),
    room=st.integers(1, 200),
    flat=st.booleans(),
)
def test_a_step_is_the_same_examples_however_it_is_laid_out(lengths, batch_size, processes, packing, room, flat):
    plan = dict(batch_size=batch_size, steps=3, seed=0, packing=packing, device_tokens=room)
    plan |= {"row_tokens": room if flat else None}
    if processes > min(batch_size, len(lengths)):
        with pytest.raises(M1FlowError, match=r"batch_size: .* can't be shared by . processes; .*raise batch_size"):
            PackingPlan(lengths, processes=processes, **plan)
        return
    alone, shared = PackingPlan(lengths, **plan), PackingPlan(lengths, processes=processes, **plan)
    for step in range(3):
        shares = [shared.share(step, process) for process in range(processes)]
        laid_out = Counter(example for share in shares for micro in share for row in micro for example in row)
        assert laid_out == Counter(alone.examples(step)) == Counter(shared.examples(step))
        assert len({len(share) for share in shares}) == 1  # else a process would wait for ever
        for share in shares:
            for micro in share:
                width = max((sum(lengths[n] for n in row) for row in micro), default=0)
                assert len(micro) <= 1 or len(micro) * width <= room
                assert packing or all(len(row) == 1 for row in micro)


def test_packing_computes_less_padding():
    lengths = [100, 20, 30, 50, 70, 25, 75, 40, 60, 10]
    packed, padded = (PackingPlan(lengths, 10, 1, 0, packing=packing) for packing in (True, False))
    assert packed.padding(0) < 0.05 < 0.4 < padded.padding(0)


# --- the computation -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("implementation", ["sdpa", "eager"])
def test_logits_of_packed_examples_are_those_of_each_alone(base, implementation):
    model, tokenizer = load_base(base)
    model.set_attn_implementation(implementation)
    formatter = Formatter(tokenizer, "m1", FormatSettings(**M1))
    turns = [("Q?", "Think. " * n, str(n)) for n in (9, 1, 4, 2, 7, 3)]
    prepared = prepare((formatter.example(*turn) for turn in turns), 500, "drop", "test")
    lengths = list(map(len, prepared.input_ids))
    plan = PackingPlan(lengths, len(turns), 1, seed=0, device_tokens=10_000, row_tokens=max(lengths) + 12)
    collate = StepCollator(plan, prepared, tokenizer.pad_token_id)
    [micro] = plan.share(0, 0)
    assert max(map(len, micro)) > 1 < len(micro)
    tensors = collate.tensors(micro)
    with torch.no_grad():
        packed = model(input_ids=tensors["input_ids"], position_ids=tensors["position_ids"], use_cache=False).logits
        for number, row in enumerate(micro):
            start = 0
            for example in row:
                ids = torch.tensor([list(prepared.input_ids[example])])
                alone = model(ids, use_cache=False).logits[0]
                torch.testing.assert_close(packed[number, start : start + ids.shape[1]], alone, atol=2e-5, rtol=1e-4)
                start += ids.shape[1]


def test_an_examples_neighbour_in_the_row_has_no_influence(base):
    """The test above could pass where attention crosses too little to be seen; here a neighbour is replaced."""
    model, tokenizer = load_base(base)
    formatter = Formatter(tokenizer, "m1", FormatSettings(**M1))
    kept = formatter.example("Q?", "Think. " * 5, "4")
    out = []
    for neighbour in ("A b c.", "Other words here."):
        prepared = prepare([formatter.example("Q?", neighbour, "4"), kept], 500, "drop", "test")
        collate = StepCollator(
            PackingPlan(list(map(len, prepared.input_ids)), 2, 1, 0), prepared, tokenizer.pad_token_id
        )
        tensors = collate.tensors([[0, 1]])
        ids = tensors["input_ids"]
        with torch.no_grad():
            logits = model(ids, position_ids=tensors["position_ids"], use_cache=False).logits[0]
            crossing = model(ids, use_cache=False).logits[0]
        out.append((logits[-len(kept.input_ids) :], crossing[-len(kept.input_ids) :]))
    torch.testing.assert_close(out[0][0], out[1][0], atol=1e-5, rtol=1e-4)
    assert not torch.allclose(out[0][1], out[1][1], atol=1e-3)  # without positions it would have


@pytest.mark.parametrize(
    "layout",
    [
        (False, {}),
        (True, {"device_tokens": 1}),
        (False, {"device_tokens": 150}),
        (True, {"gradient_checkpointing": True}),
    ],
    ids=str,
)
def test_the_layout_changes_no_loss_curve(base, dataset, tmp_path, layout):
    curves = [
        pd.read_csv(
            tune(base, dataset, tmp_path / str(n), batch_size=5, packing=p, computation=Computation(**chosen)) / LOSS
        )
        for n, (p, chosen) in enumerate(((True, {}), layout))
    ]
    assert len(curves[0]) == 6
    pd.testing.assert_frame_equal(*curves, rtol=2e-3)


def test_bfloat16_arithmetic_keeps_float32_weights_while_training(base, dataset, tmp_path):
    """Steps of a millionth would be lost in bfloat16 weights; the sum of many isn't in float32 ones."""
    settings = {"steps": 30, "learning_rate": 3e-3, "warmup": 0, "weight_decay": 0}
    single = pd.read_csv(tune(base, dataset, tmp_path / "single", **settings) / LOSS)["loss"]
    folder = tune(base, dataset, tmp_path / "half", precision="bfloat16", **settings)
    half = pd.read_csv(folder / LOSS)["loss"]
    assert half.iloc[-5:].mean() == pytest.approx(single.iloc[-5:].mean(), rel=0.05)
    assert not half.equals(single)
    assert load_base(folder, "bfloat16")[0].dtype == torch.bfloat16
    from safetensors import safe_open

    with safe_open(folder / "model.safetensors", "pt") as file:
        assert file.get_tensor("model.norm.weight").dtype == torch.bfloat16


def test_the_tokenizer_written_is_the_bases(base, dataset, tmp_path):
    out = tune(base, dataset, tmp_path / "student", steps=1)
    for name in ("tokenizer.json", "tokenizer_config.json", "chat_template.jinja"):
        assert (out / name).read_bytes() == (base / name).read_bytes()
    assert load_tokenizer(out).encode("4096") == load_tokenizer(base).encode("4096")
