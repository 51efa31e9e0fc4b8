"""Tokenizers, base models, fine-tuning and the folders they end in, on models of a few thousand weights."""

from __future__ import annotations

import io
import json
import unicodedata
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from training_models import ARCHITECTURE, M1, PROMPTS, WORLD, load_base, make_base, tune, write_corpus, write_dataset
from transformers import TrainerState

from m1flow import kernels, storage
from m1flow.bases import init_base, load_weights
from m1flow.corpus import build_corpus
from m1flow.errors import M1FlowError
from m1flow.examples import IGNORED_LABEL, prepare
from m1flow.formats import Formatter, load_tokenizer
from m1flow.formulary import World, questions
from m1flow.loss_curve import LossCurve
from m1flow.model_folder import atomic_folder, check_model_folder
from m1flow.sft import reports_to
from m1flow.tokenizers import train_tokenizer
from m1flow.training import set_up, total_steps


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    set_up(1)


@pytest.fixture(scope="module")
def corpus_file(tmp_path_factory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpora") / "mini.parquet")


def test_real_questions_are_practised_by_letter(tiny_questions, tmp_path):
    storage.write_table(tmp_path / "q.parquet", tiny_questions, "questions")
    rows = build_corpus({"sources": ["a"]}, PROMPTS, pool=tmp_path / "q.parquet")
    letters = ["ABCD"[index] for index in tiny_questions.loc[tiny_questions["source"] == "a", "answer_index"]]
    assert [row["completion"] for row in rows] == [f"\\boxed{{{letter}}}" for letter in letters]
    assert all(row["prompt"].startswith("Severity") for row in rows)


@pytest.fixture(scope="module")
def base(corpus_file, tmp_path_factory) -> Path:
    return make_base(corpus_file, tmp_path_factory.mktemp("models") / "mini")


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> Path:
    return write_dataset(tmp_path_factory.mktemp("datasets") / "few.parquet")


# --- tokenizer -------------------------------------------------------------------------------------------------------


@given(text=st.text(max_size=60) | st.sampled_from(["<|im_end|>", "a</think>b", "Wait", "Ωμέγα 中文 😀\x00\u202e"]))
@settings(max_examples=150)
def test_every_text_can_be_encoded_and_comes_back(base_tokenizer, text):
    formatter = Formatter(base_tokenizer, "m1", M1)
    ids = formatter.encode(text)
    assert unicodedata.normalize("NFC", formatter.decode(ids)) == unicodedata.normalize("NFC", text)
    assert not set(ids) & set(base_tokenizer.get_added_vocab().values())


@pytest.fixture(scope="module")
def base_tokenizer(base):
    return load_tokenizer(base)


def test_drugs_are_single_tokens_and_a_step_costs_eight(base_tokenizer):
    world = World.from_spec(WORLD)
    for drug in world.named("common"):
        assert len(base_tokenizer.encode(f" {drug.name}")) == 1
    for question in questions(WORLD, {"questions": 20, "chain": [1, 4]}, "train"):
        reasoning, _ = world.trace(question)
        assert len(base_tokenizer.encode(reasoning)) == 1 + 8 * len(world.solve(question))


def test_the_saved_tokenizer_is_the_trained_one(tmp_path):
    texts = ["user assistant think answer 123 the cat sat on the mat"] * 3
    trained = train_tokenizer(texts, 400)
    trained.save_pretrained(tmp_path)
    loaded = load_tokenizer(tmp_path)
    assert len(loaded) == len(trained)
    for text in (*texts, "<|im_start|>think\n7 </think> zß", "  \n\n 4096"):
        assert loaded.encode(text) == trained.encode(text)
    assert (loaded.eos_token, loaded.pad_token) == ("<|im_end|>", "<|fim_pad|>")
    assert len(loaded.encode("4096")) == 4
    turn = loaded.apply_chat_template([{"role": "user", "content": "Hi"}], tokenize=False, add_generation_prompt=True)
    assert turn == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"


def test_a_vocabulary_that_is_too_small_is_refused():
    with pytest.raises(M1FlowError, match="vocabulary: 200 can't hold"):
        train_tokenizer(["text"], 200)


# --- examples --------------------------------------------------------------------------------------------------------


def test_the_loss_falls_on_exactly_the_assistants_turn(base_tokenizer):
    formatter = Formatter(base_tokenizer, "m1", M1)
    examples = [formatter.example("Ask <|im_end|>?", "Think.", r"\boxed{6}"), formatter.example("Q", "T " * 9, "4")]
    prepared = prepare(examples, 500, "drop", "test")
    said = []
    for number, ids in enumerate(prepared.input_ids):
        labels = prepared.labels(number)
        assert all(label in (IGNORED_LABEL, token) for token, label in zip(ids, labels, strict=True))
        said.append(base_tokenizer.decode([label for label in labels if label != IGNORED_LABEL]))
    assert said[0] == "<|im_start|>think\nThink.\n<|im_start|>answer\nAnswer: \\boxed{6}<|im_end|>"
    assert said[1].endswith("T\n<|im_start|>answer\nAnswer: 4<|im_end|>")
    assert prepared.counts["trained_tokens"] == sum(len(e.input_ids) - e.prompt_tokens for e in examples)


def test_overlong_examples_are_dropped_or_truncated_and_counted(base_tokenizer, caplog):
    formatter = Formatter(base_tokenizer, "m1", M1)
    short, long = formatter.example("Q", "T", "4"), formatter.example("Q", "T " * 50, "4")
    wordy = formatter.example("Q " * 50, "T", "4")
    limit = len(short.input_ids) + 3
    dropped = prepare([short, long, wordy], limit, "drop", "test")
    assert (dropped.counts["examples"], dropped.counts["dropped"], dropped.counts["truncated"]) == (1, 2, 0)
    assert "2 dropped and 0 truncated" in caplog.text
    truncated = prepare([short, long, wordy], limit, "truncate", "test")
    assert (truncated.counts["examples"], truncated.counts["dropped"], truncated.counts["truncated"]) == (2, 1, 1)
    assert list(truncated.input_ids[1]) == long.input_ids[:limit]


def test_steps_are_given_or_follow_from_epochs():
    assert total_steps({"steps": 7, "batch_size": 4}, 100) == 7
    assert total_steps({"epochs": 5, "batch_size": 16}, 1000) == 315
    assert total_steps({"epochs": 0.5, "batch_size": 16}, 20) == 1
    with pytest.raises(M1FlowError, match="either steps or epochs"):
        total_steps({"batch_size": 4}, 100)


# --- training --------------------------------------------------------------------------------------------------------


def test_the_first_loss_is_the_cross_entropy_of_the_assistants_tokens(base, dataset, tmp_path):
    import torch

    model, tokenizer = load_base(base)
    formatter = Formatter(tokenizer, "m1", M1)
    rows = pd.read_parquet(dataset)
    losses, tokens = 0.0, 0
    for prompt, reasoning, answer in zip(rows["prompt"], rows["reasoning"], rows["answer"], strict=True):
        example = formatter.example(prompt, reasoning, answer)
        logits = model(torch.tensor([example.input_ids])).logits[0].log_softmax(-1)
        for place in range(example.prompt_tokens, len(example.input_ids)):
            losses -= logits[place - 1, example.input_ids[place]].item()
            tokens += 1
    out = tune(base, dataset, tmp_path / "student", steps=1, batch_size=len(rows), learning_rate=1e-4)
    curve = pd.read_csv(out / "m1flow" / "loss.csv")
    assert curve["loss"][0] == pytest.approx(losses / tokens, rel=1e-4)


def test_the_same_seed_trains_the_same_bytes(base, dataset, corpus_file, tmp_path):
    weights = "model.safetensors"
    assert (make_base(corpus_file, tmp_path / "again") / weights).read_bytes() == (base / weights).read_bytes()
    assert (make_base(corpus_file, tmp_path / "other", seed=1) / weights).read_bytes() != (base / weights).read_bytes()
    for method in ("full", "lora"):
        first, second = (tune(base, dataset, tmp_path / f"{method}{n}", method=method) for n in (1, 2))
        assert (first / weights).read_bytes() == (second / weights).read_bytes()
        assert (first / weights).read_bytes() != (base / weights).read_bytes()


def test_training_lowers_the_loss_and_tells_how(base, dataset, tmp_path):
    out = tune(base, dataset, tmp_path / "student", steps=25, warmup=0.2)
    curve = pd.read_csv(out / "m1flow" / "loss.csv")
    assert list(curve.columns) == ["step", "loss", "learning_rate", "tokens"]
    assert list(curve["step"]) == list(range(1, 26))
    assert curve["loss"].iloc[-5:].mean() < 0.8 * curve["loss"].iloc[:5].mean()
    assert curve["learning_rate"].idxmax() == 5  # a warm-up of 5 steps: the sixth has the full rate
    record = json.loads((out / "m1flow" / "training.json").read_text())
    assert record["counts"]["examples"] == 12
    assert record["counts"]["seen_tokens"] == curve["tokens"].iloc[-1]
    assert record["settings"]["training"]["steps"] == 25
    assert "| optimiser steps | 25 |" in (out / "README.md").read_text()


@pytest.mark.parametrize("method", ["full", "lora"])
def test_a_student_is_a_complete_model_folder(base, dataset, tmp_path, method):
    import torch

    out = tune(base, dataset, tmp_path / "student", method=method, lora={"rank": 4, "alpha": 8})
    check_model_folder(out)
    assert not list(out.glob("adapter*"))
    model, tokenizer = load_base(out)
    assert model.config.use_cache
    assert model.generation_config.eos_token_id == tokenizer.eos_token_id
    start = load_base(base)[0].state_dict()
    changed = {name for name, tensor in model.state_dict().items() if not torch.equal(tensor, start[name])}
    assert set(start) == set(model.state_dict())
    assert any("q_proj.weight" in name for name in changed)
    assert ("model.embed_tokens.weight" in changed) == (method == "full")


def test_a_loss_that_is_not_finite_stops_with_the_cure_and_leaves_nothing(base, dataset, tmp_path):
    with pytest.raises(M1FlowError, match="student: training: the loss is .*lower training.learning_rate"):
        tune(base, dataset, tmp_path / "student", learning_rate=1e30, warmup=0, steps=20)
    assert list(tmp_path.iterdir()) == []


def stepped(curve: LossCurve, losses: list[float]) -> LossCurve:
    """A curve that has seen these losses, one a step."""
    state = TrainerState(log_history=[])
    curve.on_train_begin(None, state, None)
    for step, loss in enumerate(losses, start=1):
        state.global_step, state.num_input_tokens_seen = step, 10 * step
        logs = {"loss": loss, "learning_rate": 1e-3}
        state.log_history.append(logs | curve.point(state, logs) | {"step": step})
        curve.on_log(None, state, None, logs)
    return curve


def test_a_diverging_loss_stops_and_a_noisy_one_does_not():
    noisy = [2.0 + 0.5 * (-1) ** n for n in range(60)]
    stepped(LossCurve("student", 60), noisy)
    with pytest.raises(M1FlowError, match="student: training: the loss diverges: .* lower training.learning_rate"):
        stepped(LossCurve("student", 120), noisy + [5.0] * 60)


def test_a_long_curve_is_thinned_to_means_that_lose_no_step():
    curve = stepped(LossCurve("student", 1500), [float(n % 3) for n in range(1500)])
    table = pd.read_csv(io.StringIO(curve.csv()))
    assert list(table["step"]) == list(range(3, 1501, 3))
    assert (table["loss"] == 1).all()
    assert table["tokens"].iloc[-1] == 15_000


@pytest.mark.parametrize(
    ("check", "message"),
    [
        (lambda: kernels.attention({"attention": "varlen"}, True), "varlen needs a GPU and precision bfloat16"),
        (lambda: kernels.require("wandb", "report_to"), "report_to: wandb needs the package wandb; pip install wandb"),
        (lambda: load_weights("x", quantize="4bit"), "x: no such model folder"),
    ],
)
def test_what_is_not_here_is_refused_with_the_way_out(check, message):
    if kernels.installed("wandb") and "wandb" in message:
        pytest.skip("wandb is installed here")
    with pytest.raises(M1FlowError, match=message):
        check()


def test_without_a_gpu_attention_is_pytorchs_and_the_optional_is_left_out():
    assert kernels.attention({"precision": "bfloat16"}, on_gpu=False) == "sdpa"
    assert not kernels.use_liger({}, on_gpu=False)
    assert reports_to("none", None) == ()
    assert reports_to("auto", None) == (("tensorboard",) if kernels.installed("tensorboard") else ())


def test_a_dataset_of_overlong_examples_is_refused(base, dataset, tmp_path):
    with pytest.raises(M1FlowError, match="no example of at most 10 tokens"):
        tune(base, dataset, tmp_path / "student", max_length=10)


def test_heads_must_divide_the_hidden_size(base_tokenizer):
    with pytest.raises(M1FlowError, match="3 heads don't divide hidden_size 32"):
        init_base(ARCHITECTURE | {"heads": 3}, base_tokenizer, 0)


# --- folders ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("missing", "message"),
    [
        ("model.safetensors", "model.safetensors is missing"),
        ("config.json", "config.json is missing"),
        ("tokenizer_config.json", "no tokenizer_config.json"),
    ],
)
def test_a_folder_that_lacks_a_part_is_refused_by_name(base, dataset, tmp_path, missing, message):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(base, copy)
    (copy / missing).unlink()
    with pytest.raises(M1FlowError, match=rf"copy: {message}.*make or download"):
        tune(copy, dataset, tmp_path / "student")


