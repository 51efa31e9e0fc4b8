"""Endpoints: where they are, what they cost, and that keys stay outside."""

from __future__ import annotations

import pytest

from helpers.settings import refusal
from m1flow.study.settings.endpoints import EndpointSettings, NamedEndpoint
from m1flow.study.settings.problems import read

FAR = {"url": "https://far.org/v1", "model": "m"}


def test_an_endpoint_needs_an_address_and_a_model():
    endpoint = read(EndpointSettings, FAR)
    assert (endpoint.requests_in_flight, endpoint.stream, endpoint.limit_as) == (256, False, "max_tokens")
    assert endpoint.key_variable is endpoint.price is endpoint.spending_cap is None
    assert refusal(EndpointSettings, {"model": "m"}) == "url: missing; add this key"


@pytest.mark.parametrize("url", ["far.org/v1", "ftp://far.org", "https://", "http://a b"])
def test_an_address_is_a_whole_url(url):
    assert refusal(EndpointSettings, FAR | {"url": url}).startswith("url: must be an http or https URL")


def test_what_is_spent_can_not_be_capped_without_a_price():
    assert refusal(EndpointSettings, FAR | {"spending_cap": 5}) == "spending_cap needs price; add price"
    priced = FAR | {"spending_cap": 5, "price": {"prompt": 0, "completion": 1}}
    assert read(EndpointSettings, priced).price.cached_prompt is None


@pytest.mark.parametrize("field", ["n", "stream", "temperature", "messages", "max_tokens"])
def test_fields_that_the_workflow_sets_itself_are_not_free(field):
    message = refusal(EndpointSettings, FAR | {"extra_body": {"reasoning_effort": "high", field: 1}})
    assert message.startswith("extra_body: must be fields of the request other than n, stream")


def test_scripts_are_given_the_name_too():
    assert read(NamedEndpoint, FAR | {"name": "far"}).name == "far"
    assert refusal(NamedEndpoint, FAR) == "name: missing; add this key"
