"""Overlap: words are what is left of a text, and what is looked up misses no pair."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m1flow.pool import overlap
from m1flow.pool.overlap import FoldedQuestion, Rarity, containing, fold, folded_questions, word_pairs

words = st.lists(st.sampled_from("abcdef"), max_size=6).map(" ".join)


def question(stem: str, options: tuple[str, ...] = ("yes", "no"), context: str = "") -> FoldedQuestion:
    return FoldedQuestion(context, stem, options, options[0])


def test_folding_keeps_words_only():
    assert fold(" Crohn\u2019s  DISEASE:\n caf\u00e9,3.5\u202f%") == "crohns disease cafe 3 5"


@given(st.text())
def test_folding_twice_changes_nothing(text):
    once = fold(text)
    assert fold(once) == once == " ".join(once.split())


def test_a_text_without_words_stays_as_it_is(make_questions):
    rows = make_questions({"stem": "?!", "options": ["+", "\u2212", "A b"], "answer_index": 1})
    [folded] = folded_questions(rows)
    assert (folded.stem, folded.options, folded.answer) == ("?!", ("+", "\u2212", "a b"), "\u2212")


def test_options_are_held_as_whole_words_only():
    folded = question("give iron tablets", ("b12", "folate"))
    assert folded.holds("b12") and folded.holds("iron tablets") and not folded.holds("tablet")


def test_the_form_alone_makes_no_difference_to_joined_questions():
    one, other = question("t 4 low", ("low t 3", "none")), question("t4 low", ("none", "low t3"))
    assert one.joined == other.joined != question("t4 high", ("none", "low t3")).joined


@given(st.lists(words, min_size=1, max_size=20))
def test_a_word_in_more_questions_is_less_surprising(stems):
    rarity = Rarity(map(question, stems))
    holders = {word: sum(word in stem.split() for stem in stems) for word in "abcdefg"}
    by_holders = sorted(holders, key=holders.get)
    surprises = [rarity.word(word) for word in by_holders]
    assert surprises == sorted(surprises, reverse=True) and surprises[-1] >= 0
    assert rarity.feature(("a", "b")) == max(rarity.word("a"), rarity.word("b"))


def test_options_are_common_from_a_few_questions_on():
    assert not Rarity([question("a")] * 3).are_common(["no", "yes"])
    assert Rarity([question("a")] * 4).are_common(["no", "yes"])


@pytest.mark.parametrize("common", [0, 1, 300])
@given(st.lists(words, max_size=5), st.lists(words, max_size=8), st.sampled_from([0.3, 0.5, 0.9, 1.0]))
def test_no_question_that_holds_enough_is_missed(common, unit_texts, stems, share):
    """Leaving out what many questions share may add pairs, and loses none."""
    units, questions = [set(word_pairs(text)) for text in unit_texts], [question(stem) for stem in stems]
    rarity = Rarity(questions)

    def held(unit: set, asked: FoldedQuestion) -> float:
        return sum(rarity.feature(feature) for feature in unit & asked.features)

    wanted = {
        (number, row)
        for number, unit in enumerate(units)
        for row, asked in enumerate(questions)
        if unit & asked.features and held(unit, asked) >= share * sum(map(rarity.feature, unit))
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(overlap, "COMMON", common)
        patch.setattr(overlap, "ROWS_TOGETHER", 3)
        found = list(containing(units, questions, rarity, share))
    assert len(found) == len(set(found))
    assert set(found) >= wanted
    if common == 300:
        assert set(found) == wanted
