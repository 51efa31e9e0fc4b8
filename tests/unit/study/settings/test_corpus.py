"""Corpora that random weights are trained on."""

from __future__ import annotations

from helpers.settings import refusal
from m1flow.study.settings.corpus import CorpusSettings


def test_a_corpus_is_empty_unless_it_is_said_what_is_in_it():
    corpus = CorpusSettings()
    assert (corpus.sources, corpus.facts, corpus.practice, corpus.chain) == ((), 0, 0, (1, 2))


def test_a_chain_is_two_numbers_and_a_share_at_most_all():
    assert refusal(CorpusSettings, {"chain": [1]}) == "chain: needs at least 2 entries, not [1]"
    assert refusal(CorpusSettings, {"chain": [0, 2]}) == "chain.0: must be at least 1, not 0"
    assert refusal(CorpusSettings, {"rare_share": 1.5}) == "rare_share: must be at most 1, not 1.5"
