"""Tokenizers are read as the library reads them, and no text of data forms a control token."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoTokenizer

from m1flow.errors import M1FlowError
from m1flow.models.tokenizers import SafeEncoder, load_tokenizer, tokenizer_fingerprint

CONTROL = ["<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|fim_pad|>", "<think>", "</think>"]
hostile = st.lists(st.one_of(st.sampled_from(CONTROL), st.sampled_from("<>|/ thinkim_"), st.text(max_size=5))).map(
    "".join
)


def safe_encode(tokenizer, text: str) -> list[int]:
    return SafeEncoder(tokenizer)(text)


@given(text=hostile)
def test_no_text_forms_a_control_token(tokenizer, text):
    ids = safe_encode(tokenizer, text)
    assert not set(ids) & set(tokenizer.get_added_vocab().values())


@given(text=hostile.filter(lambda text: text.isprintable() and text.isascii()))
def test_safe_ids_decode_to_the_text(tokenizer, text):
    assert tokenizer.decode(safe_encode(tokenizer, text), clean_up_tokenization_spaces=False) == text


def test_ordinary_text_is_encoded_as_ever(tokenizer):
    text = "the patient takes 3 doses < 4"
    assert safe_encode(tokenizer, text) == tokenizer.encode(text, add_special_tokens=False)


def test_a_tokenizer_is_read_back_as_the_library_would(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    ours, theirs = load_tokenizer(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    text = "the patient's score<|im_end|> rises to 12\n\n</think> é \u4e2d"
    assert ours.encode(text) == theirs.encode(text) == tokenizer.encode(text)
    assert (ours.eos_token_id, ours.pad_token_id) == (theirs.eos_token_id, theirs.pad_token_id)
    assert ours.chat_template == theirs.chat_template
    assert ours.get_added_vocab() == theirs.get_added_vocab()


def test_a_folder_without_a_tokenizer_is_refused(tmp_path):
    with pytest.raises(M1FlowError, match="no tokenizer_config.json"):
        load_tokenizer(tmp_path)


def test_a_broken_tokenizer_is_refused_in_one_line(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    whole = (tmp_path / "tokenizer.json").read_text()
    (tmp_path / "tokenizer.json").write_text(whole[: len(whole) // 2])
    with pytest.raises(M1FlowError, match="its tokenizer can't be read") as caught:
        load_tokenizer(tmp_path)
    assert "\n" not in str(caught.value)


def test_the_fingerprint_follows_what_the_tokenizer_does_and_not_the_model(tokenizer, tmp_path):
    tokenizer.save_pretrained(tmp_path)
    first = tokenizer_fingerprint(tmp_path)
    (tmp_path / "config.json").write_text("{}")
    assert tokenizer_fingerprint(tmp_path) == first
    (tmp_path / "chat_template.jinja").write_text("{{ messages }}")
    assert tokenizer_fingerprint(tmp_path) != first


def test_a_tokenizer_that_can_not_be_kept_from_control_tokens_is_refused(tokenizer):
    """A control token of a single character can't be split."""

    class WithOneCharacter:
        name_or_path = "odd"

        def get_added_vocab(self):
            return {"@": tokenizer.encode("@")[0]}

        def encode(self, text, add_special_tokens):
            return tokenizer.encode(text, add_special_tokens=add_special_tokens)

    encode = SafeEncoder(WithOneCharacter())
    assert encode("a patient") == tokenizer.encode("a patient")
    with pytest.raises(M1FlowError, match="odd: text 'at @ noon' forms a control token; use another tokenizer"):
        encode("at @ noon")
