"""The loss falls on exactly the assistant's tokens: thinking, answer, end of turn; in every format, packed or not."""

from __future__ import annotations

import pytest

from helpers.training_models import M1, THINK, make_base, write_corpus
from m1flow.models.formats import Formatter
from m1flow.models.tokenizers import load_tokenizer
from m1flow.study.settings.formats import FormatSettings
from m1flow.training.collator import StepCollator
from m1flow.training.packing import PackingPlan
from m1flow.training.tokenised import IGNORED_LABEL, prepare

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
    formatter = Formatter(tokenizer, name, FormatSettings(**FORMATS[name]))
    prepared = prepare((formatter.example(*turn) for turn in TURNS), 500, "drop", "test")
    longest = max(map(len, prepared.input_ids))
    plan = PackingPlan(list(map(len, prepared.input_ids)), 4, 1, seed=3, packing=packing, device_tokens=longest)
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
    formatter = Formatter(load_tokenizer(base), "m1", FormatSettings(**M1))
    whole = formatter.example("Q", "T " * 30, "4")
    prepared = prepare([whole], whole.prompt_tokens + 9, "truncate", "test")
    assert [label for label in prepared.labels(0) if label != IGNORED_LABEL] == whole.input_ids[whole.prompt_tokens :][
        :9
    ]
