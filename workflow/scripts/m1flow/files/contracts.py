"""The contracts of all tables: the columns that their readers rely on."""

from __future__ import annotations

import pyarrow as pa

_text, _int, _long, _real, _bool = pa.string(), pa.int32(), pa.int64(), pa.float64(), pa.bool_()


_QUESTION = {
    "question_id": _text,
    "source": _text,
    "split": _text,
    "context": _text,
    "stem": _text,
    "options": pa.list_(_text),
    "answer_index": _int,
    "origin_id": _text,
    "domain": _text,
}
_EXAMPLE = {
    "question_id": _text,
    "source": _text,
    "domain": _text,
    "prompt": _text,
    "reasoning": _text,
    "answer": _text,
    "text": _text,
    "prompt_tokens": _int,
    "thinking_tokens": _int,
    "answer_tokens": _int,
    "input_ids": pa.list_(_int),
}
_GENERATION = {
    "question_id": _text,
    "sample": _int,
    "permutation": _int,
    "budget": _int,
    "extensions": _int,
    "cue": _text,
    "extensions_done": _int,
    "cue_positions": pa.list_(_int),
    "thinking_tokens": _int,
    "natural_end": _bool,
    "thinking_text": _text,
    "answer_tokens": _int,
    "answer_text": _text,
    "answer_finished": _bool,
    "answer_logprob": _real,
    "option_logprobs": pa.list_(_real),
}
CONTRACTS: dict[str, pa.Schema] = {
    name: pa.schema(list(columns.items()))
    for name, columns in {
        "questions": _QUESTION,
        "pool_removed": _QUESTION
        | {"reason": _text, "matched_id": _text, "matched_source": _text, "matched_text": _text, "similarity": _real},
        "leaked": {
            "benchmark": _text,
            "question_id": _text,
            "matched_id": _text,
            "matched_source": _text,
            "rule": _text,
            "similarity": _real,
            "trained_on": pa.list_(_text),
        },
        "attempts": {
            "question_id": _text,
            "attempt": _int,
            "text": _text,
            "parsed_index": _int,
            "correct": _bool,
            "tokens": _int,
            "outcome": _text,
            "reasoning": _text,
            "prompt_tokens": _int,
            "cost": _real,
        },
        "difficulty": {"question_id": _text, "attempts": _int, "correct": _int, "pass_rate": _real, "hard": _bool},
        "traces": {
            "question_id": _text,
            "teacher": _text,
            "reasoning": _text,
            "answer": _text,
            "parsed_index": _int,
            "outcome": _text,
            "verified": _bool,
            "prompt_tokens": _int,
            "completion_tokens": _int,
            "cost": _real,
            "hard": _bool,
            "sampled": _bool,
        },
        "domains": {"question_id": _text, "domain": _text, "code": _text, "attempts": _int, "outcome": _text},
        "examples": _EXAMPLE | {"hard": _bool, "sampled": _bool},
        "corpora": {"prompt": _text, "completion": _text, "kind": _text},
        "datasets": _EXAMPLE,
        "generations": _GENERATION,
        "sweeps": _GENERATION | {"parsed_index": _int, "outcome": _text, "correct": _bool},
        "judged": {
            "model": _text,
            "benchmark": _text,
            "question_id": _text,
            "sample": _int,
            "budget": _int,
            "drawn": _bool,
            "label": _text,
            "outcome": _text,
            "explanation": _text,
            "reasoning": _text,
            "prompt_tokens": _int,
            "completion_tokens": _int,
            "cost": _real,
        },
    }.items()
}
"""The columns that readers of each table rely on; a table may carry more."""
NULLABLE = {
    *("domain", "code", "parsed_index", "answer_logprob", "option_logprobs"),
    *("matched_id", "cost", "thinking_text", "label"),
}
