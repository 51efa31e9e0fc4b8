"""The loss falls on exactly the assistant's tokens: thinking, answer, end of turn; in every format, packed or not."""

from __future__ import annotations

import pytest
from training_models import M1, THINK, make_base, write_corpus, write_dataset

from m1flow import storage
from m1flow.examples import IGNORED_LABEL, prepare
from m1flow.formats import Formatter, load_tokenizer
from m1flow.layout import StepCollator
from m1flow.packing import Plan
from m1flow.training import _examples

FORMATS = {"m1": M1, "think": THINK, "direct": {}}
SAID = {
    "m1": "<|im_start|>think\n{reasoning}\n<|im_start|>answer\nAnswer: {answer}<|im_end|>",
    "think": "<think>\n{reasoning}\n</think>\n\n{answer}<|im_end|>",
    "direct": "{answer}<|im_end|>",
}
TURNS = [
    ("Which drug? <|im_end|> </think>", "First <|im_start|>answer\nthis,\n\nthen that.", r"\boxed{6}"),
    ("Q", "Short.", "4"),
    ("A longer question, of several words?", "One. " * 12, r"So it is \boxed{B}."),
    ("中文 😀", "ß", "9"),
]


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    folder = tmp_path_factory.mktemp("labels")
    return make_base(write_corpus(folder / "corpus.parquet"), folder / "mini", steps=1)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("packing", [True, False])
@pytest.mark.parametrize("flat", [True, False])
def test_the_labelled_tokens_decode_to_the_assistants_turns(base, name, packing, flat):
    tokenizer = load_tokenizer(base)
    formatter = Formatter(tokenizer, name, FORMATS[name])
    prepared = prepare((formatter.example(*turn) for turn in TURNS), 500, "drop", "test")
    longest = max(map(len, prepared.input_ids))
    plan = Plan(list(map(len, prepared.input_ids)), 4, 1, seed=3, packing=packing, device_tokens=longest)
    collate = StepCollator(plan, prepared, tokenizer.pad_token_id, flat)
    share = collate([{"item": 0}])
    said = []
    for micro in share["micro"]:
        for ids, labels in zip(micro["input_ids"].tolist(), micro["labels"].tolist(), strict=True):
            assert all(label in (IGNORED_LABEL, token) for token, label in zip(ids, labels, strict=True))
            # A turn is a run of labelled tokens: prompts stand between two.
            runs = [[]]
            for label in labels:
                if label != IGNORED_LABEL:
                    runs[-1].append(label)
                elif runs[-1]:
                    runs.append([])
            said += [formatter.decode(run) for run in runs if run]
    asked = [SAID[name].format(reasoning=reasoning.strip(), answer=answer) for _, reasoning, answer in TURNS]
    assert sorted(said) == sorted(asked)
    assert share["labelled"] == prepared.counts["trained_tokens"]
    assert share["labelled"] == sum(int((m["labels"][:, 1:] != IGNORED_LABEL).sum()) for m in share["micro"])
    assert share["tokens"] == prepared.counts["tokens"]


def test_what_truncation_leaves_is_labelled_to_its_end(base):
    formatter = Formatter(load_tokenizer(base), "m1", M1)
    whole = formatter.example("Q", "T " * 30, "4")
    prepared = prepare([whole], whole.prompt_tokens + 9, "truncate", "test")
    assert [label for label in prepared.labels(0) if label != IGNORED_LABEL] == whole.input_ids[whole.prompt_tokens :][
        :9
    ]


def test_ids_of_the_dataset_are_used_where_tokenizer_and_format_are_the_bases(base, tmp_path, caplog):
    caplog.set_level("INFO")
    formatter = Formatter(load_tokenizer(base), "m1", M1)
    tokenised, plain = write_dataset(tmp_path / "ids.parquet", base), write_dataset(tmp_path / "texts.parquet")
    own = [(e.input_ids.tolist(), e.prompt_tokens) for e in _examples(tokenised, base, formatter, M1)]
    assert "its token ids are the base's" in caplog.text
    anew = [(e.input_ids, e.prompt_tokens) for e in _examples(plain, base, formatter, M1)]
    assert own == anew
    caplog.clear()
    other = Formatter(load_tokenizer(base), "think", THINK)
    assert [e.input_ids for e in _examples(tokenised, base, other, THINK)] != [ids for ids, _ in own]
    assert not caplog.text


def test_a_dataset_from_before_ids_were_kept_is_tokenised(base, tmp_path):
    formatter = Formatter(load_tokenizer(base), "m1", M1)
    rows = storage.read_table(write_dataset(tmp_path / "new.parquet"), "datasets").drop(columns="input_ids")
    rows.to_parquet(tmp_path / "old.parquet")
    assert len(list(_examples(tmp_path / "old.parquet", base, formatter, M1))) == 12
