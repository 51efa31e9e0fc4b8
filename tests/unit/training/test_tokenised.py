"""Tokenised examples: the loss falls on the assistant's turn, within a length."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from helpers.training_models import M1
from m1flow.models.formats import Formatter, TrainingExample
from m1flow.study.settings.formats import FormatSettings
from m1flow.training.tokenised import IGNORED_LABEL, prepare


def test_the_loss_falls_on_exactly_the_assistants_turn(base_tokenizer):
    formatter = Formatter(base_tokenizer, "m1", FormatSettings(**M1))
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
    formatter = Formatter(base_tokenizer, "m1", FormatSettings(**M1))
    short, long = formatter.example("Q", "T", "4"), formatter.example("Q", "T " * 50, "4")
    wordy = formatter.example("Q " * 50, "T", "4")
    limit = len(short.input_ids) + 3
    dropped = prepare([short, long, wordy], limit, "drop", "test")
    assert (dropped.counts["examples"], dropped.counts["dropped"], dropped.counts["truncated"]) == (1, 2, 0)
    assert "2 were dropped and 0 truncated" in caplog.text
    truncated = prepare([short, long, wordy], limit, "truncate", "test")
    assert (truncated.counts["examples"], truncated.counts["dropped"], truncated.counts["truncated"]) == (2, 1, 1)
    assert list(truncated.input_ids[1]) == long.input_ids[:limit]


@given(st.lists(st.tuples(st.integers(1, 8), st.integers(0, 8)), max_size=6), st.integers(1, 9), st.booleans())
def test_every_example_is_kept_cut_or_dropped_and_tokens_add_up(shapes, limit, truncating):
    examples = [TrainingExample(list(range(n)), min(start, n - 1), 0, 0, "") for n, start in shapes]
    prepared = prepare(examples, limit, "truncate" if truncating else "drop", "test")
    counts = prepared.counts
    fitting = [len(ex.input_ids) <= limit or (truncating and ex.prompt_tokens < limit) for ex in examples]
    assert (counts["examples"], counts["dropped"]) == (sum(fitting), len(examples) - sum(fitting))
    kept = [ex for ex, fits in zip(examples, fitting, strict=True) if fits]
    assert counts["truncated"] == sum(len(ex.input_ids) > limit for ex in kept)
    assert all(len(ids) <= limit for ids in prepared.input_ids)
    assert counts["tokens"] == sum(map(len, prepared.input_ids))
    assert counts["trained_tokens"] == sum(
        len(ids) - start for ids, start in zip(prepared.input_ids, prepared.starts, strict=True)
    )
    for number, ids in enumerate(prepared.input_ids):
        labels = prepared.labels(number)
        assert len(labels) == len(ids) and labels[:1] == [IGNORED_LABEL]
        assert sum(label != IGNORED_LABEL for label in labels) == prepared.labelled(number)


def test_the_fingerprint_follows_ids_and_where_the_loss_begins():
    def fingerprint(*examples):
        made = [TrainingExample(ids, start, 0, 0, "") for ids, start in examples]
        return prepare(made, 9, "drop", "test").fingerprint()

    seen = [fingerprint(([1, 2, 3], 1)), fingerprint(([1, 2, 3], 2)), fingerprint(([1, 2], 1), ([3], 0))]
    seen.append(fingerprint(([1], 0), ([2, 3], 1)))
    assert len(set(seen)) == 4 and fingerprint(([1, 2, 3], 1)) == seen[0]
