"""What the tests of traces share: verified traces of the tiny questions, and the examples made of them."""

from __future__ import annotations

import pandas as pd
import pytest

from m1flow.models.formats import Formatter
from m1flow.study.settings.formats import FormatSettings
from m1flow.traces.examples import example_rows
from m1flow.training.tokenizer import train_tokenizer


@pytest.fixture(scope="package")
def formatter():
    """A format that answers directly."""
    return Formatter(train_tokenizer(["Severity. Give Musol."], 300), "direct", FormatSettings())


@pytest.fixture
def traces(tiny_questions):
    """All but q11 verified; the first eight hard; every second drawn at random."""
    return [
        {
            "question_id": row["question_id"],
            "reasoning": f"step {'long ' * n}",
            "answer": f"\\boxed{{{row['options'][row['answer_index']]}}}",
            "verified": n != 11,
            "hard": n < 8,
            "sampled": n % 2 == 0,
        }
        for n, row in enumerate(tiny_questions.to_dict("records"))
    ]


@pytest.fixture
def prompts():
    """How a question is put to a student."""
    return {"question": "{stem}\n{options}", "train": "{question}"}


@pytest.fixture
def examples(tiny_questions, traces, prompts, formatter):
    """The examples made of the traces."""
    return pd.DataFrame(example_rows(traces, tiny_questions, prompts, formatter))
