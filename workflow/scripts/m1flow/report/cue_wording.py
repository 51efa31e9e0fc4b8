"""The page's wording for the cue that forced a model to think on."""

from __future__ import annotations

from m1flow.sweep.plan import NO_CUE


def by_cue(cue: str) -> str:
    """The cause of forced thinking, as named in sentences and labels."""
    return "without a cue" if cue == NO_CUE else f"by “{cue}”"
