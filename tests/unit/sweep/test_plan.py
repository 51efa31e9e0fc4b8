"""Plans of sweeps, and how a thought of one budget is cut out of a longer one."""

from __future__ import annotations

from m1flow.sweep.plan import Thought, can_extend, under_budget


def test_thinking_of_exactly_the_budget_has_not_ended():
    thought = Thought((11, 12, 13), natural=True)
    assert thought.cut(4) == thought
    assert thought.cut(3) == Thought((11, 12, 13), natural=False)
    assert thought.cut(0) == Thought((), natural=False)


def test_a_marker_of_several_tokens_must_fit_the_budget():
    thought = Thought((11, 12, 13), natural=True, marker=(1, 2))
    assert thought.cut(5) == thought
    assert thought.cut(4) == Thought((11, 12, 13, 1), natural=False)
    assert thought.cut(2) == Thought((11, 12), natural=False)


def test_an_extension_needs_room_for_the_cue_and_a_token():
    thought = Thought((11, 12, 13), natural=True)
    assert can_extend(thought, budget=6, cue_tokens=2)
    assert not can_extend(thought, budget=5, cue_tokens=2)
    assert not can_extend(Thought((11,), natural=False), budget=9, cue_tokens=1)


def test_a_chain_under_a_smaller_budget_stops_where_the_room_ends():
    chain = [Thought((1, 2), True), Thought((1, 2, 9, 3, 4), True), Thought((1, 2, 9, 3, 4, 9, 5, 6, 7), False)]
    assert under_budget(chain, 2, 9, cue_tokens=1) == (chain[2], 2)
    assert under_budget(chain, 2, 6, cue_tokens=1) == (chain[1], 1)
    assert under_budget(chain, 2, 5, cue_tokens=1) == (Thought((1, 2, 9, 3, 4), False), 1)
    assert under_budget(chain, 2, 3, cue_tokens=1) == (Thought((1, 2), True), 0)
    assert under_budget(chain, 2, 1, cue_tokens=1) == (Thought((1,), False), 0)
