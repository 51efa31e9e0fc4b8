"""Every engine: the same tokens, the same limits, whatever else is in the batch."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from helpers.engine_models import ALPHABET_SIZE, CONTEXT
from helpers.engine_requests import END, ENGINES, generate, requests
from m1flow.engines.interface import Request, Sampling, end_of
from m1flow.errors import M1FlowError

pytestmark = pytest.mark.slow

SAMPLINGS = [Sampling(), Sampling(0.8, 1.0, 5), Sampling(1.0, 0.9, 70)]
each_sampling = pytest.mark.parametrize("sampling", SAMPLINGS, ids=["greedy", "sampled", "top-p"])


@pytest.mark.skipif(len(ENGINES) < 2, reason="only one engine is installed")
@each_sampling
def test_engines_agree_token_for_token(engines, sampling):
    batch = requests(40, sampling=sampling, logprob=True)
    first, *others = (generate(engines[name], batch) for name in ENGINES)
    for other in others:
        assert [c.token_ids for c in other] == [c.token_ids for c in first]
        assert [c.stop_token for c in other] == [c.stop_token for c in first]
        assert [c.logprob for c in other] == pytest.approx([c.logprob for c in first], abs=1e-3)


@each_sampling
def test_company_and_order_do_not_matter(engine, sampling):
    batch = requests(24, sampling=sampling)
    together = generate(engine, batch)
    assert generate(engine, batch[::-1])[::-1] == together
    assert [generate(engine, [request])[0] for request in batch] == together


@each_sampling
def test_more_prompt_tokens_than_one_step_computes(engine, sampling):
    """A prompt that a step has no room for waits for the next one, and its sampling stream waits with it."""
    rng = random.Random(str(sampling))  # prompts of its own, that no cache holds
    prompts = [tuple(rng.randrange(4, ALPHABET_SIZE) for _ in range(400)) for _ in range(30)]
    batch = [Request(prompt, 5, (END,), replace(sampling, seed=n)) for n, prompt in enumerate(prompts)]
    together = generate(engine, batch)
    assert together[-3:] == [generate(engine, [request])[0] for request in batch[-3:]]


def test_sampling_follows_its_seed(engine):
    prompt = tuple(range(10, 40))
    drawn = generate(engine, [Request(prompt, 30, (), Sampling(1.5, 1.0, seed)) for seed in (1, 1, 2)])
    assert drawn[0] == drawn[1] != drawn[2]


def test_sampling_follows_the_probabilities(engine):
    """The first token's frequencies over seeds match the model's own probabilities."""
    prompt, temperature, draws = (7, 8, 9), 2.0, 400
    tokens = [
        completion.token_ids[0]
        for completion in generate(
            engine, [Request(prompt, 1, (), Sampling(temperature, 1.0, seed)) for seed in range(draws)]
        )
    ]
    probabilities = _next_token_probabilities(engine.folder, prompt, temperature)
    likeliest = max(range(len(probabilities)), key=probabilities.__getitem__)
    expected = probabilities[likeliest]
    assert tokens.count(likeliest) / draws == pytest.approx(
        expected, abs=4 * (expected * (1 - expected) / draws) ** 0.5
    )
    assert len(set(tokens)) > 5


def test_top_p_keeps_to_the_nucleus(engine):
    prompt = (7, 8, 9)
    drawn = generate(engine, [Request(prompt, 1, (), Sampling(2.0, 0.5, seed)) for seed in range(100)])
    ranked = sorted(enumerate(_next_token_probabilities(engine.folder, prompt, 2.0)), key=lambda pair: -pair[1])
    nucleus, mass = set(), 0.0
    for token, probability in ranked:
        nucleus.add(token)
        mass += probability
        if mass >= 0.5:
            break
    assert {completion.token_ids[0] for completion in drawn} <= nucleus


def _next_token_probabilities(folder, prompt, temperature):
    from transformers import AutoModelForCausalLM

    logits = AutoModelForCausalLM.from_pretrained(folder)(torch.tensor([prompt])).logits[0, -1]
    return (logits / temperature).softmax(-1).tolist()


@each_sampling
@hypothesis_settings(max_examples=15)
@given(
    limits=st.lists(st.integers(1, 48), min_size=1, max_size=12),
    stops=st.sets(st.integers(0, ALPHABET_SIZE - 1), max_size=8),
)
def test_a_smaller_limit_gives_a_prefix(engines, sampling, limits, stops):
    for engine in engines.values():
        base = replace(requests(1, max_tokens=48, seed=3, sampling=sampling)[0], stop=tuple(stops))
        full, *cuts = generate(engine, [base] + [replace(base, max_tokens=limit) for limit in limits])
        for limit, cut in zip(limits, cuts, strict=True):
            assert len(cut.token_ids) + cut.finished <= limit
            assert cut.token_ids == full.token_ids[:limit]
            assert cut.finished == (full.finished and len(full.token_ids) + 1 <= limit)
            assert cut.finished == (cut.stop_token in stops)
            assert not stops & set(cut.token_ids)


def test_every_stop_token_ends_the_generation_and_nothing_else(engine):
    base = Request((11, 12, 13, 14), 60, ())
    [free] = generate(engine, [base])
    assert not free.finished and len(free.token_ids) == 60
    first = {token: free.token_ids.index(token) for token in free.token_ids}
    assert len(first) > 3
    stops, unseen = list(first), next(token for token in range(ALPHABET_SIZE) if token not in first)
    answers = generate(engine, [replace(base, stop=(token, unseen)) for token in stops])
    for token, answer in zip(stops, answers, strict=True):
        assert (answer.stop_token, answer.token_ids) == (token, free.token_ids[: first[token]])
    [several] = generate(engine, [replace(base, stop=tuple(stops[1:]))])
    assert several.token_ids == free.token_ids[: min(first[token] for token in stops[1:])]


def test_the_models_own_end_token_is_not_special(engine):
    """config.json and generation_config.json name an end token; only the request's stops count."""
    batch = [Request((8, 9, index), 200, (), Sampling(2.0)) for index in range(4, 40)]
    completions = generate(engine, batch)
    assert all(len(completion.token_ids) == 200 and not completion.finished for completion in completions)
    assert any(END in completion.token_ids for completion in completions)


