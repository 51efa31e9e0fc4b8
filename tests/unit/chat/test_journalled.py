"""Chats over a journal: what it holds is never asked again, and nothing else is made up."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from m1flow.chat.journalled import JournalledChat
from m1flow.chat.turns import ModelTurn, UserTurn
from m1flow.engines.interface import Sampling
from m1flow.files.journal import Journal

GREEDY = Sampling()


class Counting:
    """A chat that counts what it is asked, and breaks off after some."""

    identity = "counting"

    def __init__(self, lives=10**9, tokens=9, finished=True):
        self.asked, self.lives, self.tokens, self.finished = [], lives, tokens, finished

    def turns(self, asked, max_tokens):
        for one in asked:
            if len(self.asked) == self.lives:
                raise KeyboardInterrupt
            self.asked.append((one.text, one.sampling))
            yield one, ModelTurn("r", f"{one.text}!", 1, self.tokens, self.finished, cost=0.5)

    def close(self):
        pass


def ask(path, chat, texts, max_tokens=100, identity="counting", sampling=GREEDY):
    with Journal(path) as journal:
        journalled = JournalledChat(identity, lambda: chat, journal, max_tokens)
        asked = [UserTurn(n, text, sampling) for n, text in enumerate(texts)]
        journalled.ask(asked, "test", len(asked))
        return [journalled.turn(one) for one in asked]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(
    texts=st.lists(st.sampled_from("abcdef"), max_size=12),
    lives=st.integers(0, 12),
    more=st.lists(st.sampled_from("abcdefgh"), max_size=5),
)
def test_whenever_it_breaks_off_each_text_is_asked_once(tmp_path_factory, texts, lives, more):
    path = tmp_path_factory.mktemp("j") / "j.jsonl"
    first, second = Counting(lives), Counting()
    try:
        ask(path, first, texts)
    except KeyboardInterrupt:
        assert len(first.asked) == lives
    turns = ask(path, second, texts + more)
    assert [turn.answer for turn in turns] == [f"{text}!" for text in texts + more]
    both = first.asked + second.asked
    assert len(both) == len(set(both)) == len({*texts, *more} | {text for text, _ in first.asked})


@pytest.mark.parametrize(
    "changed",
    [
        {"texts": ["a", "c"]},
        {"identity": "another"},
        {"sampling": Sampling(0.7, 1.0, 1)},
        {"sampling": Sampling(0.7, 1.0, 2)},
    ],
)
def test_only_what_changed_is_asked_again(tmp_path, changed):
    ask(tmp_path / "j", Counting(), ["a", "b"], sampling=Sampling(0.7, 1.0, 1) if "sampling" in changed else Sampling())
    chat = Counting()
    ask(tmp_path / "j", chat, **{"texts": ["a", "b"], **changed})
    new = {("texts",): 1, ("identity",): 2}.get(tuple(changed))
    assert len(chat.asked) == (new if new is not None else 2 * (changed["sampling"].seed == 2))


def test_a_turn_that_ended_serves_every_limit_with_room_and_a_cut_one_its_own(tmp_path):
    whole, cut = Counting(tokens=50), Counting(tokens=100, finished=False)
    ask(tmp_path / "whole", whole, ["a"], 100)
    ask(tmp_path / "whole", whole, ["a"], 50)
    assert len(whole.asked) == 1
    ask(tmp_path / "whole", whole, ["a"], 49)
    assert len(whole.asked) == 2
    just = Counting(tokens=50)
    for limit in (50, 80):
        ask(tmp_path / "just", just, ["a"], limit)
    assert len(just.asked) == 1
    for limit in (100, 100, 200, 100, 200):
        ask(tmp_path / "cut", cut, ["a"], limit)
    assert len(cut.asked) == 2


def test_what_was_never_asked_is_not_made_up(tmp_path):
    with Journal(tmp_path / "j") as journal, pytest.raises(KeyError):
        JournalledChat("x", Counting, journal, 10).turn(UserTurn("k", "a"))


def test_nothing_is_opened_where_all_is_in_the_journal(tmp_path):
    ask(tmp_path / "j", Counting(), ["a"])
    with Journal(tmp_path / "j") as journal, JournalledChat("counting", pytest.fail, journal, 100) as chat:
        chat.ask([UserTurn(0, "a")], "test", 1)
