"""Orders of options: the benchmark's own first, then others, the same for every model and every study."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from m1flow.questions.option_orders import option_order, permuted


@given(st.text(max_size=5), st.integers(1, 4))
def test_every_order_comes_once_and_the_benchmarks_own_first(question_id, options):
    orders = [tuple(option_order(question_id, number, options)) for number in range(math.factorial(options))]
    assert orders[0] == tuple(range(options))
    assert len(set(orders)) == len(orders) and all(sorted(order) == list(range(options)) for order in orders)
    assert option_order(question_id, len(orders) + 1, options) == list(orders[1 % len(orders)])


def test_orders_are_those_of_earlier_sweeps_and_differ_between_questions():
    assert [option_order("q0", number, 4) for number in range(1, 4)] == [[1, 0, 2, 3], [3, 1, 0, 2], [1, 0, 3, 2]]
    assert len({tuple(option_order(f"q{n}", 1, 5)) for n in range(40)}) > 20


@given(st.integers(0, 9), st.lists(st.sampled_from("xyz"), min_size=2, max_size=5), st.data())
def test_the_right_option_moves_with_its_text_even_among_twins(permutation, options, data):
    index = data.draw(st.integers(0, len(options) - 1))
    question = {"question_id": "q", "options": options, "answer_index": index, "stem": "?"}
    shown, order = permuted(question, permutation)
    assert [options[place] for place in order] == shown["options"]
    assert order[shown["answer_index"]] == index
    assert shown["stem"] == "?" and question["answer_index"] == index