def test_torn_weights_are_refused(base, tmp_path):
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(base, copy)
    whole = (base / "model.safetensors").read_bytes()
    for size in (len(whole) // 2, 0):
        (copy / "model.safetensors").write_bytes(whole[:size])
        with pytest.raises(M1FlowError, match="not a whole safetensors file") as caught:
            load_base(copy)
        assert "\n" not in str(caught.value)


def test_a_broken_corpus_is_refused(tmp_path):
    bad = tmp_path / "bad.parquet"
    bad.write_bytes(b"PAR1 torn")
    with pytest.raises(M1FlowError, match="not a readable Parquet file"):
        make_base(bad, tmp_path / "out")
    pd.DataFrame({"prompt": ["a"], "completion": ["b"]}).to_parquet(bad)
    with pytest.raises(M1FlowError, match="column 'kind' is missing"):
        make_base(bad, tmp_path / "out")


def test_a_model_folder_is_written_whole_or_not_at_all(tmp_path):
    target = tmp_path / "model"
    with atomic_folder(target) as folder:
        (folder / "a").write_text("first")
    with pytest.raises(RuntimeError), atomic_folder(target) as folder:
        (folder / "a").write_text("half")
        raise RuntimeError
    assert (target / "a").read_text() == "first"
    (tmp_path / ".model.partial").mkdir()  # what a killed run leaves
    (tmp_path / ".model.partial" / "b").write_text("stale")
    with atomic_folder(target) as folder:
        (folder / "a").write_text("second")
    assert [file.name for file in target.iterdir()] == ["a"]
    assert (target / "a").read_text() == "second"
    assert [file.name for file in tmp_path.iterdir()] == ["model"]
