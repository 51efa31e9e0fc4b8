"""Questions that the tests of the pool copy, disguise and count."""

from __future__ import annotations

LONG = "A 57-year-old man has had fever and a cough for two weeks. Which of the following is the most likely cause?"
OWN = {"stem": "Something else entirely?", "options": ["p", "q"]}


def kept(result: tuple) -> list[str]:
    """The ids, in their sources, of the questions that a pool keeps."""
    return list(result[0]["origin_id"])
