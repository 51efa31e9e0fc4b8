"""Tables of traces with what each used."""

from __future__ import annotations

from pathlib import Path

from m1flow.files.parquet import write_rows

TRACE = {"teacher": "t", "reasoning": "r", "answer": "a", "parsed_index": None, "hard": True, "sampled": False}


def spent(prompt: int, completion: int, cost: float | None) -> dict:
    """What a trace used."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "cost": cost}


def write_traces(folder: Path, *rows: tuple[str, dict]) -> Path:
    """A table of traces in a folder, of (outcome, what it used) each."""
    path = folder / "traces" / "t.parquet"
    made = [
        TRACE | {"question_id": f"q{n}", "outcome": outcome, "verified": outcome == "verified"} | tokens
        for n, (outcome, tokens) in enumerate(rows)
    ]
    write_rows(path, made, "traces")
    return path
