"""OpenAI-compatible chat endpoints."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, Field

from m1flow.study.settings.section import Section
from m1flow.study.settings.values import Count, Distinct, Matching, Name, NonNegative, Positive, Text, mismatch

Url = Annotated[
    str,
    Matching(
        r"https?://[^\s/?#@]+(/[^\s?#@]*)?",
        "an http or https URL such as https://api.example.com/v1, without user name, query or fragment",
    ),
]
VariableName = Annotated[str, Matching(r"[A-Z_][A-Z0-9_]*", "the name of an environment variable")]

_OWN_FIELDS = "n stream temperature top_p seed messages model max_tokens max_completion_tokens".split()
_FREE = f"fields of the request other than {', '.join(_OWN_FIELDS[:-1])} and {_OWN_FIELDS[-1]}"


def _check_free(body: dict[str, Any]) -> dict[str, Any]:
    if not body.keys().isdisjoint(_OWN_FIELDS):
        raise mismatch(f"must be {_FREE}")
    return body


FreeFields = Annotated[
    dict[str, Any],
    AfterValidator(_check_free),
    Field(json_schema_extra={"title": _FREE, "not": {"anyOf": [{"required": [name]} for name in _OWN_FIELDS]}}),
]


class PriceSettings(Section):
    """``price`` of an endpoint, in US dollars per million tokens."""

    prompt: NonNegative = Field(description="for tokens of the prompt")
    cached_prompt: NonNegative | None = Field(
        None, description="for cached tokens of the prompt; by default the price of prompt"
    )
    completion: NonNegative = Field(description="thinking included")


class EndpointSettings(Section):
    """An entry of ``endpoints``."""

    needs: ClassVar = {"spending_cap": ("price",)}

    url: Url = Field(description="the URL before /chat/completions; most end in /v1")
    model: Text = Field(description="the model's name at the endpoint")
    revision: str | None = Field(
        None, description="the model's version, in your words; if it changes, all answers are asked for again"
    )
    answers_as: Text | None = Field(None, description="the model's name in responses, if it differs")
    key_variable: VariableName | None = Field(
        None, description="the environment variable that holds the key; never the key itself"
    )
    requests_in_flight: Count = Field(256, description="maximum number of requests at a time")
    requests_per_minute: Positive | None = Field(None, description="by default no limit")
    tokens_per_minute: Positive | None = Field(None, description="tokens of prompt and completion; by default no limit")
    request_seconds: Positive = Field(600, description="maximum duration of one HTTP request")
    question_seconds: Positive = Field(
        1800,
        description="maximum duration of a question with all its retries; then it is given up until the next run",
    )
    stop_after_minutes: Positive | None = Field(
        None, description="minutes after which a run stops cleanly; rerun to go on"
    )
    price: PriceSettings | None = Field(None, description="US dollars per million tokens")
    spending_cap: Positive | None = Field(
        None, description="maximum of US dollars that the study spends here, in all stages and reruns; needs price"
    )
    limit_as: Literal["max_tokens", "max_completion_tokens"] = Field(
        "max_tokens", description="the request's field that limits thinking and answer"
    )
    stream: bool = Field(
        False, description="receive answers piece by piece, for gateways that cut requests after a long silence"
    )
    extra_body: FreeFields = Field(
        default_factory=dict, description="more fields of the request, such as {reasoning_effort: high}"
    )
    omit: Distinct[Literal["temperature", "top_p", "seed", "stream_options"]] = Field(
        (), description="fields that the endpoint doesn't take"
    )


class NamedEndpoint(EndpointSettings):
    """An entry of ``endpoints`` with its name, as it is passed to scripts."""

    name: Name = Field(description="its name in endpoints")
