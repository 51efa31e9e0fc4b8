"""Tokenizers of bases from random weights: every text can be encoded, and the saved one is the trained one."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.training_models import M1, WORLD
from m1flow.errors import M1FlowError
from m1flow.models.formats import Formatter
from m1flow.models.tokenizers import load_tokenizer
from m1flow.questions.formulary import World, questions
from m1flow.study.settings.formats import FormatSettings
from m1flow.study.settings.formulary import FormularySettings
from m1flow.study.settings.problems import read
from m1flow.training.tokenizer import SPECIAL_TOKENS, THINKING_TOKENS, train_tokenizer


@given(text=st.text(max_size=60) | st.sampled_from(["<|im_end|>", "a</think>b", "Wait", "Ωμέγα 中文 😀\x00\u202e"]))
@settings(max_examples=150)
def test_every_text_can_be_encoded_and_comes_back(base_tokenizer, text):
    formatter = Formatter(base_tokenizer, "m1", FormatSettings(**M1))
    ids = formatter.encode(text)
    assert unicodedata.normalize("NFC", formatter.decode(ids)) == unicodedata.normalize("NFC", text)
    assert not set(ids) & set(base_tokenizer.get_added_vocab().values())


def test_drugs_are_single_tokens_and_a_step_costs_eight(base_tokenizer):
    world = World.from_settings(read(FormularySettings, WORLD))
    for drug in world.named("common"):
        assert len(base_tokenizer.encode(f" {drug.name}")) == 1
    for question in questions(read(FormularySettings, WORLD), 20, (1, 4), "train"):
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


def test_only_the_turns_markers_are_special(base_tokenizer):
    """Tokens that `decode(skip_special_tokens=True)` leaves out; what opens and closes thinking has to stay."""
    special = {token.content for token in base_tokenizer.added_tokens_decoder.values() if token.special}
    assert special == {*SPECIAL_TOKENS} and not special & {*THINKING_TOKENS}
    assert (
        base_tokenizer.decode(base_tokenizer.encode("<think>a</think>"), skip_special_tokens=True) == "<think>a</think>"
    )
