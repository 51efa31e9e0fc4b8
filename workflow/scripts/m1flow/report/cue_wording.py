"""How the page words the cue that forced thinking on."""

from __future__ import annotations

from m1flow.sweep.plan import NO_CUE


def by_cue(cue: str) -> str:
    """The cause of forced thinking, as sentences and labels put it."""
    return "without a cue" if cue == NO_CUE else f"by “{cue}”"