def test_requests_may_be_submitted_while_iterating(engine):
    firsts = requests(20, max_tokens=12)
    for request in firsts:
        engine.submit(request)
    seconds = {}
    for request, completion in engine.finished():
        if request.tag is None:
            engine.submit(Request(request.prompt + completion.token_ids, 6, (END,), tag=request.prompt))
        else:
            seconds[request.tag] = (request, completion)
    assert set(seconds) == {request.prompt for request in firsts}
    assert generate(engine, [request for request, _ in seconds.values()]) == [
        completion for _, completion in seconds.values()
    ]


def test_breaking_off_an_iteration_loses_nothing(engine):
    batch = requests(30, max_tokens=9)
    for index, request in enumerate(batch):
        engine.submit(replace(request, tag=index))
    answers = {}
    while len(answers) < len(batch):
        request, completion = next(engine.finished())
        answers[request.tag] = completion
    assert list(engine.finished()) == []
    assert [answers[index] for index in range(len(batch))] == generate(engine, batch)


def test_tally_counts_what_was_done(engine):
    before = replace(engine.tally)
    batch = requests(5, max_tokens=7)
    completions = generate(engine, batch)
    assert engine.tally.requests - before.requests == 5
    assert engine.tally.prompt_tokens - before.prompt_tokens == sum(len(request.prompt) for request in batch)
    assert engine.tally.decoded_tokens - before.decoded_tokens == sum(
        len(c.token_ids) + c.finished for c in completions
    )


def test_logprob_is_the_models(engine):
    from transformers import AutoModelForCausalLM

    request = Request((30, 31, 32, 33), 10, (), Sampling(0.7, 1.0, 3), logprob=True)
    [completion] = generate(engine, [request])
    ids = torch.tensor([request.prompt + completion.token_ids])
    logprobs = AutoModelForCausalLM.from_pretrained(engine.folder)(ids).logits[0].log_softmax(-1)
    expected = sum(logprobs[3 + i, token].item() for i, token in enumerate(completion.token_ids))
    assert completion.logprob == pytest.approx(expected, abs=1e-3)
    assert generate(engine, [replace(request, logprob=False)])[0].logprob is None


