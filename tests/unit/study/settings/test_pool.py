"""The pool: near copies count as copies, in every disguise that is known."""

from __future__ import annotations

from helpers.settings import refusal
from m1flow.study.settings.pool import PoolSettings


def test_near_copies_are_looked_for_by_default_and_recall_is_measured():
    pool = PoolSettings()
    assert (pool.similarity, pool.decontamination, pool.planted, pool.against) == (95, "stem", 200, None)


def test_a_similarity_is_from_50_to_100():
    assert refusal(PoolSettings, {"similarity": 0.95}) == "similarity: must be at least 50, not 0.95"
    assert refusal(PoolSettings, {"similarity": 101}) == "similarity: must be at most 100, not 101"
    assert refusal(PoolSettings, {"against": ["a", "a"]}).startswith("against: must not repeat a value")
