"""The interface of engines: what no engine can do is refused, and what is counted adds up."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from m1flow.engines.interface import Completion, EngineTally, Request, Sampling, check_request, end_of
from m1flow.errors import M1FlowError


def test_wrong_requests_are_refused():
    with pytest.raises(ValueError, match="prompt"):
        Request((), 3, ())
    with pytest.raises(ValueError, match="max_tokens"):
        Request((1,), 0, ())
    for wrong in ({"temperature": -1}, {"temperature": 2.1}, {"top_p": 0}, {"top_p": 1.1}, {"seed": -1}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            Sampling(**wrong)


@given(st.lists(st.integers(0, 5), max_size=8), st.integers(1, 8))
def test_a_text_ends_where_it_is_first_complete(tokens, length):
    class Long:
        def met(self, token_ids):
            return len(token_ids) >= length

    assert end_of(Long(), tokens) == (length if length <= len(tokens) else None)
    assert end_of(None, tokens) is None


@given(st.lists(st.floats(-50, 0), max_size=6))
def test_a_completions_probability_is_that_of_its_tokens(logprobs):
    completion = Completion.of(range(len(logprobs)), 9, logprobs)
    assert completion.finished and completion.logprob == math.fsum(logprobs)
    assert Completion.of([1], None).logprob is None and not Completion.of([1], None).finished


def test_what_is_given_is_read_and_not_decoded():
    tally = EngineTally()
    tally.add(Request((1, 2), 5, (9,)), Completion.of([3, 4], 9), cached_tokens=1)
    tally.add(Request.judging((1, 2), (3, 4, 5)), Completion.of([3, 4, 5], None, [-1.0, -1.0, -1.0]))
    assert (tally.requests, tally.prompt_tokens, tally.cached_tokens, tally.decoded_tokens) == (2, 7, 1, 3)
    with pytest.raises(ValueError, match="2 tokens are given"):
        Request((1,), 3, (), given=(1, 2))


def test_the_whole_of_a_request_must_fit_the_context():
    check_request(Request((1, 2), 8, ()), 10, "m")
    with pytest.raises(M1FlowError, match=r"^m: a prompt of 2 tokens with up to 9 more needs a context of 11, but"):
        check_request(Request((1, 2), 9, ()), 10, "m")
    with pytest.raises(M1FlowError, match="needs a context of 11"):
        check_request(Request.judging((1, 2), tuple(range(8))), 10, "m")