class After:
    """Ends a generation at the n-th token of some kind."""

    def __init__(self, kind, times):
        self.kind, self.times, self.asked = kind, times, 0

    def met(self, token_ids):
        self.asked += 1
        return self.kind(token_ids[-1]) and sum(map(self.kind, token_ids)) == self.times


@each_sampling
def test_a_text_ends_a_generation_and_changes_nothing_before(engine, sampling):
    batch = requests(20, sampling=sampling, logprob=True)
    ends = [After(lambda token, n=n: token % 7 == n % 7, 1 + n % 3) for n in range(len(batch))]
    whole = generate(engine, batch)
    ended = generate(engine, [replace(request, until=end) for request, end in zip(batch, ends, strict=True)])
    assert any(one != other for one, other in zip(ended, whole, strict=True))
    for one, other, end in zip(ended, whole, ends, strict=True):
        at = end_of(end, other.token_ids)
        if at is None:
            assert (one.token_ids, one.stop_token) == (other.token_ids, other.stop_token)
        else:
            assert (one.token_ids, one.stop_token, one.finished) == (other.token_ids[:at], None, False)
            assert one.token_logprobs == pytest.approx(other.token_logprobs[:at], abs=1e-4)


@each_sampling
def test_no_stop_token_comes_before_the_fewest(engine, sampling):
    batch = requests(12, sampling=sampling, max_tokens=30)
    stops = tuple(range(4, 200))
    free = generate(engine, [replace(request, stop=stops) for request in batch])
    assert any(not completion.token_ids for completion in free)
    held = generate(engine, [replace(request, stop=stops, min_tokens=2) for request in batch])
    for completion in held:
        assert len(completion.token_ids) >= 2 and not set(completion.token_ids) & set(stops)


@pytest.mark.skipif(len(ENGINES) < 2, reason="only one engine is installed")
@each_sampling
def test_engines_agree_where_stop_tokens_are_held_back(engines, sampling):
    batch = [replace(r, stop=tuple(range(4, 90)), min_tokens=3) for r in requests(20, sampling=sampling)]
    first, *others = (generate(engines[name], batch) for name in ENGINES)
    for other in others:
        assert other == first


def test_a_given_text_is_as_probable_as_the_model_says(engine):
    from transformers import AutoModelForCausalLM

    rng = random.Random(4)
    prompt = tuple(rng.randrange(4, ALPHABET_SIZE) for _ in range(95))
    texts = [tuple(rng.randrange(4, ALPHABET_SIZE) for _ in range(length)) for length in (1, 2, 5, 40)]
    generate(engine, [Request((*prompt, *texts[3]), 2, ())])  # a warm cache that holds a part of the last text
    asked = [Request.judging(prompt, text) for text in texts]
    model = AutoModelForCausalLM.from_pretrained(engine.folder)
    for text, completion in zip(texts, generate(engine, asked), strict=True):
        logprobs = model(torch.tensor([prompt + text])).logits[0].log_softmax(-1)
        expected = [logprobs[len(prompt) - 1 + n, token].item() for n, token in enumerate(text)]
        assert completion.token_ids == text and not completion.finished
        assert completion.token_logprobs == pytest.approx(expected, abs=1e-4)
        assert completion.logprob == pytest.approx(sum(expected), abs=1e-4)


def test_judging_decodes_nothing(engine):
    before = replace(engine.tally)
    generate(engine, [Request.judging((5, 6, 7), (8, 9)), Request((5, 6, 7), 4, ())])
    assert engine.tally.decoded_tokens - before.decoded_tokens == 4


def test_too_long_a_request_is_refused_in_one_line(engine):
    with pytest.raises(M1FlowError, match="needs a context of 513, but this model has only 512") as refused:
        engine.submit(Request(tuple([9] * 500), CONTEXT - 500 + 1, ()))
    assert "\n" not in str(refused.value)
    [fits] = generate(engine, [Request(tuple([9] * 500), CONTEXT - 500, ())])
    assert len(fits.token_ids) == 12
