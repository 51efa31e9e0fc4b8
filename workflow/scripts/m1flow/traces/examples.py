"""Verified traces as training examples, tokenised once for each tokenizer and format; all datasets share them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pandas as pd

from m1flow.files.parquet import each
from m1flow.models.formats import Formatter
from m1flow.questions.prompts import prompt_text


def example_rows(
    traces: Iterable[Mapping[str, Any]], questions: pd.DataFrame, prompts: Mapping[str, str], formatter: Formatter
) -> Iterator[dict[str, Any]]:
    """Tokenise a teacher's verified traces.

    Args:
        traces: rows of the traces contract.
        questions: the pool.
        prompts: the study's prompts; ``train`` is used.
        formatter: tokenises text in the format to train on; control tokens in a text are read as plain text.

    Yields:
        Rows of the examples contract, in the traces' order; ``input_ids`` is the whole example; the loss counts
        its tokens from ``prompt_tokens`` on.
    """
    by_id = {row["question_id"]: row for row in each(questions)}
    for trace in traces:
        if not trace["verified"]:
            continue
        question = by_id[trace["question_id"]]
        prompt = prompt_text(question, prompts, "train")
        example = formatter.example(prompt, trace["reasoning"], trace["answer"])
        yield {
            "question_id": trace["question_id"],
            "source": question["source"],
            "domain": domain if isinstance(domain := question["domain"], str) and domain else None,
            "prompt": prompt,
            "reasoning": trace["reasoning"],
            "answer": trace["answer"],
            "text": example.text,
            "prompt_tokens": example.prompt_tokens,
            "thinking_tokens": example.thinking_tokens,
            "answer_tokens": example.answer_tokens,
            "input_ids": example.input_ids,
            "hard": trace["hard"],
            "sampled": trace["sampled"],
        }
